"""The affine layer in prediction: the depth is split into blocks, and weights that many rows read are packed.

::

               k ──► depth                     out (rows, O) starts from the bias; each block of depth continues the
    inp (rows, I) ├───────┼───────┼─ … ─┤      sums of the block before. Each element is the same chain of
    weight (I, O) ┌───────┐                    multiply-adds, and so has the same bits, for any block size.
                  │ panel │  some columns of one block are copied to a panel, which all tiles of rows read
                  └───────┘

Reading a large matrix row by row touches another page of memory in every step of a tile's depth. Packing avoids this,
but does not pay for few rows: they read the weights in place, in blocks whose rows the hardware prefetcher can all
follow. Dense inputs are gathered for one block of depth at a time, so wide rows need not fit the cache. If the first
layer is small, gathering would cost about as much as the product: its rows are read in place.
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..linalg.rows import lanes, prefetch, sum_products
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
    """output (rows, stride) of layer `number` is overwritten with bias (O,) + input (rows, I) @ weight (I, O).

    The layer's mode determines whether the result is rectified. The input of the first layer is the rows of X in
    order (rows,); its gathered rows overwrite `inputs`. See `predict_rows` for `not_finite`.
    """
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    if number == 0 and task.chains != 0 and in_fortran_order(task, dtype_ptr):
        call_batch(task.multiply_fortran, task_record, layer_records, order, rows, dtype_ptr)
        return
    packs = layer.packed_depth > 0 and rows >= layer.pack_rows
    if number == 0 and not packs and task.input_rows > 0 and rows > task.input_rows:
        for start in range(0, rows, task.input_rows):
            count, which = min_size(task.input_rows, rows - start), shift(order, start)
            call_layer_rows(layer.in_blocks, task_record, layer_records, number, which, first + start, count, dtype_ptr)
        return
    fan_in, fan_out = layer.fan_in, layer.fan_out
    z = shift(pointer_at(layer.output, dtype_ptr), first * layer.stride)
    if number == 0:
        first = 0  # `inputs` holds the gathered rows from its first row on
    inp = shift(pointer_at(layer.input, dtype_ptr), first * layer.input_stride)
    direct = 0
    if number == 0 and not packs and (layer.packed_depth == 0 or layer.large == 0):
        direct = rows_read_in_place(task, rows, dtype_ptr)
    block, columns = layer.depth_in_place, fan_out
    if packs:
        block, columns = layer.packed_depth, task.panel_columns
    k = 0
    while k < fan_in:
        depth, a = min_size(block, fan_in - k), shift(inp, k)
        if number == 0:
            a = inp
            gather_block(task, order, first, direct, rows, k, depth, dtype_ptr)
        multiply_depth(task, layer, order, z, a, k, direct, rows, columns, depth, packs, dtype_ptr)
        k += depth


@inline_ir
def multiply_depth(task, layer, order, z, a, k, direct, rows, columns, depth, packs, dtype_ptr):
    """z (rows, fan_out) = a (rows, depth) @ weight[k : k + depth], at most `columns` columns at a time.

    See `mode_of_block` for what z starts from, and `multiply_in_place` for `direct`.
    """
    fan_out, mode = layer.fan_out, mode_of_block(layer, k, depth)
    weight, biases = shift(pointer_at(layer.weight, dtype_ptr), k * fan_out), pointer_at(layer.bias, dtype_ptr)
    j = 0
    while j < fan_out:
        take = packed_columns(columns, fan_out - j, packs, dtype_ptr)
        out, b, bias = shift(z, j), shift(weight, j), shift(biases, j)
        if packs:
            multiply_by_panel(task, layer, out, a, b, bias, rows, take, depth, mode, dtype_ptr)
        else:
            multiply_in_place(task, layer, order, k, out, a, b, bias, direct, rows, take, depth, mode, dtype_ptr)
        j += take


@inline_ir
def mode_of_block(layer, k, depth):
    """Return the mode of the block of depth that begins at `k`: only the last block is rectified."""
    if layer.mode == RECTIFY and k + depth == layer.fan_in:
        return RECTIFY if k == 0 else RECTIFY_FROM_OUT
    return FROM_BIAS if k == 0 else FROM_OUT


@inline_ir
def packed_columns(columns, left, packs, dtype_ptr):
    """Return how many of the `left` columns to multiply next, at most `columns`.

    If one vector of columns would be left for the last product, one vector less is taken: a tile that is one vector
    wide takes twice the time for each column.
    """
    take = min_size(columns, left)
    if packs and take < left <= take + lanes(dtype_ptr):
        take -= lanes(dtype_ptr)
    return take


@inline_ir
def multiply_by_panel(task, layer, out, a, b, bias, rows, columns, depth, mode, dtype_ptr):
    """out (rows, columns) = a (rows, depth) @ b (depth, columns), by `mode`; `packed` is overwritten with b.

    The rows are multiplied panel_rows at a time. The beginnings of the next ROW_TILE rows of out and a are prefetched:
    each row is in another page, where the hardware prefetcher does not find it, and sums that continue from out
    cannot start before it is loaded.
    """
    panel, stride, input_stride = pointer_at(task.packed, dtype_ptr), layer.stride, layer.input_stride
    call_copy_panels(task.copy_panels, panel, depth, b, layer.fan_out, 0, depth, columns)
    for i in range(0, rows, task.panel_rows):
        z, x = shift(out, i * stride), shift(a, i * input_stride)
        for following in range(ROW_TILE, 2 * ROW_TILE):
            to = shift(z, following * stride)
            prefetch(to)
            prefetch(shift(to, columns - 1))
            prefetch(shift(x, following * input_stride))
        call_multiply(
            task.multiply,
            z, stride, z, x, input_stride, 1, panel, 0, depth, bias,
            min_size(task.panel_rows, rows - i), columns, depth, mode, pointer_at(task.scratch, dtype_ptr),
        )  # fmt: skip


@inline_ir
def multiply_in_place(task, layer, order, k, out, a, b, bias, direct, rows, columns, depth, mode, dtype_ptr):
    """out (rows, columns) = a (rows, depth) @ b (depth, columns), by `mode`, with b in rows of fan_out elements.

    The first `direct` rows of a are read from X itself, the others from `a`, where they were gathered.
    """
    stride, fan_out, scratch = layer.stride, layer.fan_out, pointer_at(task.scratch, dtype_ptr)
    if direct > 0:
        x = pointer_at(task.x + carray(order, 1)[0] * task.x_row_stride + k * task.x_column_stride, dtype_ptr)
        x_row = task.x_row_stride // carray(dtype_ptr, 1).itemsize
        call_multiply(
            task.multiply,
            out, stride, out, x, x_row, 1, b, fan_out, 0, bias, direct, columns, depth, mode, scratch,
        )  # fmt: skip
    if direct < rows:
        z, left = shift(out, direct * stride), shift(a, direct * layer.input_stride)
        call_multiply(
            task.multiply,
            z, stride, z, left, layer.input_stride, 1, b, fan_out, 0, bias, rows - direct, columns, depth, mode,
            scratch,
        )  # fmt: skip


@inline_ir
def in_fortran_order(task, dtype_ptr):
    """Whether X is in Fortran order and a block consists of consecutive rows."""
    item = carray(dtype_ptr, 1).itemsize
    return task.x_row_stride == item and task.x_column_stride % item == 0 and task.order == 0


@inline_ir
def rows_read_in_place(task, rows, dtype_ptr):
    """Return how many rows of X are read in place: whole tiles only, because a tile always reads all of its rows."""
    item = carray(dtype_ptr, 1).itemsize
    if task.order != 0 or task.x_column_stride != item or task.x_row_stride % item != 0:
        return 0
    return rows // ROW_TILE * ROW_TILE


@inline_ir
def gather_block(task, order, first, begin, rows, column, columns, dtype_ptr):
    """inputs (rows, columns) is overwritten from row `begin` on with `columns` columns of X from `column` on.

    One column is in both orders, and read in place as far as whole tiles go (`begin` > 0): only the rest is gathered.
    not_finite is increased if one of the rows, those before `begin` included, holds an infinity or a NaN.
    """
    item = carray(dtype_ptr, 1).itemsize
    if begin == 0 and in_fortran_order(task, dtype_ptr):
        x = pointer_at(task.x + carray(order, 1)[0] * item + column * task.x_column_stride, dtype_ptr)
        inputs = shift(pointer_at(task.inputs, dtype_ptr), first * task.input_stride)
        call_transpose(task.transpose, inputs, task.input_stride, x, task.x_column_stride // item, columns, rows)
    else:
        gather_inputs(task, order, first + begin, first + rows, column, columns, dtype_ptr)
    if task.not_finite == 0:
        return
    checked = 0
    if begin > 0 and task.x_row_stride == columns * item:  # rows without gaps are checked as one long row
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
