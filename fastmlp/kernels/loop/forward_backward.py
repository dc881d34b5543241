"""The forward and backward pass of a block of rows, and the gathering of a batch.

Training, full-batch gradients and prediction call these kernels. task and layer are records (see `records`);
`dtype_ptr` is a pointer that is used only for its type, which is the type of the elements.
"""

from ...compiler.numba_backend import inline_ir, inline_reduction, kernel
from ..linalg.rows import copy_every_other, copy_row, lanes
from ..lowlevel.barrier import cancelled
from ..lowlevel.calls import (
    BACKWARD_SIGNATURE,
    ORDERED_ROWS_SIGNATURE,
    call_activation,
    call_backward,
    call_layer_rows,
    call_loss,
    call_multiply,
    call_ordered_rows,
    call_output_backward,
    call_sparse_forward,
)
from ..lowlevel.pointers import carray, doubles_at, indices_at, integers_at, min_size, pointer_at, shift
from ..lowlevel.records import FROM_BIAS, MULTIPLY, MULTIPLY_BY_DERIVATIVE, RECTIFY

#: Columns of inputs in Fortran order that are gathered together.
COLUMNS_TOGETHER = 16


@inline_ir
def gather_inputs(task, order, begin, end, first, columns, dtype_ptr):
    """Rows begin … end of inputs (rows, input_stride) are overwritten with rows order[begin] … order[end] of dense X.

    Of each row, `columns` columns are copied, starting from column `first`. If columns are further apart than rows, as
    in Fortran order, COLUMNS_TOGETHER columns of all rows are copied at a time: a cache line of a column holds elements
    of many rows and stays cached until the next row of the batch is read.
    """
    which, stride, row_stride, column_stride = (
        carray(order, end),
        task.input_stride,
        task.x_row_stride,
        task.x_column_stride,
    )
    item = carray(dtype_ptr, 1).itemsize
    x, together, done = task.x + first * column_stride, columns, 0
    if column_stride > row_stride >= 0 and column_stride != item:
        together = COLUMNS_TOGETHER
    while done < columns:
        count = min_size(together, columns - done)
        for i in range(begin, end):
            to, row = shift(pointer_at(task.inputs, dtype_ptr), i * stride + done), x + which[i] * row_stride
            copy_strided(to, row, column_stride, count, dtype_ptr)
        done, x = done + count, x + count * column_stride


@inline_ir
def copy_strided(to, address, step, columns, dtype_ptr):
    """to (columns,) is overwritten with the numbers at `address`, which are `step` bytes apart."""
    item = carray(dtype_ptr, 1).itemsize
    if step == item:
        copy_row(to, pointer_at(address, dtype_ptr), columns)
        return
    numbers, copied = carray(to, columns), 0
    if step == 2 * item:
        while copied + lanes(to) < columns:
            copy_every_other(shift(to, copied), pointer_at(address + copied * step, dtype_ptr))
            copied += lanes(to)
    for j in range(copied, columns):
        numbers[j] = carray(pointer_at(address + j * step, dtype_ptr), 1)[0]


@inline_ir
def gather_targets(task, order, begin, end, dtype_ptr):
    """Rows begin … end of targets and target_weights (rows, n_targets) are overwritten with y and the sample weights.

    Without sample weights, target_weights holds ones from the start and is not written.
    """
    which = carray(order, end)
    width, targets, y = task.n_targets, pointer_at(task.targets, dtype_ptr), pointer_at(task.y, dtype_ptr)
    if width == 1:  # most networks; `copy_row` would mask a vector for each number
        for i in range(begin, end):
            targets[i] = y[which[i]]
    else:
        for i in range(begin, end):
            copy_row(shift(targets, i * width), shift(y, which[i] * width), width)
    if task.weights == 0:
        return
    weights = carray(pointer_at(task.target_weights, dtype_ptr), end * width)
    for i in range(begin, end):
        weight = carray(shift(pointer_at(task.weights, dtype_ptr), which[i]), 1)[0]
        for j in range(width):
            weights[i * width + j] = weight


