"""Elementary functions of kernels in compiled loops, and their errors against extended precision."""

import functools

import numba
import numpy as np
from numba import types

from fastmlp.compiler.numba_backend import ELEMENTWISE
from fastmlp.kernels.math import elementary

DTYPES = [np.float32, np.float64]
ELEMENT = {np.float32: numba.float32, np.float64: numba.float64}
#: The error of the reference, in ulp, where long double is double.
SLACK = 0 if np.finfo(np.longdouble).nmant > 52 else 1


@functools.cache
def loop(name, dtype, flags=frozenset(ELEMENTWISE), module=elementary):
    """Compiled code for out[i] = function(inp[i])."""
    function = getattr(module, name)

    def apply(out, inp):
        for i in range(inp.size):
            out[i] = function(inp[i])

    array = ELEMENT[dtype][::1]
    return numba.njit(types.void(array, array), fastmath=set(flags), error_model="numpy")(apply)


def apply(name, inp, flags=frozenset(ELEMENTWISE), module=elementary):
    out = np.empty_like(inp)
    loop(name, inp.dtype.type, flags, module)(out, inp)
    return out


def ulps(got, true):
    """|got − true| in units of the last place that `true` has in the type of `got`."""
    info = np.finfo(got.dtype)
    exponent = np.frexp(np.maximum(abs(true), info.smallest_normal))[1]
    return abs(got - true) / np.ldexp(np.longdouble(1), exponent - info.nmant - 1)


def assert_within(bound, name, x, got, true):
    """The error of f(x) is at most `bound` ulp."""
    error = ulps(got, true)
    worst = np.argmax(error)
    assert error[worst] <= bound + SLACK, f"{name}({x[worst]!r}) = {got[worst]!r}: {error[worst]:.3f} ulp"


def assert_special_values(function, pairs, dtype, name):
    """function(x) = y exactly for pairs (x, y), the signs of zeros included."""
    x, y = np.array(pairs, dtype=dtype).T.copy()
    got = function(x)
    np.testing.assert_array_equal(got, y, err_msg=name)
    np.testing.assert_array_equal(np.signbit(got[got == 0]), np.signbit(y[y == 0]), err_msg=name)
