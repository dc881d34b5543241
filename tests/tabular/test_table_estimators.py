"""`TabularMLPClassifier` and `TabularMLPRegressor`: parameters, targets, weights, losses; what a refused fit leaves."""

import copy
import pickle
import threading

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from helpers.tabular_models import bits
from scipy.special import softmax
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from fastmlp import Focal, Gamma, Hinge, Huber, LogLoss, Loss, Quantile, Tweedie
from fastmlp import TabularMLPClassifier as _Classifier
from fastmlp import TabularMLPRegressor as _Regressor
from fastmlp.network import NetworkEnsemble
from fastmlp.tabular.classifier import undo_smoothing

N = 96
RNG = np.random.RandomState(0)
X = pd.DataFrame({"a": RNG.normal(size=N), "b": RNG.normal(size=N), "c": RNG.choice(list("xyz"), N)})
T = 3 * X["a"].to_numpy() + 2 * (X["c"] == "x").to_numpy() + 1
Y = (T > 1.5).astype(int)
LABELS = np.c_[Y, 1 - Y, X["b"] > 0].astype(int)


SMALL = {
    "recipe": "fast", "n_members": 2, "hidden_layer_sizes": (8,), "numeric_encoding": "periodic", "max_iter": 3,
    "validation_fraction": 0.0, "random_state": 0,
}  # fmt: skip


def classifier(**parameters):
    return _Classifier(**{**SMALL, **parameters})


def regressor(**parameters):
    return _Regressor(**{**SMALL, **parameters})


def outputs(model, rows=X):
    return model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows)


def same(one, other, rows=X):
    return np.array_equal(outputs(one, rows), outputs(other, rows))


def state_of(model):
    return pickle.dumps({key: value for key, value in vars(model).items() if key.endswith("_") or key[0] == "_"})


def test_copies_predict_alike():
    for model, y in (
        (classifier(), Y), (classifier(), LABELS), (regressor(), T), (regressor(loss=Quantile((0.1, 0.9))), np.c_[T, T])
    ):  # fmt: skip
        model.fit(X, y)
        for made in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), clone(model).fit(X, y)):
            assert same(made, model), type(model)
        kept = outputs(model)
        copy.copy(model).fit(X[::-1], y)
        clone(model).set_params(n_members=1).fit(X, y)
        assert np.array_equal(outputs(model), kept)


@pytest.mark.filterwarnings("ignore:The number of unique classes")
def test_tools_of_scikit_learn():
    search = GridSearchCV(classifier(), {"n_members": [1, 2], "hidden_layer_sizes": [(8,), (4, 4)]}, cv=2).fit(X, Y)
    assert len(search.best_estimator_.members_) == search.best_params_["n_members"]
    columns = ColumnTransformer([("scaled", StandardScaler(), ["a"])], remainder="passthrough")
    pipeline = make_pipeline(columns.set_output(transform="pandas"), classifier(validation_fraction=0.3, scoring="f1"))
    assert pipeline.fit(X, Y).predict(X).shape == (N,)
    assert cross_val_predict(classifier(), X, Y, cv=2, method="predict_proba").shape == (N, 2)
    assert CalibratedClassifierCV(classifier(), cv=2).fit(X, Y).predict_proba(X).shape == (N, 2)
    numbers = X[["a", "b"]]
    assert BaggingClassifier(classifier(), n_estimators=2, random_state=0).fit(numbers, Y).score(numbers, Y) > 0.6
    model = regressor(max_iter=40).fit(X, T)
    importances = permutation_importance(model, X, T, n_repeats=2, random_state=0).importances_mean
    assert importances.argmax() == model.feature_scales_.argmax() == 0


