"""Phase two of a network for tables: the scaling layer, learnt slopes, embeddings, and what every layer has.

The scaling layer multiplies each input by a number s: h = x diag(s) W. The forward and the backward pass see
W̃ = diag(s) W alone, which is the first layer's `weight`. The update of its rows reads their gradient G = ∂loss / ∂W̃
while that is in the first cache::

    ∂loss/∂s_i = Σ_j W_ij G_ij        ∂loss/∂W_ij = s_i G_ij        then W̃_ij = s_i W_ij

W and s lie in the vector of parameters, W̃ in a buffer, whose rows are in another order where some are looked up (see
`look_ups`): these are the last ones, behind fan_in others.
"""

from ...compiler.numba_backend import inline_ir, inline_reduction, kernel
from ..loop.update import update_biases
from ..loop.weight_gradient import sum_columns
from ..lowlevel.barrier import cancelled, thread_range
from ..lowlevel.calls import (
    UPDATE_LAYER_SIGNATURE,
    call_batch,
    call_copy_weights,
    call_transpose,
    call_update_layer,
    call_update_rule,
    call_weight_gradient,
)
from ..lowlevel.pointers import carray, doubles_at, integers_at, min_size, pointer_at, shift
from ..lowlevel.records import COLUMN_TILE, ROW_TILE
from ..math.lanes import prefer_wide_vectors


@kernel(*UPDATE_LAYER_SIGNATURE)
def update_table_layer(task_record, layer_records, number, order, rows, dtype_ptr):
    """`update_layer` for a network for tables: this thread's parameters of the layer and their moments."""
    prefer_wide_vectors()
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    if number > 0:
        call_update_layer(task.update_plain_layer, task_record, layer_records, number, order, rows, dtype_ptr)
    else:
        update_scaled_rows(task_record, layer_records, rows, dtype_ptr)
        if task.update_look_ups != 0:
            call_batch(task.update_look_ups, task_record, layer_records, order, rows, dtype_ptr)
        update_biases(task_record, layer_records, 0, rows, dtype_ptr)
        if task.update_embeddings != 0:
            call_batch(task.update_embeddings, task_record, layer_records, order, rows, dtype_ptr)
    if layer.slopes != 0:
        update_slopes(task, layer, rows, dtype_ptr)


@inline_ir
def update_scaled_rows(task_record, layer_records, rows, dtype_ptr):
    """A thread's rows of W and s, their moments, W̃ and its copies are updated; d_tile and d_scales are overwritten.

    Those that are looked up are not among them.
    """
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[0]
    begin, end = thread_range(layer.fan_in, ROW_TILE, task.thread, task.n_threads)
    fan_out = layer.fan_out
    for first in range(begin, end, layer.update_rows):
        count = min_size(layer.update_rows, end - first)
        if cancelled(task.team):
            return
        call_weight_gradient(
            task.weight_gradient, task_record, layer_records, 0, -1, 0, first, count, 0, fan_out, rows, dtype_ptr
        )
        update_rows(task, layer, first, count, dtype_ptr)
        if layer.panels != 0:
            call_copy_weights(task.copy_weights, task_record, layer_records, 0, first, count, dtype_ptr)
        elif layer.transposed != 0 and fan_out > 1:
            to, stride = shift(pointer_at(layer.transposed, dtype_ptr), first), layer.transposed_stride
            scaled = shift(pointer_at(layer.weight, dtype_ptr), first * fan_out)
            call_transpose(task.transpose, to, stride, scaled, fan_out, count, fan_out)


@inline_ir
def update_rows(task, layer, first, count, dtype_ptr):
    """Rows first … first + count of W̃, and those of W and s of which they are made, with moments, are updated.

    d_tile (count, O) holds the gradient; it and d_scales are overwritten.
    """
    fan_out, d_tile, state = layer.fan_out, pointer_at(task.d_tile, dtype_ptr), pointer_at(task.state, dtype_ptr)
    of_weights = shift(doubles_at(task.hyperparameters), layer.rule_offset)
    of_scales = shift(doubles_at(task.hyperparameters), task.scale_rule)
    done = 0
    while done < count:
        row, n = adjacent_rows(task, first + done, count - done)
        at, gradient = row * fan_out, shift(d_tile, done * fan_out)
        weight, scales = shift(pointer_at(task.unscaled, dtype_ptr), at), shift(pointer_at(task.scales, dtype_ptr), row)
        d_scales = shift(pointer_at(task.d_scales, dtype_ptr), row)
        s, d_s = carray(scales, n), carray(d_scales, n)
        for i in range(n):
            d_s[i] = scale_gradient(shift(gradient, i * fan_out), shift(weight, i * fan_out), s[i], fan_out)
        moments = shift(state, layer.weight_offset + at)
        call_update_rule(task.update, weight, gradient, moments, task.n_params, n * fan_out, of_weights)
        moments = shift(state, task.scale_offset + row)
        call_update_rule(task.update, scales, d_scales, moments, task.n_params, n, of_scales)
        scaled = shift(pointer_at(layer.weight, dtype_ptr), (first + done) * fan_out)
        for i in range(n):
            w = carray(shift(weight, i * fan_out), fan_out)
            to = carray(shift(scaled, i * fan_out), fan_out)
            for j in range(fan_out):
                to[j] = s[i] * w[j]
        done += n


@inline_ir
def adjacent_rows(task, first, count):
    """Return the row of W for row `first` of W̃, and how many rows, at most `count`, are adjacent in both."""
    if task.weight_rows == 0:
        return first, count
    rows = carray(shift(integers_at(task.weight_rows), first), count)
    n = 1
    while n < count and rows[n] == rows[0] + n:
        n += 1
    return rows[0], n


@inline_reduction
def scale_gradient(gradient, weight, scale, n):
    """Return Σ w g over a row of W and of its gradient; gradient (n,) is multiplied by `scale`."""
    g, w = carray(gradient, n), carray(weight, n)
    total = g.dtype.type(0)
    for j in range(n):
        total += w[j] * g[j]
        g[j] *= scale
    return total


@inline_ir
def update_slopes(task, layer, rows, dtype_ptr):
    """A thread's slopes of a layer and their moments are updated; d_tile is overwritten."""
    column, stop = thread_range(layer.fan_out, COLUMN_TILE, task.thread, task.n_threads)
    if column == stop:
        return
    d_tile = pointer_at(task.d_tile, dtype_ptr)
    sum_columns(d_tile, shift(pointer_at(layer.excess, dtype_ptr), column), layer.stride, stop - column, rows)
    slopes = shift(pointer_at(layer.slopes, dtype_ptr), column)
    moments = shift(pointer_at(task.state, dtype_ptr), layer.slope_offset + column)
    hyperparameters = shift(doubles_at(task.hyperparameters), task.slope_rule)
    call_update_rule(task.update, slopes, d_tile, moments, task.n_params, stop - column, hyperparameters)
