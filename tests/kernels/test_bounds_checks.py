"""Bounds checks: the tests of the kernels are run again, compiled with ``NUMBA_BOUNDSCHECK=1`` into an empty cache.

A kernel that is called through its address cannot raise. Numba passes its IndexError to `sys.unraisablehook`, which
pytest turns into a warning, and the project's configuration turns that into a failure.
"""

import pytest
from helpers.lanes import run_pytest

BOUNDS = {"NUMBA_BOUNDSCHECK": "1"}
KERNEL_TESTS = [
    "kernels/test_kernels.py", "kernels/test_kernels_sparse.py", "kernels/test_kernels_shuffle.py",
    "kernels/test_multiply.py", "network/test_network_gradients.py", "network/test_network_steps.py",
    "training/test_fits.py", "tabular/test_table_steps.py",
    # Numba does not check the pointers of tiles, which guarded memory does. Bounds are the same in both
    # types, and compiling takes most of the time, so only float64 is run.
    "-k", "not every_width and not float32",
]  # fmt: skip

#: Tests of kernels that write or read `EXTRA` elements too many, in arrays with enough space for them.
CARELESS = """
import numpy as np
import pytest
from numba import carray

from fastmlp.compiler.numba_backend import POINTER, SIZE, inline_llvm, kernel
from fastmlp.kernels.lowlevel.pointers import Signature, caller_of

EXTRA = {extra}
VALUES = Signature(out=POINTER, n=SIZE)
call_values = caller_of("call_values", VALUES)

@kernel(POINTER, SIZE)
def write_all(out, n):
    values = carray(out, n)
    for i in range(n + EXTRA):
        values[i] = 1

@inline_llvm
def add(total, values, i):
    total[0] += values[i]

@kernel(POINTER, SIZE)
def read_all(out, n):
    values = carray(out, n)
    for i in range(n + EXTRA):
        add(values, values, i)

@kernel(SIZE, POINTER, SIZE)
def call_another(address, out, n):
    call_values(address, out, n)

@pytest.mark.parametrize("kernel", [write_all, read_all])
def test_alone(kernel):
    kernel.entry(np.float64)(np.zeros(8).ctypes.data, 5)

@pytest.mark.parametrize("kernel", [write_all, read_all])
def test_called_by_another(kernel):
    call_another.entry(np.float64)(kernel.address(np.float64), np.zeros(8).ctypes.data, 5)
"""


@pytest.mark.long
def test_kernels_stay_within_bounds(tmp_path):
    code, output = run_pytest(*KERNEL_TESTS, cache=tmp_path / "cache", **BOUNDS)
    assert code == 0, output


def test_bounds_checks_detect_one_element_too_many(tmp_path):
    """Such a test fails only with bounds checks, and the others pass with them."""
    careless, careful = tmp_path / "test_careless.py", tmp_path / "test_careful.py"
    careless.write_text(CARELESS.format(extra=1))
    careful.write_text(CARELESS.format(extra=0))
    code, output = run_pytest(careless, careful, cache=tmp_path / "checked", **BOUNDS)
    assert code == 1
    assert "IndexError" in output
    assert "4 failed, 4 passed" in output
    assert output.startswith("FFFF....")  # in the order of the files
    code, output = run_pytest(careless, cache=tmp_path / "plain")
    assert code == 0, output
    assert "4 passed" in output
