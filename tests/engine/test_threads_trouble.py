"""Failures of threads: one cannot be started, Ctrl-C, an error in one of them. See also test_threads_hang."""

import itertools
import threading

import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.fits import assert_same_bits, draw, ignores_max_iter, make, results
from helpers.merged import in_one_test
from helpers.problems import make_problem

from fastmlp.engine.threads import Team, Worker
from fastmlp.optimizers import SGD, Adam
from fastmlp.training.epoch import EpochRunner

pytestmark = ignores_max_iter

#: What a team does with its workers: name → class and method.
STEPS = {
    "start": (threading.Thread, "start"),
    "job": (Worker, "submit"),
    "wait": (Worker, "wait"),
    "end": (Worker, "join"),
}
#: Where something fails: (name, number of the call). Of three threads two are started; both take part in each piece of
#: compiled work.
STARTS = [("start", 1), ("start", 2)]
PLACES = [*STARTS, *itertools.product(["job", "wait"], [1, 2, 3, 4, 9]), ("end", 1), ("end", 2)]
X, Y = draw("classes")
OPTIONS = {
    "sgd": {"solver": "sgd", "momentum": 0.5},
    "adam": {"solver": "adam"},
    "adam, early stopping": {"solver": "adam", "early_stopping": True},
    "lbfgs": {"solver": "lbfgs"},
}


@pytest.fixture(autouse=True)
def sharing(monkeypatch):
    """Let small networks use threads, one step a slice; return a function that asserts that all threads ended."""
    knobs.let_threads_pay(monkeypatch)
    knobs.set_slice(monkeypatch)
    before = set(threading.enumerate())

    def assert_nobody_left():
        for thread in set(threading.enumerate()) - before:
            thread.join(20)  # one whose team was cancelled may not have ended yet
            assert not thread.is_alive()

    yield assert_nobody_left
    assert_nobody_left()


def fail_at(patch, place, error, after=False):
    """Let the n-th call of a method in `STEPS` raise `error`, before or `after` its work; `place` is (name, n)."""
    name, number = place
    counter = itertools.count(1)

    def failing(function, *arguments):
        failing_now = next(counter) == number
        if after or not failing_now:
            function(*arguments)
        if failing_now:
            raise error

    owner, attribute = STEPS[name]
    function = getattr(owner, attribute)
    patch.setattr(owner, attribute, lambda *arguments: failing(function, *arguments))


def assert_usable(model, options):
    """The parameters are finite, the model predicts, and the next fit has the usual bits."""
    assert all(np.isfinite(array).all() for array in [*model.coefs_, *model.intercepts_])
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    if "early_stopping" not in options and options["solver"] != "lbfgs":
        model.partial_fit(X, Y)
        assert np.isfinite(model.loss_)
    assert_same_bits(results(model.fit(X, Y), X), results(make("classes", **options).fit(X, Y), X))


@in_one_test()
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, TimeoutError, GeneratorExit])
@pytest.mark.parametrize("step", ["submit", "join"])
def test_any_exception_while_waiting_for_workers_leaves_no_thread(step, error, monkeypatch):
    """The exception is raised three times, as by a timer's signals: the call does not end while a worker runs."""
    team, begun, released, working, n_raised = Team(2), threading.Event(), threading.Event(), [], 0
    do = getattr(Worker, step)

    def failing(worker, *arguments):
        nonlocal n_raised
        if working and n_raised < 3:
            n_raised += 1
            if n_raised == 3:
                released.set()
            raise error
        return do(worker, *arguments)

    def work(number):
        if number == 0:
            begun.wait()
            raise ZeroDivisionError
        working.append(number)
        begun.set()
        released.wait()
        working.clear()

    monkeypatch.setattr(Worker, step, failing)
    try:
        with pytest.raises(error):
            team.run(work)
        assert not working
        assert n_raised == 3
    finally:
        released.set()


# A thread that cannot be started


@in_one_test(shared=("sharing",))
@pytest.mark.parametrize("place", STARTS)
@pytest.mark.parametrize("name", OPTIONS)
def test_a_thread_that_cannot_be_started(name, place, sharing, monkeypatch):
    """The other threads do its work, with the same bits."""
    expected = results(make("classes", n_jobs=1, **OPTIONS[name]).fit(X, Y), X)
    model = make("classes", n_jobs=3, **OPTIONS[name])
    with monkeypatch.context() as patch:
        fail_at(patch, place, RuntimeError("can't start new thread"))
        model.fit(X, Y)
    sharing()
    assert_same_bits(results(model, X), expected)
    assert_usable(model, OPTIONS[name])


