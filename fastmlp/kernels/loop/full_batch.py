"""Loss and gradient over all rows, accumulated over chunks of rows in order, so that no buffer holds all rows."""

from ...compiler.numba_backend import POINTER, SIZE, inline_ir, kernel
from ..linalg.chains import COLUMNS_AT_ONCE as ROWS_AT_ONCE
from ..linalg.chains import make_chain
from ..linalg.rows import lanes
from ..lowlevel.barrier import barrier_wait, thread_range
from ..lowlevel.calls import call_batch, call_ordered_rows, call_weight_gradient
from ..lowlevel.pointers import carray, integers_at, min_size, pointer_at, shift
from ..lowlevel.records import COLUMN_TILE, LAYER_POINTER, ROW_TILE, TASK_POINTER, TILE_VECTORS
from ..lowlevel.subnormals import flush_subnormals, restore_mode
from .epoch import compute_deltas
from .forward_backward import sum_losses, sum_weights
from .scatter import copy_scattered, scattered_range
from .weight_gradient import bias_gradient, sort_batch

_many_rows, _one_row = make_chain(ROWS_AT_ONCE), make_chain(1)


@kernel(TASK_POINTER, LAYER_POINTER, SIZE, SIZE, POINTER)
def add_gradients(task_record, layer_records, first_step, stop_step, gradient):
    """gradient (n_params,), a sum over rows without L2, is accumulated over chunks first_step … stop_step of the rows.

    Accumulated in the task record, by thread 0 only: loss_sum and weight_sum. If inputs are read in place (see
    `training.placed_inputs`), each thread has layer records of its own, whose first input is overwritten.
    """
    task = carray(task_record, 1)[0]
    mode = flush_subnormals()
    for step in range(first_step, stop_step):
        start = step * task.batch_size
        rows = min_size(task.batch_size, task.n_rows - start)
        order = shift(integers_at(task.order), start)
        if task.placed:
            place_inputs(task, layer_records, step, start, gradient)
        fused = reads_rows_once(task, layer_records, gradient)
        if fused:
            pass_and_add(task_record, layer_records, order, rows, gradient)
        else:
            compute_deltas(task_record, layer_records, order, rows, gradient)
        if not barrier_wait(task.team, task.n_threads):
            break
        for number in range(task.n_layers):
            add_layer_gradient(task_record, layer_records, number, order, rows, fused, gradient)
        if task.thread == 0:
            task.weight_sum += sum_weights(task, order, rows, gradient)
            task.loss_sum += sum_losses(task, rows)
        if not barrier_wait(task.team, task.n_threads):
            break
    restore_mode(mode)


@inline_ir
def place_inputs(task, layer_records, step, start, dtype_ptr):
    """input and input_stride of the first layer are overwritten: rows of X from `start` on, or the kept `inputs`."""
    layer = carray(layer_records, task.n_layers)[0]
    if step < task.placed_steps:
        layer.input = task.x + start * task.x_row_stride
        layer.input_stride = task.x_row_stride // carray(dtype_ptr, 1).itemsize
    else:
        layer.input, layer.input_stride = task.inputs, task.input_stride


