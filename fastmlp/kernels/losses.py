"""Losses: output activation, loss and delta in one pass over a block of rows; one unit each, reached by address.

Every unit has the signature (z, delta, stride, target, n_targets, weight, loss, rows, columns): z (rows, stride)
holds the output layer's pre-activations and is overwritten with its outputs a; delta (rows, stride) is overwritten
with d loss / d z, times the row's weight; loss (rows,) in float64 is overwritten with each row's weighted loss.
For the canonical pairs here the delta is a − y. The division by the sum of weights comes with the update.

Logarithms are of probabilities clipped to [ε, 1 − ε], ε the type's epsilon, as scikit-learn's are; a NaN stays one.
"""

import numpy as np
from numba import carray

from .._jit import DOUBLES, POINTER, SIZE, unit
from .activations import softmax_row
from .elementary import exp, log, logistic
from .simd import shift

_SIGNATURE = (POINTER, POINTER, SIZE, POINTER, SIZE, POINTER, DOUBLES, SIZE, SIZE)


@unit(*_SIGNATURE)
def softmax_log_loss(z, delta, stride, target, n_targets, weight, loss, rows, columns):
    """a = softmax(z), loss = −log a[y] with the class y as the row's only target."""
    y, w, row_loss = carray(target, rows), carray(weight, rows), carray(loss, rows)
    epsilon = np.finfo(y.dtype).eps
    one = y.dtype.type(1)
    for i in range(rows):
        a, d = carray(shift(z, i * stride), columns), carray(shift(delta, i * stride), columns)
        softmax_row(a)
        for j in range(columns):
            d[j] = a[j] * w[i]
        k = int(y[i])
        d[k] = (a[k] - one) * w[i]
        p = a[k]
        p = epsilon if p < epsilon else p
        p = one - epsilon if p > one - epsilon else p
        row_loss[i] = -np.float64(log(p)) * w[i]


@unit(*_SIGNATURE)
def logistic_log_loss(z, delta, stride, target, n_targets, weight, loss, rows, columns):
    """a = logistic(z), loss = −Σ y log a + (1 − y) log(1 − a), each output a label of its own, y 0 or 1."""
    w, row_loss = carray(weight, rows), carray(loss, rows)
    epsilon = np.finfo(w.dtype).eps
    zero, one = w.dtype.type(0), w.dtype.type(1)
    for i in range(rows):
        a, d = carray(shift(z, i * stride), columns), carray(shift(delta, i * stride), columns)
        y = carray(shift(target, i * n_targets), columns)
        total = 0.0
        for j in range(columns):
            p = logistic(a[j])
            a[j] = p
            d[j] = (p - y[j]) * w[i]
            p = epsilon if p < epsilon else p
            p = one - epsilon if p > one - epsilon else p
            total -= np.float64(log(p if y[j] > zero else one - p))
        row_loss[i] = total * w[i]


@unit(*_SIGNATURE)
def squared_error(z, delta, stride, target, n_targets, weight, loss, rows, columns):
    """a = z, loss = ½ mean over the outputs of (a − y)², delta that of ½ the *sum*: scikit-learn's habit."""
    w, row_loss = carray(weight, rows), carray(loss, rows)
    for i in range(rows):
        a, d = carray(shift(z, i * stride), columns), carray(shift(delta, i * stride), columns)
        y = carray(shift(target, i * n_targets), columns)
        total = 0.0
        for j in range(columns):
            difference = a[j] - y[j]
            d[j] = difference * w[i]
            total += np.float64(difference) * np.float64(difference)
        row_loss[i] = 0.5 * total / columns * w[i]


@unit(*_SIGNATURE)
def poisson(z, delta, stride, target, n_targets, weight, loss, rows, columns):
    """a = exp(z), loss = Σ y log(y / a) − y + a, half the Poisson deviance (y log y = 0 at y = 0)."""
    w, row_loss = carray(weight, rows), carray(loss, rows)
    zero = w.dtype.type(0)
    for i in range(rows):
        a, d = carray(shift(z, i * stride), columns), carray(shift(delta, i * stride), columns)
        y = carray(shift(target, i * n_targets), columns)
        total = 0.0
        for j in range(columns):
            t = y[j]
            a[j] = exp(a[j])
            d[j] = (a[j] - t) * w[i]
            deviance = np.float64(a[j] - t)
            if t > zero:
                deviance += np.float64(t * log(t / a[j]))
            total += deviance
        row_loss[i] = total * w[i]
