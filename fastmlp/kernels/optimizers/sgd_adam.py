"""Update rules: regularization, moments and parameters in one pass, in place; one kernel each.

Plain descent, with momentum, and Adam here; others in `adaptive` and `adam_family`.

Every kernel has the signature (param, d_param, state, n_params, n, hyperparameters): param (n,) is updated in place;
d_param (n,) holds the gradient summed over the batch, and is only read (`loop.sparse_update` relies on it); state holds
the rule's moments, one after the other, `n_params` apart, each updated in place; hyperparameters (N_HYPERPARAMETERS,)
in float64: the gradient is ``g = (d_param + L2 param) SCALE``.
"""

import numpy as np

from ...compiler.numba_backend import kernel
from ..lowlevel.calls import UPDATE_RULE_SIGNATURE as SIGNATURE
from ..lowlevel.pointers import carray, shift
from ..lowlevel.records import BETA_1, BETA_2, MOMENTUM
from ..math.lanes import prefer_wide_vectors
from .hyperparameters import decay_rates, epsilon_like, number_like, step_numbers


@kernel(*SIGNATURE)
def sgd(param, d_param, state, n_params, n, hyperparameters):
    """param ← param − η g. There is no state: its pointer is never followed."""
    prefer_wide_vectors()
    p, d = carray(param, n), carray(d_param, n)
    eta, l2, scale = step_numbers(p, hyperparameters)
    for i in range(n):
        p[i] -= eta * ((d[i] + l2 * p[i]) * scale)


@kernel(*SIGNATURE)
def momentum(param, d_param, state, n_params, n, hyperparameters):
    """v ← μ v − η g, param ← param + v."""
    prefer_wide_vectors()
    p, d, v = carray(param, n), carray(d_param, n), carray(state, n)
    eta, l2, scale = step_numbers(p, hyperparameters)
    mu = number_like(p, hyperparameters, MOMENTUM)
    for i in range(n):
        velocity = mu * v[i] - eta * ((d[i] + l2 * p[i]) * scale)
        v[i] = velocity
        p[i] += velocity


@kernel(*SIGNATURE)
def nesterov(param, d_param, state, n_params, n, hyperparameters):
    """v ← μ v − η g, param ← param + μ v − η g."""
    prefer_wide_vectors()
    p, d, v = carray(param, n), carray(d_param, n), carray(state, n)
    eta, l2, scale = step_numbers(p, hyperparameters)
    mu = number_like(p, hyperparameters, MOMENTUM)
    for i in range(n):
        step = eta * ((d[i] + l2 * p[i]) * scale)
        velocity = mu * v[i] - step
        v[i] = velocity
        p[i] += mu * velocity - step


@kernel(*SIGNATURE)
def adam(param, d_param, state, n_params, n, hyperparameters):
    """m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², param ← param − η m / (√v + ε).

    The correction of the moments' bias, √(1 − β₂ᵗ) / (1 − β₁ᵗ), is in the learning rate.
    """
    prefer_wide_vectors()
    p, d = carray(param, n), carray(d_param, n)
    m, v = carray(state, n), carray(shift(state, n_params), n)
    eta, l2, scale = step_numbers(p, hyperparameters)
    epsilon = epsilon_like(p, hyperparameters)
    beta_1, rest_1 = decay_rates(p, hyperparameters, BETA_1)
    beta_2, rest_2 = decay_rates(p, hyperparameters, BETA_2)
    for i in range(n):
        g = (d[i] + l2 * p[i]) * scale
        first = beta_1 * m[i] + rest_1 * g
        second = beta_2 * v[i] + rest_2 * (g * g)
        m[i] = first
        v[i] = second
        p[i] -= eta * first / (np.sqrt(second) + epsilon)
