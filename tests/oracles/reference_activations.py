"""Plain references of the activations, and `CASES`: the table that all tests of activations read.

A reference is NumPy and SciPy in float64, z ↦ (f, f′), written from the definition and not from the kernel. As it has
no special forms for large |z|, it may be NaN where a kernel is not. A graph is the same in operations of `Value`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from oracles import reference
from oracles.graph_activations import graph_clip, graph_elu, graph_gelu_tanh, graph_normal_cdf
from scipy.special import expit, ndtr

from fastmlp.activations import ACTIVATIONS, BaseActivation
from fastmlp.activations.builtin import CELU, ELU, LeakyReLU, SiLU, Softplus

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def leaky_relu(z, slope=0.01):
    return np.where(z > 0, z, slope * z), np.where(z > 0, 1.0, slope)


def elu(z, alpha=1.0, scale=1.0, rate=1.0):
    low = np.minimum(z, 0)
    f = np.where(z > 0, z, alpha * np.expm1(rate * low))
    return scale * f, scale * np.where(z > 0, 1.0, alpha * rate * np.exp(rate * low))


def celu(z, alpha=1.0):
    return elu(z, alpha, 1.0, 1.0 / alpha)


def selu(z):
    return elu(z, SELU_ALPHA, SELU_SCALE)


def gelu(z):
    return z * ndtr(z), ndtr(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def gelu_tanh(z):
    u, slope = np.sqrt(2 / np.pi) * (z + 0.044715 * z**3), np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * z**2)
    s = expit(2 * u)  # (1 + tanh u) / 2, without cancellation
    return z * s, s + z * s * expit(-2 * u) * 2 * slope


def silu(z, beta=1.0):
    s = expit(beta * z)
    return z * s, s + beta * z * s * expit(-beta * z)


def mish(z):
    t = np.tanh(np.logaddexp(0, z))
    return z * t, t + z * (1 - t**2) * expit(z)


def softplus(z, beta=1.0):
    return np.logaddexp(0, beta * z) / beta, expit(beta * z)


def softsign(z):
    return z / (1 + abs(z)), 1 / (1 + abs(z)) ** 2


def relu6(z):
    return np.clip(z, 0, 6), (z > 0) * (z < 6) * 1.0


def hard_tanh(z):
    return np.clip(z, -1, 1), (abs(z) < 1) * 1.0


def hard_sigmoid(z):
    return (np.clip(z, -3, 3) + 3) / 6, (abs(z) < 3) / 6


def hard_swish(z):
    return z * (np.clip(z, -3, 3) + 3) / 6, np.where(z <= -3, 0, np.where(z >= 3, 1, z / 3 + 0.5))


def step(z):
    return np.where(z > 0, 1.0, 0.0), np.ones_like(z)


@dataclass(frozen=True)
class Case:
    """One activation, as all tests of activations see it.

    Attributes
    ----------
    activation : BaseActivation
    reference : callable
        z ↦ (f, f′), in NumPy.
    graph : callable or None
        f of a `Value`; None where f′ is not the derivative of f.
    limits : tuple of float
        f(−∞), f(∞), f′(−∞), f′(∞).
    kinks : list of float
        Where f has kinks; there f′ is the derivative from the left, unless `at_kinks` says otherwise.
    kinks_of_derivative : list of float
        Where f′ alone has kinks; f″ is 0 at both kinds.
    second_limits : tuple of float
        f″(−∞), f″(∞).
    tail : list of float
        Where f and f′ are tiny and must keep a relative accuracy of 100 ε.
    torch : str or None
        The function of `torch.nn.functional`, with its `torch_options`; `torch_rtol` where PyTorch itself is not exact.
    """

    activation: BaseActivation
    reference: Callable
    graph: Callable | None
    limits: tuple[float, float, float, float]
    kinks: list[float] = ()
    at_kinks: list[float] | None = None
    kinks_of_derivative: list[float] = ()
    second_limits: tuple[float, float] = (0, 0)
    tail: list[float] = ()
    torch: str | None = None
    torch_options: dict = None
    torch_rtol: float | None = None

    @property
    def all_kinks(self):
        return [*self.kinks, *self.kinks_of_derivative]


#: Readable name → case: one for each registered activation, and more for other parameters.
CASES = {
    "identity": Case(ACTIVATIONS["identity"], reference.identity, lambda z: z * 1, limits=(-np.inf, np.inf, 1, 1)),
    "logistic": Case(
        ACTIVATIONS["logistic"], reference.logistic, lambda z: z.logistic(), limits=(0, 1, 0, 0), torch="sigmoid"
    ),
    "tanh": Case(ACTIVATIONS["tanh"], reference.tanh, lambda z: z.tanh(), limits=(-1, 1, 0, 0), torch="tanh"),
    "relu": Case(
        ACTIVATIONS["relu"], reference.relu, lambda z: z.relu(), limits=(0, np.inf, 0, 1), kinks=[0], torch="relu"
    ),
    "exp": Case(
        ACTIVATIONS["exp"],
        reference.exponential,
        lambda z: z.exp(),
        limits=(0, np.inf, 0, np.inf),
        second_limits=(0, np.inf),
    ),
    "leaky_relu": Case(
        ACTIVATIONS["leaky_relu"],
        leaky_relu,
        lambda z: z.relu() - 0.01 * (-z).relu(),
        limits=(-np.inf, np.inf, 0.01, 1),
        kinks=[0],
        torch="leaky_relu",
    ),
    "leaky_relu, 0.2": Case(
        LeakyReLU(0.2),
        lambda z: leaky_relu(z, 0.2),
        lambda z: z.relu() - 0.2 * (-z).relu(),
        limits=(-np.inf, np.inf, 0.2, 1),
        kinks=[0],
        torch="leaky_relu",
        torch_options={"negative_slope": 0.2},
    ),
    "leaky_relu, 0": Case(LeakyReLU(0), reference.relu, lambda z: z.relu(), limits=(0, np.inf, 0, 1), kinks=[0]),
    "elu": Case(ACTIVATIONS["elu"], elu, graph_elu, limits=(-1, np.inf, 0, 1), kinks=[0], tail=[-60, -30], torch="elu"),
    "elu, 2": Case(
        ELU(2),
        lambda z: elu(z, 2.0),
        lambda z: graph_elu(z, 2),
        limits=(-2, np.inf, 0, 1),
        kinks=[0],
        torch="elu",
        torch_options={"alpha": 2.0},
    ),
    "celu": Case(ACTIVATIONS["celu"], celu, graph_elu, limits=(-1, np.inf, 0, 1), kinks=[0], torch="celu"),
    "celu, 0.5": Case(
        CELU(0.5),
        lambda z: celu(z, 0.5),
        lambda z: graph_elu(z, 0.5, rate=2),
        limits=(-0.5, np.inf, 0, 1),
        kinks=[0],
        torch="celu",
        torch_options={"alpha": 0.5},
    ),
    "selu": Case(
        ACTIVATIONS["selu"],
        selu,
        lambda z: graph_elu(z, SELU_ALPHA, SELU_SCALE),
        limits=(-1.7580993408473768, np.inf, 0, 1.0507009873554804),
        kinks=[0],
        torch="selu",
    ),
    "gelu": Case(
        ACTIVATIONS["gelu"],
        gelu,
        lambda z: z * graph_normal_cdf(z),
        limits=(0, np.inf, 0, 1),
        tail=[-12, -8],
        torch="gelu",
    ),
    "gelu_tanh": Case(
        ACTIVATIONS["gelu_tanh"],
        gelu_tanh,
        graph_gelu_tanh,
        limits=(0, np.inf, 0, 1),
        torch="gelu",
        torch_options={"approximate": "tanh"},
    ),
    "silu": Case(
        ACTIVATIONS["silu"], silu, lambda z: z * z.logistic(), limits=(0, np.inf, 0, 1), tail=[-60, -30], torch="silu"
    ),
    "silu, 1.75": Case(
        SiLU(1.75), lambda z: silu(z, 1.75), lambda z: z * (1.75 * z).logistic(), limits=(0, np.inf, 0, 1)
    ),
    "mish": Case(
        ACTIVATIONS["mish"],
        mish,
        lambda z: z * (1 + z.exp()).log().tanh(),
        limits=(0, np.inf, 0, 1),
        tail=[-60, -30],
        torch="mish",
    ),
    "softplus": Case(
        ACTIVATIONS["softplus"],
        softplus,
        lambda z: (1 + z.exp()).log(),
        limits=(0, np.inf, 0, 1),
        tail=[-60, -30],
        torch="softplus",
        torch_options={"threshold": 1e9},
    ),
    "softplus, 3": Case(
        Softplus(3),
        lambda z: softplus(z, 3.0),
        lambda z: (1 + (3 * z).exp()).log() / 3,
        limits=(0, np.inf, 0, 1),
        torch="softplus",
        torch_options={"beta": 3.0, "threshold": 1e9},
    ),
    "softsign": Case(
        ACTIVATIONS["softsign"],
        softsign,
        lambda z: z / (1 + abs(z)),
        limits=(-1, 1, 0, 0),
        kinks_of_derivative=[0],
        torch="softsign",
    ),
    "relu6": Case(
        ACTIVATIONS["relu6"],
        relu6,
        lambda z: graph_clip(z, 0, 6),
        limits=(0, 6, 0, 0),
        kinks=[0, 6],
        at_kinks=[0, 0],
        torch="relu6",
    ),
    "hard_tanh": Case(
        ACTIVATIONS["hard_tanh"],
        hard_tanh,
        lambda z: graph_clip(z, -1, 1),
        limits=(-1, 1, 0, 0),
        kinks=[-1, 1],
        at_kinks=[0, 0],
        torch="hardtanh",
    ),
    "hard_sigmoid": Case(  # PyTorch's 1/6 is a float32 in float64 too, and its derivative has no graph
        ACTIVATIONS["hard_sigmoid"],
        hard_sigmoid,
        lambda z: (graph_clip(z, -3, 3) + 3) / 6,
        limits=(0, 1, 0, 0),
        kinks=[-3, 3],
        at_kinks=[0, 0],
        torch="hardsigmoid",
        torch_rtol=1e-7,
    ),
    "hard_swish": Case(
        ACTIVATIONS["hard_swish"],
        hard_swish,
        lambda z: z * (graph_clip(z, -3, 3) + 3) / 6,
        limits=(0, np.inf, 0, 1),
        kinks=[-3, 3],
        at_kinks=[0, 1],
        torch="hardswish",
    ),
    "step": Case(ACTIVATIONS["step"], step, None, limits=(0, 1, 1, 1)),
}
