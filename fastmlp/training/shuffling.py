"""The row order of an epoch, as scikit-learn draws it."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from ..compiler.kernel import KernelModule

if TYPE_CHECKING:
    from ..kernels.loop import shuffle as _kernels
else:
    _kernels = KernelModule("loop.shuffle")


def shuffle(order: np.ndarray, random_state: np.random.RandomState) -> None:
    """Shuffle `order` (int64) in place, with the numbers that ``random_state.shuffle(order)`` would draw.

    scikit-learn gets the same order by indexing the rows with a shuffled range. The numbers come through the C
    interface that NumPy's bit generators have for compiled code.
    """
    generator = getattr(random_state, "_bit_generator", None)
    if generator is None or order.size > 2**32:
        random_state.shuffle(order)
        return
    entry = _kernels.shuffle.entry(np.float64)
    with generator.lock:
        interface = generator.ctypes
        next_uint32 = ctypes.cast(interface.next_uint32, ctypes.c_void_p).value
        entry(order.ctypes.data, order.size, next_uint32, interface.state_address)
