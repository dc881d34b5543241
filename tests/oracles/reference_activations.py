"""Plain references of the activations: NumPy and SciPy in float64, name → z ↦ (f, f′), and as graphs of `Value`.

Written from the definitions, not from the kernels: no clever forms, so that far out they may be NaN where a kernel is
not.
"""

import numpy as np
from oracles import reference
from scipy.special import expit, ndtr

from fastmlp.activations import ACTIVATIONS
from fastmlp.activations.builtin import CELU, ELU, LeakyReLU, SiLU, Softplus

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)  # on [−1, 1]


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
    s = expit(2 * u)  # (1 + tanh u) / 2, without its cancelling
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


def graph_normal_cdf(z):
    """Φ(z) = ½ + ∫₀ᶻ φ by Gauss and Legendre's rule: a graph of exponentials."""
    points = [z * float((node + 1) / 2) for node in NODES]
    return 0.5 + z * sum(
        (-0.5 * point * point).exp() * float(weight / 2 / np.sqrt(2 * np.pi))
        for point, weight in zip(points, WEIGHTS, strict=True)
    )


def graph_clip(z, low, high):
    return -((-z.maximum(low)).maximum(-high))


def graph_gelu_tanh(z):
    return 0.5 * z * (1 + (float(np.sqrt(2 / np.pi)) * (z + 0.044715 * z**3)).tanh())


def graph_elu(z, alpha=1.0, scale=1.0, rate=1.0):
    return scale * (z if z.data > 0 else alpha * ((rate * z).exp() - 1))


#: id → activation, its reference, its graph (None: f′ is not the slope of f).
CASES = {
    "identity": (ACTIVATIONS["identity"], reference.identity, lambda z: z * 1),
    "logistic": (ACTIVATIONS["logistic"], reference.logistic, lambda z: z.logistic()),
    "tanh": (ACTIVATIONS["tanh"], reference.tanh, lambda z: z.tanh()),
    "relu": (ACTIVATIONS["relu"], reference.relu, lambda z: z.relu()),
    "exp": (ACTIVATIONS["exp"], reference.exponential, lambda z: z.exp()),
    "leaky_relu": (ACTIVATIONS["leaky_relu"], leaky_relu, lambda z: z.relu() - 0.01 * (-z).relu()),
    "leaky_relu, 0.2": (LeakyReLU(0.2), lambda z: leaky_relu(z, 0.2), lambda z: z.relu() - 0.2 * (-z).relu()),
    "leaky_relu, 0": (LeakyReLU(0), reference.relu, lambda z: z.relu()),
    "elu": (ACTIVATIONS["elu"], elu, graph_elu),
    "elu, 2": (ELU(2), lambda z: elu(z, 2.0), lambda z: graph_elu(z, 2)),
    "celu": (ACTIVATIONS["celu"], celu, graph_elu),
    "celu, 0.5": (CELU(0.5), lambda z: celu(z, 0.5), lambda z: graph_elu(z, 0.5, rate=2)),
    "selu": (ACTIVATIONS["selu"], selu, lambda z: graph_elu(z, SELU_ALPHA, SELU_SCALE)),
    "gelu": (ACTIVATIONS["gelu"], gelu, lambda z: z * graph_normal_cdf(z)),
    "gelu_tanh": (ACTIVATIONS["gelu_tanh"], gelu_tanh, graph_gelu_tanh),
    "silu": (ACTIVATIONS["silu"], silu, lambda z: z * z.logistic()),
    "silu, 1.75": (SiLU(1.75), lambda z: silu(z, 1.75), lambda z: z * (1.75 * z).logistic()),
    "mish": (ACTIVATIONS["mish"], mish, lambda z: z * (1 + z.exp()).log().tanh()),
    "softplus": (ACTIVATIONS["softplus"], softplus, lambda z: (1 + z.exp()).log()),
    "softplus, 3": (Softplus(3), lambda z: softplus(z, 3.0), lambda z: (1 + (3 * z).exp()).log() / 3),
    "softsign": (ACTIVATIONS["softsign"], softsign, lambda z: z / (1 + abs(z))),
    "relu6": (ACTIVATIONS["relu6"], relu6, lambda z: graph_clip(z, 0, 6)),
    "hard_tanh": (ACTIVATIONS["hard_tanh"], hard_tanh, lambda z: graph_clip(z, -1, 1)),
    "hard_sigmoid": (ACTIVATIONS["hard_sigmoid"], hard_sigmoid, lambda z: (graph_clip(z, -3, 3) + 3) / 6),
    "hard_swish": (ACTIVATIONS["hard_swish"], hard_swish, lambda z: z * (graph_clip(z, -3, 3) + 3) / 6),
    "step": (ACTIVATIONS["step"], step, None),
}
