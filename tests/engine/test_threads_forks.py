"""Forks of a process whose threads train: parent and child both continue training, and neither hangs."""

import os

import pytest
from helpers.alone import run_alone

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
    """The child and the parent can fit, also while another thread of the parent is fitting."""
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
    """Both processes continue the training; the child lacks the threads that wait for the next epoch."""
    run_alone(FORK_BETWEEN_EPOCHS)
