"""Later phases: what needs the whole gradient, or all weights, of a step before it goes on.

::

    phase two       gradient of each tile → its update        or `collect`, an update that only notes it
    clip by norm    note_norm ║ apply_gradient                the update follows here, tile by tile
    LAMB            note_trust ║ apply_trust                  (see `lamb`)
    L1              shrink_weights                            (see `shrinkage`)
    max-norm        limit_columns
    in the end      transpose_all                             ║ and from line to line: a barrier

Each is a unit (task, layers, like) that all threads run; which ones a step has stands in the task. Tiles are dealt to
threads, sums noted by tile and added up in order by everybody who needs them: the same bits for any number of threads.
Nobody who needs none of this comes here.
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
    """This thread's part of all later phases, a barrier before each.

    Overwritten in the task: the penalty, by thread 0; the shrinkage, never below 0.
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
    """The sum of n doubles, in order."""
    values = carray(doubles_at(address), n)
    total = 0.0
    for i in range(n):
        total += values[i]
    return total


@kernel(*UPDATE_RULE_SIGNATURE)
def collect(param, d_param, state, n_params, n, hyperparameters):
    """An update rule that changes nothing: state (n,) is overwritten with the gradient, (d_param + L2 param) SCALE."""
    prefer_wide_vectors()
    p, d, g = carray(param, n), carray(d_param, n), carray(state, n)
    l2, scale = p.dtype.type(hyperparameters[L2]), p.dtype.type(hyperparameters[SCALE])
    for i in range(n):
        g[i] = (d[i] + l2 * p[i]) * scale


@kernel(*PHASE_SIGNATURE)
def store_norm(task_record, layer_records, dtype_ptr):
    """sums is overwritten with Σ g² of this thread's tiles of the whole gradient, weights and biases together."""
    task = carray(task_record, 1)[0]
    sums = carray(doubles_at(task.sums), (task.n_params + FLAT_TILE - 1) // FLAT_TILE)
    begin, end = thread_range(task.n_params, FLAT_TILE, task.thread, task.n_threads)
    for first in range(begin, end, FLAT_TILE):
        gradient = shift(pointer_at(task.gradient, dtype_ptr), first)
        sums[first // FLAT_TILE] = sum_of_squares_in_double(gradient, min_size(FLAT_TILE, end - first))


@kernel(*PHASE_SIGNATURE)
def apply_gradient(task_record, layer_records, dtype_ptr):
    """This thread's parameters and moments take their step by the gradient times min(1, clip_norm / ‖gradient‖).

    A NaN in the gradient is a NaN in the parameters. rule_hyper's rates, L2 and SCALE are overwritten: what phase two
    was told of L2 and SCALE stands in the gradient. A shorter step shrinks the weights less.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    norm = np.sqrt(add_up(task.sums, (task.n_params + FLAT_TILE - 1) // FLAT_TILE))
    step_rates, hyperparameters = (
        doubles_at(task.hyperparameters),
        carray(doubles_at(task.rule_hyperparameters), 2 * N_HYPERPARAMETERS),
    )
    for i in range(N_STEP_RATES):
        hyperparameters[i] = hyperparameters[N_HYPERPARAMETERS + i] = step_rates[i]
    hyperparameters[L2] = 0.0
    hyperparameters[SCALE] = hyperparameters[N_HYPERPARAMETERS + SCALE] = (
        task.clip_norm / norm if norm > task.clip_norm else 1.0
    )
    task.shrinkage *= hyperparameters[SCALE]
    for number in range(task.n_layers):
        layer = layers[number]
        begin, end = thread_range(layer.fan_in * layer.fan_out, FLAT_TILE, task.thread, task.n_threads)
        apply_to(task, layer.weight, layer.weight_offset, begin, end - begin, 0, dtype_ptr)
        begin, end = thread_range(layer.fan_out, COLUMN_TILE, task.thread, task.n_threads)
        apply_to(task, layer.bias, layer.bias_offset, begin, end - begin, N_HYPERPARAMETERS, dtype_ptr)
    hyperparameters[SCALE] = hyperparameters[N_HYPERPARAMETERS + SCALE] = (
        1.0  # as `collect` wants it behind `clip_by_value`
    )


@inline_ir
def apply_to(task, params, offset, first, n, row, dtype_ptr):
    """Parameters first … first + n of those at the address `params`, which stand at `offset` of the whole vector."""
    param = shift(pointer_at(params, dtype_ptr), first)
    gradient = shift(pointer_at(task.gradient, dtype_ptr), offset + first)
    moments = shift(pointer_at(task.moments, dtype_ptr), offset + first)
    hyperparameters = shift(doubles_at(task.rule_hyperparameters), row)
    call_update_rule(task.rule, param, gradient, moments, task.n_params, n, hyperparameters)


@kernel(*PHASE_SIGNATURE)
def limit_columns(task_record, layer_records, dtype_ptr):
    """What comes into each unit of this thread's, a column of weights, is scaled to the norm max_norm if it is larger.

    column_sums (COLUMN_TILE,) is overwritten.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    for number in range(task.n_layers):
        layer = layers[number]
        begin, end = thread_range(layer.fan_out, COLUMN_TILE, task.thread, task.n_threads)
        for column in range(begin, end, COLUMN_TILE):
            weight = shift(pointer_at(layer.weight, dtype_ptr), column)
            n = min_size(COLUMN_TILE, end - column)
            limit_tile(weight, layer.fan_out, layer.fan_in, n, task.max_norm, doubles_at(task.column_sums))


@inline_ir
def limit_tile(weight, stride, rows, columns, largest, sums):
    """weight (rows, columns) in rows of `stride`: columns longer than `largest` are scaled; sums is overwritten."""
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
def transpose_all(task_record, layer_records, dtype_ptr):
    """The copies (transposed, panels) of this thread's rows of weights are overwritten with them."""
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    for number in range(task.n_layers):
        layer = layers[number]
        begin, end = thread_range(layer.fan_in, ROW_TILE, task.thread, task.n_threads)
        if begin < end:
            refresh_weight_copies(task_record, layer_records, number, begin, end - begin, 0, layer.fan_out, dtype_ptr)
