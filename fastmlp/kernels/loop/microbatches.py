"""A large batch of a small network in a fixed number of parts: gradients while a part's rows are in the near caches.

::

    rows of the batch    ├ part 0 ┼ part 1 ┼ part 2 ┼ … ┤     each thread takes whole parts, one after the other,
    phase one            forward, backward, weight gradients    through the same few rows of memory
                             │        │        │
                         partial  partial  partial              (n_params,) for each part
                             └────────┴────────┴─ … ──►  phase two: their sum, in the order of the parts; update

Without parts, phase two reads every activation and delta of the batch once more, half of them from another core's
cache. The parts depend on the batch's size alone, so the sums have the same bits for any number of threads.
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..lowlevel.barrier import cancelled, thread_range
from ..lowlevel.calls import ADD_MICROBATCHES_SIGNATURE, BATCH_SIGNATURE, call_ordered_rows, call_weight_gradient
from ..lowlevel.pointers import carray, doubles_at, min_size, pointer_at, shift
from .forward_backward import sum_doubles
from .weight_gradient import bias_gradient


@kernel(*BATCH_SIGNATURE)
def microbatch_gradients(task_record, layer_records, order, rows, dtype_ptr):
    """Phase one: this thread's parts of the batch; partials (parts, n_params) and part_losses (parts,) are overwritten.

    Thread t's parts go through rows t · part_rows … of the layers' buffers. Dense input only.
    """
    task = carray(task_record, 1)[0]
    begin, end = thread_range((rows + task.microbatch_rows - 1) // task.microbatch_rows, 1, task.thread, task.n_threads)
    base = task.thread * task.microbatch_rows
    for part in range(begin, end):
        if cancelled(task.team):
            return
        start = part * task.microbatch_rows
        count = min_size(task.microbatch_rows, rows - start)
        rows_of_part = shift(order, start - base)
        task.first_row = start - base
        call_ordered_rows(task.pass_rows, task_record, layer_records, rows_of_part, base, base + count, dtype_ptr)
        store_loss(task, part, base, count)
        for number in range(task.n_layers):
            store_gradient(task_record, layer_records, number, part, base, count, dtype_ptr)


@inline_ir
def store_loss(task, part, base, count):
    """part_losses[part] is overwritten with the sum of the part's losses."""
    losses = shift(doubles_at(task.losses), base * task.n_targets)
    carray(doubles_at(task.microbatch_losses), part + 1)[part] = sum_doubles(losses, count * task.n_targets)


@inline_ir
def store_gradient(task_record, layer_records, number, part, base, count, dtype_ptr):
    """partials[part] is overwritten where one layer's weights and biases lie."""
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    partial = shift(pointer_at(task.partial_gradients, dtype_ptr), part * task.n_params)
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
    """out (count, columns) is overwritten with the partials' sum, from element `offset` on, rows `stride` apart."""
    task = carray(task_record, 1)[0]
    microbatches = (rows + task.microbatch_rows - 1) // task.microbatch_rows
    for i in range(count):
        to = carray(shift(out, i * columns), columns)
        for part in range(microbatches):
            at = part * task.n_params + offset + i * stride
            partial = carray(shift(pointer_at(task.partial_gradients, out), at), columns)
            if part == 0:
                for j in range(columns):
                    to[j] = partial[j]
            else:
                for j in range(columns):
                    to[j] += partial[j]
