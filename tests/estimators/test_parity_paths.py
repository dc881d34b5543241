"""The same seed gives the same model, whichever path training takes: schedules, stopping, chunks, ...

Every test fits our estimator and scikit-learn's on the same numbers; `test_parity.py` has the data and the
comparisons.
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
    make_pair,
    make_weights,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

STOCHASTIC = [name for name in SOLVERS if name != "lbfgs"]
CONTAINERS = {
    "dense": np.asarray,
    "csr": scipy.sparse.csr_array,
    "csc": scipy.sparse.csc_array,
    "csr matrix": scipy.sparse.csr_matrix,
}


@in_one_test()
@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("schedule", ["constant", "invscaling", "adaptive"])
def test_learning_rate_schedules(schedule, nesterov):
    X, y = make_data("multiclass")
    # A coarse tolerance: the adaptive rate falls several times in these epochs.
    stop = {"tol": 0.03, "n_iter_no_change": 1, "max_iter": 15}
    params = {"solver": "sgd", "learning_rate": schedule, "learning_rate_init": 0.1, "power_t": 0.3, **stop}
    ours, theirs = fit_pair("multiclass", X, y, nesterovs_momentum=nesterov, **params)
    assert_same_model(ours, theirs)
    np.testing.assert_allclose(ours._optimizer.learning_rate, theirs._optimizer.learning_rate, rtol=1e-12)
    if schedule == "adaptive":
        assert theirs._optimizer.learning_rate <= 0.1 / 5**2


@pytest.mark.parametrize("solver", STOCHASTIC)
def test_training_stops_at_the_same_epoch(solver):
    X, y = make_data("binary")
    ours, theirs = fit_pair("binary", X, y, max_iter=400, tol=1e-2, n_iter_no_change=4, **SOLVERS[solver])
    assert theirs.n_iter_ < 400
    assert ours.n_iter_ == theirs.n_iter_ == len(ours.loss_curve_)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-7)
    np.testing.assert_allclose(ours.best_loss_, theirs.best_loss_, rtol=1e-7)
    assert ours.t_ == theirs.t_ == ours.n_iter_ * len(X)


def assert_same_stopping(ours, theirs):
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.best_loss_ is theirs.best_loss_ is None
    np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.best_validation_score_, theirs.best_validation_score_, rtol=1e-9)
    assert_same_weights(ours, theirs)


@in_one_test(pairs=True)
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("container", ["dense", "csr", "csc"])
@pytest.mark.parametrize("task", TASKS)
def test_early_stopping(task, container, weighted):
    X, y = make_data(task, rows=91)
    weights = make_weights(91) if weighted else None
    stop = {"early_stopping": True, "n_iter_no_change": 3, "tol": 1e-3, "max_iter": 60}
    params = {"validation_fraction": 0.25, "hidden_layer_sizes": (7,), "learning_rate_init": 0.03, **stop}
    ours, theirs = fit_pair(task, CONTAINERS[container](X), y, weights, **params)
    assert_same_stopping(ours, theirs)
    np.testing.assert_allclose(ours.loss_curve_[:5], theirs.loss_curve_[:5], rtol=1e-9)


@pytest.mark.parametrize("schedule", ["constant", "adaptive"])
def test_early_stopping_with_sgd(schedule):
    X, y = make_data("multiclass", rows=91)
    stop = {"early_stopping": True, "n_iter_no_change": 2, "tol": 1e-2, "max_iter": 60}
    params = {"solver": "sgd", "learning_rate": schedule, "learning_rate_init": 0.1, **stop}
    assert_same_stopping(*fit_pair("multiclass", X, y, **params))


@in_one_test()
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch_size", [1, 7, 46, 47])
def test_batches_that_do_not_divide_the_rows(batch_size, shuffle):
    X, y = make_data("multiclass")
    for data in (X, scipy.sparse.csr_array(X)):
        assert_same_model(*fit_pair("multiclass", data, y, batch_size=batch_size, shuffle=shuffle))


def test_batch_size_auto_is_two_hundred():
    X, y = make_data("binary", rows=433)
    assert_same_model(*fit_pair("binary", X, y, batch_size="auto"))


def test_batch_larger_than_the_data_is_clipped():
    X, y = make_data("binary")
    with pytest.warns(UserWarning, match="It is going to be clipped") as caught:
        assert_same_model(*fit_pair("binary", X, y, batch_size=100))
    assert len(caught) >= 2  # one from each of the two classes


@in_one_test()
@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("task", ["multiclass", "multilabel", "multioutput", "poisson"])
def test_sequence_of_partial_fits(task, solver):
    """Chunks of different sizes, dense and sparse, weighted and not; moments and rates continue."""
    X, y = make_data(task)
    weights = make_weights()
    ours, theirs = pair = make_pair(task, learning_rate="invscaling", **SOLVERS[solver])
    classes = {"multiclass": {"classes": [0, 1, 2]}, "multilabel": {"classes": [0, 1, 2]}}.get(task, {})
    for model in pair:
        model.partial_fit(X[:15], y[:15], **classes)
        model.partial_fit(X[15:27], y[15:27], sample_weight=weights[15:27])
        model.partial_fit(scipy.sparse.csr_array(X[27:]), y[27:], sample_weight=weights[27:])
        model.partial_fit(scipy.sparse.csc_array(X[:33]), y[:33])
    assert ours.t_ == theirs.t_ == 15 + 12 + 20 + 33
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(ours._optimizer.learning_rate, theirs._optimizer.learning_rate, rtol=1e-12)
    assert_same_weights(ours, theirs)


@pytest.mark.parametrize("solver", STOCHASTIC)
def test_partial_fit_continues_from_fit(solver):
    X, y = make_data("regression")
    ours, theirs = pair = fit_pair("regression", X, y, **SOLVERS[solver])
    for model in pair:
        model.partial_fit(X, y).partial_fit(X[:20], y[:20])
    assert len(ours.loss_curve_) == len(theirs.loss_curve_) == 7
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    assert_same_weights(ours, theirs)


@in_one_test()
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start(solver, early_stopping):
    X, y = make_data("multiclass", rows=91)
    ours, theirs = pair = fit_pair(
        "multiclass", X, y, warm_start=True, early_stopping=early_stopping, max_iter=3, **SOLVERS[solver]
    )
    for model in pair:
        model.set_params(max_iter=4).fit(X[::-1], y[::-1])
    assert ours.n_iter_ == theirs.n_iter_ == 4
    assert_same_weights(ours, theirs)
    if solver != "lbfgs":
        assert len(ours.loss_curve_) == 7
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
        np.testing.assert_equal(ours.validation_scores_, theirs.validation_scores_)


@in_one_test(pairs=True)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("hidden", [(), []], ids=["tuple", "list"])
def test_no_hidden_layer(task, solver, hidden):
    X, y = make_data(task)
    for data in (X, scipy.sparse.csr_array(X)):
        ours, theirs = fit_pair(task, data, y, make_weights(), hidden_layer_sizes=hidden, **SOLVERS[solver])
        assert ours.n_layers_ == theirs.n_layers_ == 2
        np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9)
        assert_same_weights(ours, theirs)


@pytest.mark.parametrize("hidden", [1, 9, np.array([4, 2]), [3] * 8], ids=str)
def test_hidden_layers_of_every_form(hidden):
    X, y = make_data("regression")
    for solver in ("adam", "lbfgs"):
        params = {"hidden_layer_sizes": hidden, "activation": "tanh", "solver": solver}
        ours, theirs = fit_pair("regression", X, y, **params)
        np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-6)
        assert_same_weights(ours, theirs)


@in_one_test(pairs=True)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("container", ["dense", "csr"])
@pytest.mark.parametrize("hidden", [(257,), (64, 129, 65), (500,)], ids=str)
def test_layers_wider_than_a_tile(hidden, container, dtype):
    rng = np.random.default_rng(5)
    X = (rng.normal(size=(523, 131)) * (rng.random((523, 131)) < 0.3)).astype(dtype)
    y = (X[:, :10] + 0.3 * rng.normal(size=(523, 10))).argmax(axis=1)
    params = {"hidden_layer_sizes": hidden, "batch_size": "auto", "learning_rate_init": 0.003}
    ours, theirs = fit_pair("multiclass", CONTAINERS[container](X), y, **params)
    if dtype == np.float64:
        assert_same_model(ours, theirs)
    else:
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-4)


@in_one_test()
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("container", ["csc", "csr matrix"])
def test_other_sparse_containers(container, solver):
    X, y = make_data("multiclass")
    ours, theirs = fit_pair("multiclass", CONTAINERS[container](X), y, make_weights(), **SOLVERS[solver])
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9 if solver != "lbfgs" else 1e-6)
    assert_same_weights(ours, theirs)
