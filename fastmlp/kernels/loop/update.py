"""Phase two of a step for one layer: the gradient of a tile of weights, followed by the update of that tile."""

from ...compiler.numba_backend import inline_ir, inline_reduction, kernel
from ..lowlevel.barrier import cancelled, thread_range
from ..lowlevel.calls import (
    UPDATE_LAYER_SIGNATURE,
    call_add_microbatches,
    call_add_squares,
    call_copy_weights,
    call_transpose,
    call_update_layer,
    call_update_rule,
    call_weight_gradient,
)
from ..lowlevel.pointers import carray, doubles_at, min_size, pointer_at, shift
from ..lowlevel.records import COLUMN_TILE, N_HYPERPARAMETERS, ROW_TILE
from .weight_gradient import bias_gradient


@kernel(*UPDATE_LAYER_SIGNATURE)
def update_layer(task_record, layer_records, number, order, rows, dtype_ptr):
    """Phase two for one layer: this thread's weights and biases, their moments and their copies are updated.

    d_tile and the layer's squares are overwritten. Threads divide the weights by rows, or by columns if the layer has
    few inputs and many outputs (split_by_columns).
    """
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    if layer.split_by_columns:
        begin, end = 0, layer.fan_in
        column, stop = thread_range(layer.fan_out, COLUMN_TILE, task.thread, task.n_threads)
    else:
        begin, end = thread_range(layer.fan_in, ROW_TILE, task.thread, task.n_threads)
        column, stop = 0, layer.fan_out
    if number == 0 and task.sparse:
        call_update_layer(task.update_sparse_weights, task_record, layer_records, number, order, rows, dtype_ptr)
        begin = end  # none is left for the loop
    for first in range(begin, end, layer.update_rows):
        count = min_size(layer.update_rows, end - first)
        if column < stop and not cancelled(task.team):
            columns = stop - column
            if task.microbatch_rows > 0:
                offset = layer.weight_offset + first * layer.fan_out + column
                tile, stride = pointer_at(task.d_tile, dtype_ptr), layer.fan_out
                call_add_microbatches(task.add_microbatches, task_record, tile, offset, count, columns, stride, rows)
            else:
                call_weight_gradient(
                    task.weight_gradient,
                    task_record, layer_records, number, -1, 0, first, count, column, columns, rows, dtype_ptr,
                )  # fmt: skip
            if task.add_squares != 0:
                call_add_squares(
                    task.add_squares, task_record, layer_records, number, first, count, column, columns, dtype_ptr
                )
            update_weights(task, layer, first, count, column, columns, dtype_ptr)
            if task.n_phases == 0:
                refresh_weight_copies(task_record, layer_records, number, first, count, column, columns, dtype_ptr)
    update_biases(task_record, layer_records, number, rows, dtype_ptr)


@inline_ir
def update_weights(task, layer, first, count, column, columns, dtype_ptr):
    """weight[first : first + count, column : column + columns] and its moments are updated in place.

    d_tile (count, columns) holds the gradient. The squares of this block are overwritten.
    """
    d_tile, state, hyperparameters = (
        pointer_at(task.d_tile, dtype_ptr),
        pointer_at(task.state, dtype_ptr),
        shift(doubles_at(task.hyperparameters), layer.rule_offset),
    )
    at = first * layer.fan_out + column
    weight, moments = shift(pointer_at(layer.weight, dtype_ptr), at), shift(state, layer.weight_offset + at)
    store_squares(layer, first, count, column, columns, dtype_ptr)
    if layer.frozen_weights != 0:
        return
    if columns == layer.fan_out:
        call_update_rule(task.update, weight, d_tile, moments, task.n_params, count * columns, hyperparameters)
        return
    for i in range(count):
        w, m = shift(weight, i * layer.fan_out), shift(moments, i * layer.fan_out)
        call_update_rule(task.update, w, shift(d_tile, i * columns), m, task.n_params, columns, hyperparameters)


@inline_ir
def store_squares(layer, first, count, column, columns, dtype_ptr):
    """The squares of a block are overwritten with Σ w² of its weights before the update, for the penalty in the loss.

    There is one sum for each ROW_TILE rows, or for each COLUMN_TILE columns of a row if the layer is split by columns,
    whatever the size of the blocks.
    """
    fan_out = layer.fan_out
    weight = pointer_at(layer.weight, dtype_ptr)
    if layer.split_by_columns:
        in_row = (fan_out + COLUMN_TILE - 1) // COLUMN_TILE
        squares = carray(doubles_at(layer.squares), layer.fan_in * in_row)
        for i in range(first, first + count):
            for j in range(column, column + columns, COLUMN_TILE):
                n = min_size(COLUMN_TILE, fan_out - j)
                squares[i * in_row + j // COLUMN_TILE] = sum_of_squares(shift(weight, i * fan_out + j), n)
        return
    squares = carray(doubles_at(layer.squares), (layer.fan_in + ROW_TILE - 1) // ROW_TILE)
    for i in range(first, first + count, ROW_TILE):
        n = min_size(ROW_TILE, layer.fan_in - i) * fan_out
        squares[i // ROW_TILE] = sum_of_squares(shift(weight, i * fan_out), n)


@inline_reduction
def sum_of_squares(pointer, n):
    """Return Σ x² over `n` elements, accumulated in the element's type."""
    values = carray(pointer, n)
    total = values.dtype.type(0)
    for i in range(n):
        total += values[i] * values[i]
    return total


@inline_ir
def refresh_weight_copies(task_record, layer_records, number, first, count, column, columns, dtype_ptr):
    """The copies of weight[first : first + count, column : column + columns] are overwritten: transposed and panels."""
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    if layer.panels != 0:  # such layers are not split by columns: the block consists of whole rows
        call_copy_weights(task.copy_weights, task_record, layer_records, number, first, count, dtype_ptr)
        return
    if number == 0 or layer.fan_out == 1:  # the first layer needs none; one column is its own transpose
        return
    weight = shift(pointer_at(layer.weight, dtype_ptr), first * layer.fan_out + column)
    transposed = shift(pointer_at(layer.transposed, dtype_ptr), column * layer.transposed_stride + first)
    stride = layer.transposed_stride
    call_transpose(task.transpose, transposed, stride, weight, layer.fan_out, count, columns)


@inline_ir
def update_biases(task_record, layer_records, number, rows, dtype_ptr):
    """A thread's biases of a layer and their moments are updated; d_tile is overwritten."""
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    column, stop = thread_range(layer.fan_out, COLUMN_TILE, task.thread, task.n_threads)
    if column == stop or layer.frozen_biases != 0:
        return
    d_tile = pointer_at(task.d_tile, dtype_ptr)
    if task.microbatch_rows > 0:
        offset, columns = layer.bias_offset + column, stop - column
        call_add_microbatches(task.add_microbatches, task_record, d_tile, offset, 1, columns, columns, rows)
    else:
        bias_gradient(layer, d_tile, 0, column, stop - column, rows, dtype_ptr)
    bias = shift(pointer_at(layer.bias, dtype_ptr), column)
    moments = shift(pointer_at(task.state, dtype_ptr), layer.bias_offset + column)
    hyperparameters = shift(doubles_at(task.hyperparameters), layer.rule_offset + N_HYPERPARAMETERS)
    call_update_rule(task.update, bias, d_tile, moments, task.n_params, stop - column, hyperparameters)
