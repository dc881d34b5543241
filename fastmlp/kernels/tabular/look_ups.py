"""One-hot inputs as look-ups of rows of W̃: each row of the batch has one of them for each column that is looked up.

::

    codes of a row          the batch in CSR                       output = bias + Σ_j of_zero_j W̃_j
    column 0: k    ──►      entry at first_0 + k − 1, of_one − of_zero        + Σ entries · their rows of W̃
    column 1: 0             entry at first_1, 0: no category                  (then the product adds all other inputs)

The rows of W̃ that are looked up are its last ones, behind fan_in others. of_zero is 0 for all but frequent categories;
the others are the constants. Products and gradients of the entries are those of sparse inputs (`linalg.sparse`).
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..loop.weight_gradient import sort_batch, sum_columns
from ..lowlevel.barrier import cancelled, thread_range
from ..lowlevel.calls import (
    BATCH_SIGNATURE,
    ORDERED_ROWS_SIGNATURE,
    call_sparse_forward,
    call_weight_gradient,
)
from ..lowlevel.pointers import carray, indices_at, integers_at, min_size, pointer_at, shift
from ..lowlevel.records import ROW_TILE
from ..math.lanes import prefer_wide_vectors
from .update import update_rows


@kernel(*ORDERED_ROWS_SIGNATURE)
def look_up_rows(task_record, layer_records, order, first, rows, dtype_ptr):
    """Rows first … first + rows of the first layer's output are overwritten with bias and all looked-up inputs.

    So are the batch's entries of these rows, and constant_row (O,). order names the rows of X.
    """
    prefer_wide_vectors()
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[0]
    store_entries(task, order, first, rows, dtype_ptr)
    fan_out = layer.fan_out
    weight = shift(pointer_at(layer.weight, dtype_ptr), layer.fan_in * fan_out)
    constant_row, bias = pointer_at(task.constant_row, dtype_ptr), pointer_at(layer.bias, dtype_ptr)
    sums, b = carray(constant_row, fan_out), carray(bias, fan_out)
    for j in range(fan_out):
        sums[j] = b[j]
    places, values = integers_at(task.constants), pointer_at(task.constant_values, dtype_ptr)
    for i in range(task.n_constants):
        value, w = values[i], carray(shift(weight, places[i] * fan_out), fan_out)
        for j in range(fan_out):
            sums[j] += value * w[j]
    out = shift(pointer_at(layer.output, dtype_ptr), first * layer.stride)
    indptr, indices = integers_at(task.indptr), indices_at(task.indices)
    entries, which = pointer_at(task.values, dtype_ptr), shift(integers_at(task.batch_order), first)
    call_sparse_forward(
        task.sparse_forward, out, layer.stride, indptr, indices, entries, which, rows, weight, constant_row, fan_out
    )


@inline_ir
def store_entries(task, order, first, rows, dtype_ptr):
    """indices and values (rows, n_look_ups) of rows first … first + rows are overwritten, from the codes in X."""
    columns = task.n_look_ups
    which, firsts = carray(shift(order, first), rows), carray(integers_at(task.look_ups), columns)
    differences = pointer_at(task.look_up_values, dtype_ptr)
    indices = shift(indices_at(task.indices), first * columns)
    values = shift(pointer_at(task.values, dtype_ptr), first * columns)
    for i in range(rows):
        x = task.x + which[i] * task.x_row_stride + (task.n_plain + task.n_codes) * task.x_column_stride
        for column in range(columns):
            code = int(carray(pointer_at(x + column * task.x_column_stride, dtype_ptr), 1)[0])
            at, value = firsts[column], carray(values, 1).dtype.type(0)
            if code > 0:
                at += code - 1
                value = differences[at]
            indices[i * columns + column] = at
            values[i * columns + column] = value


@kernel(*BATCH_SIGNATURE)
def update_look_ups(task_record, layer_records, order, rows, dtype_ptr):
    """A thread's looked-up rows of W and s, their moments and their rows of W̃ are updated in place.

    d_tile, d_scales, constant_row and the entries sorted by row of W̃ are overwritten. `order` is not used.
    """
    prefer_wide_vectors()
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[0]
    fan_out, sums = layer.fan_out, pointer_at(task.constant_row, dtype_ptr)
    begin, end = thread_range(task.n_looked_up, ROW_TILE, task.thread, task.n_threads)
    if begin == end:
        return
    sort_batch(task, integers_at(task.batch_order), rows, begin, end, dtype_ptr)
    if task.n_constants > 0:
        sum_columns(sums, pointer_at(layer.delta, dtype_ptr), layer.stride, fan_out, rows)
    for first in range(begin, end, layer.update_rows):
        if cancelled(task.team):
            return
        count = min_size(layer.update_rows, end - first)
        call_weight_gradient(
            task.weight_gradient, task_record, layer_records, 0, begin, 0, first, count, 0, fan_out, rows, dtype_ptr
        )
        add_constants(task, sums, first, count, fan_out, dtype_ptr)
        update_rows(task, layer, layer.fan_in + first, count, dtype_ptr)


@inline_ir
def add_constants(task, sums, first, count, fan_out, dtype_ptr):
    """d_tile (count, O) of looked-up rows first … += of_zero_j sums (O,), the column sums of delta."""
    places, values = integers_at(task.constants), pointer_at(task.constant_values, dtype_ptr)
    total = carray(sums, fan_out)
    for i in range(task.n_constants):
        at = places[i] - first
        if 0 <= at < count:
            value, d = values[i], carray(shift(pointer_at(task.d_tile, dtype_ptr), at * fan_out), fan_out)
            for j in range(fan_out):
                d[j] += value * total[j]
