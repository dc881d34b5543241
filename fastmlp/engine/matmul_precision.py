"""How exactly products of matrices read their operands: names that users give, and the kernels that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.lookup import UnknownNameError
from ..compiler.kernel import Kernel, KernelModule
from . import tile_units

if TYPE_CHECKING:
    from ..kernels.linalg import dense, reduced_precision, tiled_products
else:
    dense = KernelModule("linalg.dense")
    reduced_precision = KernelModule("linalg.reduced_precision")
    tiled_products = KernelModule("linalg.tiled_products")

#: What computes the products, and what does where there is a tile unit.
KERNELS: dict[str, Kernel] = {
    "float32": dense.multiply,
    "bfloat16_3x": reduced_precision.multiply_bfloat16_3x,
    "bfloat16": reduced_precision.multiply_bfloat16,
}
_IN_TILES: dict[str, Kernel] = {
    "bfloat16_3x": tiled_products.multiply_bfloat16_3x_tiles,
    "bfloat16": tiled_products.multiply_bfloat16_tiles,
}


def kernel_for(name: str) -> Kernel:
    """Return the kernel of a precision on this processor."""
    return _IN_TILES[name] if name in _IN_TILES and tile_units.available() else KERNELS[name]


def check_matmul_precision(name: Any, dtype: np.dtype, instead: str) -> str:
    """Return the name of a precision for a model whose arithmetic has this type.

    Parameters
    ----------
    name : str
        'float32', 'bfloat16_3x' or 'bfloat16'.
    dtype : dtype
    instead : str
        How this model's arithmetic becomes float32, for the message.

    Raises
    ------
    UnknownNameError
        If there is no such precision.
    ValueError
        If the arithmetic is in float64, which has one precision: that of 'float32', the default.
    """
    known = check_precision_name(name)
    if known != "float32" and dtype != np.float32:
        raise ValueError(
            f"matmul_precision={name!r} is for models in float32, but this one computes in {np.dtype(dtype)}: "
            f"{instead}, or use matmul_precision='float32', the default."
        )
    return known


def check_precision_name(name: Any) -> str:
    """Return the name of a precision.

    Raises
    ------
    UnknownNameError
        If there is no such precision.
    """
    if not isinstance(name, str) or name not in KERNELS:
        raise UnknownNameError(f"matmul_precision={name!r} is unknown: it is one of {', '.join(KERNELS)}.")
    return str(name)
