"""The first layer in prediction for inputs in Fortran order, computed with vectors that run along the rows of X.

::

      X in memory: column after column              chains (sums, rows): one row of sums for each output
    k ┌────────────────────────┐
      │ x[·, 0]   a vector ──► │ × weight[k, j]  ──► ┌────────────────────────┐
      │ x[·, 1]                │                     │ out[·, j]              │   in the inner caches; at the end
      │  …                     │                     └────────────────────────┘   transposed to out (rows, O)
      └────────────────────────┘

X is read in place. Each element is the same chain of multiply-adds as in `register_tiles`, so it has the same bits. A
single output without a rectifier is a dot product there, with one sum for each vector lane; here, too, it is the sum of
as many chains.
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..linalg.chains import COLUMNS_AT_ONCE, add_lanes, make_chain
from ..linalg.rows import lanes, sum_products
from ..lowlevel.calls import BATCH_SIGNATURE, call_transpose
from ..lowlevel.pointers import carray, integers_at, min_size, pointer_at, shift
from ..lowlevel.records import FROM_BIAS, RECTIFY, ROW_TILE

_many_columns, _one_column = make_chain(COLUMNS_AT_ONCE), make_chain(1)


@kernel(*BATCH_SIGNATURE)
def multiply_fortran(task_record, layer_records, order, rows, dtype_ptr):
    """output (rows, stride) of the first layer is overwritten with bias (O,) + X (rows, I) @ weight (I, O).

    The layer's mode determines whether the result is rectified. X is in Fortran order; its rows are consecutive,
    starting from order[0]. chains (sums, chain_stride) is overwritten. See `predict_rows` for `not_finite`.
    """
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[0]
    fan_in, fan_out, stride = layer.fan_in, layer.fan_out, task.chain_stride
    item = carray(dtype_ptr, 1).itemsize
    x_stride = task.x_column_stride // item
    x = pointer_at(task.x + carray(order, 1)[0] * item, dtype_ptr)
    chains, out = pointer_at(task.chains, dtype_ptr), pointer_at(layer.output, dtype_ptr)
    weight, bias = pointer_at(layer.weight, dtype_ptr), pointer_at(layer.bias, dtype_ptr)
    width, by_lanes = lanes(dtype_ptr), fan_out == 1 and layer.mode == FROM_BIAS
    n_chains, step = fan_out, 1  # one chain for each output, with all columns of X
    if by_lanes:
        n_chains, step = width, width  # one chain for each lane, with every width-th column of X
    begin_chains(chains, stride, n_chains, rows, bias, by_lanes)
    for k in range(0, fan_in, COLUMNS_AT_ONCE * step):
        for chain in range(n_chains):
            column = k + chain if by_lanes else k
            count = min_size((fan_in - column + step - 1) // step, COLUMNS_AT_ONCE)
            a, b = shift(x, column * x_stride), shift(weight, k * fan_out + chain)
            extend_chain(shift(chains, chain * stride), a, step * x_stride, b, step * fan_out, count, rows)
    if by_lanes:
        add_lanes(chains, stride, bias, fan_in % width, rows)
    if task.not_finite != 0 and sum_products(chains, rows) != 0:  # an input is not finite, or a sum overflowed
        for k in range(fan_in):
            if sum_products(shift(x, k * x_stride), rows) != 0:
                integers_at(task.not_finite)[0] += 1
    write_sums(task, layer, chains, out, rows)


@inline_ir
def begin_chains(chains, stride, count, rows, bias, from_zero):
    """Columns 0 … rows of chains (count, stride) are overwritten with zeros if `from_zero`, else with bias (count,)."""
    for j in range(count):
        sums = carray(shift(chains, j * stride), rows)
        start = sums.dtype.type(0)
        if not from_zero:
            start = carray(bias, count)[j]
        for i in range(rows):
            sums[i] = start


@inline_ir
def extend_chain(sums, x, x_stride, w, w_stride, count, rows):
    """sums (rows,) += x[:, k] * w[k] for k = 0 … count, in order; count is at most COLUMNS_AT_ONCE, and may be < 1."""
    if count == COLUMNS_AT_ONCE:
        _many_columns(sums, x, x_stride, w, w_stride, rows)
    else:
        for u in range(count):
            _one_column(sums, shift(x, u * x_stride), x_stride, shift(w, u * w_stride), w_stride, rows)


@inline_ir
def write_sums(task, layer, chains, out, rows):
    """out (rows, stride) is overwritten with chains (O, rows) transposed; the layer's mode may rectify both."""
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
        for j in range(
            whole, fan_out
        ):  # transposing part of a block needs masked stores, which are slow on some processors
            to, sums = carray(shift(out, j), rows * layer.stride), carray(shift(chains, j * stride), rows)
            for i in range(rows):
                to[i * layer.stride] = sums[i]