@inline_ir
def sum_weights(task, order, rows, dtype_ptr):
    """Return the sum of the batch's sample weights, which is the number of rows if there are none."""
    if task.weights == 0:
        return float(rows)
    which = carray(order, rows)
    total = 0.0
    for i in range(rows):
        total += carray(shift(pointer_at(task.weights, dtype_ptr), which[i]), 1)[0]
    return total


@kernel(*ORDERED_ROWS_SIGNATURE)
def forward_rows(task_record, layer_records, order, first, rows, dtype_ptr):
    """Forward pass of rows first … first + rows of the batch: the output and f′ of every layer are overwritten.

    The activation of the last layer is left to the caller: its output holds the pre-activation.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    for number in range(task.n_layers):
        layer = layers[number]
        if layer.mask != 0:
            call_layer_rows(layer.mask, task_record, layer_records, number, order, first, rows, dtype_ptr)
        if number == 0 and task.sparse:
            multiply_sparse(task, layer, order, first, rows, dtype_ptr)
        elif layer.in_blocks != 0:
            call_layer_rows(layer.in_blocks, task_record, layer_records, number, order, first, rows, dtype_ptr)
        else:
            multiply_forward(task, layer, first, rows, layer.mode, dtype_ptr)
        if number + 1 < task.n_layers and layer.mode == FROM_BIAS:
            activate_rows(layer, first, rows, dtype_ptr)


@inline_ir
def multiply_sparse(task, layer, order, first, rows, dtype_ptr):
    """output (rows, stride) of the first layer is overwritten with bias (O,) + the batch's rows of X (CSR) @ weight."""
    z = shift(pointer_at(layer.output, dtype_ptr), first * layer.stride)
    weight, bias = pointer_at(layer.weight, dtype_ptr), pointer_at(layer.bias, dtype_ptr)
    which = shift(order, first)
    indptr, indices, values = integers_at(task.indptr), indices_at(task.indices), pointer_at(task.values, dtype_ptr)
    call_sparse_forward(
        task.sparse_forward, z, layer.stride, indptr, indices, values, which, rows, weight, bias, layer.fan_out
    )


@inline_ir
def multiply_forward(task, layer, first, rows, mode, dtype_ptr):
    """output (rows, stride) is overwritten with bias (O,) + input (rows, I) @ weight (I, O), rectified by `mode`."""
    z = shift(pointer_at(layer.output, dtype_ptr), first * layer.stride)
    inp = shift(pointer_at(layer.input, dtype_ptr), first * layer.input_stride)
    weight, bias = pointer_at(layer.weight, dtype_ptr), pointer_at(layer.bias, dtype_ptr)
    depth = 0
    if layer.panels != 0:
        weight, depth = pointer_at(layer.panels, dtype_ptr), layer.fan_in
    call_multiply(
        task.multiply,
        z, layer.stride, z, inp, layer.input_stride, 1, weight, layer.fan_out, depth, bias,
        rows, layer.fan_out, layer.fan_in, mode, pointer_at(task.scratch, dtype_ptr),
    )  # fmt: skip


@inline_ir
def activate_rows(layer, first, rows, dtype_ptr):
    """output z (rows, stride) is overwritten with f(z), delta (rows, stride) with f′(z)."""
    z = shift(pointer_at(layer.output, dtype_ptr), first * layer.stride)
    derivative = shift(pointer_at(layer.delta, dtype_ptr), first * layer.stride)
    call_activation(
        layer.activation, z, derivative, rows, layer.stride, layer.fan_out, doubles_at(layer.activation_constants)
    )


