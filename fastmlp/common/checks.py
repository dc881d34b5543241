"""Checks of arguments that estimators, networks and their parts share."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np

from .frozen_params import Range


def is_integer(value: Any) -> bool:
    """Whether `value` is an integer of Python's or NumPy's; True and False are not.

    Examples
    --------
    >>> is_integer(3), is_integer(3.0), is_integer(True)
    (True, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


#: Most members of an ensemble, which are all made before the first is trained, and most bins of a column: a slip would
#: use up the memory.
MOST_MEMBERS, MOST_BINS = 10_000, 10_000


def check_count(name: str, number: Any, most: int = sys.maxsize) -> int:
    """Return an integer that is 1 or more, and at most `most`.

    Parameters
    ----------
    name : str
        Name of the parameter, for messages.
    number : int
    most : int, optional

    Returns
    -------
    number : int

    Raises
    ------
    TypeError
        If it is not an integer.
    ValueError
        If it is less than 1 or more than `most`.

    Examples
    --------
    >>> check_count("epochs", 0)
    Traceback (most recent call last):
    ...
    ValueError: epochs must be 1 or more, got 0.
    """
    if not is_integer(number):
        raise TypeError(f"{name} must be an integer, got {number!r}.")
    if number < 1:
        raise ValueError(f"{name} must be 1 or more, got {number}.")
    if number > most:
        raise ValueError(f"{name} must be at most {most}, got {number!r:.40}…")
    return int(number)


def check_bool(name: str, value: Any) -> bool:
    """Return True or False; 1 and 0 are the same.

    Raises
    ------
    TypeError
        If it is something else.

    Examples
    --------
    >>> check_bool("shuffle", "no")
    Traceback (most recent call last):
    ...
    TypeError: shuffle must be True or False, got 'no'.
    """
    if not isinstance(value, bool | np.bool_ | Integral) or value not in (0, 1):
        raise TypeError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def as_real(name: str, value: Any) -> np.ndarray:
    """Return an array of real numbers, NaN and infinity included; no copy if it is one.

    Raises
    ------
    TypeError
        If it is anything else, such as words, None, complex numbers, or rows of different lengths.

    Examples
    --------
    >>> as_real("z", [1, 2.5])
    array([1. , 2.5])
    >>> as_real("z", [1, [2]])
    Traceback (most recent call last):
    ...
    TypeError: z must be an array of real numbers, got [1, [2]].
    """
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.array("")
    if array.dtype.kind == "O" and all(isinstance(each, Real) for each in array.flat):
        array = array.astype(np.float64)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be an array of real numbers, got {value!r}.")
    return array


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun, whose plural ends in s unless another one is given.

    Examples
    --------
    >>> counted(1, "array"), counted(2, "array"), counted(0, "entry", "entries")
    ('1 array', '2 arrays', '0 entries')
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def one_per_layer(
    name: str, value: Any, n_layers: int, layers: str = "hidden layers", allow_single: bool = True
) -> list[Any]:
    """Return a list with one value for each layer.

    Parameters
    ----------
    name : str
        Name of the parameter, for messages.
    value : list or tuple, or object
        One value for each layer, or a single value for all of them.
    n_layers : int
    layers : str, default='hidden layers'
        Which layers these are, for messages.
    allow_single : bool, default=True
        Whether a single value for all layers is accepted; if not, any iterable but a string is accepted.

    Returns
    -------
    values : list of length n_layers

    Raises
    ------
    TypeError
        If a single value is given and not allowed.
    ValueError
        If the number of values is not the number of layers.

    Examples
    --------
    >>> one_per_layer("activation", "relu", 2)
    ['relu', 'relu']
    >>> one_per_layer("activation", ["relu"], 2)
    Traceback (most recent call last):
    ...
    ValueError: activation=['relu'] has 1 entry, but there are 2 hidden layers: give one for each, or one for all.
    """
    if allow_single and not isinstance(value, list | tuple):
        return [value] * n_layers
    if isinstance(value, str) or not isinstance(value, Iterable):
        entries = counted(n_layers, "entry", "entries")
        raise TypeError(f"{name} must be a list with {entries}, one for each of the {layers}, got {value!r}.")
    values = list(value)
    if len(values) != n_layers:
        here = counted(n_layers, layers.replace("layers", "layer"), layers)
        raise ValueError(
            f"{name}={value!r} has {counted(len(values), 'entry', 'entries')}, but there "
            f"{'is' if n_layers == 1 else 'are'} {here}: give one for each"
            f"{', or one for all' if allow_single else ''}."
        )
    return values


def check_number(name: str, number: Any, allowed: Range) -> float:
    """Return a number that is in a range, as a float.

    Raises
    ------
    TypeError
        If it is not a number.
    ValueError
        If it is outside the range.

    Examples
    --------
    >>> check_number("seconds", 2, Range(0, brackets="()"))
    2.0
    """
    if not isinstance(number, Real) or isinstance(number, bool):
        raise TypeError(f"{name} must be {allowed}, got {number!r}.")
    if not allowed.allows(number):
        raise ValueError(f"{name} must be {allowed}, got {number!r:.80}.")
    return float(number)
