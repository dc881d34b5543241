"""Targets, weights and indices that do not fit the network are refused before a kernel reads them."""

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.neural_network
from helpers.merged import in_one_test

from fastmlp import MLPClassifier, MLPRegressor

RNG = np.random.RandomState(1)
X = RNG.standard_normal((83, 6))
ONE = RNG.randint(0, 2, 83)
SEVERAL = np.c_[ONE, 1 - ONE]


@in_one_test()
@pytest.mark.parametrize(("before", "after"), [(SEVERAL, ONE), (ONE, SEVERAL), (ONE, np.eye(83, 2, dtype=int))])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_warm_start_refuses_a_change_between_one_and_several_labels(solver, before, after):
    model = MLPClassifier(max_iter=3, random_state=0, solver=solver, warm_start=True).fit(X, before)
    with pytest.raises(ValueError, match="fitted with multilabel input"):
        model.fit(X, after)
    assert model.predict(X).shape == before.shape


@pytest.mark.parametrize(("before", "after"), [(SEVERAL, ONE), (ONE, SEVERAL)])
def test_partial_fit_refuses_a_change_between_one_and_several_labels(before, after):
    model = MLPClassifier(random_state=0).partial_fit(X, before, classes=[0, 1])
    with pytest.raises(ValueError, match="fitted with multilabel input"):
        model.partial_fit(X, after)


def test_number_of_labels_per_row_is_read_from_y():
    """As in scikit-learn, and not from `classes`."""
    model = MLPClassifier(random_state=0).partial_fit(X, SEVERAL, classes=[0, 1, 2])
    assert model.n_outputs_ == 2
    assert model.predict_proba(X).shape == (83, 2)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_another_number_of_targets_leaves_the_model_unchanged():
    model = MLPRegressor(max_iter=3, random_state=0).fit(X, SEVERAL)
    before = model.predict(X)
    with pytest.raises(ValueError, match=r"coefs_\[1\] has shape \(100, 2\).*need \(100, 1\)"):
        model.partial_fit(X, ONE)
    assert model.n_outputs_ == 2
    np.testing.assert_array_equal(model.predict(X), before)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_single_class_is_always_right():
    scores = [
        classifier(max_iter=6, random_state=0, early_stopping=True).fit(X, np.zeros(83, int)).validation_scores_
        for classifier in (sklearn.neural_network.MLPClassifier, MLPClassifier)
    ]
    assert scores[0] == scores[1]


def test_targets_that_do_not_fit_float32():
    with pytest.raises(ValueError, match=r"y holds 1e\+39, too large for float32"):
        MLPRegressor().fit(X.astype(np.float32), ONE * 1e39)


@pytest.mark.parametrize("index", [7_000_000, 6, -1])
def test_column_indices_beyond_the_columns(index):
    damaged = sp.csr_matrix(X)
    damaged.indices[2] = index
    with pytest.raises(ValueError, match="column indices reach from"):
        MLPRegressor().fit(damaged, ONE)


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble, np.int64])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_training_continues_from_arrays_of_any_type(dtype):
    model = MLPRegressor(max_iter=2, random_state=0, warm_start=True).fit(X, ONE)
    model.coefs_ = [coef.astype(dtype) for coef in model.coefs_]
    assert all(coef.dtype == np.float64 for coef in model.fit(X, ONE).coefs_)
