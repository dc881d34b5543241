"""Checks of arguments that estimators, networks and their parts share."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np


def is_integer(value: Any) -> bool:
    """Whether `value` is an integer of Python's or NumPy's; True and False are not.

    Examples
    --------
    >>> is_integer(3), is_integer(3.0), is_integer(True)
    (True, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_count(name: str, number: Any) -> int:
    """Return an integer that is 1 or more.

    Parameters
    ----------
    name : str
        Name of the parameter, for messages.
    number : int

    Returns
    -------
    number : int

    Raises
    ------
    TypeError
        If it is not an integer.
    ValueError
        If it is less than 1.

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
    return int(number)


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
    ValueError: activation=['relu'] has 1 entries, but there are 2 hidden layers: give one for each, or one for all.
    """
    if allow_single and not isinstance(value, list | tuple):
        return [value] * n_layers
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list with an entry for each of {n_layers} {layers}, got {value!r}.")
    values = list(value)
    if len(values) != n_layers:
        raise ValueError(
            f"{name}={value!r} has {len(values)} entries, but there are {n_layers} {layers}: give one for each"
            f"{', or one for all' if allow_single else ''}."
        )
    return values


def as_random_state(seed: Any) -> np.random.RandomState:
    """Return the generator that a ``random_state`` of scikit-learn's kind stands for.

    Parameters
    ----------
    seed : int, RandomState or None
        A seed; a generator, which is returned itself; or None for NumPy's global generator.

    Returns
    -------
    generator : RandomState

    Raises
    ------
    ValueError
        If `seed` is none of these.
    """
    if isinstance(seed, np.random.RandomState):
        return seed
    if seed is None:
        return np.random.mtrand._rand
    if is_integer(seed) and 0 <= int(seed) < 2**32:
        return np.random.RandomState(int(seed))
    raise ValueError(f"random_state={seed!r} must be an integer from 0 to 2³² − 1, a numpy RandomState, or None.")
