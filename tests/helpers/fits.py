"""Small fits whose bits are compared: problems whose last batch is a single row, and all results of a fit."""

import numpy as np
import pytest
import scipy.sparse

from fastmlp import MLPClassifier, MLPRegressor

#: Two batches and one row more.
N_ROWS, BATCH_SIZE = 203, 101
CONTAINERS = {"dense": np.asarray, "csr": scipy.sparse.csr_array}

#: For modules whose fits are too short to converge. (`catch_warnings` around each fit would not be thread-safe.)
ignores_max_iter = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def draw(task, dtype=np.float64, container="dense", features=20, rows=N_ROWS):
    """X with many zeros, and y."""
    rng = np.random.RandomState(7)
    X = rng.standard_normal((rows, features)) * rng.randint(2, size=(rows, features))
    signal = X[:, 0] - X[:, 1] * X[:, 2] + 0.1 * rng.standard_normal(rows)
    y = {
        "binary": signal > 0,
        "classes": np.digitize(signal, [-0.5, 0.5]),
        "labels": np.stack([signal > 0, X[:, 1] > 0, X[:, 3] > 0.5], axis=1).astype(int),
        "regression": signal,
        "outputs": np.stack([signal, X[:, 1]], axis=1),
    }[task]
    return CONTAINERS[container](X.astype(dtype)), y


def make(task, **parameters):
    """An estimator for the task, with four epochs."""
    kind = MLPRegressor if task in ("regression", "outputs") else MLPClassifier
    options = {"hidden_layer_sizes": (5,), "batch_size": BATCH_SIZE, "max_iter": 4, "random_state": 0}
    return kind(**{**options, **parameters})


def results(model, X):
    """Parameters, losses, scores and predictions, as arrays in a dict."""
    found = {f"parameters {number}": array for number, array in enumerate([*model.coefs_, *model.intercepts_])}
    found["prediction"] = model.predict(X)
    if hasattr(model, "predict_proba"):
        found["probability"] = model.predict_proba(X)
    for name in ("n_iter_", "t_", "loss_", "loss_curve_", "validation_scores_", "best_validation_score_"):
        if getattr(model, name, None) is not None:
            found[name] = np.asarray(getattr(model, name))
    return found


def assert_same_bits(ours, plain):
    """Assert that two `results` have the same bits."""
    assert ours.keys() == plain.keys()
    for name, array in ours.items():
        assert array.dtype == plain[name].dtype, name
        np.testing.assert_array_equal(array, plain[name], err_msg=name)
