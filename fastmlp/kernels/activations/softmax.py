"""Softmax as the output activation of a loss *of outputs*: forward, with ones for f′, and backward.

Such a loss (see `kernels.losses.canonical`) multiplies delta, which holds f′ of an elementwise activation. The outputs
of softmax depend on one another, so its f′ is a matrix: delta holds ones instead, and a kernel of its own follows.
"""

from ...compiler.numba_backend import kernel
from ..lowlevel.calls import ACTIVATION_SIGNATURE, OUTPUT_BACKWARD_SIGNATURE
from ..lowlevel.pointers import carray
from ..math.lanes import prefer_wide_vectors
from .basic import softmax_rows


@kernel(*ACTIVATION_SIGNATURE)
def softmax_beside_ones(z, derivative, rows, stride, columns, constants):
    """z (rows, columns), contiguous, is overwritten with each row's softmax, derivative with ones."""
    prefer_wide_vectors()
    n = rows * columns
    d = carray(derivative, n)
    softmax_rows(carray(z, n), rows, columns)
    for i in range(n):
        d[i] = d.dtype.type(1)


@kernel(*OUTPUT_BACKWARD_SIGNATURE)
def softmax_backward(outputs, delta, rows, columns):
    """delta (rows, columns), g = d loss / d a, is overwritten with d loss / d z = aⱼ (gⱼ − Σₖ gₖ aₖ)."""
    prefer_wide_vectors()
    n = rows * columns
    a, d = carray(outputs, n), carray(delta, n)
    for i in range(rows):
        mean = d.dtype.type(0)
        for j in range(i * columns, (i + 1) * columns):
            mean += d[j] * a[j]
        for j in range(i * columns, (i + 1) * columns):
            d[j] = a[j] * (d[j] - mean)
