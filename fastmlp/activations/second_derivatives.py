"""f″ of the built-in activations, for exact products with the Hessian: NumPy, computed in float64.

Each takes an array of pre-activations and returns one of the same shape. At a kink f″ is 0: a Hessian does not see the
corner. For large |z| the limits are reached without a NaN: exponentials are of −|z|, and what is multiplied by z stays
finite.
"""

from __future__ import annotations

import numpy as np

#: Beyond this every exponential is zero.
_FAR = 1000.0
_C = np.sqrt(2 / np.pi)


def _clip(z: np.ndarray) -> np.ndarray:
    clipped: np.ndarray = np.clip(z, -_FAR, _FAR)
    return clipped


def _logistic(u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """σ, σ′ and σ″ of u."""
    e = np.exp(-abs(u))
    first = e / (1 + e) ** 2
    return np.where(u < 0, e, 1) / (1 + e), first, -first * np.tanh(u / 2)


def zero(z: np.ndarray, *constants: float) -> np.ndarray:
    """f″ = 0, of piecewise linear functions."""
    return np.where(np.isnan(z), np.nan, 0.0)


def logistic(z: np.ndarray) -> np.ndarray:
    """f″ = f (1 − f) (1 − 2f)."""
    return _logistic(z)[2]


def tanh(z: np.ndarray) -> np.ndarray:
    """f″ = −2 f (1 − f²); tanh z = 2 σ(2z) − 1."""
    return 8 * _logistic(2 * z)[2]


def exp(z: np.ndarray) -> np.ndarray:
    """f″ = exp z."""
    with np.errstate(over="ignore"):
        second_derivative: np.ndarray = np.exp(z)
    return second_derivative


def elu(z: np.ndarray, alpha: float, scale: float, rate: float) -> np.ndarray:
    """f″ = scale α rate² exp(rate z) where z < 0, else 0."""
    return np.where(z >= 0, 0.0, scale * alpha * rate**2 * np.exp(rate * np.minimum(z, 0)))


def hard_swish(z: np.ndarray) -> np.ndarray:
    """f″ = ⅓ where −3 < z < 3, else 0."""
    return np.where(abs(z) < 3, 1 / 3, zero(z))


def gelu(z: np.ndarray) -> np.ndarray:
    """f″ = φ(z) (2 − z²)."""
    z = _clip(z)
    second_derivative: np.ndarray = np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * (2 - z * z)
    return second_derivative


def gelu_tanh(z: np.ndarray) -> np.ndarray:
    """With f = z σ(u): f″ = 2 u′ σ′ + z (u″ σ′ + u′² σ″), u = 2 √(2/π) (z + 0.044715 z³)."""
    z = _clip(z)
    _, first, second = _logistic(2 * _C * (z + 0.044715 * z**3))
    du, ddu = 2 * _C * (1 + 3 * 0.044715 * z**2), 2 * _C * 6 * 0.044715 * z
    second_derivative: np.ndarray = 2 * du * first + z * (ddu * first + du**2 * second)
    return second_derivative


def silu(z: np.ndarray, beta: float) -> np.ndarray:
    """f″ = 2 β σ′(βz) + β² z σ″(βz)."""
    u = _clip(beta * z)
    _, first, second = _logistic(u)
    second_derivative: np.ndarray = beta * (2 * first + u * second)
    return second_derivative


def mish(z: np.ndarray) -> np.ndarray:
    """With f = z t, t = tanh(softplus z): f″ = 2 t′ + z t″, t′ = (1 − t²) σ, t″ = (1 − t²) (σ′ − 2 t σ²)."""
    z = _clip(z)
    e = np.exp(-abs(z))
    n, g2 = np.where(z < 0, e * (e + 2), 1 + 2 * e), np.where(z < 0, 2.0, 2 * e * e)
    t, rest = n / (n + g2), g2 / (n + g2)  # t and 1 − t, as in the kernel
    s, first, _ = _logistic(z)
    second_derivative: np.ndarray = rest * (1 + t) * (2 * s + z * (first - 2 * t * s * s))
    return second_derivative


def softplus(z: np.ndarray, beta: float) -> np.ndarray:
    """f″ = β σ′(βz)."""
    return beta * _logistic(beta * z)[1]


def softsign(z: np.ndarray) -> np.ndarray:
    """f″ = −2 sign(z) / (1 + |z|)³."""
    with np.errstate(over="ignore"):
        second_derivative: np.ndarray = -2 * np.sign(z) / (1 + abs(z)) ** 3
    return second_derivative
