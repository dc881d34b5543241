"""Update rules of Adam's family; one kernel each, with the signature of `kernels.optimizers.sgd_adam`.

What the step number t decides (corrections of the moments' bias, schedules of the momentum) is
in the step rates, which are the first of the hyperparameters.
"""

import numpy as np

from ...compiler.numba_backend import kernel
from ..lowlevel.pointers import carray, shift
from ..lowlevel.records import BETA_1, BETA_2, LEARNING_RATE, RATE_1, WEIGHT_DECAY
from ..math.lanes import prefer_wide_vectors
from .hyperparameters import decay_rates, epsilon_like, number_like, step_numbers
from .sgd_adam import SIGNATURE


@kernel(*SIGNATURE)
def amsgrad(param, d_param, state, n_params, n, hyperparameters):
    """m, v as Adam's, h ← max(h, v), param ← param − η m / (√h + ε)."""
    prefer_wide_vectors()
    p, d = carray(param, n), carray(d_param, n)
    m, v = carray(state, n), carray(shift(state, n_params), n)
    h = carray(shift(state, 2 * n_params), n)
    eta, l2, scale = step_numbers(p, hyperparameters)
    epsilon = epsilon_like(p, hyperparameters)
    beta_1, rest_1 = decay_rates(p, hyperparameters, BETA_1)
    beta_2, rest_2 = decay_rates(p, hyperparameters, BETA_2)
    for i in range(n):
        g = (d[i] + l2 * p[i]) * scale
        first = beta_1 * m[i] + rest_1 * g
        second = beta_2 * v[i] + rest_2 * (g * g)
        largest = h[i] if h[i] > second else second
        m[i] = first
        v[i] = second
        h[i] = largest
        p[i] -= eta * first / (np.sqrt(largest) + epsilon)


@kernel(*SIGNATURE)
def adamax(param, d_param, state, n_params, n, hyperparameters):
    """m ← β₁ m + (1 − β₁) g, u ← max(β₂ u, |g| + ε), param ← param − η m / u."""
    prefer_wide_vectors()
    p, d = carray(param, n), carray(d_param, n)
    m, u = carray(state, n), carray(shift(state, n_params), n)
    eta, l2, scale = step_numbers(p, hyperparameters)
    epsilon = epsilon_like(p, hyperparameters)
    beta_1, rest_1 = decay_rates(p, hyperparameters, BETA_1)
    beta_2 = number_like(p, hyperparameters, BETA_2)
    for i in range(n):
        g = (d[i] + l2 * p[i]) * scale
        first = beta_1 * m[i] + rest_1 * g
        faded, size = beta_2 * u[i], abs(g) + epsilon
        largest = faded if faded > size else size
        m[i] = first
        u[i] = largest
        p[i] -= eta * first / largest


@kernel(*SIGNATURE)
def nadam(param, d_param, state, n_params, n, hyperparameters):
    """m, v as Adam's, param ← param − (η m + RATE_1 g) / (√v + ε): both rates corrected, see `NAdam.step_rates`."""
    prefer_wide_vectors()
    p, d = carray(param, n), carray(d_param, n)
    m, v = carray(state, n), carray(shift(state, n_params), n)
    eta, l2, scale = step_numbers(p, hyperparameters)
    epsilon = epsilon_like(p, hyperparameters)
    beta_1, rest_1 = decay_rates(p, hyperparameters, BETA_1)
    beta_2, rest_2 = decay_rates(p, hyperparameters, BETA_2)
    rate_of_g = number_like(p, hyperparameters, RATE_1)
    for i in range(n):
        g = (d[i] + l2 * p[i]) * scale
        first = beta_1 * m[i] + rest_1 * g
        second = beta_2 * v[i] + rest_2 * (g * g)
        m[i] = first
        v[i] = second
        p[i] -= (eta * first + rate_of_g * g) / (np.sqrt(second) + epsilon)


@kernel(*SIGNATURE)
def radam(param, d_param, state, n_params, n, hyperparameters):
    """m, v as Adam's, param ← param − η m / (√v + ε) − RATE_1 m: one of the rates is zero, see `RAdam.step_rates`."""
    prefer_wide_vectors()
    p, d = carray(param, n), carray(d_param, n)
    m, v = carray(state, n), carray(shift(state, n_params), n)
    eta, l2, scale = step_numbers(p, hyperparameters)
    epsilon = epsilon_like(p, hyperparameters)
    beta_1, rest_1 = decay_rates(p, hyperparameters, BETA_1)
    beta_2, rest_2 = decay_rates(p, hyperparameters, BETA_2)
    unrectified_rate = number_like(p, hyperparameters, RATE_1)
    for i in range(n):
        g = (d[i] + l2 * p[i]) * scale
        first = beta_1 * m[i] + rest_1 * g
        second = beta_2 * v[i] + rest_2 * (g * g)
        m[i] = first
        v[i] = second
        p[i] -= eta * first / (np.sqrt(second) + epsilon) + unrectified_rate * first


@kernel(*SIGNATURE)
def adamw(param, d_param, state, n_params, n, hyperparameters):
    """m, v as Adam's, param ← (1 − RATE_1 λ) param − η m / (√v + ε), with RATE_1 the rate as it is."""
    prefer_wide_vectors()
    p, d = carray(param, n), carray(d_param, n)
    m, v = carray(state, n), carray(shift(state, n_params), n)
    eta, l2, scale = step_numbers(p, hyperparameters)
    epsilon = epsilon_like(p, hyperparameters)
    beta_1, rest_1 = decay_rates(p, hyperparameters, BETA_1)
    beta_2, rest_2 = decay_rates(p, hyperparameters, BETA_2)
    kept = p.dtype.type(1.0 - hyperparameters[RATE_1] * hyperparameters[WEIGHT_DECAY])
    for i in range(n):
        g = (d[i] + l2 * p[i]) * scale
        first = beta_1 * m[i] + rest_1 * g
        second = beta_2 * v[i] + rest_2 * (g * g)
        m[i] = first
        v[i] = second
        p[i] = kept * p[i] - eta * first / (np.sqrt(second) + epsilon)


@kernel(*SIGNATURE)
def lion(param, d_param, state, n_params, n, hyperparameters):
    """c = β₁ m + (1 − β₁) g, param ← (1 − η λ) param − η sign(c), m ← β₂ m + (1 − β₂) g.

    The sign of zero is zero, and NaN stays NaN.
    """
    prefer_wide_vectors()
    p, d, m = carray(param, n), carray(d_param, n), carray(state, n)
    eta, l2, scale = step_numbers(p, hyperparameters)
    beta_1, rest_1 = decay_rates(p, hyperparameters, BETA_1)
    beta_2, rest_2 = decay_rates(p, hyperparameters, BETA_2)
    kept = p.dtype.type(1.0 - hyperparameters[LEARNING_RATE] * hyperparameters[WEIGHT_DECAY])
    zero = p.dtype.type(0)
    for i in range(n):
        g = (d[i] + l2 * p[i]) * scale
        c = beta_1 * m[i] + rest_1 * g
        step = -eta if c < zero else c
        step = eta if c > zero else step
        m[i] = beta_2 * m[i] + rest_2 * g
        p[i] = kept * p[i] - step