@kernel(*BACKWARD_SIGNATURE)
def backward_rows(task_record, layer_records, first, rows, dtype_ptr):
    """Loss and backward pass of rows first … first + rows: losses and the deltas of all layers are overwritten."""
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    last = layers[task.n_layers - 1]
    compute_losses(task, last, shift(doubles_at(task.losses), first * task.n_targets), first, rows, dtype_ptr)
    if task.output_backward != 0:
        z = shift(pointer_at(last.output, dtype_ptr), first * last.stride)
        delta = shift(pointer_at(last.delta, dtype_ptr), first * last.stride)
        call_output_backward(task.output_backward, z, delta, rows, last.fan_out)
    for number in range(task.n_layers - 1, 0, -1):
        multiply_backward(task, layers[number], layers[number - 1], first, rows, dtype_ptr)


@inline_ir
def compute_losses(task, last, losses, first, rows, dtype_ptr):
    """losses (rows, n_targets) and rows first … first + rows of the output layer's delta are overwritten."""
    z = shift(pointer_at(last.output, dtype_ptr), first * last.stride)
    delta = shift(pointer_at(last.delta, dtype_ptr), first * last.stride)
    target = shift(pointer_at(task.targets, dtype_ptr), first * task.n_targets)
    weight = shift(pointer_at(task.target_weights, dtype_ptr), first * task.n_targets)
    if task.activate_output:
        activate_rows(last, first, rows, dtype_ptr)
    constants = doubles_at(task.loss_constants)
    call_loss(task.loss, z, delta, target, weight, losses, rows, last.fan_out, task.n_targets, constants)


@inline_ir
def multiply_backward(task, layer, below, first, rows, dtype_ptr):
    """delta (rows, I) of the layer below becomes f′ times delta (rows, O) @ weight.T (O, I).

    It holds f′ before, except if the product has rectified that layer (mode RECTIFY) without dropout: then f′ follows
    from the outputs of the layer.
    """
    delta = shift(pointer_at(layer.delta, dtype_ptr), first * layer.stride)
    out = shift(pointer_at(below.delta, dtype_ptr), first * below.stride)
    rectified = shift(pointer_at(below.output, dtype_ptr), first * below.stride)
    mode = MULTIPLY_BY_DERIVATIVE if below.mode == RECTIFY and layer.mask == 0 else MULTIPLY
    transposed = bias = pointer_at(layer.transposed, dtype_ptr)  # these modes read no bias
    depth = layer.fan_out if layer.panels != 0 else 0
    call_multiply(
        task.multiply,
        out, below.stride, rectified, delta, layer.stride, 1, transposed, layer.transposed_stride, depth, bias,
        rows, layer.fan_in, layer.fan_out, mode, pointer_at(task.scratch, dtype_ptr),
    )  # fmt: skip


@kernel(*ORDERED_ROWS_SIGNATURE)
def pass_rows(task_record, layer_records, order, begin, end, dtype_ptr):
    """Forward and backward pass of rows begin … end of the batch, in blocks of rows that fit the inner caches.

    These rows of inputs, targets, target_weights, losses and of every layer's output and delta are overwritten.
    """
    task = carray(task_record, 1)[0]
    gather_targets(task, order, begin, end, dtype_ptr)
    if not task.sparse and not task.placed:
        gather_inputs(task, order, begin, end, 0, task.n_features, dtype_ptr)
    for first in range(begin, end, task.block_rows):
        if cancelled(task.team):
            return
        count = min_size(task.block_rows, end - first)
        call_ordered_rows(task.forward, task_record, layer_records, order, first, count, dtype_ptr)
        call_backward(task.backward, task_record, layer_records, first, count, dtype_ptr)


@inline_ir
def sum_losses(task, rows):
    """Return the sum of the batch's losses, added in an order that depends only on their number."""
    n, address = rows * task.n_targets, task.losses
    if task.microbatch_rows > 0:
        n, address = (rows + task.microbatch_rows - 1) // task.microbatch_rows, task.microbatch_losses
    return sum_doubles(doubles_at(address), n)


@inline_reduction
def sum_doubles(values, n):
    """Return the sum of values (n,). The order is free, so that additions need not wait for one another."""
    numbers = carray(values, n)
    total = 0.0
    for i in range(n):
        total += numbers[i]
    return total
