"""`lazy_names`: names of a package whose modules are imported when a name is first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(package: str, module_of: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    module_of : dict of str to str
        The module of each name, relative to the package.

    Examples
    --------
    >>> find, names = lazy_names("fastmlp.common", {"Range": ".frozen_params"})
    >>> find("Range").__name__, "Range" in names()
    ('Range', True)
    >>> find("Rang")
    Traceback (most recent call last):
    ...
    AttributeError: module 'fastmlp.common' has no attribute 'Rang'
    """
    namespace = vars(sys.modules[package])

    def find(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        namespace[name] = value = getattr(importlib.import_module(module_of[name], package), name)
        return value

    return find, lambda: sorted({*namespace, *module_of})
