"""Every kernel compiled ahead of time."""

from __future__ import annotations

import importlib

from . import kernels
from .compiler import source_hash
from .compiler.kernel import Unit


def all_units() -> list[Unit]:
    """Every unit of the package."""
    modules = [importlib.import_module(name) for name in source_hash.modules_below(kernels.__name__)]
    units = {id(value): value for module in modules for value in vars(module).values() if isinstance(value, Unit)}
    return list(units.values())


def compile_all(dtypes: list[str]) -> tuple[int, int]:
    """Compile every unit for each type; returns how many were compiled and how many came from the cache.

    What another process compiles just now comes last, so that several share the work.
    """
    wanted = [(unit, dtype) for unit in all_units() for dtype in dtypes]
    hits, left = [], []
    for unit, dtype in wanted:
        if unit.is_being_made(dtype):
            left.append((unit, dtype))
        else:
            hits.append(unit.load(dtype).cache_hits)
    hits += [unit.load(dtype).cache_hits for unit, dtype in left]
    return len(hits) - sum(hits), sum(hits)
