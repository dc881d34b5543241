"""LAMB: Adam's direction for all parameters, then a step for each layer, in proportion to its weights' norm.

The direction is an update rule like the others, but moves nothing; `store_trust` and `apply_trust` are phases that
follow it (see `phases`).
"""

import numpy as np

from ...compiler.numba_backend import inline_ir, kernel
from ..linalg.norms import sum_of_squares_in_double
from ..lowlevel.barrier import thread_range
from ..lowlevel.calls import PHASE_SIGNATURE, UPDATE_RULE_SIGNATURE
from ..lowlevel.pointers import carray, doubles_at, min_size, pointer_at, shift
from ..lowlevel.records import (
    BETA_1,
    BETA_2,
    COLUMN_TILE,
    FLAT_TILE,
    LEARNING_RATE,
    N_HYPERPARAMETERS,
    RATE_1,
    RATE_2,
    WEIGHT_DECAY,
)
from ..math.lanes import prefer_wide_vectors
from .hyperparameters import decay_rates, epsilon_like, number_like, step_numbers


@kernel(*UPDATE_RULE_SIGNATURE)
def lamb(param, d_param, state, n_params, n, hyperparameters):
    """m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², u ← RATE_1 m / (RATE_2 √v + ε) + λ param; param stays.

    The rates correct the moments' bias, see `LAMB.step_rates`.
    """
    prefer_wide_vectors()
    p, d = carray(param, n), carray(d_param, n)
    m, v, u = carray(state, n), carray(shift(state, n_params), n), carray(shift(state, 2 * n_params), n)
    _, l2, scale = step_numbers(p, hyperparameters)
    epsilon = epsilon_like(p, hyperparameters)
    beta_1, rest_1 = decay_rates(p, hyperparameters, BETA_1)
    beta_2, rest_2 = decay_rates(p, hyperparameters, BETA_2)
    correct_1 = number_like(p, hyperparameters, RATE_1)
    correct_2 = number_like(p, hyperparameters, RATE_2)
    decay = number_like(p, hyperparameters, WEIGHT_DECAY)
    for i in range(n):
        g = (d[i] + l2 * p[i]) * scale
        first = beta_1 * m[i] + rest_1 * g
        second = beta_2 * v[i] + rest_2 * (g * g)
        m[i] = first
        v[i] = second
        u[i] = correct_1 * first / (correct_2 * np.sqrt(second) + epsilon) + decay * p[i]


@kernel(*PHASE_SIGNATURE)
def store_trust(task_record, layer_records, dtype_ptr):
    """sums is overwritten with Σ w² and Σ u² of this thread's tiles of each layer's weights, layer after layer."""
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    at = 0
    for number in range(task.n_layers):
        layer = layers[number]
        size = layer.fan_in * layer.fan_out
        begin, end = thread_range(size, FLAT_TILE, task.thread, task.n_threads)
        for first in range(begin, end, FLAT_TILE):
            n = min_size(FLAT_TILE, end - first)
            pair = carray(shift(doubles_at(task.sums), at + 2 * (first // FLAT_TILE)), 2)
            pair[0] = sum_of_squares_in_double(shift(pointer_at(layer.weight, dtype_ptr), first), n)
            pair[1] = sum_of_squares_in_double(shift(direction_of(task, layer.weight_offset, dtype_ptr), first), n)
        at += 2 * ((size + FLAT_TILE - 1) // FLAT_TILE)


@kernel(*PHASE_SIGNATURE)
def apply_trust(task_record, layer_records, dtype_ptr):
    """A thread's weights ← w − η ‖w‖ / ‖u‖ u, norms of the layer's (the ratio is 1 where one is 0); biases − η u."""
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    at = 0
    for number in range(task.n_layers):
        layer = layers[number]
        size = layer.fan_in * layer.fan_out
        tiles = (size + FLAT_TILE - 1) // FLAT_TILE
        trust = trust_of(shift(doubles_at(task.sums), at), size)
        eta = doubles_at(task.hyperparameters)[layer.rule_offset + LEARNING_RATE]
        begin, end = thread_range(size, FLAT_TILE, task.thread, task.n_threads)
        if layer.frozen_weights == 0:
            descend(layer.weight, direction_of(task, layer.weight_offset, dtype_ptr), begin, end - begin, eta * trust)
        eta = doubles_at(task.hyperparameters)[layer.rule_offset + N_HYPERPARAMETERS + LEARNING_RATE]
        begin, end = thread_range(layer.fan_out, COLUMN_TILE, task.thread, task.n_threads)
        if layer.frozen_biases == 0:
            descend(layer.bias, direction_of(task, layer.bias_offset, dtype_ptr), begin, end - begin, eta)
        at += 2 * tiles


@inline_ir
def trust_of(sums, size):
    """A layer's ‖w‖ / ‖u‖ from what `store_trust` noted of its `size` weights; 1 where one of them is 0."""
    tiles = (size + FLAT_TILE - 1) // FLAT_TILE
    pairs = carray(sums, 2 * tiles)
    of_weight = of_direction = 0.0
    for tile in range(tiles):
        of_weight += pairs[2 * tile]
        of_direction += pairs[2 * tile + 1]
    return np.sqrt(of_weight) / np.sqrt(of_direction) if of_weight > 0.0 and of_direction > 0.0 else 1.0


@inline_ir
def direction_of(task, offset, dtype_ptr):
    """u of the parameters that stand at `offset` of the whole vector."""
    return shift(pointer_at(task.moments, dtype_ptr), 2 * task.n_params + offset)


@inline_ir
def descend(params, direction, first, n, rate):
    """Parameters first … first + n of those at the address `params` ← p − rate u."""
    prefer_wide_vectors()
    p, u = carray(shift(pointer_at(params, direction), first), n), carray(shift(direction, first), n)
    eta = p.dtype.type(rate)
    for i in range(n):
        p[i] -= eta * u[i]
