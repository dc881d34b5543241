"""Initializers by name: scikit-learn's, and those whose variance depends on fan_in and fan_out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..common.checks import one_per_layer
from ..common.lookup import look_up
from ..common.random_state import as_random_state
from ..engine.layout import Layout
from .base import Initializer
from .distributions import Orthogonal, Uniform


def glorot_uniform(
    layout: Layout, activation: str | Sequence[str], random_state: np.random.RandomState, params: np.ndarray
) -> None:
    """Fill `params` as scikit-learn does: U(−b, b) with b = √(6 / (fan_in + fan_out)), √(2 / …) for logistic.

    `activation` is one name for all layers, or a list with the name of each hidden layer, which decides its scale. The
    output layer has the scale of the last hidden layer, as in scikit-learn, whatever its own activation.

    The same seed draws scikit-learn's numbers, in float64, before they are rounded to the type of `params`.

    Source: Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks".
    """
    names = _one_for_each_layer(activation, len(layout.shapes))
    for coef, intercept, name in zip(layout.coefs(params), layout.intercepts(params), names, strict=True):
        bound = np.sqrt((2.0 if name == "logistic" else 6.0) / sum(coef.shape))
        coef[...] = random_state.uniform(-bound, bound, coef.shape)
        intercept[...] = random_state.uniform(-bound, bound, intercept.shape)


def _one_for_each_layer(activation: str | Sequence[str], n_layers: int) -> list[str]:
    """Return the activation that decides each layer's scale; without hidden layers it is 'relu'."""
    if isinstance(activation, str):
        return [activation] * n_layers
    hidden = one_per_layer("activation", list(activation), n_layers - 1)
    return [*hidden, (hidden or ["relu"])[-1]]


@dataclass(frozen=True)
class _Named(Initializer):
    """An initializer without parameters; there is one object for each name."""

    name: str

    def __repr__(self) -> str:
        return f"as_initializer({self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return as_initializer, (self.name,)


class _ScikitLearns(_Named):
    def __call__(self, layout: Layout, activation: str | Sequence[str], random_state: Any, params: np.ndarray) -> None:
        glorot_uniform(layout, activation, as_random_state(random_state), params)


class _Scaled(_Named):
    """Weights with mean 0 and variance numerator / fans, as named, and biases of 0."""

    def _draw(self, coef: np.ndarray, intercept: np.ndarray, generator: np.random.RandomState) -> None:
        scheme, distribution = self.name.split("_")
        numerator = {"glorot": 2.0, "he": 2.0, "lecun": 1.0}[scheme]
        fan_in, fan_out = coef.shape
        deviation = math.sqrt(numerator / (fan_in + fan_out if scheme == "glorot" else fan_in))
        if distribution == "normal":
            coef[...] = generator.normal(0.0, deviation, coef.shape)
        else:
            bound = math.sqrt(3) * deviation
            coef[...] = generator.uniform(-bound, bound, coef.shape)
        intercept[...] = 0


#: Every initializer that can be had by name.
INITIALIZERS: dict[str, Initializer] = {
    "sklearn": _ScikitLearns("sklearn"),
    **{name: _Scaled(name) for name in ("glorot_uniform", "glorot_normal", "he_uniform", "he_normal")},
    **{name: _Scaled(name) for name in ("lecun_uniform", "lecun_normal")},
    "orthogonal": Orthogonal(),
    "uniform": Uniform(),
}


def as_initializer(initializer: str | Initializer) -> Initializer:
    """Return the initializer of this name, or the object itself.

    Raises
    ------
    UnknownNameError
        A ValueError and a KeyError, if there is no such initializer.

    Examples
    --------
    >>> as_initializer("orthogonal")
    Orthogonal(gain=1.0)
    """
    if isinstance(initializer, Initializer):
        return initializer
    return look_up("initializer", initializer, INITIALIZERS, "Orthogonal(gain), Uniform(low, high), GivenArrays(…)")
