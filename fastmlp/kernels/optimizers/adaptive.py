"""Update rules that divide by a running size of the gradient; one kernel each, signature as in `sgd_adam`."""

import numpy as np

from ...compiler.numba_backend import kernel
from ..lowlevel.pointers import carray, shift
from ..lowlevel.records import MOMENTUM, RHO
from ..math.lanes import prefer_wide_vectors
from .hyperparameters import decay_rates, epsilon_like, number_like, step_numbers
from .sgd_adam import SIGNATURE


@kernel(*SIGNATURE)
def adagrad(param, d_param, state, n_params, n, hyperparameters):
    """s ← s + g², param ← param − η g / (√s + ε)."""
    prefer_wide_vectors()
    p, d, s = carray(param, n), carray(d_param, n), carray(state, n)
    eta, l2, scale = step_numbers(p, hyperparameters)
    epsilon = epsilon_like(p, hyperparameters)
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
    eta, l2, scale = step_numbers(p, hyperparameters)
    epsilon = epsilon_like(p, hyperparameters)
    rho, rest = decay_rates(p, hyperparameters, RHO)
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
    eta, l2, scale = step_numbers(p, hyperparameters)
    epsilon = epsilon_like(p, hyperparameters)
    rho, rest = decay_rates(p, hyperparameters, RHO)
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
    eta, l2, scale = step_numbers(p, hyperparameters)
    epsilon = epsilon_like(p, hyperparameters)
    rho, rest = decay_rates(p, hyperparameters, RHO)
    mu = number_like(p, hyperparameters, MOMENTUM)
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
    eta, l2, scale = step_numbers(p, hyperparameters)
    epsilon = epsilon_like(p, hyperparameters)
    rho, rest = decay_rates(p, hyperparameters, RHO)
    mu = number_like(p, hyperparameters, MOMENTUM)
    zero = p.dtype.type(0)
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
