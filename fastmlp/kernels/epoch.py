"""The hot loop: gather → forward → backward → update, for a run of mini-batch steps.

::

    for each step:
        phase one    for each block of rows: through all layers and back       (rows are independent)
        phase two    for each tile of weights: gradient over the whole batch,
                     and the update straight after it, in place                (tiles are independent)

Nothing is allocated. `training` calls it a few hundred milliseconds' worth of steps at a time at the most.
"""

from numba import carray

from .._jit import POINTER, SIZE, inlined, unit
from .network import (
    backward_rows,
    forward_rows,
    gather_inputs,
    gather_targets,
    sum_delta,
    sum_losses,
    sum_of_squares,
    transpose_rows,
)
from .pointers import call, doubles_at, indices_at, integers_at, pointer_at, shift
from .records import L2, LAYER_POINTER, LEARNING_RATE, N_HYPER, SCALE, TASK_POINTER
from .simd import OVERWRITE
from .subnormals import flush_subnormals, restore_mode


@unit(TASK_POINTER, LAYER_POINTER, SIZE, SIZE, POINTER)
def train_steps(task_record, layer_records, first_step, stop_step, like):
    """Steps first_step … stop_step of one epoch: params and state are updated in place.

    Accumulated in the task: loss_sum (each batch's mean loss times its rows), rows_counted, steps_made. A batch
    whose weights sum to zero makes no step and is not counted.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    mode = flush_subnormals()
    for step in range(first_step, stop_step):
        start = step * task.batch_size
        rows = min(task.batch_size, task.n_rows - start)
        order = shift(integers_at(task.order), start)
        total_weight = gather_targets(task, order, rows, like)
        if total_weight == 0.0:
            continue
        compute_deltas(task, layers, order, rows, like)
        set_hyper(task, total_weight)
        task.squares = 0.0
        for number in range(task.n_layers):
            update_layer(task, layers, number, order, rows, like)
        loss = (sum_losses(task, rows) + 0.5 * task.l2 * task.squares) / total_weight
        task.loss_sum += loss * rows
        task.rows_counted += rows
        task.steps_made += 1
    restore_mode(mode)


@inlined
def compute_deltas(task, layers, order, rows, like):
    """Phase one: the rows of a batch through all layers and back, a block that stays in the near caches at a time."""
    if not task.sparse:
        gather_inputs(task, order, rows, like)
    for first in range(0, rows, task.block_rows):
        count = min(task.block_rows, rows - first)
        forward_rows(task, layers, order, first, count, like)
        backward_rows(task, layers, first, count, like)


@inlined
def set_hyper(task, total_weight):
    """This step's learning rate and 1 / Σ weights, for weights and biases (whose L2 stays zero)."""
    hyper = carray(doubles_at(task.hyper), 2 * N_HYPER)
    rate = carray(doubles_at(task.rates), task.steps_made + 1)[task.steps_made]
    hyper[L2] = task.l2
    hyper[LEARNING_RATE] = hyper[N_HYPER + LEARNING_RATE] = rate
    hyper[SCALE] = hyper[N_HYPER + SCALE] = 1.0 / total_weight


@inlined
def update_layer(task, layers, number, order, rows, like):
    """Phase two for one layer: each tile's gradient over the whole batch, and its update straight after it."""
    layer = layers[number]
    fan_out = layer.fan_out
    d_tile, state = pointer_at(task.d_tile, like), pointer_at(task.state, like)
    weight, bias = pointer_at(layer.weight, like), pointer_at(layer.bias, like)
    hyper = doubles_at(task.hyper)
    if number == 0 and task.sparse:
        sort_batch(task, order, rows, like)
    for first in range(0, layer.fan_in, layer.update_rows):
        count = min(layer.update_rows, layer.fan_in - first)
        weight_gradient(task, layer, number, first, count, rows, like)
        at = first * fan_out
        w, moments = shift(weight, at), shift(state, layer.weight_offset + at)
        task.squares += sum_of_squares(w, count * fan_out)
        call(task.update, (w, d_tile, moments, task.n_params, count * fan_out, hyper))
        if number > 0:
            transpose_rows(layer, first, count, like)
    sum_delta(layer, d_tile, rows, like)
    moments = shift(state, layer.bias_offset)
    call(task.update, (bias, d_tile, moments, task.n_params, fan_out, shift(hyper, N_HYPER)))


@inlined
def sort_batch(task, order, rows, like):
    """The batch's sparse entries by feature, into the task's own arrays."""
    starts, entry_rows = integers_at(task.feature_starts), indices_at(task.entry_rows)
    entries, values = pointer_at(task.entry_values, like), pointer_at(task.values, like)
    indptr, indices = integers_at(task.indptr), indices_at(task.indices)
    call(
        task.sort_by_feature,
        (starts, entry_rows, entries, indptr, indices, values, order, rows, task.n_features),
    )


@inlined
def weight_gradient(task, layer, number, first, count, rows, like):
    """d_tile (count, O) is overwritten with inp[:, first : first + count].T @ delta."""
    fan_out = layer.fan_out
    d_tile, delta = pointer_at(task.d_tile, like), pointer_at(layer.delta, like)
    if number == 0 and task.sparse:
        starts, entry_rows = integers_at(task.feature_starts), indices_at(task.entry_rows)
        entries = pointer_at(task.entry_values, like)
        call(
            task.sparse_weight_gradient,
            (d_tile, first, count, starts, entry_rows, entries, delta, layer.stride, fan_out),
        )
    elif layer.narrow:
        narrow_weight_gradient(task, layer, rows, like)
    else:
        inp = shift(pointer_at(layer.input, like), first)
        call(
            task.multiply,
            (d_tile, fan_out, inp, 1, layer.input_stride, delta, layer.stride, delta)  # no bias
            + (count, fan_out, rows, OVERWRITE, pointer_at(task.panel, like), layer.packed),
        )


@inlined
def narrow_weight_gradient(task, layer, rows, like):
    """d_tile (I, O) is overwritten with inp.T @ delta, computed as (delta.T @ inp).T: O is narrower than a vector."""
    fan_in, fan_out = layer.fan_in, layer.fan_out
    transposed = pointer_at(task.d_transposed, like)
    delta, inp = pointer_at(layer.delta, like), pointer_at(layer.input, like)
    call(
        task.multiply,
        (transposed, fan_in, delta, 1, layer.stride, inp, layer.input_stride, inp)  # no bias
        + (fan_out, fan_in, rows, OVERWRITE, inp, 0),  # not packed
    )
    d_tile, source = carray(pointer_at(task.d_tile, like), fan_in * fan_out), carray(transposed, fan_in * fan_out)
    for j in range(fan_out):
        for i in range(fan_in):
            d_tile[i * fan_out + j] = source[j * fan_in + i]
