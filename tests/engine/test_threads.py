"""Fits have the same bits for any number of threads, all of which are used; the meaning of `n_jobs`."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers import knobs
from helpers.fits import CONTAINERS, N_ROWS, assert_same_bits, draw, ignores_max_iter, make, results
from helpers.merged import in_one_test
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from sklearn.ensemble import BaggingClassifier
from sklearn.utils._param_validation import InvalidParameterError

from fastmlp.engine.threads import Team

pytestmark = ignores_max_iter

THREADS = [2, 3, 7]
SOLVERS = ["sgd", "adam", "lbfgs"]


@pytest.fixture
def sizes(monkeypatch):
    """The sizes of all teams that have run during the test."""
    seen = set()
    run = Team.run

    def remember(team, work, is_over=None):
        seen.add(team.size)
        run(team, work, is_over)

    monkeypatch.setattr(Team, "run", remember)
    return seen


@pytest.fixture
def sharing(monkeypatch, sizes):
    """Let small networks use several threads; return the sizes of the teams."""
    knobs.let_threads_pay(monkeypatch)
    return sizes


def check_same_bits(sizes, task, X, y, weights=None, threads=THREADS, **parameters):
    """Fit with one thread, then with each of `threads`, which must all be used; return the results of one thread."""
    sizes.clear()
    model = make(task, n_jobs=1, **parameters).fit(X, y, weights)
    alone = results(model, X)
    assert sizes == {1}
    for n_jobs in threads:
        sizes.clear()
        assert_same_bits(results(make(task, n_jobs=n_jobs, **parameters).fit(X, y, weights), X), alone)
        assert n_jobs in sizes
        sizes.clear()
        assert_same_bits(results(model.set_params(n_jobs=n_jobs), X), alone)
        assert sizes == {n_jobs}
    return alone


# The same bits


@in_one_test(shared=("sharing",), pairs=True)
@pytest.mark.parametrize("hidden", [(), (5,), (300, 3), (64, 32)], ids=str)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", CONTAINERS)
def test_networks_inputs_and_solvers(container, dtype, solver, hidden, sharing):
    X, y = draw("classes", dtype, container)
    check_same_bits(sharing, "classes", X, y, solver=solver, hidden_layer_sizes=hidden, alpha=0.01)


@in_one_test(shared=("sharing",), pairs=True)
@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"weighted": True}], ids=str)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", ["binary", "labels", "regression", "outputs"])
def test_tasks_weights_and_early_stopping(task, solver, options, sharing):
    X, y = draw(task)
    options = dict(options)
    weights = np.random.RandomState(0).randint(3, size=N_ROWS) / 3 if options.pop("weighted", False) else None
    alone = check_same_bits(sharing, task, X, y, weights, solver=solver, batch_size=90, **options)
    assert ("validation_scores_" in alone) == ("early_stopping" in options and solver != "lbfgs")


@in_one_test(shared=("sharing",))
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("nesterovs_momentum", [False, True])
def test_activations_and_momentum(activation, nesterovs_momentum, sharing):
    X, y = draw("classes")
    options = {"activation": activation, "nesterovs_momentum": nesterovs_momentum, "hidden_layer_sizes": (19, 6)}
    check_same_bits(sharing, "classes", X, y, solver="sgd", learning_rate="invscaling", **options)


@in_one_test(shared=("sharing",), pairs=True)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("features", "hidden"), [(8, (1024,)), (30, (2201,)), (5, (130, 260))])
def test_layers_divided_by_columns(features, hidden, dtype, solver, sharing):
    """Few inputs and many outputs: there is one tile of rows, so the columns are divided."""
    X, y = draw("regression", dtype, features=features)
    check_same_bits(sharing, "regression", X, y, threads=[2, 5], solver=solver, hidden_layer_sizes=hidden, max_iter=2)


@in_one_test(shared=("sharing",))
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_large_layers_in_panels(container, solver, sharing, monkeypatch):
    knobs.set_panel_bytes(monkeypatch)
    X, y = draw("classes", container=container, features=301)
    options = {"hidden_layer_sizes": (331, 131), "solver": solver, "max_iter": 2}
    check_same_bits(sharing, "classes", X, y, threads=[2, 3], **options)


@in_one_test(shared=("sharing",))
@pytest.mark.parametrize("batch_size", [1, 7, 8, 15, 16, 17, 57, 202, 203])
@pytest.mark.parametrize("container", CONTAINERS)
def test_batch_sizes(container, batch_size, sharing):
    """Batches of fewer than two tiles of rows run in one thread; all others have the same bits."""
    X, y = draw("classes", np.float32, container)
    alone = results(make("classes", batch_size=batch_size).fit(X, y), X)
    for n_jobs in (2, 25):
        sharing.clear()
        assert_same_bits(results(make("classes", batch_size=batch_size, n_jobs=n_jobs).fit(X, y), X), alone)
        assert max(1, min(n_jobs, batch_size // 8)) in sharing


@pytest.mark.parametrize("chunk", [16, 57, 202])
def test_chunks_of_the_whole_gradient(chunk, monkeypatch, sharing):
    """A gradient over several chunks of rows, of which the last is incomplete."""
    knobs.set_chunk_rows(monkeypatch, chunk)
    X, y = draw("classes")
    check_same_bits(sharing, "classes", X, y, threads=[2], solver="lbfgs")


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_tol_stops_at_the_same_epoch(solver, early_stopping, sharing):
    """The losses have the same bits too, however close they come to `tol`."""
    X, y = draw("classes", np.float32)
    options = {"max_iter": 400, "tol": 1e-3, "n_iter_no_change": 3, "learning_rate_init": 0.02}
    alone = check_same_bits(sharing, "classes", X, y, solver=solver, early_stopping=early_stopping, **options)
    assert 5 < alone["n_iter_"] < 400


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_training_continues_with_another_number_of_threads(method, sharing):
    X, y = draw("binary")
    models = [make("binary", warm_start=True, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 3)]
    for n_jobs in (2, 1):
        for model, threads in zip(models, (1, n_jobs), strict=True):
            model.set_params(n_jobs=threads)
            model.partial_fit(X, y) if method == "partial_fit" else model.fit(X, y)
    assert_same_bits(results(models[0], X), results(models[1], X))


# How many threads


def test_a_network_that_is_too_small_uses_one(sizes):
    X, y = draw("binary")
    make("binary", n_jobs=2).fit(X, y).predict(X)
    assert sizes == {1}


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_network_that_is_large_enough_uses_all(solver, sizes):
    X, y = draw("binary")
    model = make("binary", n_jobs=2, hidden_layer_sizes=(300, 30), solver=solver, max_iter=3).fit(X, y)
    assert sizes == {2}
    sizes.clear()
    model.predict(np.repeat(X, 8, axis=0))
    model.predict_proba(X[:3])
    assert sizes == {1, 2}


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_threads_must_pay_for_their_start(n_jobs, sizes):
    """A pass over one or two batches, or a prediction for these rows, is faster than the start of a thread."""
    X, y = draw("binary")
    model = make("binary", n_jobs=n_jobs, hidden_layer_sizes=(300, 30), max_iter=1).fit(X, y)
    model.partial_fit(X, y).predict(X)
    assert sizes == {1}


@pytest.mark.parametrize("n_jobs", [None, 1, -1, -2, 3])
def test_every_n_jobs_gives_the_same_bits(n_jobs, sharing, surroundings):
    surroundings(cores=4)
    X, y = draw("binary")
    model = make("binary", n_jobs=n_jobs).fit(X, y)
    model.predict(X)
    assert sharing == {{None: 4, -1: 4, -2: 3, 1: 1, 3: 3}[n_jobs]}
    assert model.get_params()["n_jobs"] is n_jobs


@pytest.mark.parametrize("solver", SOLVERS)
def test_zero_threads_are_refused(solver):
    X, y = draw("binary")
    with pytest.raises(ValueError, match="n_jobs"):
        make("binary", n_jobs=0, solver=solver).fit(X, y)
    model = make("binary", solver=solver).fit(X, y).set_params(n_jobs=0)
    with pytest.raises(ValueError, match="n_jobs"):
        model.predict(X)


@pytest.mark.parametrize("n_jobs", [1.5, "all", [2]])
def test_n_jobs_of_another_type_is_refused(n_jobs):
    with pytest.raises(InvalidParameterError, match="'n_jobs' parameter of MLPClassifier must be"):
        make("binary", n_jobs=n_jobs).fit(*draw("binary"))


# Several at once


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_more_threads_than_cores(solver, sharing):
    threads = 4 * len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else 4 * os.cpu_count() + 1
    X, y = draw("classes", rows=16 * threads + 1)
    batch_size = 8 * threads
    check_same_bits(sharing, "classes", X, y, threads=[threads], solver=solver, batch_size=batch_size, max_iter=3)


def fit_number(number, n_jobs, sharing=True):
    """One of several different fits, made in a worker."""
    if sharing:
        knobs.let_threads_pay(pytest.MonkeyPatch())  # not restored: the process is a worker
    task = ["classes", "regression"][number % 2]
    X, y = draw(task, [np.float32, np.float64][number // 2 % 2], ["dense", "csr"][number // 4 % 2])
    solver = SOLVERS[number % 3]
    return results(make(task, solver=solver, random_state=number, max_iter=8, n_jobs=n_jobs).fit(X, y), X)


def assert_all_the_same(many):
    for number, found in enumerate(many):
        assert_same_bits(found, fit_number(number, 1))


def test_fits_in_threads_of_one_process(sharing):
    with ThreadPoolExecutor(4) as pool:
        assert_all_the_same(pool.map(lambda number: fit_number(number, 3), range(12)))
    assert 3 in sharing


def test_predictions_of_one_model_in_threads(sharing):
    X, y = draw("classes")
    model = make("classes", n_jobs=3).fit(X, y)
    alone = model.predict_proba(X)
    with ThreadPoolExecutor(4) as pool:
        for together in pool.map(lambda _: model.predict_proba(X), range(40)):
            np.testing.assert_array_equal(together, alone)


@pytest.fixture(scope="module")
def workers():
    """Shut down loky's processes in the end."""
    yield
    get_reusable_executor().shutdown(wait=True)


@in_one_test(shared=("sharing", "workers"))
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_under_joblib(backend, n_jobs, sharing, workers):
    jobs = Parallel(n_jobs=2, backend=backend)(delayed(fit_number)(number, n_jobs) for number in range(8))
    assert_all_the_same(jobs)


def test_inside_an_ensemble(sharing, workers):
    """Estimators are cloned, and fitted in several processes."""
    X, y = draw("binary")
    member = make("binary", n_jobs=3)
    one, two = (BaggingClassifier(member, 4, n_jobs=n_jobs, random_state=0).fit(X, y) for n_jobs in (1, 2))
    for ours, plain in zip(two.estimators_, one.estimators_, strict=True):
        assert_same_bits(results(ours, X), results(plain, X))
    assert 3 in sharing