def test_refused_fits_leave_everything_as_it_was():
    def broken(model, X, y):
        raise RuntimeError("no score")

    infinite, few = X.assign(a=np.inf), X[:3]
    cases = [
        ({}, (X, T), {}, "Unknown label type: continuous"),
        ({}, (infinite, Y), {}, "infinity .* in column 'a'"),
        ({}, (X, Y, np.zeros(N)), {}, "at least one non-zero"),
        ({"n_jobs": 0}, (X, Y), {}, "n_jobs=0 has no meaning"),
        ({"activation": "softmax"}, (X, Y), {}, "can only be an output activation"),
        ({"hidden_layer_sizes": (0,)}, (X, Y), {}, "must be > 0"),
        ({"scoring": "f1"}, (X, Y), {}, "no effect without validation rows"),
        ({"scoring": broken, "validation_fraction": 0.2}, (X, Y), {}, "no score"),
        ({"validation_fraction": 0.2}, (few, Y[:3]), {}, "training or the validation set is empty"),
        ({"label_smoothing": 0.1, "loss": "focal"}, (X, Y), {}, "label_smoothing=0.1 is for loss='log_loss'"),
        ({"label_smoothing": 0.1}, (X, LABELS), {}, "multi-label targets"),
        ({"loss": Hinge()}, (X, Y), {}, "estimates no probabilities"),
        ({"learning_rate": 1e30}, (X, Y), {}, r"member 0 diverged: .* Lower learning_rate \(it is 1e\+30\)"),
        ({"learning_rate": 1e30, "weight_decay": 1.0}, (X, Y), {}, r"30\) or weight_decay \(it is 1\)\."),
        ({}, (X, Y), {"X_val": X}, "called without y_val"),
        ({}, (X, Y), {"y_val": Y}, "called without X_val"),
        ({}, (X, Y), {"X_val": X[["b", "a", "c"]], "y_val": Y}, "(?s)In the validation data .* same order"),
        ({}, (X, Y), {"X_val": X, "y_val": Y[:5]}, "In the validation data .* inconsistent numbers"),
        ({}, (X, Y), {"X_val": X, "y_val": Y + 5}, r"In the validation data .* classes \[5, 6\]|\[6, 5\]"),
        ({}, (X, Y), {"X_val": X, "y_val": Y.astype(str)}, "In the validation data .* classes"),
        ({}, (X, Y), {"X_val": X, "y_val": LABELS}, "3 labels a row, but the fit had one class"),
        ({}, (X, Y), {"X_val": X, "y_val": Y, "sample_weight_val": np.zeros(N)}, "at least one non-zero"),
        ({"validation_fraction": 0.5}, (X, Y, np.arange(N) == 3), {}, "other than zero|sums to zero"),
    ]  # fmt: skip
    fitted = classifier().fit(X, Y)
    for parameters, rows, given, message in cases:
        generator = np.random.RandomState(3)
        before = generator.get_state()[1].copy(), generator.get_state()[2]
        for model in (classifier(), copy.copy(fitted)):
            model.set_params(random_state=generator, **parameters)
            state = state_of(model)
            with pytest.raises((ValueError, RuntimeError), match=message):
                model.fit(*rows, **given)
            assert state_of(model) == state, message
            assert np.array_equal(generator.get_state()[1], before[0]) and generator.get_state()[2] == before[1]
    with pytest.raises(NotFittedError):
        classifier().predict(X)


@pytest.mark.parametrize("width", [10**18, 10**30])
def test_layers_beyond_memory_are_refused(width):
    with pytest.raises(MemoryError, match="more than memory can hold"):
        classifier(hidden_layer_sizes=width).fit(X, Y)


