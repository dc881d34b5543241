"""Threads when things go wrong: one cannot be started, Ctrl-C, an error in one of them, a fork.

Where a mistake would leave somebody waiting for ever, the test runs in a process of its own, which an alarm ends.
"""

import itertools
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.fits import assert_same_bits, draw, ignores_max_iter, make, results
from helpers.lanes import TESTS, environment
from helpers.problems import make_problem

from fastmlp.engine.threads import Team, Worker
from fastmlp.optimizers import SGD, Adam
from fastmlp.training.minibatch import EpochRunner

pytestmark = ignores_max_iter

#: What a team does with its helpers, by name: who does it, and what it is called.
STEPS = {
    "start": (threading.Thread, "start"),
    "job": (Worker, "submit"),
    "wait": (Worker, "wait"),
    "end": (Worker, "join"),
}
#: Where something goes wrong. Of three threads two are started, and do every piece of compiled work: the first, its
#: second, and so on.
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
    """Small networks share their work too, one step a slice. What it gives asserts that no thread of theirs is left."""
    knobs.let_threads_pay(monkeypatch)
    knobs.set_slice(monkeypatch)
    before = set(threading.enumerate())

    def assert_nobody_left():
        for thread in set(threading.enumerate()) - before:
            thread.join(20)  # one that found the team called off may still be on its way out
            assert not thread.is_alive()

    yield assert_nobody_left
    assert_nobody_left()


def fail_at(patch, place, error, after=False):
    """What stands at `place` in STEPS for the so manieth time raises `error`, before or `after` it has been done."""
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
    """Finite, predicting, and the next fit is as if nothing had been."""
    assert all(np.isfinite(array).all() for array in [*model.coefs_, *model.intercepts_])
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    if "early_stopping" not in options and options["solver"] != "lbfgs":
        model.partial_fit(X, Y)
        assert np.isfinite(model.loss_)
    assert_same_bits(results(model.fit(X, Y), X), results(make("classes", **options).fit(X, Y), X))


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, TimeoutError, GeneratorExit])
@pytest.mark.parametrize("step", ["submit", "join"])
def test_whatever_is_raised_while_helpers_are_waited_for(step, error, monkeypatch):
    """Three times, as by a handler of a timer's signals: nobody goes on while a helper works."""
    team, begun, run_global_phases, working, n_raised = Team(2), threading.Event(), threading.Event(), [], 0
    do = getattr(Worker, step)

    def failing(worker, *arguments):
        nonlocal n_raised
        if working and n_raised < 3:
            n_raised += 1
            if n_raised == 3:
                run_global_phases.set()
            raise error
        return do(worker, *arguments)

    def work(number):
        if number == 0:
            begun.wait()
            raise ZeroDivisionError
        working.append(number)
        begun.set()
        run_global_phases.wait()
        working.clear()

    monkeypatch.setattr(Worker, step, failing)
    try:
        with pytest.raises(error):
            team.run(work)
        assert not working
        assert n_raised == 3
    finally:
        run_global_phases.set()


# A thread that cannot be started


@pytest.mark.parametrize("place", STARTS)
@pytest.mark.parametrize("name", OPTIONS)
def test_a_thread_that_cannot_be_started(name, place, sharing, monkeypatch):
    """The others do its work, and every number is the same."""
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
    """In parts, with masks, sparse: whatever the task records know of the number of threads."""
    inputs, dropout = scipy.sparse.csr_array(X), {} if name == "lbfgs" else {"dropout": 0.3, "clip_norm": 1.0}
    alone = results(make("classes", n_jobs=1, **dropout, **OPTIONS[name]).fit(inputs, Y), inputs)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", cannot_start)
        found = results(make("classes", n_jobs=3, **dropout, **OPTIONS[name]).fit(inputs, Y), inputs)
    assert_same_bits(found, alone)


def test_a_large_batch_in_parts_without_threads(sharing, monkeypatch):
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


# Ctrl-C while threads start, are given work, are waited for, and end


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
    """The second slice is called off before anything is updated: the parameters are those after the first step."""
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
    """It comes while `Thread.start` waits for the new thread's first sign of life: too late to stop it, so it must
    be waited for, or find that there is nothing left to do."""
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


# What could hang


def run_alone(script, *arguments):
    """In a process of its own, with this one's cache; it prints "done" in the end, or is ended after 40 seconds."""
    prefix = (
        "import signal\nsignal.alarm(40)\nfrom fastmlp.engine import threads\nthreads.OPERATIONS_WORTH_A_THREAD = 1\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", prefix + script, *arguments]
    run = subprocess.run(
        command, env=environment(os.environ.get("NUMBA_CACHE_DIR")), cwd=TESTS, capture_output=True, text=True
    )
    assert run.returncode == 0, f"ended with {run.returncode} (-14: it hung)\n{run.stdout}{run.stderr}"
    assert run.stdout.endswith("done\n"), run.stderr