@pytest.mark.parametrize("place", STARTS)
def test_a_thread_that_cannot_be_started_for_a_prediction(place, sharing, monkeypatch):
    model = make("classes", n_jobs=3).fit(X, Y)
    expected = model.predict_proba(X)
    with monkeypatch.context() as patch:
        fail_at(patch, place, RuntimeError("can't start new thread"))
        np.testing.assert_array_equal(model.predict_proba(X), expected)
    sharing()


@pytest.mark.parametrize("name", OPTIONS)
def test_threads_that_cannot_be_started_at_all(name, sharing, monkeypatch):
    """With sparse input, dropout masks and clipping, whose task records depend on the number of threads."""
    inputs, dropout = scipy.sparse.csr_array(X), {} if name == "lbfgs" else {"dropout": 0.3, "clip_norm": 1.0}
    alone = results(make("classes", n_jobs=1, **dropout, **OPTIONS[name]).fit(inputs, Y), inputs)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", cannot_start)
        found = results(make("classes", n_jobs=3, **dropout, **OPTIONS[name]).fit(inputs, Y), inputs)
    assert_same_bits(found, alone)


def test_a_large_batch_in_microbatches_without_threads(sharing, monkeypatch):
    rows, y = draw("regression", rows=5000)
    options = {"batch_size": 2500, "max_iter": 2, "hidden_layer_sizes": (8,)}
    alone = results(make("regression", n_jobs=1, **options).fit(rows, y), rows)
    for begun in (0, 1):
        with monkeypatch.context() as patch:
            fail_at(patch, ("start", begun + 1), MemoryError())
            found = results(make("regression", n_jobs=3, **options).fit(rows, y), rows)
        assert_same_bits(found, alone)


def cannot_start(thread):
    raise RuntimeError("can't create new thread at interpreter shutdown")


# Ctrl-C while threads start, get work, are waited for, and end


@in_one_test(shared=("sharing",), pairs=True)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("name", OPTIONS)
def test_an_interrupt_of_a_training(name, place, after, sharing, monkeypatch):
    model = make("classes", n_jobs=3, **OPTIONS[name])
    with monkeypatch.context() as patch:
        fail_at(patch, place, KeyboardInterrupt(), after)
        with pytest.warns(UserWarning, match=r"^Training interrupted by user\.$"):
            model.fit(X, Y)
    if name != "lbfgs":
        assert model.n_iter_ == len(model.loss_curve_) < 4 + (place[0] == "end")
    sharing()
    assert_usable(model, OPTIONS[name])


@in_one_test(shared=("sharing",))
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("place", [("start", 2), ("job", 1), ("job", 2), ("wait", 1), ("wait", 2), ("end", 1)], ids=str)
def test_an_interrupt_of_a_prediction(place, after, sharing, monkeypatch):
    model = make("classes", n_jobs=3).fit(X, Y)
    expected = model.predict_proba(X)
    with monkeypatch.context() as patch:
        fail_at(patch, place, KeyboardInterrupt(), after)
        with pytest.raises(KeyboardInterrupt):
            model.predict_proba(X)
    sharing()
    np.testing.assert_array_equal(model.predict_proba(X), expected)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_whole_steps_were_made_or_none(optimizer, after, sharing, monkeypatch):
    """The second slice is cancelled before any update: the parameters are those after the first step."""
    problems = [make_problem("softmax log loss", features=20, hidden=(30,), rows=96) for _ in range(2)]
    order = np.arange(96)
    plain = EpochRunner(problems[0].network, problems[0].dataset, optimizer(), order[:32], 32)
    plain.run(0.1)
    ours = EpochRunner(problems[1].network, problems[1].dataset, optimizer(), order, 32, n_threads=3)
    assert ours.team.size == 3
    with monkeypatch.context() as patch:
        fail_at(patch, ("job", 4), KeyboardInterrupt(), after)
        with pytest.raises(KeyboardInterrupt), ours.team:
            ours.run(0.1)
    sharing()
    assert np.array_equal(problems[0].network.params, problems[1].network.params)
    assert np.array_equal(plain.state, ours.state)
    assert plain.optimizer.step_rates(3).tolist() == ours.optimizer.step_rates(3).tolist()


def test_an_interrupt_before_a_thread_has_begun(monkeypatch):
    """It comes while `Thread.start` waits for the new thread to begin: the thread begins later, and finds no work."""
    start, late, begun = threading.Thread.start, [], []

    def interrupt(timeout=None):
        raise KeyboardInterrupt

    def start_without_waiting(thread):
        late.append(thread)
        monkeypatch.setattr(thread._started, "wait", interrupt)
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start_without_waiting)
        with pytest.raises(KeyboardInterrupt):
            Team(2).run(begun.append)
    begun_in_time = list(begun)
    for thread in late:
        type(thread._started).wait(thread._started)
        thread.join()
    assert begun == begun_in_time
