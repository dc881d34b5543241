"""Fits succeed where warnings are errors: warnings about compiled code are shown, never raised."""

import subprocess
import sys
import warnings

import pytest
from helpers.lanes import TESTS, copy_cache, environment

from fastmlp.compiler import shown_warnings

FIT = """
import numpy as np
from fastmlp import MLPRegressor

X = np.linspace(-1, 1, 40).reshape(20, 2)
model = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, tol=10.0, n_iter_no_change=1, random_state=0)
print(len(model.fit(X, X[:, 1]).predict(X)))
"""
#: Loads one kernel instead of all those of a fit.
LOAD = """
from fastmlp.compiler.kernel import KernelModule; dense = KernelModule('linalg.dense')

dense.transpose.load("float64")
print(20)
"""
STRICT = 'import warnings; warnings.simplefilter("error")\n'


def run(cache, script, *arguments, **variables):
    """Run the script in a process, which must print 20; return its stderr."""
    command = [sys.executable, *arguments, "-c", script]
    done = subprocess.run(command, env=environment(cache, **variables), cwd=TESTS, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "20\n"), done.stderr
    return done.stderr


def test_a_fit_that_cannot_keep_a_kernel(tmp_path):
    """A folder occupies the path of one kernel's entry: the kernel is compiled, with a warning."""
    copy_cache(tmp_path, without=["loop.shuffle."])
    (folder,) = tmp_path.iterdir()
    (folder / "loop.shuffle.shuffle.float64.o" / "in the way").mkdir(parents=True)
    errors = run(tmp_path, FIT, "-W", "error::RuntimeWarning")
    assert errors.count("fastmlp cannot keep its compiled kernels") == 1
    assert "RuntimeWarning" in errors


@pytest.mark.parametrize(
    ("script", "arguments"),
    [(LOAD, ["-W", "error"]), (STRICT + LOAD, [])],
    ids=["any", "by the program"],
)
def test_a_process_without_a_cache(script, arguments, tmp_path):
    """It warns once, whatever the filters."""
    (tmp_path / "file").touch()
    errors = run(tmp_path / "file" / "cache", script, *arguments)
    assert errors.count("fastmlp cannot keep its compiled kernels") == 1
    assert "RuntimeWarning" in errors


def test_filters_that_ignore_it_are_obeyed(tmp_path):
    (tmp_path / "file").touch()
    assert run(tmp_path / "file" / "cache", LOAD, "-W", "error", "-W", "ignore::RuntimeWarning") == ""


def test_warnings_of_numbas_import(tmp_path):
    """Numba warns about its environment when it is imported to compile."""
    assert "NUMBA_DUMP_IR" in run(tmp_path / "cache", LOAD, "-W", "error", NUMBA_DUMP_IR="perhaps")


def test_warn_names_the_users_line():
    with pytest.warns(RuntimeWarning, match="words") as caught:
        shown_warnings.warn("words", RuntimeWarning)
    assert caught[0].filename == __file__


def test_shown_is_never_raised():
    """Warnings inside are shown, filters are restored, and errors inside are raised."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "silent")
        before = list(warnings.filters)
        with pytest.raises(ZeroDivisionError), shown_warnings.shown():
            warnings.warn("loud", UserWarning, stacklevel=1)
            warnings.warn("silent", UserWarning, stacklevel=1)
            raise ZeroDivisionError
        assert warnings.filters == before
    assert [str(one.message) for one in caught] == ["loud"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        with shown_warnings.shown():
            warnings.warn("shown", UserWarning, stacklevel=1)
    assert [str(one.message) for one in caught] == ["shown"]
