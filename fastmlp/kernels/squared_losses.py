"""Squared errors of outputs behind any activation; for the signature and the two kinds of loss see `losses`."""

import numpy as np
from numba import carray

from .._jit import DOUBLES, POINTER, SIZE, unit
from .bits import prefer_wide_vectors

_SIGNATURE = (POINTER, POINTER, POINTER, POINTER, DOUBLES, SIZE, SIZE, SIZE, DOUBLES)


@unit(*_SIGNATURE)
def half_squared_error(a, delta, target, weight, loss, rows, columns, n_targets, settings):
    """loss = ½ (a − y)² for each output; d loss / d a = a − y."""
    prefer_wide_vectors()
    n = rows * columns
    outputs, d, y = carray(a, n), carray(delta, n), carray(target, n)
    w, losses = carray(weight, n), carray(loss, n)
    for i in range(n):
        difference = outputs[i] - y[i]
        d[i] *= difference * w[i]
        losses[i] = 0.5 * np.float64(difference) * np.float64(difference) * np.float64(w[i])


@unit(*_SIGNATURE)
def sum_squared_error(a, delta, target, weight, loss, rows, columns, n_targets, settings):
    """loss = (a − y)² for each output; d loss / d a = 2 (a − y)."""
    prefer_wide_vectors()
    n = rows * columns
    outputs, d, y = carray(a, n), carray(delta, n), carray(target, n)
    w, losses = carray(weight, n), carray(loss, n)
    two = d.dtype.type(2)
    for i in range(n):
        difference = outputs[i] - y[i]
        d[i] *= two * difference * w[i]
        losses[i] = np.float64(difference) * np.float64(difference) * np.float64(w[i])
