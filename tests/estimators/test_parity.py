"""The same seed gives the same model: what scikit-learn offers, in combination, in float64, against it.

Loss curves agree to 1e-9; after five epochs each array of weights agrees to 1e-6 of its largest entry.
Schedules, early stopping, warm starts and chunks are in `test_parity_paths.py`; labels, types and random numbers
in `test_parity_habits.py`.
"""

import numpy as np
import pytest
import scipy.sparse
import sklearn.neural_network

import fastmlp

# Five epochs are never enough to converge.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS, FEATURES = 47, 6
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
HIDDEN = [(7,), (5, 3), (17, 33)]  # neither these, nor the rows, nor the batches divide each other

# task: the class, and what is particular about it
TASKS = {
    "binary": ("MLPClassifier", {}),
    "multiclass": ("MLPClassifier", {}),
    "multilabel": ("MLPClassifier", {}),
    "regression": ("MLPRegressor", {}),
    "multioutput": ("MLPRegressor", {}),
    "poisson": ("MLPRegressor", {"loss": "poisson"}),
}
SOLVERS = {
    "plain": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.05},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.02},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.02},
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "lbfgs": {"solver": "lbfgs"},
}


def make_data(task, rows=ROWS, dtype=np.float64):
    """Rows of features, half of them zero, and targets that depend on them, of order one."""
    rng = np.random.default_rng(11)
    X = rng.normal(size=(rows, FEATURES)) * (rng.random((rows, FEATURES)) < 0.5)
    signal = X @ rng.normal(size=(FEATURES, 3)) * 0.7 + 0.2 * rng.normal(size=(rows, 3))
    y = {
        "binary": signal[:, 0] > 0,
        "multiclass": signal.argmax(axis=1),
        "multilabel": (signal > 0).astype(int),
        "regression": signal[:, 0],
        "multioutput": signal,
        "poisson": rng.poisson(np.exp(0.5 * signal[:, 0])).astype(float),
    }[task]
    return X.astype(dtype), y.astype(dtype) if task in ("regression", "multioutput", "poisson") else y


def make_weights(rows=ROWS):
    """Unequal weights, some of them zero."""
    rng = np.random.default_rng(12)
    return rng.uniform(0.2, 3.0, rows) * (rng.random(rows) < 0.9)


def make_pair(task, **params):
    """Return fastmlp's estimator and scikit-learn's, with the same parameters."""
    name, particular = TASKS[task]
    params = {"random_state": 3, "max_iter": 5, "batch_size": 10, **particular, **params}
    return [getattr(module, name)(**params) for module in (fastmlp, sklearn.neural_network)]


def fit_pair(task, X, y, sample_weight=None, **params):
    return [model.fit(X, y, sample_weight=sample_weight) for model in make_pair(task, **params)]


def largest_difference(ours, theirs):
    """Return max |a − b| / max |b|, the largest over the arrays of the two lists."""
    assert [a.shape for a in ours] == [b.shape for b in theirs]
    return max(np.max(np.abs(a - b)) / np.max(np.abs(b)) for a, b in zip(ours, theirs, strict=True))


def assert_same_weights(ours, theirs, tolerance=1e-6):
    assert largest_difference(ours.coefs_, theirs.coefs_) <= tolerance
    assert largest_difference(ours.intercepts_, theirs.intercepts_) <= tolerance


def assert_same_model(ours, theirs, rtol=1e-9):
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.loss_curve_[:5], theirs.loss_curve_[:5], rtol=rtol, atol=0)
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e3 * rtol, atol=0)
    assert_same_weights(ours, theirs)


@pytest.mark.parametrize("container", [np.asarray, scipy.sparse.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_combination(solver, activation, task, container):
    """Each with weights for one container and without for the other, in turn: any three of the five together."""
    numbers = list(SOLVERS).index(solver), ACTIVATIONS.index(activation), list(TASKS).index(task)
    weighted = (sum(numbers) + (container is np.asarray)) % 2 == 0
    X, y = make_data(task)
    weights = make_weights() if weighted else None
    hidden = HIDDEN[(list(TASKS).index(task) + ACTIVATIONS.index(activation)) % len(HIDDEN)]
    params = {"activation": activation, "hidden_layer_sizes": hidden, "alpha": 0.01, **SOLVERS[solver]}
    ours, theirs = fit_pair(task, container(X), y, weights, **params)
    if solver == "lbfgs":
        assert ours.n_iter_ == theirs.n_iter_ == 5
        np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-6)
        assert_same_weights(ours, theirs)
    else:
        assert len(ours.loss_curve_) == len(theirs.loss_curve_) == 5
        assert_same_model(ours, theirs)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_prediction_method(activation, task):
    """Predictions of the same network: fastmlp's model has the weights of scikit-learn's."""
    X, y = make_data(task)
    ours, theirs = fit_pair(task, X, y, activation=activation, hidden_layer_sizes=(17, 33))
    ours.coefs_, ours.intercepts_ = theirs.coefs_, theirs.intercepts_
    for data in (X, scipy.sparse.csr_array(X), scipy.sparse.csc_array(X), X[:1]):
        np.testing.assert_allclose(ours.predict(data), theirs.predict(data), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ours.score(X, y), theirs.score(X, y), rtol=1e-12)
    if TASKS[task][0] == "MLPClassifier":
        np.testing.assert_array_equal(ours.classes_, theirs.classes_)
        for method in ("predict_proba", "predict_log_proba"):
            a, b = getattr(ours, method)(X), getattr(theirs, method)(X)
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
