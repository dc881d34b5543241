"""A hash of what the package's compiled code is made from: sources where there are any, else their byte code.

A package may be in a folder, in a zip file, consist of ``.pyc`` files alone, or be part of a program frozen by
PyInstaller. Its loaders are asked, so that an edited kernel changes the hash in each of these forms.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import pkgutil
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from typing import Any

#: Modules of this folder that determine the machine code.
_OWN = ("cache", "cpu", "flags", "kernel", "minimal_pipeline", "numba_backend", "python_calls", "source_hash")
_KERNELS = f"{__package__.partition('.')[0]}.kernels"


def of_sources() -> bytes:
    """Return a digest of all kernels and of the modules that compile them."""
    digest = hashlib.sha256()
    for name in [*(f"{__package__}.{name}" for name in _OWN), *sorted(modules_below(_KERNELS))]:
        specification = importlib.util.find_spec(name)
        assert specification is not None
        digest.update(name.encode() + b"\0" + _content(specification))
    return digest.digest()


def modules_below(package: str) -> Iterator[str]:
    """Yield the package's name and those of all modules below it; only packages are imported."""
    yield package
    specification = importlib.util.find_spec(package)
    assert specification is not None
    for found in pkgutil.iter_modules(specification.submodule_search_locations, f"{package}."):
        if found.ispkg:
            yield from modules_below(found.name)
        else:
            yield found.name


def _content(specification: ModuleSpec) -> bytes:
    """Return the source; the ``.pyc`` file if there is no source; or the code object, from a loader without files."""
    loader: Any = specification.loader
    try:
        content: bytes = loader.get_data(specification.origin)
        return content
    except (AttributeError, OSError):
        code = loader.get_code(specification.name)
        return marshal.dumps(code, 0)  # of all formats the one in which equal code is equal bytes
