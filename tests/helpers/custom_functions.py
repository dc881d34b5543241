"""Functions as users write them, for custom activations, in a module, so that they can be pickled."""

import math
from math import exp

import numpy as np

DEPTH = 1.5


def logistic(z):
    return 1 / (1 + math.exp(-z))


def logistic_derivative(z):
    a = logistic(z)
    return a * (1 - a)


def tanh(z):
    return np.tanh(z)


def tanh_derivative(z):
    return 1 - np.tanh(z) ** 2


def tanh_second_derivative(z):
    t = tanh(z)
    return -2 * t * (1 - t * t)


def silu(z):
    return z / (1 + exp(-z))


def silu_derivative(z):
    s = 1 / (1 + exp(-z))
    return s * (1 + z * (1 - s))


def elu(z):
    if z > 0:
        return z
    return DEPTH * (math.exp(z) - 1)


def elu_derivative(z):
    return 1 if z > 0 else DEPTH * math.exp(z)


def gelu(z):
    return 0.5 * z * (1 + math.erf(z / math.sqrt(2)))


def gelu_derivative(z):
    return 0.5 * (1 + math.erf(z / math.sqrt(2))) + z * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def relu(z):
    return max(z, 0)


def relu_derivative(z):
    return 1 if z > 0 else 0


def softplus(z):
    return max(z, 0) + np.log1p(np.exp(-abs(z)))


def softplus_derivative(z):
    return np.exp(min(z, 0)) / (1 + np.exp(-abs(z)))


def cubic(z):
    """A polynomial by Horner's rule, in a loop over a tuple."""
    total = 0
    for coefficient in (0.25, -1.0, 2.0, 3.0):
        total = total * z + coefficient
    return total


def cubic_derivative(z, three=0.75):
    return three * z**2 - 2 * z + 2


def arctan(z):
    return math.atan(z)


def arctan_derivative(z):
    return 1 / (1 + z**2)


#: Name → (f, f′).
PAIRS = {
    "logistic": (logistic, logistic_derivative),
    "tanh": (tanh, tanh_derivative),
    "silu": (silu, silu_derivative),
    "elu": (elu, elu_derivative),
    "gelu": (gelu, gelu_derivative),
    "relu": (relu, relu_derivative),
    "softplus": (softplus, softplus_derivative),
    "cubic": (cubic, cubic_derivative),
    "arctan": (arctan, arctan_derivative),
}