#: An exception in one thread's Python, before (or after) its part of the compiled work; the others wait at a barrier.
ERROR_IN_ONE = """
import contextlib, itertools, sys, threading
import numpy as np
from helpers.problems import make_problem
from fastmlp.training.full_batch_loss import FullBatch
from fastmlp.optimizers import Adam
from fastmlp.training.minibatch import EpochRunner

guilty, error = int(sys.argv[1]), getattr(__builtins__, sys.argv[2])
for solver, when, stay in itertools.product(["adam", "lbfgs"], ["before", "after"], [False, True]):
    print(solver, when, stay, flush=True)
    problem = make_problem("softmax log loss", rows=96)
    if solver == "lbfgs":
        worker = FullBatch(problem.network, problem.dataset, 0.1, 3)
        name, run = "add_gradients", lambda: worker(problem.network.params.copy())
    else:
        worker = EpochRunner(problem.network, problem.dataset, Adam(), np.arange(96), 96, 3)
        name, run = "train_steps", lambda: worker.run(0.1)
    assert worker.team.size == 3
    compiled, caught = getattr(worker, name), False

    def failing(task, *arguments):
        number = [worker.workspace.arguments(thread)[0] for thread in range(3)].index(task)
        if number == guilty and when == "before":
            raise error
        compiled(task, *arguments)
        if number == guilty:
            raise error

    before = problem.network.params.copy()
    setattr(worker, name, failing)
    try:
        with worker.team if stay else contextlib.nullcontext():
            run()
    except error:
        caught = True
    assert caught, "the error was lost"
    for thread in set(threading.enumerate()) - {threading.main_thread()}:
        thread.join(20)
        assert not thread.is_alive()
    assert when == "after" or np.array_equal(before, problem.network.params)
    setattr(worker, name, compiled)
    run()
print("done")
"""


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "MemoryError"])
@pytest.mark.parametrize("guilty", [0, 1])
def test_an_error_in_one_thread_lets_the_others_go(guilty, error):
    """For instance Ctrl-C, between the last start and the caller's own part; and the error is not lost."""
    run_alone(ERROR_IN_ONE, str(guilty), error)


FORK = """
import os, sys, threading, traceback
from helpers.fits import assert_same_bits, draw, make, results

X, y = draw("classes")

def answers(**options):
    return results(make("classes", n_jobs=3, **options).fit(X, y), X)

def compare_in_a_child():
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        try:
            for solver in expected:
                assert_same_bits(answers(solver=solver), expected[solver])
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

expected = {solver: answers(solver=solver) for solver in ("adam", "lbfgs")}
if sys.argv[1] == "in the middle":
    fitting = threading.Thread(target=answers, kwargs={"max_iter": 2000, "tol": 0, "n_iter_no_change": 10**6})
    fitting.start()
    for _ in range(5):
        compare_in_a_child()
    fitting.join()
else:
    compare_in_a_child()
for solver in expected:
    assert_same_bits(answers(solver=solver), expected[solver])
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("when", ["afterwards", "in the middle"])
def test_after_a_fork(when):
    """In the child, and still in the parent; also while another thread of the parent is fitting."""
    run_alone(FORK, when)


FORK_BETWEEN_EPOCHS = """
import os, sys, threading, traceback
from fastmlp.training.progress import Progress
from helpers.fits import assert_same_bits, draw, make, results

X, y = draw("classes")

def answers(**options):
    return results(make("classes", n_jobs=3, max_iter=8, **options).fit(X, y), X)

def fork_at_third(progress, number, loss):
    global child
    if number == 3 and child is None:
        child = os.fork()
        if child == 0:
            signal.alarm(30)

for options in ({}, {"early_stopping": True}, {"solver": "lbfgs"}):
    child, expected, epoch = None, answers(**options), Progress.epoch
    Progress.epoch = fork_at_third
    try:
        assert_same_bits(answers(**options), expected)
        assert threading.active_count() == 1
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    if child == 0:
        os._exit(0)
    Progress.epoch = epoch
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_between_two_epochs():
    """Both processes go on with the training; the child has none of the threads that waited for its next epoch."""
    run_alone(FORK_BETWEEN_EPOCHS)


