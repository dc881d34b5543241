"""Losses of a difference, a − y: one kernel each, with the signature and the two kinds that `canonical` describes.

target, weight and loss have a column for each output (`quantile`: for each target). All but `squares` are of outputs:
delta is multiplied by d loss / d a times the weight. At a corner of the loss its derivative is 0. Losses are
computed in float64, as they are stored, so that no square overflows float32.
"""

import numpy as np

from ...compiler.numba_backend import kernel
from ..lowlevel.pointers import carray
from ..math.elementary import log, log1p, tanh
from ..math.lanes import prefer_wide_vectors
from .canonical import SIGNATURE, constant_like, per_output


@kernel(*SIGNATURE)
def squares(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """Fused with identity: loss = s (a − y)², delta = s′ (a − y); constants: s and s′, ½ and 1 or 1 and 2."""
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    scale, derivative = carray(constants, 1)[0], constant_like(w, constants, 1)
    for i in range(n):
        difference = a[i] - y[i]
        d[i] = derivative * difference * w[i]
        losses[i] = scale * np.float64(difference) * np.float64(difference) * np.float64(w[i])


@kernel(*SIGNATURE)
def squares_of_outputs(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """loss = s (a − y)², derivative s′ (a − y); constants: s and s′ (scikit-learn has ½ / columns and 1)."""
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    scale, derivative = carray(constants, 1)[0], constant_like(w, constants, 1)
    for i in range(n):
        difference = a[i] - y[i]
        d[i] *= derivative * difference * w[i]
        losses[i] = scale * np.float64(difference) * np.float64(difference) * np.float64(w[i])


@kernel(*SIGNATURE)
def absolute(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """loss = |a − y|, derivative its sign."""
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    zero, one = w.dtype.type(0), w.dtype.type(1)
    for i in range(n):
        r = a[i] - y[i]
        d[i] *= (one if r > zero else -one if r < zero else r) * w[i]  # r itself is 0 here, or NaN
        losses[i] = np.float64(abs(r)) * np.float64(w[i])


@kernel(*SIGNATURE)
def huber(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """With s = a − y cut to [−δ, δ]: loss = s (a − y) − ½ s², derivative s; constants: δ."""
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    limit = constant_like(w, constants, 0)
    for i in range(n):
        r = a[i] - y[i]
        s = limit if r > limit else -limit if r < -limit else r
        d[i] *= s * w[i]
        losses[i] = np.float64(s) * (np.float64(r) - 0.5 * np.float64(s)) * np.float64(w[i])


@kernel(*SIGNATURE)
def log_cosh(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """loss = ln cosh(a − y), derivative t = tanh(a − y).

    From t, so that nothing overflows: −½ ln(1 − t²) where |a − y| < 1, else |a − y| − ln(1 + |t|).
    """
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    half, one = w.dtype.type(0.5), w.dtype.type(1)
    for i in range(n):
        r = abs(a[i] - y[i])
        t = tanh(r)
        near, far = -half * log1p(-t * t), r - log(one + t)
        losses[i] = np.float64(near if r < one else far) * np.float64(w[i])
    for i in range(n):
        d[i] *= tanh(a[i] - y[i]) * w[i]


@kernel(*SIGNATURE)
def quantile(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """loss = Σ q (y − a) where a ≤ y, (1 − q) (a − y) where a > y; derivative −q or 1 − q.

    constants: the quantiles q, columns / n_targets of them; a target's outputs are adjacent, one for each.
    """
    prefer_wide_vectors()
    each = columns // n_targets
    a, d, y = carray(z, rows * columns), carray(delta, rows * columns), carray(target, rows * n_targets)
    w, losses, quantiles = carray(weight, y.size), carray(loss, y.size), carray(constants, each)
    zero, one = w.dtype.type(0), w.dtype.type(1)
    for i in range(y.size):
        losses[i] = 0
    for k in range(each):
        q = w.dtype.type(quantiles[k])
        for i in range(y.size):
            at = i * each + k
            r = y[i] - a[at]
            derivative = -q if r > zero else one - q if r < zero else r
            d[at] *= derivative * w[i]
            losses[i] -= np.float64(derivative) * np.float64(r) * np.float64(w[i])


@kernel(*SIGNATURE)
def quantile_in_order(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """The loss of outputs that are sorted first: a target's own, ascending, stay in z; delta is not written.

    Losses, target and constants are as in `quantile`. A NaN stays where it is, and makes a loss of NaN.
    """
    each = columns // n_targets
    a, y = carray(z, rows * columns), carray(target, rows * n_targets)
    w, losses, quantiles = carray(weight, y.size), carray(loss, y.size), carray(constants, each)
    for i in range(y.size):
        first = i * each
        for k in range(first + 1, first + each):
            value, at = a[k], k
            while at > first and a[at - 1] > value:
                a[at] = a[at - 1]
                at -= 1
            a[at] = value
        total = 0.0
        for k in range(each):
            r = np.float64(y[i]) - np.float64(a[first + k])
            q = np.float64(w.dtype.type(quantiles[k]))
            total += r * (q if r > 0.0 else q - 1.0)
        losses[i] = total * np.float64(w[i])
