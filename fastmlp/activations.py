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
    curvature : callable
        f″ of an array of pre-activations; None for softmax.
    """

    name: str
    unit: Unit = field(repr=False)
    settings: tuple[float, ...] = ()
    curvature: Callable[[np.ndarray], np.ndarray] | None = field(default=None, repr=False)


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
    return activation if isinstance(activation, Activation) else ACTIVATIONS[activation]
