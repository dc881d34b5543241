"""Compilation of every kernel ahead of time."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from . import kernels
from .compiler import cpu, source_hash
from .compiler.kernel import Kernel


def all_kernels() -> list[Kernel]:
    """Return every kernel of the package."""
    modules = [importlib.import_module(name) for name in source_hash.modules_below(kernels.__name__)]
    found = {id(value): value for module in modules for value in vars(module).values() if isinstance(value, Kernel)}
    return list(found.values())


def needed(dtypes: Iterable[str], tile_unit: bool) -> list[tuple[Kernel, str]]:
    """Return the kernels that a process may call, with each of these types for which it does.

    Products of rounded numbers are for float32 alone, and those in tiles for processors with a unit for them.

    Parameters
    ----------
    dtypes : iterable of {'float32', 'float64'}
    tile_unit : bool
    """
    in_tiles, rounded = (f"{kernels.__name__}.linalg.{name}" for name in ("tiled_products", "reduced_precision"))
    return [
        (kernel, dtype)
        for kernel in all_kernels()
        for dtype in dtypes
        if (dtype == "float32" or kernel.__module__ not in (in_tiles, rounded))
        and (tile_unit or kernel.__module__ != in_tiles)
    ]


def compile_all(dtypes: list[str]) -> tuple[int, int]:
    """Compile every kernel that this processor may need for each type, or load it from the cache.

    Kernels that another process is compiling come last, so that several processes share the work.

    Parameters
    ----------
    dtypes : list of {'float32', 'float64'}

    Returns
    -------
    n_compiled : int
        Number of kernels that were compiled.
    n_loaded : int
        Number of kernels that were loaded from the cache.
    """
    hits, left = [], []
    for kernel, dtype in needed(dtypes, cpu.TILE_UNIT):
        if kernel.is_being_made(dtype):
            left.append((kernel, dtype))
        else:
            hits.append(kernel.load(dtype).cache_hits)
    hits += [kernel.load(dtype).cache_hits for kernel, dtype in left]
    return len(hits) - sum(hits), sum(hits)
