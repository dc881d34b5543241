"""Activations f and their derivatives f′: one unit each, reached by address.

Every unit has the signature (z, derivative, rows, stride, columns): z (rows, stride) holds pre-activations and is
overwritten with f(z); derivative (rows, stride) is overwritten with f′(z), which the backward pass multiplies by.
The padding between `columns` and `stride` is computed along (it is finite, nobody reads it), so that the loop is one.
`softmax` serves the output alone: it leaves derivative untouched, as the loss knows its delta.
"""

from numba import carray

from .._jit import POINTER, SIZE, inlined, unit
from .elementary import exp
from .elementary import logistic as _logistic
from .elementary import tanh as _tanh
from .simd import shift

_SIGNATURE = (POINTER, POINTER, SIZE, SIZE, SIZE)


@unit(*_SIGNATURE)
def identity(z, derivative, rows, stride, columns):
    """f(z) = z, f′ = 1."""
    d = carray(derivative, rows * stride)
    one = d.dtype.type(1)
    for i in range(rows * stride):
        d[i] = one


@unit(*_SIGNATURE)
def relu(z, derivative, rows, stride, columns):
    """f(z) = max(z, 0); f′ = 1 where z > 0, else 0. NaN stays NaN."""
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    zero, one = a.dtype.type(0), a.dtype.type(1)
    for i in range(rows * stride):
        v = a[i]
        a[i] = zero if v <= zero else v
        d[i] = zero if v <= zero else one


@unit(*_SIGNATURE)
def logistic(z, derivative, rows, stride, columns):
    """f(z) = 1 / (1 + exp(−z)), f′ = f (1 − f)."""
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    one = a.dtype.type(1)
    for i in range(rows * stride):
        v = _logistic(a[i])
        a[i] = v
        d[i] = v * (one - v)


@unit(*_SIGNATURE)
def tanh(z, derivative, rows, stride, columns):
    """f(z) = tanh(z), f′ = 1 − f²."""
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    one = a.dtype.type(1)
    for i in range(rows * stride):
        v = _tanh(a[i])
        a[i] = v
        d[i] = one - v * v


@unit(*_SIGNATURE)
def exponential(z, derivative, rows, stride, columns):
    """f(z) = exp(z) = f′."""
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    for i in range(rows * stride):
        v = exp(a[i])
        a[i] = v
        d[i] = v


@unit(*_SIGNATURE)
def softmax(z, derivative, rows, stride, columns):
    """f(z)ⱼ = exp(zⱼ − max z) / Σ exp(z − max z), row by row."""
    for i in range(rows):
        softmax_row(carray(shift(z, i * stride), columns))


@inlined
def softmax_row(row):
    """row (O,) is overwritten with its softmax; the largest is taken off first, so that nothing overflows."""
    largest = row[0]
    for j in range(1, row.size):
        largest = row[j] if row[j] > largest else largest
    total = row.dtype.type(0)
    for j in range(row.size):
        row[j] = exp(row[j] - largest)
    for j in range(row.size):
        total += row[j]
    for j in range(row.size):
        row[j] /= total
