"""What the package's compiled code is made from, hashed: sources where there are any, else the code made of them.

A package may lie in a folder, in a zip file, as ``.pyc`` files alone, or inside a program frozen by PyInstaller. Its
loaders are asked, so that an edited kernel changes the hash in each of these forms.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import pkgutil
from functools import cache
from importlib.machinery import ModuleSpec

#: What compiles, beside the kernels.
_OWN = ("_jit", "code_cache", "host", "source_hash", "units")
_KERNELS = f"{__package__}.kernels"


def of_sources() -> bytes:
    """A digest of all kernels and of what compiles them."""
    digest = hashlib.sha256()
    kernels = importlib.util.find_spec(_KERNELS)
    assert kernels is not None
    names = sorted(found.name for found in pkgutil.iter_modules(kernels.submodule_search_locations))
    for name in [*(f"{__package__}.{name}" for name in _OWN), _KERNELS, *(f"{_KERNELS}.{name}" for name in names)]:
        specification = importlib.util.find_spec(name)
        assert specification is not None
        digest.update(name.encode() + b"\0" + _content(specification))
    return digest.digest()


@cache
def is_kernel_module(name: str) -> bool:
    """Whether ``kernels`` has a module of this name; none is imported."""
    return importlib.util.find_spec(f"{_KERNELS}.{name}") is not None


def _content(specification: ModuleSpec) -> bytes:
    """The source; the file of code where that is all there is; or the code, from a loader without files."""
    loader: object = specification.loader
    try:
        return loader.get_data(specification.origin)  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        code = loader.get_code(specification.name)  # type: ignore[attr-defined]
        return marshal.dumps(code, 0)  # of all formats the one in which equal code is equal bytes
