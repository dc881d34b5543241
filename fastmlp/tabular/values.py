"""What the values of a column are: numbers, strings, dates, lists; missing or not; and in which order they stand."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from decimal import Decimal
from enum import Enum
from numbers import Complex, Real
from typing import Any

import numpy as np

#: Names of the types of pandas' missing values; pandas need not be installed.
_MISSING_TYPES = {"NAType", "NaTType"}


class ValueKind(Enum):
    """Kind of a type of values."""

    BOOLEAN = "booleans"
    NUMBER = "numbers"
    COMPLEX = "complex numbers"
    DATE = "dates, times or durations"
    CONTAINER = "lists or other containers"
    OTHER = "strings or other objects"


def kind_of(kind: type) -> ValueKind:
    """Return what the values of a type are.

    Examples
    --------
    >>> kind_of(int).value, kind_of(str).value, kind_of(list).value
    ('numbers', 'strings or other objects', 'lists or other containers')
    """
    dates = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
    if issubclass(kind, dates) or kind.__name__ == "Period":  # before numbers: timedelta64 is one to NumPy
        return ValueKind.DATE
    if issubclass(kind, bool | np.bool_):
        return ValueKind.BOOLEAN
    if issubclass(kind, Real | Decimal):
        return ValueKind.NUMBER
    if issubclass(kind, Complex):
        return ValueKind.COMPLEX
    if issubclass(kind, Mapping | Set | np.ndarray) or (
        issubclass(kind, Sequence) and not issubclass(kind, str | bytes)
    ):
        return ValueKind.CONTAINER
    return ValueKind.OTHER


def known_values(values: Iterable[Any]) -> list[Any]:
    """Return the values that are not missing: all but None, NaN, NaT and pandas.NA. None of them is a container."""
    return [
        value for value in values if value is not None and type(value).__name__ not in _MISSING_TYPES and value == value
    ]


def as_number(value: Any) -> float:
    """Return a real number as a float, an infinite one if it exceeds the type's range."""
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def as_python(value: Any) -> Any:
    """Return a NumPy scalar as Python's type of the same value, and other values as they are."""
    is_date = isinstance(value, np.datetime64 | np.timedelta64)  # those of nanoseconds would become integers
    return value.item() if isinstance(value, np.generic) and not is_date else value


def sort_values(values: Collection[Any]) -> list[Any]:
    """Return the values in ascending order: numbers, then strings, then other types by name.

    Values of a type without an order are sorted by their representation.

    Examples
    --------
    >>> sort_values(["b", 10, "a", 2.5, True])
    [True, 2.5, 10, 'a', 'b']
    """
    keys = {kind: _place_of(kind) for kind in set(map(type, values))}
    groups: dict[tuple[int, str], list[Any]] = {}
    for value in values:
        groups.setdefault(keys[type(value)], []).append(value)
    return [value for key in sorted(groups) for value in _sort_group(groups[key])]


def _place_of(kind: type) -> tuple[int, str]:
    if kind_of(kind) in (ValueKind.NUMBER, ValueKind.BOOLEAN):
        return 0, ""
    if issubclass(kind, str):
        return 1, ""
    return 2, f"{kind.__module__}.{kind.__qualname__}"


def _sort_group(values: list[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)
