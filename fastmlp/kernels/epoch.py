"""The hot loop: gather → forward → backward → update, for a run of mini-batch steps.

::

    for each step:
        phase one    for each block of rows: through all layers and back       (rows are independent)
        barrier
        phase two    for each tile of weights: gradient over the whole batch,
                     and the update straight after it, in place                (tiles are independent)
        barrier

Every thread runs it with a task record of its own and takes its share of the rows and of the tiles; each number is
computed by one thread in a fixed order, so the bits are the same whatever the number of threads. Nothing is allocated.
"""

from numba import carray

from .._jit import POINTER, SIZE, inlined, unit
from .gradient import bias_gradient, sort_batch, weight_gradient
from .network import backward_rows, forward_rows, gather_inputs, gather_targets, sum_losses, sum_of_squares, sum_weights
from .pointers import call, doubles_at, integers_at, pointer_at, shift
from .records import COLUMN_TILE, L2, LAYER_POINTER, LEARNING_RATE, N_HYPER, ROW_TILE, SCALE, TASK_POINTER
from .subnormals import flush_subnormals, restore_mode
from .team import meet, share


@unit(TASK_POINTER, LAYER_POINTER, SIZE, SIZE, POINTER)
def train_steps(task_record, layer_records, first_step, stop_step, like):
    """Steps first_step … stop_step of one epoch: params and state are updated in place.

    Accumulated in the task: loss_sum (each batch's mean loss times its rows; thread 0 alone), rows_counted,
    steps_made. A batch whose weights sum to zero makes no step and is not counted.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    mode = flush_subnormals()
    for step in range(first_step, stop_step):
        start = step * task.batch_size
        rows = min(task.batch_size, task.n_rows - start)
        order = shift(integers_at(task.order), start)
        total_weight = sum_weights(task, order, rows, like)
        if total_weight == 0.0:
            continue
        compute_deltas(task, layers, order, rows, like)
        if not meet(task.team, task.n_threads):
            break
        set_hyper(task, total_weight)
        for number in range(task.n_layers):
            update_layer(task, layers, number, order, rows, like)
        task.steps_made += 1
        task.rows_counted += rows
        losses = sum_losses(task, rows) if task.thread == 0 else 0.0  # others overwrite them once all have met
        if not meet(task.team, task.n_threads):
            break
        if task.thread == 0:
            loss = (losses + 0.5 * task.l2 * sum_squares(task)) / total_weight
            task.loss_sum += loss * rows
    restore_mode(mode)


@inlined
def compute_deltas(task, layers, order, rows, like):
    """Phase one: this thread's rows through all layers and back, a block that stays in the near caches at a time."""
    begin, end = share(rows, ROW_TILE, task.thread, task.n_threads)
    gather_targets(task, order, begin, end, like)
    if not task.sparse:
        gather_inputs(task, order, begin, end, like)
    for first in range(begin, end, task.block_rows):
        count = min(task.block_rows, end - first)
        forward_rows(task, layers, order, first, count, like)
        backward_rows(task, layers, first, count, like)


@inlined
def set_hyper(task, total_weight):
    """This step's learning rate and 1 / Σ weights, for weights and biases (whose L2 stays zero)."""
    hyper = carray(doubles_at(task.hyper), 2 * N_HYPER)
    rate = carray(doubles_at(task.rates), task.steps_made + 1)[task.steps_made]
    hyper[L2] = task.l2
    hyper[LEARNING_RATE] = hyper[N_HYPER + LEARNING_RATE] = rate
    hyper[SCALE] = hyper[N_HYPER + SCALE] = 1.0 / total_weight


