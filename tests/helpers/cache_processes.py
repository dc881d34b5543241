"""Processes that take turns at compiling one kernel, controlled by a test through their input."""

import contextlib
import subprocess
import sys

from helpers.lanes import environment

from fastmlp.compiler import cache as code_cache
from fastmlp.compiler import cache_cleaning

NAME = "some.folder.kernel.float64.o"
#: Prints "holds" when it has the turn, then waits for a line: "make" stores an entry, "leave" does not.
HOLD = """
import os, sys, time
from fastmlp.compiler import cache as code_cache, drafts

def say(word):
    print(word, flush=True)

if "full" in sys.argv:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

if "wait" in sys.argv:
    pause = time.sleep
    time.sleep = lambda seconds: (say("waits"), setattr(time, "sleep", pause), pause(seconds))
with code_cache.Turn("some.folder.kernel.float64.o") as turn:
    found = list(code_cache.read("some.folder.kernel.float64.o"))
    say(found[0].decode() if found else "holds")
    if "fork" in sys.argv and not os.fork():
        sys.stdin.readline()  # lives on
        os._exit(0)
    if not found and sys.stdin.readline() == "make\\n":
        turn.keep(b"made")
"""


class Holder:
    """A process that runs `HOLD`."""

    def __init__(self, cache, *arguments):
        command = [sys.executable, "-W", "error", "-c", HOLD, *arguments]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.popen = subprocess.Popen(command, env=environment(cache), text=True, **pipes)

    def read_line(self):
        return self.popen.stdout.readline().strip()

    def send(self, word):
        self.popen.stdin.write(word + "\n")
        self.popen.stdin.flush()

    def finish(self):
        """(exit code, stderr)."""
        _, errors = self.popen.communicate()
        return self.popen.returncode, errors


@contextlib.contextmanager
def holders(cache):
    """A function that starts a `Holder` with the given arguments; at the end all of them are killed."""
    started = []

    def start(*arguments):
        started.append(Holder(cache, *arguments))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            process.popen.kill()
            process.popen.communicate()


def use_cache(cache, monkeypatch):
    """Set this process's cache directory, and return the folder of its entries."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", "", raising=False)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(cache))
    cache_cleaning.clean.cache_clear()
    code_cache._warn_uncached.cache_clear()
    return cache / f"fastmlp-{code_cache.cache_key()}"


def files(folder):
    """The names of all files below `folder`."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())
