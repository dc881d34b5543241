"""Prediction's affine layer: the depth in blocks, a large layer's weights in panels in the near caches.

::

               k ──► depth                     out (rows, O) begins with the bias; each block of depth goes on where
    inp (rows, I) ├───────┼───────┼─ … ─┤      the one before stopped: the same chain of multiply-adds, and so the
    weight (I, O) ┌───────┐  a strip of        same bits, for any blocks
                  │ strip │  columns is copied to panels, which all tiles of rows read
                  └───────┘

In rows, a large matrix costs a page of memory for every step of a tile's depth. Few rows do not pay for a copy: they
read the weights where they lie, in blocks so shallow that the processor fetches all of their rows ahead, and as fast
as memory gives them. Dense input is gathered for a block of depth at a time: wide rows need not fit a cache as a whole.
Where the first layer is not large, the copy would cost about what the product does: rows are read in place.
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..linalg.register_tiles import lanes, prefetch, sum_products
from ..lowlevel.calls import (
    LAYER_ROWS_SIGNATURE,
    call_batch,
    call_copy_panels,
    call_layer_rows,
    call_multiply,
    call_transpose,
)
from ..lowlevel.pointers import carray, integers_at, min_size, pointer_at, shift
from ..lowlevel.records import FROM_BIAS, FROM_OUT, RECTIFY, RECTIFY_FROM_OUT, ROW_TILE
from .forward_backward import gather_inputs


@kernel(*LAYER_ROWS_SIGNATURE)
def multiply_in_blocks(task_record, layer_records, number, order, first, rows, dtype_ptr):
    """output (rows, stride) of a layer is overwritten with bias + input @ weight, by the layer's mode rectified.

    The first layer's input comes from X, from the rows that order (rows,) names: inputs is overwritten. See
    `predict_rows` for not_finite.
    """
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    if number == 0 and task.chains != 0 and in_fortran_order(task, dtype_ptr):
        call_batch(task.multiply_fortran, task_record, layer_records, order, rows, dtype_ptr)
        return
    if number == 0 and task.input_rows > 0 and rows > task.input_rows:
        for start in range(0, rows, task.input_rows):
            count, which = min_size(task.input_rows, rows - start), shift(order, start)
            call_layer_rows(layer.in_blocks, task_record, layer_records, 0, which, first + start, count, dtype_ptr)
        return
    fan_in, fan_out = layer.fan_in, layer.fan_out
    z = shift(pointer_at(layer.output, dtype_ptr), first * layer.stride)
    if number == 0:
        first = 0  # where in inputs the rows are gathered
    inp = shift(pointer_at(layer.input, dtype_ptr), first * layer.input_stride)
    direct = 0
    if number == 0 and layer.packed_depth == 0:
        direct = rows_read_in_place(task, rows, dtype_ptr)
    block, columns = layer.depth_in_place, fan_out
    packs = layer.packed_depth > 0 and rows >= task.pack_rows
    if packs:
        block, columns = layer.packed_depth, task.strip_columns
    k = 0
    while k < fan_in:
        depth = min_size(block, fan_in - k)
        mode = mode_of_block(layer, k, depth)
        a = shift(inp, k)
        if number == 0:
            a = inp
            gather_block(task, order, first, direct, rows, k, depth, dtype_ptr)
        j = 0
        while j < fan_out:
            take = strip_width(columns, fan_out - j, packs, dtype_ptr)
            b, bias = (
                shift(pointer_at(layer.weight, dtype_ptr), k * fan_out + j),
                shift(pointer_at(layer.bias, dtype_ptr), j),
            )
            if packs:
                multiply_by_panel(task, layer, shift(z, j), a, b, bias, rows, take, depth, mode, dtype_ptr)
            else:
                multiply_in_place(
                    task, layer, order, k, shift(z, j), a, b, bias, direct, rows, take, depth, mode, dtype_ptr
                )
            j += take
        k += depth


@inline_ir
def mode_of_block(layer, k, depth):
    """What a tile's sums start from, and whether they are rectified: the last block of depth alone is."""
    if layer.mode == RECTIFY and k + depth == layer.fan_in:
        return RECTIFY if k == 0 else RECTIFY_FROM_OUT
    return FROM_BIAS if k == 0 else FROM_OUT


@inline_ir
def strip_width(columns, left, packs, dtype_ptr):
    """Columns of the next strip where so many are left: never all but one vector, whose tile takes twice the time."""
    take = min_size(columns, left)
    if packs and take < left <= take + lanes(dtype_ptr):
        take -= lanes(dtype_ptr)
    return take


