"""Warnings that are shown and never raised.

A warning about compiled code says that something takes time: the result of the fit is right. A program that turns
warnings into errors (``python -W error``, ``warnings.simplefilter("error")``) must not lose a fit because of it, so
where a filter says "error" such a warning is shown instead, by default on stderr. All other filters apply: it is
ignored, recorded, shown once or always, as they say.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from ..common.user_warnings import find_user_frame


def warn(message: str, category: type[Warning]) -> None:
    """Issue a warning at the line that called into fastmlp; where filters would raise it, show it instead."""
    frame, depth = find_user_frame()
    try:
        warnings.warn(message, category, stacklevel=depth)
    except category:
        warnings.showwarning(message, category, frame.f_code.co_filename, frame.f_lineno)


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Do not raise warnings of the enclosed code (Numba's, for instance). Costs nothing where no filter raises."""
    if not any(action == "error" for action, *_ in warnings.filters):
        yield
        return
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        for one in caught:
            _repeat(one)


#: Where the `warnings` module stores which warnings it has shown.
_registry: dict[Any, Any] = {}


def _repeat(one: warnings.WarningMessage) -> None:
    """Issue a recorded warning again, now that the user's filters are restored."""
    try:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno, registry=_registry)
    except one.category:
        warnings.showwarning(one.message, one.category, one.filename, one.lineno)
