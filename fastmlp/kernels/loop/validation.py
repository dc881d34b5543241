"""The losses and outputs of single rows, without the gradient."""

from ...compiler.numba_backend import DOUBLES, POINTER, SIZE, kernel
from ..lowlevel.calls import call_ordered_rows
from ..lowlevel.pointers import carray, integers_at, min_size, shift
from ..lowlevel.records import LAYER_POINTER, TASK_POINTER
from ..lowlevel.subnormals import flush_subnormals, restore_mode
from .forward_backward import compute_losses, gather_targets
from .predict import write_outputs


@kernel(TASK_POINTER, LAYER_POINTER, SIZE, SIZE, DOUBLES, POINTER)
def store_losses(task_record, layer_records, first, stop, losses, out):
    """Rows first … stop of losses (stop, n_targets) are overwritten with the losses of these rows of task.order.

    So are the same rows of out (stop, n_outputs) with the network's outputs. Each loss is multiplied by its sample
    weight. The buffers of a block of rows are overwritten, including the last layer's delta.
    """
    task = carray(task_record, 1)[0]
    last = carray(layer_records, task.n_layers)[task.n_layers - 1]
    mode = flush_subnormals()
    for start in range(first, stop, task.block_rows):
        rows = min_size(task.block_rows, stop - start)
        order = shift(integers_at(task.order), start)
        gather_targets(task, order, 0, rows, out)
        call_ordered_rows(task.forward, task_record, layer_records, order, 0, rows, out)
        compute_losses(task, last, shift(losses, start * task.n_targets), 0, rows, out)
        write_outputs(task, last, start, rows, out)
    restore_mode(mode)
