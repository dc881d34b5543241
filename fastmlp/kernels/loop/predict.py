"""Prediction: the forward pass over many rows, in blocks of rows."""

from ...compiler.numba_backend import POINTER, SIZE, inline_ir, kernel
from ..lowlevel.calls import PREDICT_ROWS_SIGNATURE, call_ordered_rows, call_predict_rows
from ..lowlevel.pointers import carray, integers_at, min_size, pointer_at, shift
from ..lowlevel.records import DATA_AT, LAYER_POINTER, SHAPE_AT, TASK_POINTER
from ..lowlevel.subnormals import flush_subnormals, restore_mode
from .forward_backward import activate_rows


@kernel(*PREDICT_ROWS_SIGNATURE)
def predict_rows(task_record, layer_records, x, x_row_stride, first, stop, out):
    """Rows first … stop of out (stop, width), contiguous, are overwritten with the network's outputs.

    Dense inputs begin at the address `x`, with rows `x_row_stride` bytes apart. The rows of X are those in task.order;
    without an order they are first … stop, and block_order is overwritten. width is n_outputs, or 2 with both_classes:
    then the two columns are 1 − p and p.

    The int64 at the address task.not_finite, if that is not 0, is overwritten: it is positive if a dense row holds an
    infinity or a NaN. In that case out is incomplete.
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
    """`predict_rows` for all rows of a contiguous NumPy array; out is overwritten.

    Both arrays are given by the addresses of their Python objects: reading ``ndarray.ctypes.data`` in Python takes
    longer than the forward pass of a small network.
    """
    task = carray(task_record, 1)[0]
    n_rows = integers_at(integers_at(x_array + SHAPE_AT)[0])[0]
    x, out = integers_at(x_array + DATA_AT)[0], pointer_at(integers_at(out_array + DATA_AT)[0], dtype_ptr)
    call_predict_rows(task.predict_rows, task_record, layer_records, x, task.x_row_stride, 0, n_rows, out)


@inline_ir
def count_up(order, start, rows):
    """order (rows,) is overwritten with start, start + 1, and so on."""
    which = carray(order, rows)
    for i in range(rows):
        which[i] = start + i


@inline_ir
def write_outputs(task, last, start, rows, out):
    """Rows start … start + rows of out (stop, width) are overwritten with the last layer's output (rows, n_outputs)."""
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
