"""Activations by name: what users say → the unit that computes it, and its numbers.

σ is the logistic function, Φ and φ the normal distribution and its density; kinks have the slope of their left side.

============  ===================================  ==========================================================
name          f(z)                                 source
============  ===================================  ==========================================================
identity      z
logistic      1 / (1 + exp(−z))
tanh          tanh z
relu          max(z, 0)                            Nair and Hinton (2010)
leaky_relu    z, or slope z where z ≤ 0            `LeakyReLU`
elu           z, or α (exp z − 1) where z ≤ 0      `ELU`
celu          z, or α (exp(z/α) − 1) where z ≤ 0   `CELU`
selu          λ ELU(z) with α = 1.67326…,          Klambauer et al. (2017), "Self-normalizing neural networks"
              λ = 1.05070…
gelu          z Φ(z)                               Hendrycks and Gimpel (2016), "Gaussian error linear units"
gelu_tanh     ½ z (1 + tanh(√(2/π)                 the same, its approximation
              (z + 0.044715 z³)))
silu, swish   z σ(βz), β = 1                       `SiLU`
mish          z tanh(ln(1 + exp z))                Misra (2019), "Mish: a self regularized non-monotonic activation"
softplus      ln(1 + exp(βz)) / β, β = 1           `Softplus`
softsign      z / (1 + |z|)                        Bergstra et al. (2009), "Quadratic polynomials learn better
                                                   image features"
relu6         z clipped to [0, 6]                  Krizhevsky (2010), "Convolutional deep belief networks on CIFAR-10"
hard_tanh     z clipped to [−1, 1]                 Collobert (2004), "Large scale machine learning"
hard_sigmoid  (z clipped to [−3, 3] + 3) / 6       Courbariaux et al. (2015); PyTorch's numbers
hard_swish    z hard_sigmoid(z)                    Howard et al. (2019), "Searching for MobileNetV3"
exp           exp z                                the mean of counts
step          1 where z > 0, else 0 (at 0 too);    Rosenblatt (1958); f′ = 1 is passed straight through, which makes
              f′ = 1                               the delta of ½ (a − y)² the perceptron rule
softmax       exp zⱼ / Σ exp z; outputs alone      Bridle (1990)
============  ===================================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..common.lookup import look_up
from ..compiler.kernel import Kernel, KernelModule
from . import second_derivatives as _second
from .builtin import CELU, ELU, BuiltIn, LeakyReLU, SiLU, Softplus
from .custom import Activation

if TYPE_CHECKING:
    from ..kernels.activations import basic as _kernels
    from ..kernels.activations import rectifiers as _rectifiers
    from ..kernels.activations import smooth as _smooth
else:
    _kernels = KernelModule("activations.basic")
    _rectifiers = KernelModule("activations.rectifiers")
    _smooth = KernelModule("activations.smooth")


@dataclass(frozen=True)
class Named(BuiltIn):
    """An activation without numbers that a user could set; there is one object for each name."""

    name: str

    def __repr__(self) -> str:
        return f"as_activation({self.name!r})"

    def __reduce__(self) -> tuple:
        return as_activation, (self.name,)


def _named(
    name: str,
    kernel: Kernel,
    second_derivative: Callable | None = None,
    constants: tuple[float, ...] = (),
    hidden: bool = True,
) -> Named:
    activation = Named(name)
    activation._complete(kernel, constants, second_derivative)
    vars(activation)["hidden"] = hidden
    return activation


#: α and λ for which means and variances of 0 and 1 are kept from layer to layer (Klambauer et al.).
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805

ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        _named("identity", _kernels.identity, _second.zero),
        _named("logistic", _kernels.logistic, _second.logistic),
        _named("tanh", _kernels.tanh, _second.tanh),
        _named("relu", _kernels.relu, _second.zero),
        LeakyReLU(),
        ELU(),
        CELU(),
        _named("selu", _rectifiers.elu, _second.elu, (SELU_ALPHA, SELU_SCALE, 1.0)),
        _named("gelu", _smooth.gelu, _second.gelu),
        _named("gelu_tanh", _smooth.gelu_tanh, _second.gelu_tanh),
        SiLU(),
        _named("mish", _smooth.mish, _second.mish),
        Softplus(),
        _named("softsign", _smooth.softsign, _second.softsign),
        _named("relu6", _rectifiers.clipped, _second.zero, (0.0, 6.0, 0.0, 1.0)),
        _named("hard_tanh", _rectifiers.clipped, _second.zero, (-1.0, 1.0, 0.0, 1.0)),
        _named("hard_sigmoid", _rectifiers.clipped, _second.zero, (-3.0, 3.0, 3.0, 1 / 6)),
        _named("hard_swish", _rectifiers.hard_swish, _second.hard_swish),
        _named("exp", _kernels.exponential, _second.exp),
        _named("step", _rectifiers.step, _second.zero),
        _named("softmax", _kernels.softmax, hidden=False),
    )
}
ACTIVATIONS["swish"] = ACTIVATIONS["silu"]


def as_activation(activation: str | Activation) -> Activation:
    """The activation of this name, or the object itself.

    Raises
    ------
    UnknownName
        A ValueError and a KeyError, if there is no such activation.

    Examples
    --------
    >>> as_activation("leaky_relu")
    LeakyReLU(slope=0.01)
    >>> as_activation("mish")([-1.0, 0.0, 1.0]).round(4)
    array([-0.3034,  0.    ,  0.8651])
    """
    if isinstance(activation, Activation):
        return activation
    return look_up("activation", activation, ACTIVATIONS, "an Activation of your own, made of two functions")


def as_hidden_activation(activation: str | Activation) -> Activation:
    """The same for a hidden layer.

    Raises
    ------
    ValueError
        If it serves outputs alone.

    Examples
    --------
    >>> as_hidden_activation("tanh")
    as_activation('tanh')
    """
    found = as_activation(activation)
    if not found.hidden:
        others = ", ".join(name for name, other in ACTIVATIONS.items() if other.hidden)
        raise ValueError(
            f"activation={found.name!r} stands in the output layer alone, as its outputs depend on one another. "
            f"Hidden layers take {others}, or an Activation of your own."
        )
    return found
