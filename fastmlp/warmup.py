"""Compilation of every kernel ahead of time."""

from __future__ import annotations

import importlib

from . import kernels
from .compiler import cpu, source_hash
from .compiler.kernel import Kernel


def all_kernels() -> list[Kernel]:
    """Return every kernel of the package."""
    modules = [importlib.import_module(name) for name in source_hash.modules_below(kernels.__name__)]
    found = {id(value): value for module in modules for value in vars(module).values() if isinstance(value, Kernel)}
    return list(found.values())


def is_for_tile_units(kernel: Kernel) -> bool:
    """Whether only processors with a tile unit call this kernel; elsewhere its code stands in for the unit in tests."""
    return kernel.__module__ == f"{kernels.__name__}.linalg.tiled_products"


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
    needed = [kernel for kernel in all_kernels() if cpu.TILE_UNIT or not is_for_tile_units(kernel)]
    wanted = [(kernel, dtype) for kernel in needed for dtype in dtypes]
    hits, left = [], []
    for kernel, dtype in wanted:
        if kernel.is_being_made(dtype):
            left.append((kernel, dtype))
        else:
            hits.append(kernel.load(dtype).cache_hits)
    hits += [kernel.load(dtype).cache_hits for kernel, dtype in left]
    return len(hits) - sum(hits), sum(hits)
