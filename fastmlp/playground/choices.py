"""`Choices`: everything that one can choose in the page, and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

from ..common.checks import is_integer
from ..common.frozen_params import FrozenParams, Range

ACTIVATIONS = ("tanh", "relu", "logistic", "leaky_relu", "elu", "gelu", "silu", "softplus", "identity")
SOLVERS = ("sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw", "lion")
#: Limits of what can be shown: hidden layers, units of each.
MAX_LAYERS, MAX_UNITS = 6, 8
#: Name of the user's own data, which have to be uploaded before they can be chosen.
OWN_DATA = "csv"
DATA_SETS = ("circles", "moons", "spirals", "xor", "blobs", "hills", OWN_DATA)

#: Choices that make other data; that make another network; the others take effect while training goes on.
DATA_CHOICES = frozenset({"data", "rows", "noise", "test_share", "seed"})
NETWORK_CHOICES = frozenset({"hidden", "activation"})


@dataclass(frozen=True)
class _OneOf:
    """One of some names."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"one of {', '.join(self.names)}"

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.names

    def convert(self, value: Any) -> str:
        return str(value)


@dataclass(frozen=True)
class _Widths:
    """The units of each hidden layer; the list may be empty."""

    def __str__(self) -> str:
        return f"a list of at most {MAX_LAYERS} whole numbers from 1 to {MAX_UNITS}, the units of each hidden layer"

    def allows(self, value: Any) -> bool:
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > MAX_LAYERS:
            return False
        return all(is_integer(width) and 1 <= width <= MAX_UNITS for width in value)

    def convert(self, value: Any) -> tuple[int, ...]:
        return tuple(int(width) for width in value)


@dataclass(frozen=True)
class Choices(FrozenParams):
    """What is chosen in the page.

    Parameters
    ----------
    data : str
        Name of the data set, see `data_sets`.
    rows : int
        Number of points of a built-in data set, training and test.
    noise : float
        From 0 to 1: how far the points are moved at random.
    test_share : float
        Share of the points that are not trained on.
    seed : int
        Of the data, the initial weights, the row order and dropout.
    hidden : sequence of int
        Units of each hidden layer.
    activation, solver : str
    learning_rate : float
    batch_size : int
    l2, l1 : float
        Factors of the penalties on the weights.
    dropout : float
        Share of the hidden units that are left out in each step.

    Raises
    ------
    ValueError
        If a value is not allowed.
    """

    data: Annotated[str, _OneOf(DATA_SETS)] = "circles"
    rows: Annotated[int, Range(20, 2000, whole=True)] = 400
    noise: Annotated[float, Range(0, 1)] = 0.1
    test_share: Annotated[float, Range(0.1, 0.9)] = 0.5
    seed: Annotated[int, Range(0, 2**32 - 1, whole=True)] = 0
    hidden: Annotated[Sequence[int], _Widths()] = (4, 2)
    activation: Annotated[str, _OneOf(ACTIVATIONS)] = "tanh"
    solver: Annotated[str, _OneOf(SOLVERS)] = "sgd"
    learning_rate: Annotated[float, Range(1e-6, 10)] = 0.03
    batch_size: Annotated[int, Range(1, 2000, whole=True)] = 10
    l2: Annotated[float, Range(0, 100)] = 0.0
    l1: Annotated[float, Range(0, 100)] = 0.0
    dropout: Annotated[float, Range(0, 0.9)] = 0.0

    def changed(self, values: Mapping[str, Any]) -> Choices:
        """Return these choices with other values.

        Raises
        ------
        ValueError
            If there is no such choice, or a value is not allowed.

        Examples
        --------
        >>> Choices().changed({"hidden": [3]}).hidden
        (3,)
        >>> Choices().changed({"speed": 3})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ValueError: There is no choice 'speed': the choices are data, rows, noise, ...
        """
        names = [field.name for field in fields(self)]
        unknown = next((name for name in values if name not in names), None)
        if unknown is not None:
            raise ValueError(f"There is no choice {unknown!r:.60}: the choices are {', '.join(names)}.")
        return replace(self, **values)

    def differences(self, other: Choices) -> frozenset[str]:
        """Return the names of the choices that are not the same."""
        return frozenset(
            field.name for field in fields(self) if getattr(self, field.name) != getattr(other, field.name)
        )
