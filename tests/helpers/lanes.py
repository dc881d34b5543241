"""New processes, each with a cache directory of its own, for tests of what one process caches for the next."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import fastmlp
from fastmlp.compiler import cache as code_cache

TESTS = Path(__file__).parents[1]
#: Has the module that makes new processes import less.
CHILD_PROCESSES = Path(__file__).parent / "child_processes"
CONFIGURATION = TESTS.parent / "pyproject.toml"


def environment(cache, **variables):
    """This process's environment without Numba's and pytest's variables, but with `cache` and `variables`.

    Kernels are compiled, even where the tests run with those of a wheel, unless FASTMLP_PREBUILT="1" is passed.
    Python runs `child_processes/sitecustomize.py` in it.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "PYTEST_"))}
    chosen_paths = variables.pop("PYTHONPATH", None)
    paths = [path for path in (chosen_paths, TESTS, CHILD_PROCESSES, kept.get("PYTHONPATH")) if path]
    chosen = {} if cache is None else {"NUMBA_CACHE_DIR": os.path.abspath(cache)}
    return {**kept, "FASTMLP_PREBUILT": "0", **chosen, "PYTHONPATH": os.pathsep.join(map(str, paths)), **variables}


def start_python(*arguments, cache, **variables):
    """A started process, with its output as text; not in the project's root, whose package would come first."""
    command = [sys.executable, "-W", "error", *map(str, arguments)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment(cache, **variables), cwd=TESTS, **streams)


def finish(process):
    """What it printed; it must have succeeded, with nothing on stderr."""
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert not errors
    return output


def run_python(*arguments, cache, **variables):
    """Start and finish."""
    return finish(start_python(*arguments, cache=cache, **variables))


def run_pytest(*paths, cache, **variables):
    """(exit code, output) of a run of tests under the project's configuration."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", CONFIGURATION, *paths]
    run = subprocess.run(
        list(map(str, command)), env=environment(cache, **variables), capture_output=True, text=True, cwd=TESTS
    )
    return run.returncode, run.stdout + run.stderr


def copy_package(folder):
    """A copy of the package's sources that may be edited; put `folder` first on PYTHONPATH to run it.

    It has none of a wheel's kernels, even if the package that is tested has them.
    """
    source = Path(fastmlp.__file__).parent
    return shutil.copytree(source, folder / "fastmlp", ignore=shutil.ignore_patterns("__pycache__", "prebuilt"))


def copy_cache(folder, without=(), key=None):
    """Copy what the tests have compiled so far to `folder`, but entries whose names begin with one of `without`.

    For child processes in which compiling would take seconds and is not the subject of the test; they compile what the
    tests have not compiled yet. `key` is the cache key of another form of the package with the same kernels.
    """
    for source in map(Path, code_cache.cache_folders()):
        target = Path(folder) / (f"fastmlp-{key}" if key else source.name)
        target.mkdir(parents=True, exist_ok=True)
        for entry in source.glob("*.o"):
            if not entry.name.startswith(tuple(without)):
                shutil.copyfile(entry, target / entry.name)
    return Path(folder)
