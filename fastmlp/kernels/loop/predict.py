"""The forward pass over many rows, a block at a time."""

from ...compiler.numba_backend import POINTER, SIZE, inline_ir, kernel
from ..lowlevel.calls import PREDICT_ROWS_SIGNATURE, call_ordered_rows, call_predict_rows
from ..lowlevel.pointers import carray, integers_at, min_size, pointer_at, shift
from ..lowlevel.records import DATA_AT, LAYER_POINTER, SHAPE_AT, TASK_POINTER
from ..lowlevel.subnormals import flush_subnormals, restore_mode
from .forward_backward import activate_rows


@kernel(*PREDICT_ROWS_SIGNATURE)
def predict_rows(task_record, layer_records, x, x_row_stride, first, stop, out):
    """Rows first … stop: out (stop, width), contiguous, is overwritten in those rows.

    Dense input begins at address x, its rows x_row_stride bytes apart. The rows are those of the task's order, or
    first … stop themselves where it has none (block_order is overwritten). width is n_outputs; with both_classes it
    is 2, for 1 − p and p. A word at task.not_finite, if there is one, is overwritten: above zero if a dense row holds
    an infinity or a NaN (then out is of no use).
    """
    task = carray(task_record, 1)[0]
    task.x, task.x_row_stride = x, x_row_stride
    last = carray(layer_records, task.n_layers)[task.n_layers - 1]
    mode = flush_subnormals()
    if task.not_finite != 0:
        integers_at(task.not_finite)[0] = 0
    for start in range(first, stop, task.block_rows):
        rows = min_size(task.block_rows, stop - start)
        order = integers_at(task.block_order)
        if task.order == 0:
            count_up(order, start, rows)
        else:
            order = shift(integers_at(task.order), start)
        call_ordered_rows(task.forward, task_record, layer_records, order, 0, rows, out)
        activate_rows(last, 0, rows, out)
        write_outputs(task, last, start, rows, out)
        if task.not_finite != 0 and integers_at(task.not_finite)[0] != 0:
            break
    restore_mode(mode)


@kernel(TASK_POINTER, LAYER_POINTER, SIZE, SIZE, POINTER)
def predict_few(task_record, layer_records, x_array, out_array, dtype_ptr):
    """All rows of a contiguous NumPy array, both arrays given by the addresses of their objects: see `predict_rows`.

    Asking an array for its data costs Python more than the rest of a small network's forward pass.
    """
    task = carray(task_record, 1)[0]
    n_rows = integers_at(integers_at(x_array + SHAPE_AT)[0])[0]
    x, out = integers_at(x_array + DATA_AT)[0], pointer_at(integers_at(out_array + DATA_AT)[0], dtype_ptr)
    call_predict_rows(task.predict_rows, task_record, layer_records, x, task.x_row_stride, 0, n_rows, out)


@inline_ir
def count_up(order, start, rows):
    """order (rows,) is overwritten with start, start + 1, …"""
    which = carray(order, rows)
    for i in range(rows):
        which[i] = start + i


@inline_ir
def write_outputs(task, last, start, rows, out):
    """out is overwritten in rows start … start + rows with the last layer's outputs, which are contiguous."""
    n = rows * task.n_outputs
    a = carray(pointer_at(last.output, out), n)
    if task.both_classes:
        to = carray(shift(out, start * 2), 2 * rows)
        for i in range(rows):
            to[2 * i] = a.dtype.type(1) - a[i]
            to[2 * i + 1] = a[i]
    else:
        to = carray(shift(out, start * task.n_outputs), n)
        for i in range(n):
            to[i] = a[i]
