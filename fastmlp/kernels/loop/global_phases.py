"""Global phases: the part of a step that needs the whole gradient, or all updated weights.

::

    phase two       gradient of each tile → its update        or `collect`, which only stores the gradient
    clip by norm    store_norm ║ apply_gradient               the update follows here, tile by tile
    LAMB            store_trust ║ apply_trust                 (see `lamb`)
    L1              shrink_weights                            (see `shrinkage`)
    max-norm        limit_columns
    average         average_params
    last            transpose_all                             ║ is a barrier; so is the end of each line

Each phase is a kernel (PHASE_SIGNATURE) that all threads run; task.phases lists those of a step. Threads work on
different tiles. Sums are stored for each tile, and each thread that needs the total adds them in the same order, so the
results have the same bits for any number of threads. A step without global phases does not call this module.
"""

import numpy as np

from ...compiler.numba_backend import inline_ir, kernel
from ..linalg.norms import sum_of_squares_in_double
from ..lowlevel.barrier import barrier_wait, thread_range
from ..lowlevel.calls import PHASE_SIGNATURE, UPDATE_RULE_SIGNATURE, call_phase, call_update_rule
from ..lowlevel.pointers import carray, doubles_at, integers_at, min_size, pointer_at, shift
from ..lowlevel.records import (
    COLUMN_TILE,
    FLAT_TILE,
    L2,
    N_HYPERPARAMETERS,
    N_STEP_RATES,
    ROW_TILE,
    SCALE,
)
from ..math.lanes import prefer_wide_vectors
from .update import refresh_weight_copies


@kernel(*PHASE_SIGNATURE)
def run_global_phases(task_record, layer_records, dtype_ptr):
    """Run all global phases on this thread's tiles, with a barrier before each.

    Overwritten in the task record: shrinkage (at least 0) and, by thread 0 only, penalty.
    """
    task = carray(task_record, 1)[0]
    if task.thread == 0:
        task.penalty = task.l1 * add_up(task.magnitudes, task.n_magnitudes)
    shrinkage = task.l1 * carray(doubles_at(task.hyperparameters), N_HYPERPARAMETERS)[SCALE]
    task.shrinkage = shrinkage if shrinkage > 0.0 else 0.0
    for number in range(task.n_phases):
        if not barrier_wait(task.team, task.n_threads):
            return
        call_phase(integers_at(task.phases)[number], task_record, layer_records, dtype_ptr)


@inline_ir
def add_up(address, n):
    """Return the sum of the `n` float64 numbers at the address, added in order."""
    values = carray(doubles_at(address), n)
    total = 0.0
    for i in range(n):
        total += values[i]
    return total


@kernel(*UPDATE_RULE_SIGNATURE)
def collect(param, d_param, state, n_params, n, hyperparameters):
    """state (n,) is overwritten with the gradient, (d_param (n,) + L2 param (n,)) SCALE; param is not changed."""
    prefer_wide_vectors()
    p, d, g = carray(param, n), carray(d_param, n), carray(state, n)
    l2, scale = p.dtype.type(hyperparameters[L2]), p.dtype.type(hyperparameters[SCALE])
    for i in range(n):
        g[i] = (d[i] + l2 * p[i]) * scale