def test_parameters_are_checked_by_the_rules_of_scikit_learn():
    wrong = {
        "recipe": ["best", None], "n_members": [0, 1.5], "hidden_layer_sizes": [0, "a", (1.5,)],
        "activation": ["foo", ["relu"]], "numeric_encoding": ["bins"], "n_bins": [0, 10**9],
        "categorical_features": ["c", 1], "max_one_hot_categories": [1, "all"], "max_iter": [0],
        "batch_size": [0, None], "learning_rate": [0, np.inf, np.nan], "weight_decay": [-1, np.inf], "dropout": [1.0],
        "max_seconds": [0, np.inf, 10**400], "validation_fraction": [1.0], "scoring": ["foo", None], "refit": [1],
        "n_jobs": [1.5], "random_state": [-1], "verbose": [-1], "warm_start": ["yes"], "loss": ["hinge"],
        "matmul_precision": ["half", None],
    }  # fmt: skip
    assert set(wrong) | {"label_smoothing", "class_weight"} == set(classifier().get_params())
    assert set(wrong) == set(regressor().get_params())
    cases = [(make, name, value) for name, each in wrong.items() for value in each for make in (classifier, regressor)]
    for name, value in [("label_smoothing", 1.0), ("label_smoothing", None), ("class_weight", "even")]:
        cases.append((classifier, name, value))
    for make, name, value in cases:
        with pytest.raises(InvalidParameterError, match=name):
            make(**{name: value}).fit(X, Y)


@pytest.mark.filterwarnings("ignore:The number of unique classes")
def test_labels_of_all_types():
    words = np.array(["no", "yes"])[Y]
    for y in (
        Y, -Y, Y == 1, Y.astype(float), Y * 2**60, words, words.astype(object), pd.Series(words, dtype="category"),
        pd.Series(Y, dtype="Int64"), words.tolist(), np.zeros(N, int), np.arange(N) // 2, LABELS, LABELS.tolist(),
        np.array(["2020-01-01", "2021-01-01"], "M8[D]")[Y],
    ):  # fmt: skip
        model = classifier(validation_fraction=0.4, scoring="accuracy").fit(X, y)
        probabilities, n_classes = model.predict_proba(X), len(model.classes_)
        assert np.array_equal(model.classes_, np.unique(np.asarray(y)) if np.ndim(y) == 1 else [0, 1, 2])
        assert probabilities.shape == (N, n_classes) and np.isfinite(probabilities).all()
        assert np.array_equal(np.exp(model.predict_log_proba(X)).round(12), probabilities.round(12))
        if np.ndim(y) == 1:
            np.testing.assert_allclose(probabilities.sum(axis=1), 1)
            assert np.array_equal(model.predict(X), model.classes_[probabilities.argmax(axis=1)])
        else:
            assert np.array_equal(model.predict(X), probabilities > 0.5)
    assert same(classifier().fit(X, sp.csr_matrix(LABELS)), classifier().fit(X, LABELS))
    words_like_numbers = classifier().fit(X, Y.astype(str))
    assert set(words_like_numbers.predict(X)) == {"0", "1"}


