"""Fits of fastmlp's estimators and scikit-learn's with the same data and parameters, and comparisons of the two."""

import numpy as np
import sklearn.neural_network

import fastmlp

ROWS, FEATURES = 47, 6

#: Task → the class, and the parameters that it needs.
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
    name, own = TASKS[task]
    params = {"random_state": 3, "max_iter": 5, "batch_size": 10, **own, **params}
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
