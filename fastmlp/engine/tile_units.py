"""Whether this process may use the processor's tile unit (AMX), which Linux gives to processes that ask for it."""

from __future__ import annotations

import ctypes
import functools
from typing import TYPE_CHECKING

import numpy as np

from ..common.user_warnings import warn_user
from ..compiler import cpu
from ..compiler.kernel import Kernel, KernelModule
from ..kernels.lowlevel.records import OVERWRITE, ROW_TILE, SCRATCH

if TYPE_CHECKING:
    from ..kernels.linalg import tiled_products
else:
    tiled_products = KernelModule("linalg.tiled_products")

#: System call, request and number of the tile registers; see Linux's Documentation/arch/x86/xstate.rst.
_ARCH_PRCTL, _REQUEST, _TILE_REGISTERS = 158, 0x1023, 18
_LARGEST_ERROR = 2.0**-16


@functools.cache
def available() -> bool:
    """Whether products may be computed in tiles: asked once in a process, and inherited by its children.

    The unit is tried before it is relied on; if its numbers are wrong, a warning says so, and it is not used.
    """
    if not cpu.TILE_UNIT or not _permitted():
        return False
    if product_error(tiled_products.multiply_bfloat16_3x_tiles) > _LARGEST_ERROR:
        warn_user(
            "The processor's tile unit (AMX) has computed wrong numbers, so it is not used: please report this, with "
            "what `python -m fastmlp info` prints."
        )
        return False
    return True


def _permitted() -> bool:
    """Ask the system for the tile registers; False if it has none, or a signal stack is too small for them."""
    try:
        system_call = ctypes.CDLL(None).syscall
    except (OSError, AttributeError):
        return False
    return bool(system_call(_ARCH_PRCTL, _REQUEST, _TILE_REGISTERS) == 0)


def product_error(kernel: Kernel) -> float:
    """Return the largest error of a kernel's product, max |out − a b| / Σ |a| |b|, of numbers drawn from a seed."""
    rows, columns, depth = 37, 53, 331
    rng, dtype = np.random.RandomState(0), np.dtype(np.float32)
    a = rng.standard_normal((-(-rows // ROW_TILE) * ROW_TILE, depth)).astype(dtype)
    b, out = rng.standard_normal((depth, columns)).astype(dtype), np.zeros((len(a), columns), dtype)
    scratch = np.empty(SCRATCH, dtype)
    at, of_a, of_b, between = (array.ctypes.data for array in (out, a, b, scratch))
    kernel.entry(dtype)(
        at, columns, at, of_a, depth, 1, of_b, columns, 0, of_b, rows, columns, depth, OVERWRITE, between
    )
    a, b = a[:rows].astype(np.float64), b.astype(np.float64)
    return float(np.max(np.abs(out[:rows] - a @ b) / (np.abs(a) @ np.abs(b))))
