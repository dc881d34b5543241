"""The loss over all rows without its gradient; it has the same bits as the loss that `full_batch` computes."""

from ...compiler.numba_backend import POINTER, SIZE, kernel
from ..lowlevel.calls import call_ordered_rows
from ..lowlevel.pointers import carray, doubles_at, integers_at, min_size, shift
from ..lowlevel.records import LAYER_POINTER, TASK_POINTER
from ..lowlevel.subnormals import flush_subnormals, restore_mode
from .forward_backward import compute_losses, gather_targets, sum_losses, sum_weights


@kernel(TASK_POINTER, LAYER_POINTER, SIZE, SIZE, POINTER)
def add_losses(task_record, layer_records, first_step, stop_step, dtype_ptr):
    """loss_sum and weight_sum of the task record are accumulated over chunks first_step … stop_step of the rows.

    losses (batch_size, n_targets) and the buffers of a block of rows are overwritten.
    """
    task = carray(task_record, 1)[0]
    last = carray(layer_records, task.n_layers)[task.n_layers - 1]
    mode = flush_subnormals()
    for step in range(first_step, stop_step):
        start = step * task.batch_size
        rows = min_size(task.batch_size, task.n_rows - start)
        order = shift(integers_at(task.order), start)
        for first in range(0, rows, task.block_rows):
            count, block = min_size(task.block_rows, rows - first), shift(order, first)
            gather_targets(task, block, 0, count, dtype_ptr)
            call_ordered_rows(task.forward, task_record, layer_records, block, 0, count, dtype_ptr)
            compute_losses(task, last, shift(doubles_at(task.losses), first * task.n_targets), 0, count, dtype_ptr)
        task.weight_sum += sum_weights(task, order, rows, dtype_ptr)
        task.loss_sum += sum_losses(task, rows)
    restore_mode(mode)
