"""The gradients of a block of a layer's weights, and of its biases, over all rows of the batch."""

from ...compiler.numba_backend import inline_ir, kernel
from ..linalg.rows import SUM_ROWS, copy_row, lanes, sum_vectors
from ..lowlevel.calls import (
    WEIGHT_GRADIENT_SIGNATURE,
    call_multiply,
    call_sort_by_feature,
    call_sparse_weight_gradient,
    call_transpose,
)
from ..lowlevel.pointers import carray, indices_at, integers_at, min_size, pointer_at, shift
from ..lowlevel.records import FROM_OUT, OVERWRITE


@inline_ir
def sort_batch(task, order, rows, first, stop, dtype_ptr):
    """A thread's feature_starts, entry_rows and entry_values are overwritten: see `sort_by_feature`.

    The entries are those of features first … stop in the rows order (rows,) of sparse X.
    """
    starts, entry_rows = integers_at(task.feature_starts), indices_at(task.entry_rows)
    entries, values = pointer_at(task.entry_values, dtype_ptr), pointer_at(task.values, dtype_ptr)
    indptr, indices = integers_at(task.indptr), indices_at(task.indices)
    call_sort_by_feature(
        task.sort_by_feature, starts, entry_rows, entries, indptr, indices, values, order, rows, first, stop - first
    )


@kernel(*WEIGHT_GRADIENT_SIGNATURE)
def weight_gradient(
    task_record, layer_records, number, sorted_from, base, first, count, column, columns, rows, dtype_ptr
):
    """d_tile (count, columns) = input[base : base + rows, first : …].T @ delta[base : base + rows, column : …].

    d_tile is overwritten; so are d_transposed or packed_inputs if the layer needs them. For sparse inputs,
    `sorted_from` is the first feature that `sort_batch` sorted; for dense inputs it is -1.
    """
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    d_tile = pointer_at(task.d_tile, dtype_ptr)
    delta = shift(pointer_at(layer.delta, dtype_ptr), base * layer.stride + column)
    if sorted_from >= 0:
        starts, entry_rows = integers_at(task.feature_starts), indices_at(task.entry_rows)
        entries = pointer_at(task.entry_values, dtype_ptr)
        call_sparse_weight_gradient(
            task.sparse_weight_gradient,
            d_tile, first - sorted_from, count, starts, entry_rows, entries, delta, layer.stride, columns,
        )  # fmt: skip
        return
    a, a_stride, a_columns = (
        shift(pointer_at(layer.input, dtype_ptr), base * layer.input_stride + first),
        layer.input_stride,
        count,
    )
    out, b, b_stride, b_columns = d_tile, delta, layer.stride, columns
    if layer.narrow_output:  # transposed: b.T @ a
        out = d_tile if columns == 1 else pointer_at(task.d_transposed, dtype_ptr)
        a, a_stride, a_columns, b, b_stride, b_columns = b, b_stride, b_columns, a, a_stride, a_columns
    elif layer.panels != 0:
        a, a_stride = pack_inputs(task, layer, a, count, rows, dtype_ptr), layer.update_rows
    # Of many rows, gradient_rows are multiplied at a time: each sum is continued, so the bits are the same.
    for done in range(0, rows, task.gradient_rows):
        depth, mode = min_size(task.gradient_rows, rows - done), FROM_OUT if done > 0 else OVERWRITE
        x, y = shift(a, done * a_stride), shift(b, done * b_stride)
        call_multiply(
            task.multiply,
            out, b_columns, out, x, 1, a_stride, y, b_stride, 0, y, a_columns, b_columns, depth, mode,
            pointer_at(task.scratch, dtype_ptr),
        )  # fmt: skip
    if layer.narrow_output and columns > 1:
        call_transpose(task.transpose, d_tile, columns, out, count, columns, count)


@inline_ir
def pack_inputs(task, layer, inp, count, rows, dtype_ptr):
    """packed_inputs (rows, update_rows) is overwritten with `count` columns of inp (rows, input_stride).

    Reading them in place, every tile of the product would access another page of memory in each row.
    """
    packed_inputs = pointer_at(task.packed_inputs, dtype_ptr)
    for i in range(rows):
        copy_row(shift(packed_inputs, i * layer.update_rows), shift(inp, i * layer.input_stride), count)
    return packed_inputs


@inline_ir
def bias_gradient(layer, d_bias, base, column, columns, rows, dtype_ptr):
    """d_bias (columns,) is overwritten with the column sums of delta[base : base + rows, column : column + columns]."""
    delta = shift(pointer_at(layer.delta, dtype_ptr), base * layer.stride + column)
    sum_columns(d_bias, delta, layer.stride, columns, rows)


@inline_ir
def sum_columns(out, inp, stride, columns, rows):
    """out (columns,) is overwritten with the column sums of inp (rows, columns), rows `stride` elements apart."""
    if columns == 1:
        sum_column(out, inp, stride, rows)
        return
    width = lanes(inp)
    whole = columns // width * width
    for j in range(0, whole, width):
        sum_vectors(shift(out, j), shift(inp, j), stride, rows, width)  # a constant width needs no mask
    if whole < columns:
        sum_vectors(shift(out, whole), shift(inp, whole), stride, rows, columns - whole)


@inline_ir
def sum_column(out, inp, stride, rows):
    """out (1,) is overwritten with the sum of inp (rows,), whose elements are `stride` apart: that of `sum_vectors`.

    Reading a vector for each number, most of it masked, takes several times as long.
    """
    p = q = r = s = carray(out, 1).dtype.type(0)
    whole = rows // SUM_ROWS * SUM_ROWS
    for i in range(0, whole, SUM_ROWS):
        p += inp[i * stride]
        q += inp[(i + 1) * stride]
        r += inp[(i + 2) * stride]
        s += inp[(i + 3) * stride]
    if whole < rows:
        p += inp[whole * stride]
    if whole + 1 < rows:
        q += inp[(whole + 1) * stride]
    if whole + 2 < rows:
        r += inp[(whole + 2) * stride]
    out[0] = (p + q) + (r + s)
