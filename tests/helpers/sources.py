"""The package's sources, parsed once for all tests of a process that read them, and not while tests are collected."""

import ast
import functools
from pathlib import Path

import fastmlp

PACKAGE = Path(fastmlp.__file__).parent
#: Paths below the package, such as "kernels/loop/epoch.py".
SOURCES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@functools.cache
def trees():
    """Return the syntax tree of each source by its path below the package."""
    return {source: ast.parse((PACKAGE / source).read_text(encoding="utf-8")) for source in SOURCES}
