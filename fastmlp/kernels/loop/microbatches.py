"""Microbatches: a large batch of a small network is split so that each gradient is computed from cached rows.

::

    rows of the batch    ├   0   ┼   1   ┼   2   ┼ … ┤        microbatches; each thread processes several, one after
    phase one            forward, backward, weight gradients  the other, in the same rows of the buffers
                             │       │       │
                         partial gradients                    (n_params,) for each microbatch
                             └───────┴───────┴─ … ──►  phase two: their sum, in the order of the microbatches; update

Without microbatches, phase two reads every activation and delta of the batch again, half of them from another core's
cache. The split depends only on the size of the batch, so the sums have the same bits for any number of threads.
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..lowlevel.barrier import cancelled, thread_range
from ..lowlevel.calls import ADD_MICROBATCHES_SIGNATURE, BATCH_SIGNATURE, call_ordered_rows, call_weight_gradient
from ..lowlevel.pointers import carray, doubles_at, min_size, pointer_at, shift
from .forward_backward import sum_doubles
from .weight_gradient import bias_gradient


@kernel(*BATCH_SIGNATURE)
def microbatch_gradients(task_record, layer_records, order, rows, dtype_ptr):
    """Phase one for this thread's microbatches: their rows of two arrays are overwritten. Dense inputs only.

    partial_gradients (n_microbatches, n_params) and microbatch_losses (n_microbatches,). Thread t uses rows
    t · microbatch_rows … (t + 1) · microbatch_rows of the layers' buffers, which are overwritten too.
    """
    task = carray(task_record, 1)[0]
    begin, end = thread_range((rows + task.microbatch_rows - 1) // task.microbatch_rows, 1, task.thread, task.n_threads)
    base = task.thread * task.microbatch_rows
    for microbatch in range(begin, end):
        if cancelled(task.team):
            return
        start = microbatch * task.microbatch_rows
        count = min_size(task.microbatch_rows, rows - start)
        order_from_base = shift(order, start - base)  # pass_rows reads it from element `base` on
        task.first_row = start - base
        call_ordered_rows(task.pass_rows, task_record, layer_records, order_from_base, base, base + count, dtype_ptr)
        store_loss(task, microbatch, base, count)
        for number in range(task.n_layers):
            store_gradient(task_record, layer_records, number, microbatch, base, count, dtype_ptr)


@inline_ir
def store_loss(task, microbatch, base, count):
    """microbatch_losses[microbatch] is overwritten with the sum of losses (count, n_targets)."""
    losses = shift(doubles_at(task.losses), base * task.n_targets)
    carray(doubles_at(task.microbatch_losses), microbatch + 1)[microbatch] = sum_doubles(losses, count * task.n_targets)


@inline_ir
def store_gradient(task_record, layer_records, number, microbatch, base, count, dtype_ptr):
    """partial_gradients[microbatch] (n_params,) is overwritten at the weights and biases of layer `number`.

    `count` rows of the layer's buffers are read, from row `base` on. d_tile is overwritten.
    """
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    partial = shift(pointer_at(task.partial_gradients, dtype_ptr), microbatch * task.n_params)
    fan_out = layer.fan_out
    for first in range(0, layer.fan_in, layer.update_rows):
        n = min_size(layer.update_rows, layer.fan_in - first)
        call_weight_gradient(
            task.weight_gradient,
            task_record, layer_records, number, -1, base, first, n, 0, fan_out, count, dtype_ptr,
        )  # fmt: skip
        to = carray(shift(partial, layer.weight_offset + first * fan_out), n * fan_out)
        tile = carray(pointer_at(task.d_tile, dtype_ptr), n * fan_out)
        for i in range(to.size):
            to[i] = tile[i]
    bias_gradient(layer, shift(partial, layer.bias_offset), base, 0, fan_out, count, dtype_ptr)


@kernel(*ADD_MICROBATCHES_SIGNATURE)
def add_microbatches(task_record, out, offset, count, columns, stride, rows):
    """out (count, columns) is overwritten with the sum of the partial gradients of a block of parameters.

    The block begins at element `offset` of the parameters; its rows are `stride` elements apart. `rows` is the number
    of rows in the batch.
    """
    task = carray(task_record, 1)[0]
    microbatches = (rows + task.microbatch_rows - 1) // task.microbatch_rows
    for i in range(count):
        to = carray(shift(out, i * columns), columns)
        for microbatch in range(microbatches):
            at = microbatch * task.n_params + offset + i * stride
            partial = carray(shift(pointer_at(task.partial_gradients, out), at), columns)
            if microbatch == 0:
                for j in range(columns):
                    to[j] = partial[j]
            else:
                for j in range(columns):
                    to[j] += partial[j]
