"""Losses: output activation, loss and delta of a block of rows; one kernel each, called through its address.

Every kernel has the signature (z, delta, target, weight, loss, rows, columns, n_targets, constants), rows contiguous.
target, weight and loss (rows, n_targets) stand one beside the other: a column for each output, or a single one
(softmax: the class). loss, in float64, is overwritten with weighted losses, which add up to the block's. constants
holds the loss's own numbers, if it has any. There are two kinds:

**fused** with the output activation: z (rows, columns) holds the output layer's pre-activations
and is overwritten with its outputs a; delta (rows, columns) is overwritten with d loss / d z times the weight. For the
canonical pairs in this file that is (a − y) times the weight.

**of outputs**, with any output activation: z holds the outputs a and stays; delta holds f′ (ones for softmax, which has
a backward kernel of its own) and is multiplied by d loss / d a times the weight.

The division by the sum of weights comes with the update. A NaN stays one. The loops are short and flat so that
LLVM vectorizes them: it gives up where a loop writes more than two arrays, as it would have to prove that none overlap.

In this file: scikit-learn's own four, fused with their output activations. Logarithms are of probabilities clipped to
[ε, 1 − ε], ε the type's epsilon, as scikit-learn's are.
"""

import numpy as np

from ...compiler.numba_backend import inline_ir, inline_llvm, kernel
from ..activations.basic import softmax_rows
from ..lowlevel.calls import LOSS_SIGNATURE as SIGNATURE
from ..lowlevel.pointers import carray
from ..math.elementary import exp, log, logistic
from ..math.lanes import epsilon_of, prefer_wide_vectors


@inline_llvm
def clip(p, epsilon):
    """p within [ε, 1 − ε]; NaN stays NaN."""
    p = epsilon if p < epsilon else p
    highest = type(epsilon)(1) - epsilon
    return highest if p > highest else p


@inline_ir
def per_output(z, delta, target, weight, loss, n):
    """Return (a, d, y, w, losses): the arrays (n,) of a loss that has a target for each of n outputs."""
    return carray(z, n), carray(delta, n), carray(target, n), carray(weight, n), carray(loss, n)


@inline_ir
def constant_like(w, constants, place):
    """Return the loss's number at this place in the type of w's elements."""
    return w.dtype.type(carray(constants, place + 1)[place])


@kernel(*SIGNATURE)
def softmax_log_loss(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """a = softmax(z), loss = −log a[y] with the class y as the row's only target."""
    prefer_wide_vectors()
    y, w, row_loss = carray(target, rows), carray(weight, rows), carray(loss, rows)
    a, d = carray(z, rows * columns), carray(delta, rows * columns)
    epsilon, one = epsilon_of(y.dtype.type(0)), y.dtype.type(1)
    softmax_rows(a, rows, columns)
    for i in range(rows):
        for j in range(columns):
            d[i * columns + j] = a[i * columns + j] * w[i]
        at = i * columns + int(y[i])
        d[at] = (a[at] - one) * w[i]
        row_loss[i] = a[at]
    for i in range(rows):
        row_loss[i] = -log(np.float64(clip(y.dtype.type(row_loss[i]), epsilon))) * w[i]


@kernel(*SIGNATURE)
def logistic_log_loss(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """a = logistic(z), loss = −(y log a + (1 − y) log(1 − a)), each output a label of its own, y 0 or 1."""
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    epsilon, zero, one = epsilon_of(w.dtype.type(0)), w.dtype.type(0), w.dtype.type(1)
    for i in range(n):
        a[i] = logistic(a[i])
    for i in range(n):
        d[i] = (a[i] - y[i]) * w[i]
    for i in range(n):
        p = clip(a[i], epsilon)
        losses[i] = -np.float64(log(p if y[i] > zero else one - p) * w[i])


@kernel(*SIGNATURE)
def squared_error(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """a = z, loss = ½ mean over the outputs of (a − y)², delta that of ½ the *sum*: as scikit-learn has it."""
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    half = 0.5 / columns
    for i in range(n):
        difference = a[i] - y[i]
        d[i] = difference * w[i]
        losses[i] = half * np.float64(difference) * np.float64(difference) * np.float64(w[i])


@kernel(*SIGNATURE)
def poisson(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """a = exp(z), loss = y log(y / a) − y + a, half the Poisson deviance (y log y = 0 at y = 0)."""
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    zero, one = w.dtype.type(0), w.dtype.type(1)
    for i in range(n):
        a[i] = exp(a[i])
    for i in range(n):
        t = y[i]
        d[i] = (a[i] - t) * w[i]
        surprise = t * log(t / a[i] if t > zero else one)
        losses[i] = np.float64((surprise - t + a[i]) * w[i])
