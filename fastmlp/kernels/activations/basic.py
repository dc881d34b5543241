"""Activations f and their derivatives f′: one kernel each, reached by address.

Every kernel has the signature (z, derivative, rows, stride, columns, constants): z (rows, stride) holds pre-activations
and is overwritten with f(z); derivative (rows, stride) is overwritten with f′(z), which the backward pass multiplies
by; constants holds the function's own numbers (a slope, a scale), if it has any.
The padding between `columns` and `stride` is computed too, though not used, so that there is one flat loop.
`softmax` is for output layers, whose rows are contiguous; it does not write derivative, as the loss computes delta.
"""

from ...compiler.numba_backend import inline_llvm, kernel
from ..lowlevel.calls import ACTIVATION_SIGNATURE as SIGNATURE
from ..lowlevel.pointers import carray
from ..math.elementary import exp
from ..math.elementary import logistic as _logistic
from ..math.elementary import tanh as _tanh
from ..math.lanes import prefer_wide_vectors


@kernel(*SIGNATURE)
def identity(z, derivative, rows, stride, columns, constants):
    """f(z) = z, f′ = 1."""
    prefer_wide_vectors()
    d = carray(derivative, rows * stride)
    one = d.dtype.type(1)
    for i in range(rows * stride):
        d[i] = one


@kernel(*SIGNATURE)
def relu(z, derivative, rows, stride, columns, constants):
    """f(z) = max(z, 0); f′ = 1 where z > 0, else 0. NaN stays NaN."""
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    zero, one = a.dtype.type(0), a.dtype.type(1)
    for i in range(rows * stride):
        v = a[i]
        a[i] = zero if v <= zero else v
        d[i] = zero if v <= zero else one


@kernel(*SIGNATURE)
def logistic(z, derivative, rows, stride, columns, constants):
    """f(z) = 1 / (1 + exp(−z)), f′ = f (1 − f)."""
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    one = a.dtype.type(1)
    for i in range(rows * stride):
        v = _logistic(a[i])
        a[i] = v
        d[i] = v * (one - v)


@kernel(*SIGNATURE)
def tanh(z, derivative, rows, stride, columns, constants):
    """f(z) = tanh(z), f′ = 1 − f²."""
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    one = a.dtype.type(1)
    for i in range(rows * stride):
        v = _tanh(a[i])
        a[i] = v
        d[i] = one - v * v


@kernel(*SIGNATURE)
def exponential(z, derivative, rows, stride, columns, constants):
    """f(z) = exp(z) = f′."""
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    for i in range(rows * stride):
        v = exp(a[i])
        a[i] = v
        d[i] = v


@kernel(*SIGNATURE)
def softmax(z, derivative, rows, stride, columns, constants):
    """f(z)ⱼ = exp(zⱼ − max z) / Σ exp(z − max z), row by row; for outputs, whose rows are contiguous."""
    prefer_wide_vectors()
    softmax_rows(carray(z, rows * columns), rows, columns)


@inline_llvm
def softmax_rows(a, rows, columns):
    """a (rows * columns,) is overwritten with each row's softmax.

    The largest is taken off first, so that nothing overflows; the exponentials go through one flat loop, as a row is
    often narrower than a vector.
    """
    for i in range(rows):
        largest = a[i * columns]
        for j in range(i * columns + 1, (i + 1) * columns):
            largest = a[j] if a[j] > largest else largest
        for j in range(i * columns, (i + 1) * columns):
            a[j] -= largest
    for j in range(rows * columns):
        a[j] = exp(a[j])
    for i in range(rows):
        total = a.dtype.type(0)
        for j in range(i * columns, (i + 1) * columns):
            total += a[j]
        for j in range(i * columns, (i + 1) * columns):
            a[j] /= total
