"""The loss of rows without its gradient: forward and loss, a block at a time."""

from ...compiler.numba_backend import DOUBLES, POINTER, SIZE, kernel
from ..lowlevel.calls import call_ordered_rows
from ..lowlevel.pointers import carray, integers_at, min_size, shift
from ..lowlevel.records import LAYER_POINTER, TASK_POINTER
from ..lowlevel.subnormals import flush_subnormals, restore_mode
from .forward_backward import compute_losses, gather_targets


@kernel(TASK_POINTER, LAYER_POINTER, SIZE, SIZE, DOUBLES, POINTER)
def store_losses(task_record, layer_records, first, stop, losses, dtype_ptr):
    """losses (stop, n_targets) is overwritten with the weighted losses of the rows first … stop of the task's order.

    The last layer's outputs and deltas are overwritten, too; with what, is the loss's business.
    """
    task = carray(task_record, 1)[0]
    last = carray(layer_records, task.n_layers)[task.n_layers - 1]
    mode = flush_subnormals()
    for start in range(first, stop, task.block_rows):
        rows = min_size(task.block_rows, stop - start)
        order = shift(integers_at(task.order), start)
        gather_targets(task, order, 0, rows, dtype_ptr)
        call_ordered_rows(task.forward, task_record, layer_records, order, 0, rows, dtype_ptr)
        compute_losses(task, last, shift(losses, start * task.n_targets), 0, rows, dtype_ptr)
    restore_mode(mode)
