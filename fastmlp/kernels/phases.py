"""Later phases: what needs the whole gradient, or all weights, of a step before it goes on.

::

    phase two         gradient of each tile → its update            or: `collect`, the update that only notes it
    barrier
    clip by norm      note_norm   ║ apply_gradient                   the update follows here, tile by tile
    LAMB              note_trust  ║ apply_trust                      (see `lamb`)
    max-norm          limit_columns
    in the end        transpose_weights                              ║ and all that stands in a row: a barrier

Each is a unit (task, layers, like) that all threads run, with a barrier after it; which ones a step has stands in the
task. Tiles are dealt to threads, sums noted by tile and added up in order by everybody: the same bits for any number
of threads. Nobody who needs none of this comes here.
"""

import numpy as np
from numba import carray

from .._jit import DOUBLES, POINTER, SIZE, inlined_sum, pasted, unit
from .bits import prefer_wide_vectors
from .pointers import call, doubles_at, pointer_at, shift
from .records import COLUMN_TILE, FLAT_TILE, L2, LAYER_POINTER, N_HYPER, ROW_TILE, SCALE, TASK_POINTER
from .team import share
from .update import transpose_weights


@unit(POINTER, POINTER, POINTER, SIZE, SIZE, DOUBLES)
def collect(param, d_param, state, n_params, n, hyper):
    """An update rule that changes nothing: state (n,) is overwritten with the gradient, (d_param + L2 param) SCALE."""
    prefer_wide_vectors()
    p, d, g = carray(param, n), carray(d_param, n), carray(state, n)
    l2, scale = p.dtype.type(hyper[L2]), p.dtype.type(hyper[SCALE])
    for i in range(n):
        g[i] = (d[i] + l2 * p[i]) * scale


@unit(TASK_POINTER, LAYER_POINTER, POINTER)
def note_norm(task_record, layer_records, like):
    """sums is overwritten with Σ g² of this thread's tiles of the whole gradient, weights and biases together."""
    task = carray(task_record, 1)[0]
    sums = carray(doubles_at(task.sums), (task.n_params + FLAT_TILE - 1) // FLAT_TILE)
    begin, end = share(task.n_params, FLAT_TILE, task.thread, task.n_threads)
    for first in range(begin, end, FLAT_TILE):
        gradient = shift(pointer_at(task.gradient, like), first)
        sums[first // FLAT_TILE] = sum_of_squares(gradient, min(FLAT_TILE, end - first))


@unit(TASK_POINTER, LAYER_POINTER, POINTER)
def apply_gradient(task_record, layer_records, like):
    """This thread's parameters and moments take their step by the gradient times min(1, clip_norm / ‖gradient‖).

    A NaN in the gradient is a NaN in the parameters. hyper's L2 and SCALE are overwritten: they stand in the gradient.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    sums = carray(doubles_at(task.sums), (task.n_params + FLAT_TILE - 1) // FLAT_TILE)
    total = 0.0
    for i in range(sums.size):
        total += sums[i]
    norm = np.sqrt(total)
    hyper = carray(doubles_at(task.hyper), 2 * N_HYPER)
    hyper[L2] = 0.0
    hyper[SCALE] = hyper[N_HYPER + SCALE] = task.clip_norm / norm if norm > task.clip_norm else 1.0
    for number in range(task.n_layers):
        layer = layers[number]
        begin, end = share(layer.fan_in * layer.fan_out, FLAT_TILE, task.thread, task.n_threads)
        apply_to(task, layer.weight, layer.weight_offset, begin, end - begin, 0, like)
        begin, end = share(layer.fan_out, COLUMN_TILE, task.thread, task.n_threads)
        apply_to(task, layer.bias, layer.bias_offset, begin, end - begin, N_HYPER, like)
    hyper[SCALE] = hyper[N_HYPER + SCALE] = 1.0  # as `collect` wants them after `penalise`


@pasted
def apply_to(task, params, offset, first, n, row, like):
    """Parameters first … first + n of those at the address `params`, which stand at `offset` of the whole vector."""
    param = shift(pointer_at(params, like), first)
    gradient = shift(pointer_at(task.gradient, like), offset + first)
    moments = shift(pointer_at(task.moments, like), offset + first)
    call(task.rule, (param, gradient, moments, task.n_params, n, shift(doubles_at(task.hyper), row)))


@unit(TASK_POINTER, LAYER_POINTER, POINTER)
def limit_columns(task_record, layer_records, like):
    """What comes into each unit of this thread's, a column of weights, is scaled to the norm max_norm if it is larger.

    column_sums (COLUMN_TILE,) is overwritten.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    for number in range(task.n_layers):
        layer = layers[number]
        begin, end = share(layer.fan_out, COLUMN_TILE, task.thread, task.n_threads)
        for column in range(begin, end, COLUMN_TILE):
            weight = shift(pointer_at(layer.weight, like), column)
            n = min(COLUMN_TILE, end - column)
            limit_tile(weight, layer.fan_out, layer.fan_in, n, task.max_norm, doubles_at(task.column_sums))


@pasted
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


@unit(TASK_POINTER, LAYER_POINTER, POINTER)
def transpose_all(task_record, layer_records, like):
    """The transposed twins of this thread's rows of weights are overwritten with them."""
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    for number in range(1, task.n_layers):
        layer = layers[number]
        begin, end = share(layer.fan_in, ROW_TILE, task.thread, task.n_threads)
        for first in range(begin, end, ROW_TILE):
            transpose_weights(layer, first, min(ROW_TILE, end - first), 0, layer.fan_out, like)


@inlined_sum
def sum_of_squares(pointer, n):
    """Σ x², added up in float64: squares of what explodes would overflow in float32."""
    values = carray(pointer, n)
    total = 0.0
    for i in range(n):
        total += np.float64(values[i]) * np.float64(values[i])
    return total
