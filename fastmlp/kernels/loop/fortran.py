"""Prediction's first layer for inputs in Fortran order: vectors of rows go through the columns as they lie.

::

      X in memory: column after column              chains (sums, rows): one row of sums for each output
    k ┌────────────────────────┐
      │ x[·, 0]   a vector ──► │ × weight[k, j]  ──► ┌────────────────────────┐
      │ x[·, 1]                │                     │ out[·, j]              │   in the near caches, transposed
      │  …                     │                     └────────────────────────┘   to out (rows, O) in the end
      └────────────────────────┘

Nothing is gathered: every column of a block of rows is read once for a few outputs, or from the first cache again.
Each element is the same chain of multiply-adds as in `simd`'s tiles, and one output without a rectifier has the sums of
its dot product, one for each lane: the same bits.
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..linalg.chains import COLUMNS_AT_ONCE, add_lanes, make_chain
from ..linalg.register_tiles import lanes, sum_products
from ..lowlevel.calls import BATCH_SIGNATURE, call_transpose
from ..lowlevel.pointers import carray, integers_at, min_size, pointer_at, shift
from ..lowlevel.records import FROM_BIAS, RECTIFY, ROW_TILE

_many_columns, _one_column = make_chain(COLUMNS_AT_ONCE), make_chain(1)


@kernel(*BATCH_SIGNATURE)
def multiply_fortran(task_record, layer_records, order, rows, dtype_ptr):
    """output (rows, stride) of the first layer is overwritten with bias + X @ weight, by the layer's mode rectified.

    X is in Fortran order, and the rows follow one another from the one that order begins with. chains (sums, rows) are
    overwritten. See `predict_rows` for not_finite.
    """
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[0]
    fan_in, fan_out, stride = layer.fan_in, layer.fan_out, task.chain_stride
    item = carray(dtype_ptr, 1).itemsize
    x_stride = task.x_column_stride // item
    x = pointer_at(task.x + carray(order, 1)[0] * item, dtype_ptr)
    chains, out = pointer_at(task.chains, dtype_ptr), pointer_at(layer.output, dtype_ptr)
    weight, bias = pointer_at(layer.weight, dtype_ptr), pointer_at(layer.bias, dtype_ptr)
    if fan_out == 1 and layer.mode == FROM_BIAS:
        width = lanes(dtype_ptr)
        begin_chains(chains, stride, width, rows, bias, 0)
        for k in range(0, fan_in, COLUMNS_AT_ONCE * width):
            for lane in range(min_size(width, fan_in - k)):
                count = min_size((fan_in - k - lane + width - 1) // width, COLUMNS_AT_ONCE)
                a, b = shift(x, (k + lane) * x_stride), shift(weight, k + lane)
                run_global_phases(shift(chains, lane * stride), a, width * x_stride, b, width, count, rows)
        add_lanes(chains, stride, bias, fan_in % width, rows)
    else:
        begin_chains(chains, stride, fan_out, rows, bias, 1)
        for k in range(0, fan_in, COLUMNS_AT_ONCE):
            count = min_size(fan_in - k, COLUMNS_AT_ONCE)
            for j in range(fan_out):
                a, b = shift(x, k * x_stride), shift(weight, k * fan_out + j)
                run_global_phases(shift(chains, j * stride), a, x_stride, b, fan_out, count, rows)
    if task.not_finite != 0 and sum_products(chains, rows) != 0:  # an input, or a sum beyond the largest number
        for k in range(fan_in):
            if sum_products(shift(x, k * x_stride), rows) != 0:
                integers_at(task.not_finite)[0] += 1
    write_sums(task, layer, chains, out, rows)


@inline_ir
def begin_chains(chains, stride, count, rows, bias, biased):
    """chains (count, stride) are overwritten in `rows` columns with the bias of each, or with zeros."""
    for j in range(count):
        sums = carray(shift(chains, j * stride), rows)
        start = sums.dtype.type(0)
        if biased:
            start = carray(bias, count)[j]
        for i in range(rows):
            sums[i] = start


@inline_ir
def run_global_phases(sums, x, x_stride, w, w_stride, count, rows):
    """sums (rows,) go on with up to COLUMNS_AT_ONCE columns of x, each times its number of w."""
    if count == COLUMNS_AT_ONCE:
        _many_columns(sums, x, x_stride, w, w_stride, rows)
    else:
        for u in range(count):
            _one_column(sums, shift(x, u * x_stride), x_stride, shift(w, u * w_stride), w_stride, rows)


@inline_ir
def write_sums(task, layer, chains, out, rows):
    """out (rows, stride) is overwritten with the chains (O, rows) transposed, by the layer's mode rectified."""
    fan_out, stride = layer.fan_out, task.chain_stride
    if layer.mode == RECTIFY:
        for j in range(fan_out):
            sums = carray(shift(chains, j * stride), rows)
            for i in range(rows):
                if sums[i] <= 0:
                    sums[i] = 0
    if layer.stride == 1:
        to, sums = carray(out, rows), carray(chains, rows)
        for i in range(rows):
            to[i] = sums[i]
    else:
        whole = fan_out // ROW_TILE * ROW_TILE
        if whole > 0:
            call_transpose(task.transpose, out, layer.stride, chains, stride, whole, rows)
        for j in range(whole, fan_out):  # a block at an edge has masked stores, slow on some processors
            to, sums = carray(shift(out, j), rows * layer.stride), carray(shift(chains, j * stride), rows)
            for i in range(rows):
                to[i * layer.stride] = sums[i]
