"""Activations by name: what users say → the unit that computes it, and its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from . import curvatures
from ._jit import Unit
from .kernels import activations as _kernels


@dataclass(frozen=True)
class Activation:
    """What a layer makes of its pre-activations.

    Attributes
    ----------
    name : str
    unit : Unit
        The kernel for f and f′.
    settings : tuple of float
        The function's own numbers, where the kernel looks for them.
    curvature : callable or None
        f″ of an array of pre-activations.
    """

    name: str
    unit: Unit = field(repr=False)
    settings: tuple[float, ...] = ()
    curvature: Callable[[np.ndarray], np.ndarray] | None = field(default=None, repr=False)

    @property
    def hidden(self) -> bool:
        """Whether it may stand in a hidden layer."""
        return self.name != "softmax"

    def __reduce__(self) -> tuple:
        return as_activation, (self.name,)


ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Activation("identity", _kernels.identity, curvature=curvatures.zero),
        Activation("logistic", _kernels.logistic, curvature=curvatures.logistic),
        Activation("tanh", _kernels.tanh, curvature=curvatures.tanh),
        Activation("relu", _kernels.relu, curvature=curvatures.zero),
        Activation("softmax", _kernels.softmax),
        Activation("exp", _kernels.exponential, curvature=np.exp),
    )
}


def as_activation(activation: str | Activation) -> Activation:
    """The activation of this name, or the object itself."""
    if isinstance(activation, Activation):
        return activation
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(f"activation={activation!r} is unknown: it is one of {', '.join(ACTIVATIONS)}.")
    return ACTIVATIONS[activation]


def as_hidden_activation(activation: str | Activation) -> Activation:
    """The same for a hidden layer."""
    found = as_activation(activation)
    if not found.hidden:
        raise ValueError(f"activation={found.name!r} stands in the output layer alone.")
    return found
