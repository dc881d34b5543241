"""`GivenArrays`: given arrays as initial parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.layout import Layout
from .base import Initializer


@dataclass(frozen=True, eq=False, repr=False)
class GivenArrays(Initializer):
    """Given arrays as initial parameters.

    Parameters
    ----------
    coefs : sequence of array-like
        Weights of each layer, (fan_in, fan_out); copied.
    intercepts : sequence of array-like
        Biases of each layer, (fan_out,); copied.

    Raises
    ------
    ValueError
        If one of them is not an array of finite real numbers; when the network is initialized, if their shapes are not
        those of the network.

    Examples
    --------
    >>> import numpy as np
    >>> params = np.zeros(3)
    >>> GivenArrays([[[0.1], [0.5]]], [[0.25]])(Layout([2, 1]), "tanh", None, params)
    >>> params
    array([0.1 , 0.5 , 0.25])
    """

    coefs: Sequence[Any]
    intercepts: Sequence[Any]

    def __post_init__(self) -> None:
        vars(self).update(coefs=_copies("coefs", self.coefs), intercepts=_copies("intercepts", self.intercepts))

    def __call__(self, layout: Layout, activation: str | Sequence[str], random_state: Any, params: np.ndarray) -> None:
        layout.fill(params, self.coefs, self.intercepts, ("coefs", "intercepts"))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GivenArrays) or len(self.coefs) != len(other.coefs):
            return False
        pairs = zip((*self.coefs, *self.intercepts), (*other.coefs, *other.intercepts), strict=False)
        return len(self.intercepts) == len(other.intercepts) and all(np.array_equal(*pair) for pair in pairs)

    def __hash__(self) -> int:
        return hash(tuple(array.tobytes() for array in (*self.coefs, *self.intercepts)))

    def __repr__(self) -> str:
        coefs, intercepts = ([array.tolist() for array in arrays] for arrays in (self.coefs, self.intercepts))
        return f"GivenArrays({coefs}, {intercepts})"


def _copies(name: str, arrays: Any) -> tuple[np.ndarray, ...]:
    """Return read-only copies in float64."""
    copies = []
    try:
        for array in arrays:
            copies.append(np.array(array, np.float64))
            copies[-1].flags.writeable = False
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a sequence of arrays of real numbers: {error}.") from error
    if not all(np.isfinite(array).all() for array in copies):
        raise ValueError(f"{name} holds NaN or infinity: initial parameters must be finite.")
    return tuple(copies)