def test_targets_that_are_refused():
    hole = np.where(Y == 1, np.nan, 1.0)
    for make, y, message in (
        (classifier, hole, "Input y contains NaN"), (regressor, hole, "Input y contains NaN"),
        (regressor, np.where(Y == 1, np.inf, 1.0), "Input y contains infinity"),
        (regressor, np.array(["a", "b"])[Y], "could not convert string to float"),
        (regressor, T + 1j, "Complex data not supported"), (regressor, np.zeros((N, 2, 2)), "dim 3"),
        (regressor, T[:5], "inconsistent numbers of samples"), (classifier, Y[:5], "inconsistent numbers of samples"),
        (classifier, np.c_[Y * 2, Y + 3], "should be a 1d array"), (classifier, None, "requires y to be passed"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            make().fit(X, y)


def test_targets_of_any_size():
    """The same bits, times a power of two; a constant is predicted exactly."""
    expected = regressor().fit(X, T).predict(X)
    for exponent in (-1000, -100, 100, 1000):
        y = np.ldexp(T, exponent)
        for dtype in {np.float64, np.float32 if abs(exponent) == 100 else np.float64}:
            found = regressor().fit(X, y.astype(dtype)).predict(X)
            if dtype == np.float64:
                assert np.array_equal(found, np.ldexp(expected, exponent)), exponent
            np.testing.assert_allclose(found, np.ldexp(expected, exponent), rtol=1e-3)
    subnormal = regressor().fit(X, T * 1e-310).predict(X)
    np.testing.assert_allclose(subnormal, expected * 1e-310, rtol=1e-3, atol=1e-313)
    assert np.isfinite(regressor().fit(X, np.where(Y == 1, 1e306, -1e306)).predict(X)).all()
    assert (regressor().fit(X, np.full(N, 0.1)).predict(X) == 0.1).all()
    for y, shape in ((T, (N,)), (T[:, None], (N, 1)), (np.c_[T, -T], (N, 2)), (pd.DataFrame({"t": T}), (N, 1))):
        assert regressor().fit(X, y).predict(X).shape == shape
    two = regressor(max_iter=40).fit(X, np.c_[T, -T])
    assert two.score(X, np.c_[T, -T]) > 0.5 and np.array_equal(two.target_range_[0], [T.min(), -T.max()])


def fourth(a, y):
    return (a - y) ** 4


def fourth_derivative(a, y):
    return 4 * (a - y) ** 3


@pytest.mark.filterwarnings("error")
def test_losses_of_regression():
    counts, positive = np.maximum(np.round(T), 0), np.exp(T / 3)
    for loss, y, width in (
        ("half_squared_error", T, 1), ("sum_squared_error", np.c_[T, -T], 2), ("absolute_error", T, 1), ("huber", T, 1),
        (Huber(0.1), T, 1), ("log_cosh", T, 1), ("quantile", T, 1), (Quantile((0.1, 0.5, 0.9)), T, 3),
        (Quantile((0.1, 0.9), crossing=False), np.c_[T, 9 * T], 4), ("poisson", counts, 1), ("poisson", 0 * counts, 1),
        ("poisson", counts * 1e12, 1), ("gamma", positive, 1), ("tweedie", counts, 1), (Tweedie(3.0), positive, 1),
        (Loss(fourth, fourth_derivative), T * 1e6, 1),
    ):  # fmt: skip
        model = regressor(loss=loss, max_iter=25, learning_rate=0.05, n_members=1).fit(X, y)
        predicted = model.predict(X).reshape(N, -1)
        assert predicted.shape == (N, width) and np.isfinite(predicted).all(), loss
        if np.ptp(y):
            middle = predicted.reshape(N, -1, width // np.atleast_2d(y.T).shape[0])
            assert np.corrcoef(middle.mean(axis=2)[:, 0], y.reshape(N, -1)[:, 0])[0, 1] > 0.6, loss
        if isinstance(loss, Quantile) and not loss.crossing:
            assert np.all(predicted[:, 0] <= predicted[:, 1]) and np.all(predicted[:, 2] <= predicted[:, 3])
        assert np.array_equal(model.set_params(loss="squared_error").predict(X).reshape(N, -1), predicted)
    for loss, y, message in (
        ("poisson", T, "y >= 0"), (Gamma(), counts, "y > 0"), (LogLoss(), T, "not for regression"),
        (Huber(-1.0), T, "greater than 0"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            regressor(loss=loss).fit(X, y)
    with pytest.raises(ValueError, match=r"In the validation data .* y >= 0"):
        regressor(loss="poisson").fit(X, counts, X_val=X, y_val=counts - 5)


def squares(a, y):
    return (a - y) ** 2


def squares_derivative(a, y):
    return 2 * (a - y)


@pytest.mark.filterwarnings("error")
def test_losses_of_classification():
    """Label smoothing is undone in probabilities, of one class a row and of several labels."""
    for loss, smoothing in (
        ("log_loss", classifier().get_recipe()["label_smoothing"]),
        ("focal", 0.0), (Focal(4.0), 0.0), (LogLoss(label_smoothing=0.4), 0.4),
        (Loss(squares, squares_derivative), 0.0),
    ):  # fmt: skip
        for y in (Y, Y + (X["b"] > 0), LABELS, 0 * Y):
            model = classifier(loss=loss, max_iter=60, learning_rate=0.1, dropout=0.0).fit(X, y)
            used = 0.0 if loss == "log_loss" and np.ndim(y) == 2 else smoothing
            assert model.label_smoothing_ == model.get_recipe()["label_smoothing"] == used, loss
            assert model.score(X, y) > 0.75, loss
            assert model.predict_proba(X).max() > (0.95 if used else 0.8), loss


def test_members_are_counted_before_they_are_made():
    for count in (10_001, 10**400):
        for kind in (_Classifier, _Regressor):
            with pytest.raises(ValueError, match=r"n_members.*range \[1, 10000\]"):
                kind(n_members=count).fit([[0.0], [1.0]], [0, 1])
        with pytest.raises(ValueError, match="n_members must be at most 10000"):
            NetworkEnsemble([1, 2, 1], ["tanh", "identity"], "half_squared_error", n_members=count)


@pytest.mark.filterwarnings("error")
def test_smoothing_is_undone_by_a_power():
    """Probabilities are the mean outputs to the power of 1 + s (2 + log2 K), K outputs; s = 0 changes none.

    Rare and certain outputs stay finite, the order of the classes stays, and outputs are not overwritten.
    """
    q = np.random.RandomState(0).dirichlet([0.05] * 5, 40)
    q[:3] = [[1, 0, 0, 0, 0], [1 - 4e-38, 1e-38, 1e-38, 1e-38, 1e-38], [0.2] * 5]
    before = q.copy()
    for s in (0.0, 0.1, 0.99):
        with np.errstate(divide="ignore"):
            expected = softmax((1 + s * (2 + np.log2(5))) * np.log(q), axis=1)
        found = undo_smoothing(q, s)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300, err_msg=f"s = {s}")
        assert (np.diff(np.take_along_axis(found, q.argsort(axis=1), axis=1)) >= 0).all(), s
        np.testing.assert_allclose(undo_smoothing(q, s, 2), expected[:, :2] / expected[:, :2].sum(1, keepdims=True))
    certain = undo_smoothing(np.array([[0.0, 1.0], [1e-300, 1.0], [0.7, 0.3]]), 0.1, 1)
    assert certain.tolist() == [[1.0], [1.0], [1.0]]  # a network far from its single class is no division by zero
    np.testing.assert_array_equal(q, before)
    for y, parameters in ((Y, {}), (Y + (X["b"] > 0), {}), (LABELS, {"loss": LogLoss(label_smoothing=0.2)})):
        model = classifier(max_iter=20, **parameters).fit(X, y)
        q = model._outputs(X)
        K = 2 if np.ndim(y) == 2 else q.shape[1]
        c = 1 + model.label_smoothing_ * (2 + np.log2(K))
        rest = (1 - q) ** c if q.shape == LABELS.shape and np.ndim(y) == 2 else (q**c).sum(axis=1, keepdims=True) - q**c
        np.testing.assert_allclose(model.predict_proba(X), q**c / (q**c + rest), rtol=1e-12)


def test_log_loss_of_many_classes():
    """Labels that the columns determine get probabilities near 1, although the targets were smoothed."""
    rng = np.random.RandomState(0)
    points = rng.uniform(size=(1200, 2))
    labels = np.floor(4 * points).astype(int) @ [4, 1]
    model = classifier(max_iter=40, hidden_layer_sizes=(32, 32)).fit(points[:900], labels[:900])
    found, outputs = (
        -np.log(each[np.arange(300), labels[900:]]).mean()
        for each in (model.predict_proba(points[900:]), model._outputs(points[900:]))
    )
    assert found < 0.7 * outputs, (found, outputs)


def test_get_recipe():
    model = classifier(n_members=3, label_smoothing=0.2, max_seconds=1e-9, activation="relu")
    before = model.get_recipe()
    assert (before["n_members"], before["max_iter"], before["label_smoothing"]) == (3, 3, 0.2)
    assert not hasattr(model, "recipe_") and before["hidden_layer_sizes"] == (8,)
    after = model.fit(X, Y).set_params(n_members=7).get_recipe()
    assert (after["n_members"], after["max_iter"]) == (len(model.members_), 1) and model.n_iter_ == 1
    usual = classifier().fit(X, Y).get_recipe()
    assert usual["batch_size"] == (usual["small_batch_size"] or before["batch_size"])
    assert classifier(batch_size=7).fit(X, Y).get_recipe()["batch_size"] == 7
    for sizes in (np.array([4, 3]), [4, 3], 5, []):
        expected = (5,) if np.ndim(sizes) == 0 else tuple(sizes)
        assert classifier(hidden_layer_sizes=sizes).fit(X, Y).get_recipe()["hidden_layer_sizes"] == expected
    with pytest.raises(InvalidParameterError):
        classifier(n_members=0).get_recipe()
    unlimited = classifier(max_seconds=1e9).fit(X, Y)
    assert same(unlimited, classifier().fit(X, Y))


@pytest.mark.filterwarnings("error")
def test_bits_do_not_depend_on_threads_members_or_company():
    model, few = classifier(n_members=3, n_jobs=1).fit(X, Y), classifier(n_members=2).fit(X, Y)
    for one, other in zip(model.members_, few.members_, strict=False):
        assert np.array_equal(one.params, other.params)
    for n_jobs in (None, 2, -1, 5):
        assert same(classifier(n_members=3, n_jobs=n_jobs).fit(X, Y), model)
    many, expected, found = pd.concat([X] * 8), outputs(model), []
    assert np.array_equal(outputs(model, many), np.tile(expected, (8, 1)))
    assert np.array_equal(np.concatenate([outputs(model, X[row : row + 1]) for row in range(9)]), expected[:9])

    def predict():
        found.extend(np.array_equal(outputs(model, many)[:N], expected) for _ in range(5))
        found.append(same(classifier(n_members=3).fit(X, Y), model))

    threads = [threading.Thread(target=predict) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 48 and all(found)


def test_targets_are_standardized_by_their_weights():
    """So that an outlier of a small weight counts little; equal weights, and weights of zero, change no bit."""
    rng = np.random.default_rng(0)
    y = np.stack([rng.normal(3.0, 2.0, N), rng.gamma(2.0, 1e30, N)], axis=1)
    weights = rng.integers(1, 4, N).astype(float)
    model, repeated = regressor().fit(X, y, weights), np.repeat(y, weights.astype(int), axis=0)
    np.testing.assert_allclose(model.target_mean_, repeated.mean(axis=0))
    np.testing.assert_allclose(model.target_scale_, repeated.std(axis=0))
    positive = regressor(loss="poisson").fit(X, np.abs(y[:, 0]), weights)
    np.testing.assert_allclose(positive.target_scale_, np.abs(repeated[:, 0]).mean())
    plain, outlier, small = regressor().fit(X, y[:, 0]), y[:, 0].copy(), np.ones(N)
    assert bits(regressor().fit(X, y[:, 0], np.full(N, 0.25))) == bits(plain)
    outlier[0], small[0] = 1e4, 1e-8
    weighted = regressor().fit(X, outlier, small)
    assert abs(weighted.target_scale_[0] / plain.target_scale_[0] - 1) < 0.02
    assert weighted.target_range_[1, 0] == 1e4
    negative, uneven = np.where(np.arange(N) == 0, -1.0, 1.0), np.where(np.arange(N) == 0, 1.0, 1e-100)
    assert regressor().fit(X, y[:, 0], negative).target_scale_ == plain.target_scale_
    model = regressor().fit(X, y[:, 0], uneven)  # to float32, as in training, the others weigh nothing
    assert (model.target_mean_[0], model.target_scale_[0]) == (y[0, 0], 1.0) and np.isfinite(model.predict(X)).all()
