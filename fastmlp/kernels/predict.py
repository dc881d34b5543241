"""The forward pass over many rows, a block at a time."""

from numba import carray

from .._jit import POINTER, SIZE, unit
from .network import activate_rows, forward_rows, gather_inputs
from .pointers import integers_at, pointer_at, shift
from .records import LAYER_POINTER, TASK_POINTER
from .subnormals import flush_subnormals, restore_mode


@unit(TASK_POINTER, LAYER_POINTER, SIZE, SIZE, POINTER)
def predict_rows(task_record, layer_records, first, stop, out):
    """Rows first … stop of the order: out (stop, n_outputs), contiguous, is overwritten in those rows."""
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    last = layers[task.n_layers - 1]
    mode = flush_subnormals()
    for start in range(first, stop, task.block_rows):
        rows = min(task.block_rows, stop - start)
        order = shift(integers_at(task.order), start)
        if not task.sparse:
            gather_inputs(task, order, 0, rows, out)
        forward_rows(task, layers, order, 0, rows, out)
        activate_rows(last, 0, rows, out)
        for i in range(rows):
            a = carray(shift(pointer_at(last.output, out), i * last.stride), task.n_outputs)
            to = carray(shift(out, (start + i) * task.n_outputs), task.n_outputs)
            for j in range(task.n_outputs):
                to[j] = a[j]
    restore_mode(mode)