@inline_ir
def multiply_by_panel(task, layer, out, a, b, bias, rows, columns, depth, mode, dtype_ptr):
    """A strip of the product: its weights are copied to a panel, which a few rows after the other are multiplied by.

    Before each few rows the processor is asked for what the next few begin with. Each row lies in a page of its own,
    where it does not expect them, and sums that go on from out can do nothing before they are there.
    """
    panel, stride, input_stride = pointer_at(task.packed, dtype_ptr), layer.stride, layer.input_stride
    call_copy_panels(task.copy_panels, panel, depth, b, layer.fan_out, 0, depth, columns)
    for i in range(0, rows, ROW_TILE):
        z, x = shift(out, i * stride), shift(a, i * input_stride)
        for following in range(ROW_TILE, 2 * ROW_TILE):
            to = shift(z, following * stride)
            prefetch(to)
            prefetch(shift(to, columns - 1))
            prefetch(shift(x, following * input_stride))
        n = min_size(ROW_TILE, rows - i)
        call_multiply(task.multiply, z, stride, z, x, input_stride, 1, panel, 0, depth, bias, n, columns, depth, mode)


@inline_ir
def multiply_in_place(task, layer, order, k, out, a, b, bias, direct, rows, columns, depth, mode, dtype_ptr):
    """The product with weights where they lie, of `direct` rows of X where they lie too and of those gathered in a."""
    stride, fan_out = layer.stride, layer.fan_out
    if direct > 0:
        x = pointer_at(task.x + carray(order, 1)[0] * task.x_row_stride + k * task.x_column_stride, dtype_ptr)
        x_row = task.x_row_stride // carray(dtype_ptr, 1).itemsize
        call_multiply(task.multiply, out, stride, out, x, x_row, 1, b, fan_out, 0, bias, direct, columns, depth, mode)
    if direct < rows:
        a_row, n = layer.input_stride, rows - direct
        z, left = shift(out, direct * stride), shift(a, direct * a_row)
        call_multiply(task.multiply, z, stride, z, left, a_row, 1, b, fan_out, 0, bias, n, columns, depth, mode)


@inline_ir
def in_fortran_order(task, dtype_ptr):
    """Whether X is in Fortran order, and a block's rows follow one another."""
    item = carray(dtype_ptr, 1).itemsize
    return task.x_row_stride == item and task.x_column_stride % item == 0 and task.order == 0


@inline_ir
def rows_read_in_place(task, rows, dtype_ptr):
    """How many of a block's rows of X need not be gathered: whole tiles, as a tile reads as many rows as it has."""
    item = carray(dtype_ptr, 1).itemsize
    if task.order != 0 or task.x_column_stride != item or task.x_row_stride % item != 0:
        return 0
    return rows // ROW_TILE * ROW_TILE


@inline_ir
def gather_block(task, order, first, begin, rows, column, columns, dtype_ptr):
    """inputs (rows, columns) is overwritten from row `begin` on with columns of X; what is not finite is counted."""
    item = carray(dtype_ptr, 1).itemsize
    if in_fortran_order(task, dtype_ptr):
        x = pointer_at(task.x + carray(order, 1)[0] * item + column * task.x_column_stride, dtype_ptr)
        inputs = shift(pointer_at(task.inputs, dtype_ptr), first * task.input_stride)
        x_stride = task.x_column_stride // item
        call_transpose(task.transpose, inputs, task.input_stride, x, x_stride, columns, rows)
    else:
        gather_inputs(task, order, first + begin, first + rows, column, columns, dtype_ptr)
    if task.not_finite == 0:
        return
    checked = 0
    if begin > 0 and task.x_row_stride == columns * item:  # rows without a gap between them are one long row
        checked = begin
        if (
            sum_products(pointer_at(task.x + carray(order, rows)[0] * task.x_row_stride, dtype_ptr), begin * columns)
            != 0
        ):
            integers_at(task.not_finite)[0] += 1
    for i in range(checked, rows):
        x = shift(pointer_at(task.inputs, dtype_ptr), (first + i) * task.input_stride)
        if i < begin:
            x = pointer_at(task.x + carray(order, rows)[i] * task.x_row_stride + column * item, dtype_ptr)
        if sum_products(x, columns) != 0:
            integers_at(task.not_finite)[0] += 1
