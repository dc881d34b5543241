"""Losses of the margin between classes, of outputs: one kernel each, with the signature that `canonical` describes."""

import numpy as np

from ...compiler.numba_backend import inline_llvm, kernel
from ..lowlevel.pointers import carray
from ..math.lanes import prefer_wide_vectors
from .canonical import SIGNATURE, per_output


@inline_llvm
def loss_and_derivative(violation, squared):
    """Return max(0, v) and 1 where v ≥ 0, or with `squared` max(0, v)² and 2 max(0, v); NaN stays NaN."""
    zero, one = type(violation)(0), type(violation)(1)
    over = zero if violation < zero else violation
    if squared:
        return np.float64(over) * np.float64(over), over + over
    return np.float64(over), one if violation >= zero else over


@kernel(*SIGNATURE)
def margin(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """loss = max(0, v) or max(0, v)², v by how much the margin m is missed; constants: m, and whether to square.

    One column: v = m − y a, with y = 1 where target is positive and −1 elsewhere. Several: target is the class y of
    the row, and v = m + max over j ≠ y of aⱼ − a_y. The corner v = 0 counts as missed.
    """
    prefer_wide_vectors()
    y, w, losses = carray(target, rows), carray(weight, rows), carray(loss, rows)
    a, d, numbers = carray(z, rows * columns), carray(delta, rows * columns), carray(constants, 2)
    zero, one = w.dtype.type(0), w.dtype.type(1)
    wanted, squared = w.dtype.type(numbers[0]), numbers[1] != 0.0
    if columns == 1:
        for i in range(rows):
            sign = one if y[i] > zero else -one
            value, derivative = loss_and_derivative(wanted - sign * a[i], squared)
            d[i] *= -sign * derivative * w[i]
            losses[i] = value * np.float64(w[i])
        return
    for i in range(rows):
        own = i * columns + int(y[i])
        rival = i * columns if own > i * columns else own + 1
        for j in range(i * columns, (i + 1) * columns):
            if j != own and (a[j] > a[rival] or a[j] != a[j]):  # a NaN is the strongest rival: it must be seen
                rival = j
        value, derivative = loss_and_derivative(wanted + a[rival] - a[own], squared)
        of_rival, of_own = d[rival] * derivative * w[i], -d[own] * derivative * w[i]
        for j in range(i * columns, (i + 1) * columns):
            d[j] = zero
        d[rival], d[own] = of_rival, of_own
        losses[i] = value * np.float64(w[i])


@kernel(*SIGNATURE)
def perceptron_rule(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """Behind step: loss = |a − y|, a mistake or none; delta = a − y, overwritten, as the derivative of a step is 0."""
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    for i in range(n):
        difference = a[i] - y[i]
        d[i] = difference * w[i]
        losses[i] = np.float64(abs(difference)) * np.float64(w[i])
