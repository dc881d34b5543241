"""Machine code on disk: under which key, in which folders, read and written so that no accident breaks a fit.

Numba's own cache looks at the time stamp of one source file: an edit in *another* file, or another value of
``NUMBA_BOUNDSCHECK``, would run old code. Ours lives under a key that hashes all kernel sources, the versions, the
processor and the flags; one file for each function and type, written whole and then renamed, with a checksum.
What cannot be read is compiled again, what cannot be written is kept in memory. Nothing here loads Numba.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llvmlite

from . import host, source_hash

PACKAGE = Path(__file__).parent
#: What changes code, by the names in Numba's configuration; the variables are called NUMBA_….
FLAGS = (
    "BOUNDSCHECK", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DEBUGINFO_DEFAULT", "ENABLE_AVX",
    "CPU_NAME", "CPU_FEATURES",
)  # fmt: skip
_VARIABLES = {"DEBUGINFO_DEFAULT": "NUMBA_DEBUGINFO"}
#: Where Numba looks for its configuration beside the environment.
_CONFIGURATION = Path(".numba_config.yaml")


@functools.cache
def cache_key() -> str:
    """What compiled code depends on, hashed: sources, versions, processor, flags."""
    digest = hashlib.sha256()
    digest.update(source_hash.of_sources())
    described = (
        importlib.metadata.version("numba"),
        llvmlite.__version__,
        sys.version_info[:2],
        (host.TRIPLE, host.NAME, host.FEATURES),
        [os.environ.get(_VARIABLES.get(flag, f"NUMBA_{flag}")) for flag in FLAGS],
        _CONFIGURATION.read_bytes() if _CONFIGURATION.is_file() else None,
        _changed_flags(),
    )
    digest.update(repr(described).encode())
    return digest.hexdigest()[:16]


def _changed_flags() -> list[tuple[str, Any]]:
    """What a program has set in Numba's configuration, against what its environment says."""
    config = sys.modules.get("numba.core.config")
    if config is None:
        return []
    specification = importlib.util.spec_from_file_location("numba.core.config", config.__file__)
    assert specification is not None and specification.loader is not None
    unchanged = importlib.util.module_from_spec(specification)
    with warnings.catch_warnings(action="ignore"):  # Numba has said already what it thinks of its environment
        specification.loader.exec_module(unchanged)
    pairs = [(flag, getattr(config, flag, None), getattr(unchanged, flag, None)) for flag in FLAGS]
    return [(flag, now) for flag, now, before in pairs if now != before]


def chosen_folder() -> str:
    """NUMBA_CACHE_DIR, or what Numba has been told."""
    if "numba" in sys.modules or _CONFIGURATION.is_file():
        from numba.core import config

        return getattr(config, "CACHE_DIR", "")
    return os.environ.get("NUMBA_CACHE_DIR", "")


def cache_folders() -> list[Path]:
    """Where compiled code is looked for, in this order; it is written to the first that can be written."""
    name = f"fastmlp-{cache_key()}"
    if chosen := chosen_folder():
        return [Path(chosen) / name]
    # Beside the package, not in it: what pip leaves behind there could be imported as `fastmlp`.
    folders = [PACKAGE.parent / "__pycache__" / name] if PACKAGE.is_dir() else []
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return [*folders, Path(home) / "fastmlp" / name]


def read(name: str) -> Iterator[bytes]:
    """The whole files of this name, folder by folder."""
    for folder in cache_folders():
        try:
            content = (folder / name).read_bytes()
        except OSError:
            continue
        if hashlib.sha256(content[32:]).digest() == content[:32]:
            yield content[32:]


def write(name: str, content: bytes) -> None:
    """Keep it for the next process, or say once that it cannot be kept."""
    whole = hashlib.sha256(content).digest() + content
    reasons = []
    for folder in cache_folders():
        try:
            _write_whole(folder / name, whole)
            return
        except OSError as error:
            reasons.append(f"{folder}: {error.strerror or error}")
    _warn_uncached("; ".join(reasons))


def _write_whole(path: Path, content: bytes) -> None:
    """Write under a name of our own, then rename: a reader sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@functools.cache
def _warn_uncached(reasons: str) -> None:
    warnings.warn(
        f"fastmlp cannot keep its compiled kernels ({reasons}); they are compiled again in each process. "
        "Set NUMBA_CACHE_DIR to a folder that can be written.",
        RuntimeWarning,
        stacklevel=2,
    )
