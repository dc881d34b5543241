"""What the package's compiled code is made from, hashed: sources where there are any, else the code made of them.

A package may lie in a folder, in a zip file, as ``.pyc`` files alone, or inside a program frozen by PyInstaller. Its
loaders are asked, so that an edited kernel changes the hash in each of these forms.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import pkgutil
from collections.abc import Iterator
from importlib.machinery import ModuleSpec

#: What compiles, beside the kernels.
_OWN = ("cache", "cpu", "kernel", "numba_backend", "source_hash")
_KERNELS = f"{__package__.partition('.')[0]}.kernels"


def of_sources() -> bytes:
    """A digest of all kernels and of what compiles them."""
    digest = hashlib.sha256()
    for name in [*(f"{__package__}.{name}" for name in _OWN), *sorted(modules_below(_KERNELS))]:
        specification = importlib.util.find_spec(name)
        assert specification is not None
        digest.update(name.encode() + b"\0" + _content(specification))
    return digest.digest()


def modules_below(package: str) -> Iterator[str]:
    """The package's name, and those of all modules below it; none of them but packages is imported."""
    yield package
    specification = importlib.util.find_spec(package)
    assert specification is not None
    for found in pkgutil.iter_modules(specification.submodule_search_locations, f"{package}."):
        if found.ispkg:
            yield from modules_below(found.name)
        else:
            yield found.name


def _content(specification: ModuleSpec) -> bytes:
    """The source; the file of code where that is all there is; or the code, from a loader without files."""
    loader: object = specification.loader
    try:
        return loader.get_data(specification.origin)  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        code = loader.get_code(specification.name)  # type: ignore[attr-defined]
        return marshal.dumps(code, 0)  # of all formats the one in which equal code is equal bytes
