"""Warnings that name the user's own line."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

#: Packages whose frames lie between a user's call and a warning of this package.
_SKIPPED = {__package__.partition(".")[0], "sklearn", "joblib"}


def find_user_frame() -> tuple[FrameType, int]:
    """Find the innermost frame outside this package, scikit-learn and joblib.

    Returns
    -------
    frame : frame
        The outermost frame if all of them are inside.
    depth : int
        The ``stacklevel`` with which the caller of this function warns at that frame.
    """
    frame, depth = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _SKIPPED:
        frame, depth = frame.f_back, depth + 1
    return frame, depth


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning at the line that called into fastmlp, at any depth of the call stack.

    Parameters
    ----------
    message : str
    category : type of Warning, default=UserWarning
    """
    warnings.warn(message, category, stacklevel=find_user_frame()[1])
