"""Scripts in a separate process, which an alarm ends: for tests of code that could hang."""

import os
import subprocess
import sys

from helpers import knobs
from helpers.lanes import TESTS, environment


def run_alone(script, *arguments):
    """Run a script with this process's cache; it must print "done" within 40 seconds.

    Small problems use threads there, as after `knobs.let_threads_pay`.
    """
    prefix = f"import signal\nsignal.alarm(40)\n{knobs.LET_THREADS_PAY}"
    command = [sys.executable, "-W", "ignore", "-c", prefix + script, *arguments]
    run = subprocess.run(
        command, env=environment(os.environ.get("NUMBA_CACHE_DIR")), cwd=TESTS, capture_output=True, text=True
    )
    assert run.returncode == 0, f"ended with {run.returncode} (-14: it hung)\n{run.stdout}{run.stderr}"
    assert run.stdout.endswith("done\n"), run.stderr