@inlined
def update_layer(task, layers, number, order, rows, like):
    """Phase two for one layer: gradient and update of this thread's tiles, and of its biases.

    Weights are dealt by rows; a layer with few inputs and many outputs by columns.
    """
    layer = layers[number]
    sorted_from = -1
    if layer.short:
        begin, end = 0, layer.fan_in
        column, stop = share(layer.fan_out, COLUMN_TILE, task.thread, task.n_threads)
    else:
        begin, end = share(layer.fan_in, ROW_TILE, task.thread, task.n_threads)
        column, stop = 0, layer.fan_out
    if number == 0 and task.sparse:
        sort_batch(task, order, rows, begin, end, like)
        sorted_from = begin
    for first in range(begin, end, layer.update_rows):
        count = min(layer.update_rows, end - first)
        if column < stop:
            weight_gradient(task, layer, sorted_from, first, count, column, stop - column, rows, like)
            update_weights(task, layer, first, count, column, stop - column, like)
            if number > 0:
                transpose_weights(layer, first, count, column, stop - column, like)
    update_biases(task, layer, rows, like)


@inlined
def update_weights(task, layer, first, count, column, columns, like):
    """weight[first : first + count, column : column + columns] and its moments take their step; d_tile is read."""
    d_tile, state, hyper = pointer_at(task.d_tile, like), pointer_at(task.state, like), doubles_at(task.hyper)
    at = first * layer.fan_out + column
    weight, moments = shift(pointer_at(layer.weight, like), at), shift(state, layer.weight_offset + at)
    note_squares(layer, first, count, column, columns, like)
    if columns == layer.fan_out:
        call(task.update, (weight, d_tile, moments, task.n_params, count * columns, hyper))
        return
    for i in range(count):
        w, m = shift(weight, i * layer.fan_out), shift(moments, i * layer.fan_out)
        call(task.update, (w, shift(d_tile, i * columns), m, task.n_params, columns, hyper))


@inlined
def note_squares(layer, first, count, column, columns, like):
    """squares is overwritten with Σ w² of the block's weights before their step, for the penalty in the loss.

    One sum for ROW_TILE rows (COLUMN_TILE columns of a row in a short layer), however the block was cut.
    """
    fan_out = layer.fan_out
    weight = pointer_at(layer.weight, like)
    if layer.short:
        in_row = (fan_out + COLUMN_TILE - 1) // COLUMN_TILE
        squares = carray(doubles_at(layer.squares), layer.fan_in * in_row)
        for i in range(first, first + count):
            for j in range(column, column + columns, COLUMN_TILE):
                n = min(COLUMN_TILE, fan_out - j)
                squares[i * in_row + j // COLUMN_TILE] = sum_of_squares(shift(weight, i * fan_out + j), n)
        return
    squares = carray(doubles_at(layer.squares), (layer.fan_in + ROW_TILE - 1) // ROW_TILE)
    for i in range(first, first + count, ROW_TILE):
        n = min(ROW_TILE, layer.fan_in - i) * fan_out
        squares[i // ROW_TILE] = sum_of_squares(shift(weight, i * fan_out), n)


@inlined
def sum_squares(task):
    """Σ w² over all layers, added up in order."""
    squares = carray(doubles_at(task.squares), task.n_squares)
    total = 0.0
    for i in range(task.n_squares):
        total += squares[i]
    return total


@inlined
def transpose_weights(layer, first, count, column, columns, like):
    """transposed[column : …, first : first + count] is overwritten with the weights of the block."""
    fan_out = layer.fan_out
    weight = carray(shift(pointer_at(layer.weight, like), first * fan_out), count * fan_out)
    for j in range(column, column + columns):
        to = carray(shift(pointer_at(layer.transposed, like), j * layer.transposed_stride + first), count)
        for i in range(count):
            to[i] = weight[i * fan_out + j]


@inlined
def update_biases(task, layer, rows, like):
    """This thread's biases and their moments take their step; d_tile is overwritten."""
    column, stop = share(layer.fan_out, COLUMN_TILE, task.thread, task.n_threads)
    if column == stop:
        return
    d_tile = pointer_at(task.d_tile, like)
    bias_gradient(layer, d_tile, column, stop - column, rows, like)
    bias = shift(pointer_at(layer.bias, like), column)
    moments = shift(pointer_at(task.state, like), layer.bias_offset + column)
    hyper = shift(doubles_at(task.hyper), N_HYPER)
    call(task.update, (bias, d_tile, moments, task.n_params, stop - column, hyper))
