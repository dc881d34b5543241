"""Quantiles that may not cross: predictions are sorted, and early stopping uses the loss of sorted ones."""

import numpy as np
import pytest
from helpers.early_stopping_data import NUMBERS, TYPES, X
from helpers.loss_cases import make_problem
from helpers.merged import in_one_test
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score

from fastmlp import MLPRegressor, Quantile
from fastmlp.training.validation_loss import ValidationLoss

# Quantiles in order


def crossing_model(n_targets=1, crossing=False, **params):
    """Return a model of three quantiles with so little training that they cross."""
    y = NUMBERS if n_targets == 1 else np.column_stack([NUMBERS, X[:, 3] - NUMBERS])
    loss = Quantile((0.3, 0.5, 0.7), crossing=crossing) if crossing is not True else Quantile((0.3, 0.5, 0.7))
    model = MLPRegressor(loss=loss, hidden_layer_sizes=(8,), max_iter=3, random_state=0, **params)
    with pytest.warns(ConvergenceWarning):
        return model.fit(X, y), y


@pytest.mark.parametrize("n_targets", [1, 2])
def test_sorted_predictions(n_targets):
    """The training is the same; predictions are sorted for each target."""
    (model, y), (crossed, _) = crossing_model(n_targets), crossing_model(n_targets, crossing=True)
    for ours, theirs in zip(model.coefs_, crossed.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    raw, ordered = crossed.predict(X), model.predict(X)
    assert raw.shape == ordered.shape == ((300, 3) if n_targets == 1 else (300, 2, 3))
    assert model.loss.count_crossings(raw.reshape(300, -1)) > 20
    assert model.loss.count_crossings(ordered.reshape(300, -1)) == 0
    np.testing.assert_array_equal(ordered, np.sort(raw, axis=-1))
    np.testing.assert_array_equal(model.predict(X[:3]), ordered[:3])  # a few rows take the fast path
    expected = r2_score(y, ordered[..., 1])
    assert model.score(X, y) == pytest.approx(expected, rel=1e-12)
    assert crossed.score(X, y) != model.score(X, y)


@in_one_test()
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("n_targets", [1, 2])
def test_the_loss_of_sorted_quantiles(n_targets, dtype, weighted):
    case = Quantile((0.2, 0.5, 0.7, 0.9), crossing=False), "identity", 4 * n_targets
    problem = make_problem(case, rows=100, dtype=dtype, weighted=weighted)
    outputs = np.sort(problem.network.forward(problem.X).reshape(100, n_targets, 4).astype(float), axis=2)
    gap = problem.y.astype(float)[:, :, np.newaxis] - outputs
    q = np.array(case[0].quantiles)
    each = np.maximum(q * gap, (q - 1) * gap).sum(axis=(1, 2))
    expected = np.average(each, weights=problem.weights)
    judged = ValidationLoss(problem.network, problem.dataset, np.arange(100))()
    assert judged == pytest.approx(expected, rel=1e-5 if dtype == np.float32 else 1e-12)
    assert judged < problem.network.loss(problem.X, problem.y, problem.weights)


def test_sorting_keeps_nan():
    problem = make_problem((Quantile((0.2, 0.5), crossing=False), "identity", 2), rows=9)
    problem.network.params[-1] = np.nan
    assert np.isnan(ValidationLoss(problem.network, problem.dataset, np.arange(9))())


def test_one_quantile_has_nothing_to_sort():
    outputs = np.array([[3.0, 2.0]])
    assert Quantile(0.3, crossing=False).arrange(outputs) is outputs
    assert Quantile((0.3, 0.4)).arrange(outputs) is outputs


@pytest.mark.parametrize("crossing", [None, "no", 1])
def test_crossing_must_be_a_bool(crossing):
    with pytest.raises(ValueError, match=r"crossing must be True or False, but .* was given"):
        MLPRegressor(loss=Quantile((0.1, 0.9), crossing=crossing)).fit(X, NUMBERS)


def test_crossing_belongs_to_the_loss():
    assert Quantile((0.1, 0.9), crossing=False) != Quantile((0.1, 0.9)) == Quantile((0.1, 0.9), crossing=np.True_)
    assert repr(Quantile([0.1, 0.9], crossing=False)) == "Quantile(quantiles=(0.1, 0.9), crossing=False)"
    older = Quantile.__new__(Quantile)
    older.__setstate__({"quantiles": (0.1, 0.9)})
    assert older == Quantile((0.1, 0.9))
