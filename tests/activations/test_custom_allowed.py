"""Users' functions that look as if they needed the Python interpreter, but do not, are compiled."""

import math

import numpy as np
import pytest
from helpers.python_functions import TABLE, quietly

from fastmlp.compiler.python_calls import is_python_symbol

HUNDREDS = 300


def factorial(z):
    return 1.0 if z <= 1 else z * factorial(z - 1)


def recursive(z):
    return z if abs(z) < 1 else recursive(z / 2)


def matches(z):
    match z > 0:
        case True:
            return z
        case _:
            return 0.0


def halves(z):
    while z > 1:
        z /= 2
    return z


def with_names(z, *, two=2.0, three: float = 3.0):
    return two * z + three


def calls_by_name(z):
    return with_names(z, three=0.5)


def closes_over(factor):
    return lambda z, shift=1.0: factor * z + shift


def sets_a_variable_of_its_own(z):
    total = 0.0

    def add(t):
        nonlocal total
        total = total + t

    add(z)
    add(z)
    return total


def accumulates(z):
    total = 0
    for i in range(1, 300):
        total = np.add(total, 300)
        total = np.maximum(total, np.square(i))
    return z * total


def squares(n):
    return np.square(n)


ALLOWED = [
    lambda z: z * TABLE.max() - TABLE.min(),
    lambda z: math.frexp(z)[0] + math.frexp(z)[1],
    sets_a_variable_of_its_own, accumulates,
    lambda z: z * np.square(HUNDREDS) + np.power(10, 6) * z, lambda z: z * np.multiply(np.maximum(HUNDREDS, 2), 300),
    lambda z: z * np.left_shift(HUNDREDS, 10) + z * np.subtract(-20000, 20000), lambda z: z * squares(300),
    lambda z: z * np.square(300 if z > 0 else 200) + np.add(z, 1) + np.maximum(2, z),
    factorial, recursive, matches, halves, with_names, calls_by_name, closes_over(2.0), closes_over(3),
    lambda z: float(z > 0), lambda z: float(z), lambda z: float(3) * z, lambda z: min(z, float("inf")),
    lambda z: int(z), lambda z: float("-inf") if z < -1e9 else z, lambda z: bool(z > 0) * z,
    lambda z: abs(z), lambda z: max(0, z, 1), lambda z: max((z, 0.0)), lambda z: sum((z, 1.0)), lambda z: round(z),
    lambda z: math.floor(z) + math.ceil(z), lambda z: z // 1 + z % 2, lambda z: z**3 + abs(z) ** 0.5,
    lambda z: TABLE[int(z > 0)] * z, lambda z: (1.0, 2.0)[int(z > 0)] * z, lambda z: float(np.where(z > 0, z, 0.1 * z)),
    lambda z: np.where(z > 0, z, 0.1 * z), lambda z: np.where(z > 1, 1, 2), lambda z: np.where(z, z - 1, 0) + 1,
    lambda z: math.hypot(z, 1) + math.gamma(abs(z) + 1) + math.erfc(z) + math.log2(abs(z) + 1) + math.copysign(2, z),
    lambda z: np.sum(TABLE) * z, lambda z: (z * 1j).imag, lambda z: z.real, lambda z: z if z in (1.0, 2.0) else 2 * z,
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ALLOWED)))
def test_what_needs_no_python_is_compiled(number):
    """All are compiled for float64, and every third for float32 too."""
    function = ALLOWED[number]
    for dtype, tolerance in ((np.float64, 1e-14), (np.float32, 1e-5))[: 1 + (number % 3 == 0)]:
        z = np.array([-2.5, -0.3, 0.4, 1.7, 2.0], dtype)
        expected = [float(function(float(one))) for one in z]
        np.testing.assert_allclose(quietly(function)(z), expected, rtol=tolerance, atol=tolerance)


def test_python_functions_are_recognized():
    """Symbols of Python and of Numba's runtime are, and those of functions of numbers are not."""
    for symbol in ("PySys_FormatStdout", "_Py_Dealloc", "NRT_Allocate", "numba_gil_ensure", "numba_dict_insert",
                   "numba_get_np_random_state", "numba_list_append", "numba_xxdot", "numba_do_raise"):  # fmt: skip
        assert is_python_symbol(symbol)
    for symbol in ("tan", "hypotf", "memset", "numba_gamma", "numba_lgammaf", "numba_fixed_fmod", "numba_cpow"):
        assert not is_python_symbol(symbol)
