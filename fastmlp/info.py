"""What a bug report needs: versions, processor, threads, and where compiled kernels come from."""

from __future__ import annotations

import collections
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator

import numpy as np

from .compiler import cache, flags, prebuilt
from .compiler import cpu as host
from .compiler import kernel as kernels
from .engine.cores import WORKER_VARIABLES, count_threads
from .warmup import needed

_PACKAGES = ("numpy", "scipy", "scikit-learn", "numba", "llvmlite", "threadpoolctl", "joblib")
DTYPES = ("float32", "float64")
TO_COMPILE = "to be compiled when first needed"
LOADED = {
    kernels.WHEEL: "loaded from the wheel",
    kernels.CACHE: "loaded from a cache folder",
    kernels.COMPILER: "compiled in this process",
}


def describe(each_kernel: bool = False) -> str:
    """Return a report for people: ``python -m fastmlp info`` prints it.

    Called after a fit in the same process, it also says where the kernels that were loaded came from.

    Parameters
    ----------
    each_kernel : bool, default=False
        Whether it has a line for each kernel and type.

    Examples
    --------
    >>> from fastmlp.info import describe
    >>> describe().splitlines()[0]
    'fastmlp 0.1.0'
    """
    lines = [f"fastmlp {sys.modules[__package__].__version__}"]
    for section in (_versions, _processor, _code, lambda: _kernels(each_kernel), _threads):
        try:
            found = list(section())
        except Exception as error:  # the report is for environments in which something is wrong
            found = [("not found", repr(error))]
        for title, text in found:
            first, *others = text.splitlines() or ["none"]
            lines += [f"{title + ':':<22} {first}", *(f"{'':22} {line}" for line in others)]
    return "\n".join(lines)


def _versions() -> Iterator[tuple[str, str]]:
    yield "installed in", str(cache.PACKAGE)
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()}), {platform.platform()}"
    yield "packages", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "is missing"


def _processor() -> Iterator[tuple[str, str]]:
    registers = 32 if host.MANY_REGISTERS else 16
    yield "processor", f"{host.NAME}, {host.TRIPLE}, {registers} vector registers of {host.VECTOR_BITS} bits"
    level = prebuilt.host_level()
    yield "level", level.name if level else "none: no compiled kernels are shipped for this processor"
    yield "features", ",".join(feature for feature in host.FEATURES if feature.startswith("+"))
    chosen = [name for name in map(flags.variable, flags.FLAGS) if name in os.environ]
    told = [
        f"{name}={os.environ[name]}" for name in (*chosen, "NUMBA_CACHE_DIR", prebuilt.SWITCH) if name in os.environ
    ]
    told += [f"{flag} = {value!r} (set by the program)" for flag, value in flags.changed()]
    yield "options", "\n".join(told)


def _code() -> Iterator[tuple[str, str]]:
    found = prebuilt.archive()
    built_with = ", ".join(f"{name} {version}" for name, version in found.versions.items()) if found else ""
    yield "kernels of the wheel", f"built with {built_with}" if found else f"not used: {prebuilt.why_not()}"
    yield "cache folders", "\n".join(f"{folder}: {what}" for folder, what in cache.described_folders())


def _kernels(each_kernel: bool) -> Iterator[tuple[str, str]]:
    origins = _origins()
    counts = collections.Counter(origins.values())
    yield "kernels", "\n".join(f"{count} {origin}" for origin, count in sorted(counts.items()))
    if each_kernel:
        yield "each kernel", "\n".join(f"{name:<56} {origin}" for name, origin in sorted(origins.items()))


def _origins() -> dict[str, str]:
    """Return for each kernel and type where its code came from, or would come from in a process that needs it."""
    known = {}
    if found := prebuilt.archive():
        known = {name.removesuffix(".o"): "in the wheel" for name in found.names}
    else:
        for name in (kernel.file_name(np.dtype(dtype)) for kernel, dtype in needed(DTYPES, host.TILE_UNIT)):
            known[name.removesuffix(".o")] = "in a cache folder" if next(cache.read(name), None) else TO_COMPILE
    return known | {name: LOADED[origin] for name, origin in kernels.origins.items()}


def _threads() -> Iterator[tuple[str, str]]:
    limits = [f"{name}={os.environ[name]}" for name in WORKER_VARIABLES if name in os.environ]
    yield "threads", "\n".join([f"{count_threads(None)} of {os.cpu_count()} cores", *limits])