@inline_ir
def add_layer_gradient(task_record, layer_records, number, order, rows, fused, gradient):
    """gradient (n_params,) is accumulated over the chunk, for this thread's tiles and biases of one layer.

    If `fused`, the weights of the first layer are in it already.
    """
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    fan_out = layer.fan_out
    d_tile = pointer_at(task.d_tile, gradient)
    begin, end = thread_range(layer.fan_in, ROW_TILE, task.thread, task.n_threads)
    sorted_from, scattered = -1, number == 0 and task.scattered != 0
    if number == 0 and fused:
        end = begin
    elif scattered:
        begin, end = scattered_range(task, layer)
        call_batch(task.scatter, task_record, layer_records, order, rows, gradient)
    elif number == 0 and task.sparse:
        sort_batch(task, order, rows, begin, end, gradient)
        sorted_from = begin
    for first in range(begin, end, layer.update_rows):
        count = min_size(layer.update_rows, end - first)
        if scattered:
            copy_scattered(task, layer, d_tile, first, count, gradient)
        elif fan_out == 1 and sorted_from < 0 and count > TILE_VECTORS * lanes(gradient) and not rounds(task):
            clear(d_tile, count)
            add_column(layer, d_tile, first, count, 0, rows, gradient)
        else:
            call_weight_gradient(
                task.weight_gradient,
                task_record, layer_records, number, sorted_from, 0, first, count, 0, fan_out, rows, gradient,
            )  # fmt: skip
        add(shift(gradient, layer.weight_offset + first * fan_out), d_tile, count * fan_out)
    column, stop = thread_range(fan_out, COLUMN_TILE, task.thread, task.n_threads)
    if column < stop:
        bias_gradient(layer, d_tile, 0, column, stop - column, rows, gradient)
        add(shift(gradient, layer.bias_offset + column), d_tile, stop - column)


@inline_ir
def reads_rows_once(task, layer_records, dtype_ptr):
    """Whether the first layer's gradient is accumulated while a block of rows is in the caches.

    It has one output then, and there is one thread: several divide the features, and each of them needs all rows.
    """
    layer = carray(layer_records, task.n_layers)[0]
    narrow = layer.fan_out == 1 and layer.fan_in > TILE_VECTORS * lanes(dtype_ptr)
    return narrow and task.n_threads == 1 and not task.sparse and not rounds(task)


@inline_ir
def rounds(task):
    """Whether products round their operands, which `add_column` does not: else `Workspace` has no scratch memory."""
    return task.scratch != 0


@inline_ir
def pass_and_add(task_record, layer_records, order, rows, gradient):
    """Deltas of the chunk, and gradient (n_params,) is accumulated for the weights of a first layer with one output.

    d_tile (I,) is overwritten. The sums go through the rows in order, as in `add_layer_gradient`.
    """
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[0]
    d_tile = pointer_at(task.d_tile, gradient)
    clear(d_tile, layer.fan_in)
    for first in range(0, rows, task.block_rows):
        stop = min_size(first + task.block_rows, rows)
        call_ordered_rows(task.pass_rows, task_record, layer_records, order, first, stop, gradient)
        add_column(layer, d_tile, 0, layer.fan_in, first, stop, gradient)
    add(shift(gradient, layer.weight_offset), d_tile, layer.fan_in)


@inline_ir
def add_column(layer, d_weight, first, count, begin, end, dtype_ptr):
    """d_weight (count,) += input[begin : end, first : first + count].T @ delta[begin : end], for one output.

    Rows are read whole, ROWS_AT_ONCE of them in one pass over the sums. A tile of the product (see `register_tiles`)
    is a few vectors wide and has one row: it waits for its sums, and reads another page of memory in each row.
    """
    inp, delta = shift(pointer_at(layer.input, dtype_ptr), first), pointer_at(layer.delta, dtype_ptr)
    whole = begin + (end - begin) // ROWS_AT_ONCE * ROWS_AT_ONCE
    for i in range(begin, whole, ROWS_AT_ONCE):
        x, d = shift(inp, i * layer.input_stride), shift(delta, i * layer.stride)
        _many_rows(d_weight, x, layer.input_stride, d, layer.stride, count)
    for i in range(whole, end):
        x, d = shift(inp, i * layer.input_stride), shift(delta, i * layer.stride)
        _one_row(d_weight, x, layer.input_stride, d, layer.stride, count)


@inline_ir
def clear(out, n):
    """out (n,) is overwritten with zeros."""
    a = carray(out, n)
    for i in range(n):
        a[i] = 0


@inline_ir
def add(out, inp, n):
    """out (n,) += inp (n,)."""
    a, b = carray(out, n), carray(inp, n)
    for i in range(n):
        a[i] += b[i]
