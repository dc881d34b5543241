"""Warnings that name the user's own line."""

from __future__ import annotations

import sys
import warnings

#: Packages whose frames lie between a user's call and a warning of ours.
_BETWEEN = {__package__.partition(".")[0], "sklearn"}


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning at the line that called into fastmlp, however deep the call has gone since.

    Parameters
    ----------
    message : str
    category : type of Warning, default=UserWarning
    """
    depth = 1
    frame = sys._getframe(depth)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN:
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, category, stacklevel=depth + 1)
