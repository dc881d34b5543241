"""Norms of vectors whose squares may overflow in their own type."""

import numpy as np

from ...compiler.numba_backend import inline_reduction
from ..lowlevel.pointers import carray


@inline_reduction
def sum_of_squares_in_double(pointer, n):
    """Return Σ x² over `n` elements, accumulated in float64: in float32, squares of exploding gradients overflow."""
    values = carray(pointer, n)
    total = 0.0
    for i in range(n):
        total += np.float64(values[i]) * np.float64(values[i])
    return total
