"""Options of Numba's configuration that change code, without importing Numba: they are part of the cache's key."""

from __future__ import annotations

import functools
import importlib.util
import os
import stat
import sys
import warnings
from pathlib import Path
from typing import Any

#: Options that describe the processor: `cpu` reads them, too.
PROCESSOR = ("ENABLE_AVX", "CPU_NAME", "CPU_FEATURES")
#: All of them; the environment variables are called NUMBA_….
FLAGS = ("BOUNDSCHECK", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DEBUGINFO_DEFAULT", *PROCESSOR)
_VARIABLES = {"DEBUGINFO_DEFAULT": "NUMBA_DEBUGINFO"}
#: Where Numba looks for its configuration beside the environment.
_CONFIGURATION = Path(".numba_config.yaml")


def described() -> tuple[Any, ...]:
    """Return what determines the flags of this process: environment, configuration file, and what was set later."""
    return [os.environ.get(variable(flag)) for flag in FLAGS], configuration(), changed()


def are_default() -> bool:
    """Whether code is compiled with Numba's own flags, for whatever processor."""
    chosen = [flag for flag in FLAGS if flag not in PROCESSOR and variable(flag) in os.environ]
    return not chosen and configuration() is None and not changed()


def variable(flag: str) -> str:
    """Return the environment variable of a flag."""
    return _VARIABLES.get(flag, f"NUMBA_{flag}")


def changed() -> list[tuple[str, Any]]:
    """Return the options that the program has set to other values than its environment."""
    config = sys.modules.get("numba.core.config")
    if config is None:
        return []
    variables = tuple(sorted(pair for pair in os.environ.items() if pair[0].startswith("NUMBA_")))
    unchanged = _read_anew(variables, configuration())
    return [(flag, now) for flag in FLAGS if (now := getattr(config, flag, None)) != unchanged[flag]]


@functools.cache
def _read_anew(*_circumstances: Any) -> dict[str, Any]:
    """Return the flags of Numba's configuration, read anew by its own loader in these circumstances."""
    specification = sys.modules["numba.core.config"].__spec__
    assert specification is not None and specification.loader is not None
    config = importlib.util.module_from_spec(specification)
    with warnings.catch_warnings(action="ignore"):  # Numba has said already what it thinks of its environment
        specification.loader.exec_module(config)
    return {flag: getattr(config, flag, None) for flag in FLAGS}


def configuration() -> tuple[int, bytes] | None:
    """Return the configuration that Numba finds in the working directory, for the key: a file of any owner and kind."""
    try:
        descriptor = os.open(_CONFIGURATION, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        return (status.st_size, os.read(descriptor, 1 << 20)) if stat.S_ISREG(status.st_mode) else None
    finally:
        os.close(descriptor)
