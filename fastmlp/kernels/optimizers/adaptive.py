"""Update rules that divide by a running size of the gradient; one unit each, signature as in `sgd_adam`."""

import numpy as np

from ...compiler.numba_backend import kernel
from ..lowlevel.pointers import carray, shift
from ..lowlevel.records import EPSILON, L2, LEARNING_RATE, MOMENTUM, RHO, SCALE
from ..math.lanes import prefer_wide_vectors
from .sgd_adam import SIGNATURE


@kernel(*SIGNATURE)
def adagrad(param, d_param, state, n_params, n, hyperparameters):
    """s ← s + g², param ← param − η g / (√s + ε)."""
    prefer_wide_vectors()
    p, d, s = carray(param, n), carray(d_param, n), carray(state, n)
    eta, l2 = p.dtype.type(hyperparameters[LEARNING_RATE]), p.dtype.type(hyperparameters[L2])
    scale, epsilon = p.dtype.type(hyperparameters[SCALE]), p.dtype.type(hyperparameters[EPSILON])
    for i in range(n):
        g = (d[i] + l2 * p[i]) * scale
        total = s[i] + g * g
        s[i] = total
        p[i] -= eta * g / (np.sqrt(total) + epsilon)


@kernel(*SIGNATURE)
def adadelta(param, d_param, state, n_params, n, hyperparameters):
    """v ← ρ v + (1 − ρ) g², Δ = √(u + ε) / √(v + ε) g, u ← ρ u + (1 − ρ) Δ², param ← param − η Δ."""
    prefer_wide_vectors()
    p, d = carray(param, n), carray(d_param, n)
    v, u = carray(state, n), carray(shift(state, n_params), n)
    eta, l2 = p.dtype.type(hyperparameters[LEARNING_RATE]), p.dtype.type(hyperparameters[L2])
    scale, epsilon = p.dtype.type(hyperparameters[SCALE]), p.dtype.type(hyperparameters[EPSILON])
    rho, rest = p.dtype.type(hyperparameters[RHO]), p.dtype.type(1.0 - hyperparameters[RHO])
    for i in range(n):
        g = (d[i] + l2 * p[i]) * scale
        second = rho * v[i] + rest * (g * g)
        step = np.sqrt((u[i] + epsilon) / (second + epsilon)) * g
        v[i] = second
        u[i] = rho * u[i] + rest * (step * step)
        p[i] -= eta * step


@kernel(*SIGNATURE)
def rmsprop(param, d_param, state, n_params, n, hyperparameters):
    """v ← ρ v + (1 − ρ) g², param ← param − η g / √(v + ε)."""
    prefer_wide_vectors()
    p, d, v = carray(param, n), carray(d_param, n), carray(state, n)
    eta, l2 = p.dtype.type(hyperparameters[LEARNING_RATE]), p.dtype.type(hyperparameters[L2])
    scale, epsilon = p.dtype.type(hyperparameters[SCALE]), p.dtype.type(hyperparameters[EPSILON])
    rho, rest = p.dtype.type(hyperparameters[RHO]), p.dtype.type(1.0 - hyperparameters[RHO])
    for i in range(n):
        g = (d[i] + l2 * p[i]) * scale
        second = rho * v[i] + rest * (g * g)
        v[i] = second
        p[i] -= eta * g / np.sqrt(second + epsilon)


@kernel(*SIGNATURE)
def rmsprop_momentum(param, d_param, state, n_params, n, hyperparameters):
    """v ← ρ v + (1 − ρ) g², Δ ← μ Δ − η g / √(v + ε), param ← param + Δ."""
    prefer_wide_vectors()
    p, d = carray(param, n), carray(d_param, n)
    v, velocity = carray(state, n), carray(shift(state, n_params), n)
    eta, l2 = p.dtype.type(hyperparameters[LEARNING_RATE]), p.dtype.type(hyperparameters[L2])
    scale, epsilon = p.dtype.type(hyperparameters[SCALE]), p.dtype.type(hyperparameters[EPSILON])
    rho, rest = p.dtype.type(hyperparameters[RHO]), p.dtype.type(1.0 - hyperparameters[RHO])
    mu = p.dtype.type(hyperparameters[MOMENTUM])
    for i in range(n):
        g = (d[i] + l2 * p[i]) * scale
        second = rho * v[i] + rest * (g * g)
        step = mu * velocity[i] - eta * g / np.sqrt(second + epsilon)
        v[i] = second
        velocity[i] = step
        p[i] += step


@kernel(*SIGNATURE)
def rmsprop_centred(param, d_param, state, n_params, n, hyperparameters):
    """v ← ρ v + (1 − ρ) g², m ← ρ m + (1 − ρ) g, Δ ← μ Δ − η g / √(v − m² + ε), param ← param + Δ.

    Rounding can bring v − m² below zero, which counts as zero; NaN stays NaN.
    """
    prefer_wide_vectors()
    p, d = carray(param, n), carray(d_param, n)
    v, m = carray(state, n), carray(shift(state, n_params), n)
    velocity = carray(shift(state, 2 * n_params), n)
    eta, l2 = p.dtype.type(hyperparameters[LEARNING_RATE]), p.dtype.type(hyperparameters[L2])
    scale, epsilon = p.dtype.type(hyperparameters[SCALE]), p.dtype.type(hyperparameters[EPSILON])
    rho, rest = p.dtype.type(hyperparameters[RHO]), p.dtype.type(1.0 - hyperparameters[RHO])
    mu, zero = p.dtype.type(hyperparameters[MOMENTUM]), p.dtype.type(0)
    for i in range(n):
        g = (d[i] + l2 * p[i]) * scale
        second = rho * v[i] + rest * (g * g)
        first = rho * m[i] + rest * g
        variance = second - first * first
        variance = zero if variance < zero else variance
        step = mu * velocity[i] - eta * g / np.sqrt(variance + epsilon)
        v[i] = second
        m[i] = first
        velocity[i] = step
        p[i] += step
