"""A user's own loss: two plain functions of an output and its target, put in by `fastmlp.losses.custom`."""

import numpy as np

from ..lowlevel.pointers import carray
from ..math.lanes import prefer_wide_vectors

#: The gaps.
value_of = derivative_of = None


def loss_of_outputs(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """Of outputs, see `losses.canonical`: loss = value_of(a, y), derivative derivative_of(a, y); no constants.

    In one loop, so that what both functions compute is computed once.
    """
    prefer_wide_vectors()
    n = rows * columns
    a, d, y = carray(z, n), carray(delta, n), carray(target, n)
    w, losses = carray(weight, n), carray(loss, n)
    for i in range(n):
        losses[i] = np.float64(value_of(a[i], y[i])) * np.float64(w[i])
        d[i] *= derivative_of(a[i], y[i]) * w[i]