@kernel(*PHASE_SIGNATURE)
def store_norm(task_record, layer_records, dtype_ptr):
    """sums (n_tiles,) is overwritten with Σ g² of this thread's tiles of gradient (n_params,)."""
    task = carray(task_record, 1)[0]
    sums = carray(doubles_at(task.sums), (task.n_params + FLAT_TILE - 1) // FLAT_TILE)
    begin, end = thread_range(task.n_params, FLAT_TILE, task.thread, task.n_threads)
    for first in range(begin, end, FLAT_TILE):
        gradient = shift(pointer_at(task.gradient, dtype_ptr), first)
        sums[first // FLAT_TILE] = sum_of_squares_in_double(gradient, min_size(FLAT_TILE, end - first))


@kernel(*PHASE_SIGNATURE)
def apply_gradient(task_record, layer_records, dtype_ptr):
    """A thread's parameters and moments are updated with the gradient times min(1, clip_norm / ‖gradient‖).

    The gradient of frozen parameters is zero: `collect` is not called for them. A NaN in the gradient makes all others
    NaN. In rule_hyperparameters, the rates, L2 and SCALE are overwritten: `gradient` already includes the L2 and SCALE
    of phase two. shrinkage is multiplied by the same factor as the gradient.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    norm = np.sqrt(add_up(task.sums, (task.n_params + FLAT_TILE - 1) // FLAT_TILE))
    factor = task.clip_norm / norm if norm > task.clip_norm else 1.0
    task.shrinkage *= factor
    for number in range(task.n_layers):
        layer = layers[number]
        for row in range(layer.rule_offset, layer.rule_offset + 2 * N_HYPERPARAMETERS, N_HYPERPARAMETERS):
            step_rates, hyperparameters = (
                shift(doubles_at(task.hyperparameters), row),
                shift(doubles_at(task.rule_hyperparameters), row),
            )
            for i in range(N_STEP_RATES):
                hyperparameters[i] = step_rates[i]
            hyperparameters[L2] = 0.0
            hyperparameters[SCALE] = factor
        begin, end = thread_range(layer.fan_in * layer.fan_out, FLAT_TILE, task.thread, task.n_threads)
        if layer.frozen_weights == 0:
            apply_to(task, layer.weight, layer.weight_offset, begin, end - begin, layer.rule_offset, dtype_ptr)
        begin, end = thread_range(layer.fan_out, COLUMN_TILE, task.thread, task.n_threads)
        row = layer.rule_offset + N_HYPERPARAMETERS
        if layer.frozen_biases == 0:
            apply_to(task, layer.bias, layer.bias_offset, begin, end - begin, row, dtype_ptr)
        # `collect` reads SCALE here if it is the rule behind `clip_by_value`.
        for row in range(layer.rule_offset, layer.rule_offset + 2 * N_HYPERPARAMETERS, N_HYPERPARAMETERS):
            shift(doubles_at(task.rule_hyperparameters), row)[SCALE] = 1.0


@inline_ir
def apply_to(task, params, offset, first, n, row, dtype_ptr):
    """Elements first … first + n of the array at the address `params`, and their moments, are updated in place.

    The array begins at element `offset` of gradient (n_params,) and of each moment; `row` is the offset of its
    hyperparameters.
    """
    param = shift(pointer_at(params, dtype_ptr), first)
    gradient = shift(pointer_at(task.gradient, dtype_ptr), offset + first)
    moments = shift(pointer_at(task.moments, dtype_ptr), offset + first)
    call_update_rule(
        task.rule, param, gradient, moments, task.n_params, n, shift(doubles_at(task.rule_hyperparameters), row)
    )


@kernel(*PHASE_SIGNATURE)
def limit_columns(task_record, layer_records, dtype_ptr):
    """A thread's columns of each layer's weights (I, O) are scaled to the norm max_norm if theirs is larger.

    column_sums (COLUMN_TILE,) is overwritten.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    for number in range(task.n_layers):
        layer = layers[number]
        if layer.frozen_weights != 0:
            continue
        begin, end = thread_range(layer.fan_out, COLUMN_TILE, task.thread, task.n_threads)
        for column in range(begin, end, COLUMN_TILE):
            weight = shift(pointer_at(layer.weight, dtype_ptr), column)
            n = min_size(COLUMN_TILE, end - column)
            limit_tile(weight, layer.fan_out, layer.fan_in, n, task.max_norm, doubles_at(task.column_sums))


@inline_ir
def limit_tile(weight, stride, rows, columns, largest, sums):
    """Columns of weight (rows, columns), rows `stride` elements apart, are scaled to at most the norm `largest`.

    sums (columns,) is overwritten.
    """
    prefer_wide_vectors()
    factors = carray(sums, columns)
    for j in range(columns):
        factors[j] = 0.0
    for i in range(rows):
        w = carray(shift(weight, i * stride), columns)
        for j in range(columns):
            factors[j] += np.float64(w[j]) * np.float64(w[j])
    for j in range(columns):
        norm = np.sqrt(factors[j])
        factors[j] = largest / norm if norm > largest else 1.0
    for i in range(rows):
        w = carray(shift(weight, i * stride), columns)
        for j in range(columns):
            w[j] *= w.dtype.type(factors[j])


@kernel(*PHASE_SIGNATURE)
def average_params(task_record, layer_records, dtype_ptr):
    """A thread's tiles of average (n_params,) move towards the parameters; the first time they become the parameters.

    The parameters lie one behind the other, from the first layer's weights on.
    """
    prefer_wide_vectors()
    task = carray(task_record, 1)[0]
    params = carray(layer_records, task.n_layers)[0].weight
    begin, end = thread_range(task.n_params, FLAT_TILE, task.thread, task.n_threads)
    p = carray(shift(pointer_at(params, dtype_ptr), begin), end - begin)
    average = carray(shift(pointer_at(task.average, dtype_ptr), begin), end - begin)
    share = p.dtype.type(task.average_share if task.average_begun != 0 else 1.0)
    for i in range(end - begin):
        average[i] = p[i] if p[i] == average[i] else average[i] + share * (p[i] - average[i])  # -0.0 stays -0.0
    task.average_begun = 1


@kernel(*PHASE_SIGNATURE)
def transpose_all(task_record, layer_records, dtype_ptr):
    """The copies of the weights (transposed, panels) are overwritten, in this thread's rows of each layer."""
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    for number in range(task.n_layers):
        layer = layers[number]
        begin, end = thread_range(layer.fan_in, ROW_TILE, task.thread, task.n_threads)
        if begin < end:
            refresh_weight_copies(task_record, layer_records, number, begin, end - begin, 0, layer.fan_out, dtype_ptr)
