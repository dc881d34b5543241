"""Memory for kernels: arrays that begin on a cache line, with zeros around them, and the stride of their rows."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

#: Bytes of a cache line: buffers begin on one, and lie one apart.
LINE = 64


def aligned(shape: Any, dtype: Any) -> np.ndarray:
    """Zeros that begin on a cache line, with a line of zeros before and after (tests check that these stay zero)."""
    dtype = np.dtype(dtype)
    count = math.prod(shape) if isinstance(shape, tuple) else shape
    if count * dtype.itemsize > sys.maxsize - 3 * LINE:  # NumPy's error for them is a ValueError about dimensions
        raise MemoryError(f"{count} numbers were asked for, more than memory can hold.")
    memory = np.zeros(count * dtype.itemsize + 3 * LINE, np.uint8)
    start = LINE + -memory.ctypes.data % LINE
    return np.ndarray(shape, dtype, memory, start)


def padded(width: int, dtype: np.dtype) -> int:
    """Elements from row to row of a (rows, width) buffer: whole cache lines, and beyond two an odd number of them.

    Rows a power of two apart would all fall into the same few sets of the first cache. Two lines fall into half of all
    sets, which costs less than a third line that activations would compute along.
    """
    line = LINE // dtype.itemsize
    lines = -(-width // line)
    return (lines + (lines > 2 and lines % 2 == 0)) * line
