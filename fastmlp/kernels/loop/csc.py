"""The first affine layer on CSC input in prediction, computed column by column without converting X to rows.

All columns are applied to a group of many rows at once. The result is a buffer from which the other layers take their
blocks of rows::

    column j of X       products (rows of the group, O), initialized with the bias
    (row 2, a)  ──────► row 2 += a * weight[j]
    (row 5, b)  ──────► row 5 += b * weight[j]
    (row 9, c)          belongs to the next group, which begins at entry positions[j]

The terms of each row are added in the order of the columns, as for CSR input, so the results have the same bits.
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..linalg.entries import add_column
from ..lowlevel.calls import LAYER_ROWS_SIGNATURE
from ..lowlevel.pointers import carray, indices_at, integers_at, min_size, pointer_at, shift
from ..math.lanes import prefer_wide_vectors


@kernel(*LAYER_ROWS_SIGNATURE)
def multiply_csc(task_record, layer_records, number, order, first, rows, dtype_ptr):
    """output (rows, stride) of the first layer is overwritten with bias (O,) + X (rows, I) in CSC @ weight (I, O).

    The rows of X are consecutive, starting from order[0]; `number` is 0. If the rows are not in the current group, the
    next group is computed: products (product_rows, product_stride) and, if there are several groups, positions (I,)
    are overwritten.
    """
    prefer_wide_vectors()
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[0]
    row, fan_out, stride = carray(order, 1)[0], layer.fan_out, task.product_stride
    if row < task.product_first or row + rows > task.product_stop:
        begin_group(task, layer, row, dtype_ptr)
    products = shift(pointer_at(task.products, dtype_ptr), (row - task.product_first) * stride)
    out = shift(pointer_at(layer.output, dtype_ptr), first * layer.stride)
    if stride == layer.stride:
        to, source = carray(out, rows * stride), carray(products, rows * stride)
        for i in range(rows * stride):
            to[i] = source[i]
        return
    for i in range(rows):
        to, source = carray(shift(out, i * layer.stride), fan_out), carray(shift(products, i * stride), fan_out)
        for j in range(fan_out):
            to[j] = source[j]


@inline_ir
def begin_group(task, layer, row, dtype_ptr):
    """products (product_rows, product_stride) is overwritten with bias + X @ weight for a group of rows from `row`.

    product_first, product_stop and positions are updated.
    """
    stop, continues = min_size(row + task.product_rows, task.last_row), row == task.product_stop
    task.product_first, task.product_stop = row, stop
    fan_out, stride = layer.fan_out, task.product_stride
    products, bias = pointer_at(task.products, dtype_ptr), carray(pointer_at(layer.bias, dtype_ptr), fan_out)
    for i in range(stop - row):
        z = carray(shift(products, i * stride), stride)
        for j in range(fan_out):
            z[j] = bias[j]
        for j in range(fan_out, stride):
            z[j] = 0
    starts, indices = integers_at(task.indptr), indices_at(task.indices)
    values, positions = pointer_at(task.values, dtype_ptr), integers_at(task.positions)
    for j in range(task.n_features):
        begin, end = starts[j], starts[j + 1]
        if begin == end:
            continue
        if task.positions != 0:  # the rows ascend in each column
            begin = positions[j] if continues else find_row(indices, begin, end, row)
            positions[j] = end = find_row(indices, begin, end, stop)
        weight = shift(pointer_at(layer.weight, dtype_ptr), j * fan_out)
        if fan_out == 1:
            w = carray(weight, 1)[0]
            for e in range(begin, end):
                carray(shift(products, indices[e] - row), 1)[0] += values[e] * w
        elif begin < end:
            k = 0
            while k < fan_out:
                take = min_size(task.product_tile, fan_out - k)
                add_column(shift(products, k), stride, row, indices, values, begin, end, shift(weight, k), take)
                k += take


@inline_ir
def find_row(indices, begin, end, row):
    """Return the first e in begin … end with indices[e] >= row, or `end` if there is none."""
    while begin < end:
        middle = (begin + end) // 2
        if indices[middle] < row:
            begin = middle + 1
        else:
            end = middle
    return begin
