"""Warnings that are shown and never raised.

A warning about compiled code says that something costs time: the result of the fit is right. Those who turn warnings
into errors (``python -W error``, ``warnings.simplefilter("error")``) must not lose a fit over it, so where a filter
says "error" such a warning is shown instead, on stderr as a rule. All other filters apply: it is ignored, recorded,
shown once or always, as they say.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

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
    """What is warned of in here (by Numba, say) is not raised, either. Costs nothing where no filter raises."""
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


#: What the `warnings` module remembers of those that it has shown.
_registry: dict = {}


def _repeat(one: warnings.WarningMessage) -> None:
    """Put a recorded warning before the filters, which are the user's again."""
    try:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno, registry=_registry)
    except one.category:
        warnings.showwarning(one.message, one.category, one.filename, one.lineno)
