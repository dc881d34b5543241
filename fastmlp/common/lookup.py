"""Lookup of names that users write, and the error for unknown ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class UnknownNameError(ValueError, KeyError):
    """An unknown name: a ValueError, as of any wrong parameter, and a KeyError, as of a dictionary.

    scikit-learn raises the one in ``fit`` and the other in ``predict``.
    """

    __str__ = Exception.__str__  # KeyError's shows the message in quotes


def look_up(kind: str, name: Any, known: Mapping[str, T], otherwise: str) -> T:
    """Return what `name` stands for.

    Parameters
    ----------
    kind : str
        What it is the name of, as users call the parameter.
    name : str
        Anything else is refused like an unknown name.
    known : mapping of str
    otherwise : str
        What else the parameter may be.

    Raises
    ------
    UnknownNameError

    Examples
    --------
    >>> look_up("activation", "relu", {"relu": 1, "tanh": 2}, "an Activation")
    1
    >>> look_up("activation", "rely", {"relu": 1, "tanh": 2}, "an Activation")
    Traceback (most recent call last):
        ...
    fastmlp.common.lookup.UnknownNameError: activation='rely' is unknown: it is one of relu, tanh, or an Activation.
    """
    if isinstance(name, str) and name in known:
        return known[name]
    raise UnknownNameError(f"{kind}={name!r} is unknown: it is one of {', '.join(known)}, or {otherwise}.")
