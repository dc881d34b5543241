"""Scripts in a process of their own, which an alarm ends: for tests of what could hang."""

import os
import subprocess
import sys

from helpers import knobs
from helpers.lanes import TESTS, environment


def run_alone(script, *arguments):
    """Run a script in a process with this one's cache; it must print "done", and is ended after 40 seconds.

    Threads pay for any work there, as after `knobs.let_threads_pay`.
    """
    prefix = f"import signal\nsignal.alarm(40)\n{knobs.LET_THREADS_PAY}"
    command = [sys.executable, "-W", "ignore", "-c", prefix + script, *arguments]
    run = subprocess.run(
        command, env=environment(os.environ.get("NUMBA_CACHE_DIR")), cwd=TESTS, capture_output=True, text=True
    )
    assert run.returncode == 0, f"ended with {run.returncode} (-14: it hung)\n{run.stdout}{run.stderr}"
    assert run.stdout.endswith("done\n"), run.stderr
