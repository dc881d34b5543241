"""Norms of what may overflow in its own type."""

import numpy as np

from ...compiler.numba_backend import inline_reduction
from ..lowlevel.pointers import carray


@inline_reduction
def sum_of_squares_in_double(pointer, n):
    """Σ x², added up in float64: squares of what explodes would overflow in float32."""
    values = carray(pointer, n)
    total = 0.0
    for i in range(n):
        total += np.float64(values[i]) * np.float64(values[i])
    return total
