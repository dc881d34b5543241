"""Threads in situations where processes can hang: errors in one thread, the end of the interpreter, coroutines.

Each test runs in a separate process, which an alarm ends if it hangs.
"""

import sys

import pytest
from helpers.alone import run_alone

#: Raises in one thread before (or after) its part of the compiled work, while the others wait at a barrier.
ERROR_IN_ONE = """
import contextlib, itertools, sys, threading
import numpy as np
from helpers.problems import make_problem
from fastmlp.training.full_batch_loss import FullBatch
from fastmlp.optimizers import Adam
from fastmlp.training.epoch import EpochRunner

for solver, when, stay, guilty, error in itertools.product(
    ["adam", "lbfgs"], ["before", "after"], [False, True], [0, 1], [KeyboardInterrupt, MemoryError]
):
    print(solver, when, stay, guilty, error.__name__, flush=True)
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


def test_an_error_in_one_thread_releases_the_others():
    """For instance Ctrl-C between the start of the last thread and the caller's own part. The error is raised."""
    run_alone(ERROR_IN_ONE)


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

#: scikit-learn and NumPy's `ctypes` import modules, which fails then; a team can still run.
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
    """In an `atexit` handler, where Python 3.12 starts no threads."""
    run_alone(AT_EXIT, how)


def test_team_runs_in_a_finalizer_at_exit():
    """A thread would not begin then, and `Thread.start` would wait for it for ever."""
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
def test_fits_under_gevent_and_eventlet_do_not_hang(module, what, when):
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
