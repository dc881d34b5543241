"""Activations by name: what users write → the activation object.

σ is the logistic function, Φ and φ the standard normal distribution and its density. At a kink f′ is the derivative
from the left.

================  ===================================  ==========================================================
name              f(z)                                 source
================  ===================================  ==========================================================
identity          z
logistic          1 / (1 + exp(−z))
tanh              tanh z
relu              max(z, 0)                            Nair and Hinton (2010)
leaky_relu        z, or slope z where z ≤ 0            `LeakyReLU`
elu               z, or α (exp z − 1) where z ≤ 0      `ELU`
celu              z, or α (exp(z/α) − 1) where z ≤ 0   `CELU`
selu              λ ELU(z) with α = 1.67326…,          Klambauer et al. (2017), "Self-normalizing neural networks"
                  λ = 1.05070…
gelu              z Φ(z)                               Hendrycks and Gimpel (2016), "Gaussian error linear units"
gelu_tanh         ½ z (1 + tanh(√(2/π)                 the same, its approximation
                  (z + 0.044715 z³)))
silu, swish       z σ(βz), β = 1                       `SiLU`
mish              z tanh(ln(1 + exp z))                Misra (2019), "Mish: a self regularized non-monotonic activation"
softplus          ln(1 + exp(βz)) / β, β = 1           `Softplus`
softsign          z / (1 + |z|)                        Bergstra et al. (2009), "Quadratic polynomials learn better
                                                       image features"
relu6             z clipped to [0, 6]                  Krizhevsky (2010), "Convolutional deep belief networks
                                                       on CIFAR-10"
hard_tanh         z clipped to [−1, 1]                 Collobert (2004), "Large scale machine learning"
hard_sigmoid      (z clipped to [−3, 3] + 3) / 6       Courbariaux et al. (2015); PyTorch's numbers
hard_swish        z hard_sigmoid(z)                    Howard et al. (2019), "Searching for MobileNetV3"
exp               exp z                                the mean of counts
step              1 where z > 0, else 0 (at 0 too);    Rosenblatt (1958); f′ = 1 is passed straight through, which makes
                  f′ = 1                               the delta of ½ (a − y)² the perceptron rule
softmax           exp zⱼ / Σ exp z; outputs only       Bridle (1990)
================  ===================================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.frozen_params import Range
from ..common.lookup import look_up
from ..compiler.kernel import Kernel, KernelModule
from . import second_derivatives as _second
from .base import ANY, NOT_NEGATIVE, POSITIVE, BaseActivation
from .builtin import CELU, ELU, LeakyReLU, SiLU, Softplus, of_array
from .custom import Activation

if TYPE_CHECKING:
    from ..kernels.activations import basic as _kernels
    from ..kernels.activations import rectifiers as _rectifiers
    from ..kernels.activations import smooth as _smooth
else:
    _kernels = KernelModule("activations.basic")
    _rectifiers = KernelModule("activations.rectifiers")
    _smooth = KernelModule("activations.smooth")

__all__ = [
    "ACTIVATIONS",
    "CELU",
    "ELU",
    "Activation",
    "BaseActivation",
    "LeakyReLU",
    "NamedActivation",
    "SiLU",
    "Softplus",
    "as_activation",
    "as_hidden_activation",
    "as_written",
]


class NamedActivation(BaseActivation):
    """An activation of the package without parameters: one object for each name.

    Parameters
    ----------
    name : str
    kernel : Kernel
    second_derivative : callable or None
        ``f″(z, *constants)``, one of `second_derivatives`.
    output_range : Range
        Where the outputs lie.
    constants : tuple of float, default=()
        As the kernel reads them.
    **properties
        Other parameters of `BaseActivation`.
    """

    def __init__(
        self,
        name: str,
        kernel: Kernel,
        second_derivative: Callable[..., np.ndarray] | None,
        output_range: Range,
        constants: tuple[float, ...] = (),
        **properties: bool,
    ) -> None:
        f2 = second_derivative and of_array(second_derivative, constants)
        super().__init__(name, kernel, constants, output_range=output_range, second_derivative=f2, **properties)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedActivation) and self.name == other.name

    def __hash__(self) -> int:
        return hash((NamedActivation, self.name))

    def __repr__(self) -> str:
        return f"as_activation({self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return as_activation, (self.name,)

    # Of skops, which does not call what `__reduce__` returns.

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(vars(as_activation(state["name"])))


#: α and λ for which means and variances of 0 and 1 are kept from layer to layer (Klambauer et al.).
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805

_UNIT, _BETWEEN_ONES = Range(0.0, 1.0, "()"), Range(-1.0, 1.0, "()")

#: Every activation that can be had by name, with its usual numbers.
ACTIVATIONS: dict[str, BaseActivation] = {
    activation.name: activation
    for activation in (
        NamedActivation("identity", _kernels.identity, _second.zero, ANY),
        NamedActivation("logistic", _kernels.logistic, _second.logistic, _UNIT),
        NamedActivation("tanh", _kernels.tanh, _second.tanh, _BETWEEN_ONES),
        NamedActivation("relu", _kernels.relu, _second.zero, NOT_NEGATIVE),
        LeakyReLU(),
        ELU(),
        CELU(),
        NamedActivation(
            "selu", _rectifiers.elu, _second.elu, Range(-SELU_SCALE * SELU_ALPHA, brackets="()"),
            (SELU_ALPHA, SELU_SCALE, 1.0),
        ),
        NamedActivation("gelu", _smooth.gelu, _second.gelu, Range(-0.16997120747990369)),
        NamedActivation("gelu_tanh", _smooth.gelu_tanh, _second.gelu_tanh, Range(-0.17004075057125412)),
        SiLU(),
        NamedActivation("mish", _smooth.mish, _second.mish, Range(-0.3088437)),
        Softplus(),
        NamedActivation("softsign", _smooth.softsign, _second.softsign, _BETWEEN_ONES),
        NamedActivation("relu6", _rectifiers.clipped, _second.zero, Range(0, 6), (0.0, 6.0, 0.0, 1.0)),
        NamedActivation("hard_tanh", _rectifiers.clipped, _second.zero, Range(-1, 1), (-1.0, 1.0, 0.0, 1.0)),
        NamedActivation("hard_sigmoid", _rectifiers.clipped, _second.zero, Range(0, 1), (-3.0, 3.0, 3.0, 1 / 6)),
        NamedActivation("hard_swish", _rectifiers.hard_swish, _second.hard_swish, Range(-0.375)),
        NamedActivation("exp", _kernels.exponential, _second.exp, POSITIVE),
        NamedActivation("step", _rectifiers.step, _second.zero, Range(0, 1), is_differentiable=False),
        NamedActivation("softmax", _kernels.softmax, None, _UNIT, is_elementwise=False),
    )
}  # fmt: skip
ACTIVATIONS["swish"] = ACTIVATIONS["silu"]


def as_activation(activation: str | BaseActivation) -> BaseActivation:
    """Return the activation of this name, or the object itself.

    Raises
    ------
    UnknownNameError
        A ValueError and a KeyError, if there is no such activation.

    Examples
    --------
    >>> as_activation("leaky_relu")
    LeakyReLU(slope=0.01)
    >>> as_activation("mish")([-1.0, 0.0, 1.0]).round(4)
    array([-0.3034,  0.    ,  0.8651])
    """
    if isinstance(activation, BaseActivation):
        return activation
    return look_up("activation", activation, ACTIVATIONS, "an Activation of your own, made of two functions")


def as_written(activation: str | BaseActivation) -> str:
    """Return the code that stands for an activation: its name in quotes, or what makes an object with other numbers.

    Examples
    --------
    >>> as_written("tanh"), as_written(as_activation("tanh")), as_written(LeakyReLU(0.1))
    ("'tanh'", "'tanh'", 'LeakyReLU(slope=0.1)')
    """
    if isinstance(activation, BaseActivation) and ACTIVATIONS.get(activation.name) == activation:
        return repr(activation.name)
    return repr(activation)


def as_hidden_activation(activation: str | BaseActivation) -> BaseActivation:
    """Return the same for a hidden layer.

    Raises
    ------
    ValueError
        If its outputs depend on one another, so that it can only be an output activation.

    Examples
    --------
    >>> as_hidden_activation("tanh")
    as_activation('tanh')
    """
    found = as_activation(activation)
    if not found.is_elementwise:
        others = ", ".join(name for name, other in ACTIVATIONS.items() if other.is_elementwise)
        raise ValueError(
            f"activation={as_written(found)} can only be an output activation, as its outputs depend on one another. "
            f"Hidden layers take {others}, or an Activation of your own."
        )
    return found
