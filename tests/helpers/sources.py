"""The package's sources, parsed once for all tests of a process that read them, and not while tests are collected."""

import ast
import functools
import os
from pathlib import Path

import fastmlp

PACKAGE = Path(fastmlp.__file__).parent
#: Of the repository, or of what an sdist holds beside the package, which may be installed elsewhere.
ROOT = Path(__file__).parents[2]
#: Paths below the package, such as "kernels/loop/epoch.py".
SOURCES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def in_repository(path):
    """Return the place of a path that is relative to the repository: the package is where it was imported from."""
    parts = Path(os.path.normpath(path)).parts
    return PACKAGE.joinpath(*parts[1:]) if parts[:1] == ("fastmlp",) else ROOT.joinpath(*parts)


@functools.cache
def trees():
    """Return the syntax tree of each source by its path below the package."""
    return {source: ast.parse((PACKAGE / source).read_text(encoding="utf-8")) for source in SOURCES}
