"""Activations by name: what users say → the unit that computes it, and its numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

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
    """

    name: str
    unit: Unit = field(repr=False)
    settings: tuple[float, ...] = ()


ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Activation("identity", _kernels.identity),
        Activation("logistic", _kernels.logistic),
        Activation("tanh", _kernels.tanh),
        Activation("relu", _kernels.relu),
        Activation("softmax", _kernels.softmax),
        Activation("exp", _kernels.exponential),
    )
}


def as_activation(activation: str | Activation) -> Activation:
    """The activation of this name, or the object itself."""
    return activation if isinstance(activation, Activation) else ACTIVATIONS[activation]
