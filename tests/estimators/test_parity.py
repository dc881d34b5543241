"""The same seed gives the same model as in scikit-learn: combinations of its options, in float64.

Loss curves agree to 1e-9; after five epochs each array of weights agrees to 1e-6 of its largest entry.
Schedules, early stopping, warm starts and chunks are in `test_parity_paths.py`; labels, types and random numbers
in `test_parity_habits.py`.
"""

import numpy as np
import pytest
import scipy.sparse
from helpers.merged import in_one_test
from helpers.parity import (
    SOLVERS,
    TASKS,
    assert_same_model,
    assert_same_weights,
    fit_pair,
    make_data,
    make_weights,
)

# Five epochs are never enough to converge.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
HIDDEN = [(7,), (5, 3), (17, 33)]  # no multiples of each other, of the rows or of the batches


@in_one_test()
@pytest.mark.parametrize("container", [np.asarray, scipy.sparse.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_combination(solver, activation, task, container):
    """Each combination has weights for one container only, in turn, so that any three options occur together."""
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


@in_one_test()
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