AT_EXIT = """
import atexit, sys, threading
from helpers.fits import assert_same_bits, draw, make, results

X, y = draw("classes")
alone = {solver: results(make("classes", n_jobs=1, solver=solver).fit(X, y), X) for solver in ("adam", "lbfgs")}

def compare():
    for solver in alone:
        assert_same_bits(results(make("classes", n_jobs=3, solver=solver).fit(X, y), X), alone[solver])
        assert_same_bits(results(make("classes", solver=solver).fit(X, y), X), alone[solver])

@atexit.register
def at_exit():
    if sys.argv[1] == "as Python 3.12":
        def refuse(*arguments):
            raise RuntimeError("can't create new thread at interpreter shutdown")
        threading._start_new_thread = threading._start_joinable_thread = refuse
    compare()
    print("done", flush=True)
"""

#: scikit-learn and NumPy's addresses import something each time, and cannot then; a team itself can still run.
AT_THE_VERY_END = """
import sys
from fastmlp.engine.threads import Team

class Last:
    def __init__(self):
        self.teams = [Team(3), Team(1, long=True)]

    def __del__(self):
        assert sys.is_finalizing()
        seen = []
        for team in self.teams:
            team.run(seen.append)
        assert seen == [0, 0]
        print("done", flush=True)

_last = Last()  # with this name it dies before what it needs
"""


@pytest.mark.parametrize("how", ["with threads", "as Python 3.12"])
def test_a_fit_while_the_interpreter_shuts_down(how):
    """In a handler that it calls, where Python 3.12 starts no thread any more."""
    run_alone(AT_EXIT, how)


def test_work_of_objects_that_die_at_the_very_end():
    """Where a thread would never begin, and `Thread.start` would wait for it for ever."""
    run_alone(AT_THE_VERY_END)


NO_MORE_THREADS = """
import os, resource, sys, threading
from helpers.fits import assert_same_bits, draw, make, results

X, y = draw("classes")
alone = results(make("classes", n_jobs=1).fit(X, y), X)
make("classes").fit(X, y)  # whatever it imports
if os.getuid() == 0:  # whom no number of processes limits
    os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
try:
    threading.Thread(target=print, args=("started all the same",)).start()
except RuntimeError:
    pass
for n_jobs in (3, None):
    assert_same_bits(results(make("classes", n_jobs=n_jobs).fit(X, y), X), alone)
print("done")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit counts threads on Linux")
def test_a_limit_of_the_system():
    run_alone(NO_MORE_THREADS)


COROUTINES = """
import sys, threading

def patch():
    if sys.argv[1] == "gevent":
        from gevent import monkey
        monkey.patch_all(thread=sys.argv[3] == "threads")
    else:
        import eventlet
        eventlet.monkey_patch()

if sys.argv[2] == "before":
    patch()
from helpers.fits import assert_same_bits, draw, make, results

X, y = draw("classes")
alone = {solver: results(make("classes", n_jobs=1, solver=solver).fit(X, y), X) for solver in ("adam", "lbfgs")}

def compare(n_jobs):
    for solver in alone:
        assert_same_bits(results(make("classes", n_jobs=n_jobs, solver=solver).fit(X, y), X), alone[solver])

if sys.argv[2] == "between two fits":
    compare(3)
    patch()
for n_jobs in (2, None, -1):
    compare(n_jobs)
if sys.argv[1] == "gevent":
    import gevent
    gevent.joinall([gevent.spawn(compare, n_jobs) for n_jobs in (2, 3, None)], raise_error=True)
print("done")
"""


@pytest.mark.parametrize("when", ["before", "between two fits"])
@pytest.mark.parametrize(
    ("module", "what"), [("gevent", "threads"), ("gevent", "all but threads"), ("eventlet", "all")]
)
def test_under_a_patch_that_makes_coroutines(module, what, when):
    pytest.importorskip(module, exc_type=ImportError)
    run_alone(COROUTINES, module, when, what)


EXIT_IN_THE_MIDDLE = """
import sys, threading
from fastmlp.training.progress import Progress
from helpers.fits import draw, make

X, y = draw("classes")
make("classes", n_jobs=3).fit(X, y)
begun, epoch = threading.Event(), Progress.epoch

def tell(progress, number, loss):
    if number == 3:
        begun.set()

Progress.epoch = tell
model = make("classes", n_jobs=3, max_iter=10**9, tol=0, n_iter_no_change=10**9)
threading.Thread(target=model.fit, args=(X, y), daemon=True).start()
begun.wait()
print("done")
"""


def test_the_interpreter_can_exit_while_a_daemon_trains():
    run_alone(EXIT_IN_THE_MIDDLE)
