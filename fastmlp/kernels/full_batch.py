"""Loss and gradient over all rows, in chunks of rows that are added up in order: no buffer of all rows."""

from numba import carray

from .._jit import POINTER, SIZE, inlined, unit
from .epoch import compute_deltas, sort_batch, weight_gradient
from .network import gather_targets, sum_delta, sum_losses
from .pointers import integers_at, pointer_at, shift
from .records import LAYER_POINTER, TASK_POINTER
from .subnormals import flush_subnormals, restore_mode


@unit(TASK_POINTER, LAYER_POINTER, SIZE, SIZE, POINTER)
def add_gradients(task_record, layer_records, first_step, stop_step, gradient):
    """Chunks first_step … stop_step of the rows: gradient (n_params,) is accumulated, a sum over rows without L2.

    Accumulated in the task: loss_sum and weight_sum.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    mode = flush_subnormals()
    for step in range(first_step, stop_step):
        start = step * task.batch_size
        rows = min(task.batch_size, task.n_rows - start)
        order = shift(integers_at(task.order), start)
        task.weight_sum += gather_targets(task, order, rows, gradient)
        compute_deltas(task, layers, order, rows, gradient)
        for number in range(task.n_layers):
            add_layer_gradient(task, layers, number, order, rows, gradient)
        task.loss_sum += sum_losses(task, rows)
    restore_mode(mode)


@inlined
def add_layer_gradient(task, layers, number, order, rows, gradient):
    """One layer's part of gradient is accumulated over the rows of the chunk."""
    layer = layers[number]
    d_tile = pointer_at(task.d_tile, gradient)
    if number == 0 and task.sparse:
        sort_batch(task, order, rows, gradient)
    for first in range(0, layer.fan_in, layer.update_rows):
        count = min(layer.update_rows, layer.fan_in - first)
        weight_gradient(task, layer, number, first, count, rows, gradient)
        add(shift(gradient, layer.weight_offset + first * layer.fan_out), d_tile, count * layer.fan_out)
    sum_delta(layer, d_tile, rows, gradient)
    add(shift(gradient, layer.bias_offset), d_tile, layer.fan_out)


@inlined
def add(out, inp, n):
    """out (n,) += inp (n,)."""
    a, b = carray(out, n), carray(inp, n)
    for i in range(n):
        a[i] += b[i]
