"""Phase two of a step for the weights of the first layer on CSR input.

Most rows of weights may have no entry in the batch, but every weight changes: by L2, momentum, or Adam's mean of the
gradients. For many features, weights and moments come from memory, so each of them passes through the caches once::

    d_tile    zero between tiles: only rows of features in the batch get a gradient, and what was written is cleared;
              or a copy of the rows of `scattered`, where `scatter` puts the gradient together
    squares   Σ w² of the next step are added up right after an update, while its weights are in a near cache
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..lowlevel.barrier import cancelled, thread_range
from ..lowlevel.calls import (
    UPDATE_LAYER_SIGNATURE,
    call_add_squares,
    call_batch,
    call_sparse_weight_gradient,
    call_update_rule,
)
from ..lowlevel.pointers import carray, doubles_at, indices_at, integers_at, min_size, pointer_at, shift
from ..lowlevel.records import ROW_TILE
from .scatter import copy_scattered
from .update import sum_of_squares
from .weight_gradient import sort_batch


@kernel(*UPDATE_LAYER_SIGNATURE)
def update_sparse_weights(task_record, layer_records, number, order, rows, dtype_ptr):
    """A thread's weights of the first layer (`number` is 0) and their moments are updated.

    d_tile, the layer's squares and next_squares are overwritten. In the first step of a pass, and in every step where
    global phases still change the weights, Σ w² is added up before the update.
    """
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[0]
    begin, end = thread_range(layer.fan_in, ROW_TILE, task.thread, task.n_threads)
    if begin == end:
        return
    scattered, keeps = task.scattered != 0, task.n_phases == 0
    if scattered:
        call_batch(task.scatter, task_record, layer_records, order, rows, dtype_ptr)
    else:
        sort_batch(task, order, rows, begin, end, dtype_ptr)
        clear(pointer_at(task.d_tile, dtype_ptr), layer.update_rows * layer.fan_out)
    for first in range(begin, end, layer.update_rows):
        if cancelled(task.team):
            return
        count = min_size(layer.update_rows, end - first)
        if scattered:
            copy_scattered(task, layer, pointer_at(task.d_tile, dtype_ptr), first, count, dtype_ptr)
        else:
            add_gradient(task, layer, first, count, begin, dtype_ptr)
        if task.add_squares != 0:
            call_add_squares(task.add_squares, task_record, layer_records, 0, first, count, 0, layer.fan_out, dtype_ptr)
        if task.steps_made == 0 or not keeps:
            store_next_squares(task, layer, first, count, dtype_ptr)
        use_next_squares(task, layer, first, count)
        if layer.frozen_weights == 0:
            update_tile(task, layer, first, count, dtype_ptr)
        if keeps:
            store_next_squares(task, layer, first, count, dtype_ptr)
        if not scattered:
            clear_gradient(task, layer, first, count, begin, dtype_ptr)


@inline_ir
def clear(pointer, n):
    """The `n` elements at the pointer become zero."""
    values = carray(pointer, n)
    for i in range(n):
        values[i] = 0


@inline_ir
def add_gradient(task, layer, first, count, begin, dtype_ptr):
    """Rows of d_tile (count, fan_out), zero before, are overwritten with the gradient of features in the batch.

    Row 0 is that of feature `first`; the thread's first feature is `begin`.
    """
    starts, entry_rows = integers_at(task.feature_starts), indices_at(task.entry_rows)
    d_tile, entries = pointer_at(task.d_tile, dtype_ptr), pointer_at(task.entry_values, dtype_ptr)
    delta = pointer_at(layer.delta, dtype_ptr)
    for f in range(first - begin, first - begin + count):
        if starts[f] < starts[f + 1]:
            d_row = shift(d_tile, (f + begin - first) * layer.fan_out)
            call_sparse_weight_gradient(
                task.sparse_weight_gradient,
                d_row, f, 1, starts, entry_rows, entries, delta, layer.stride, layer.fan_out,
            )  # fmt: skip


@inline_ir
def clear_gradient(task, layer, first, count, begin, dtype_ptr):
    """d_tile (count, fan_out) becomes zero again: the rows that `add_gradient` has overwritten.

    All of them if another rule stands before the optimizer's: `clip_by_value` writes what it passes on into d_tile.
    """
    starts, d_tile = integers_at(task.feature_starts), pointer_at(task.d_tile, dtype_ptr)
    if task.update != task.rule:
        clear(d_tile, count * layer.fan_out)
        return
    for f in range(first - begin, first - begin + count):
        if starts[f] < starts[f + 1]:
            clear(shift(d_tile, (f + begin - first) * layer.fan_out), layer.fan_out)


@inline_ir
def update_tile(task, layer, first, count, dtype_ptr):
    """weight[first : first + count] and its moments are updated by the gradient in d_tile (count, fan_out).

    The optimizer's rule reads d_tile; one that stands before it may overwrite it.
    """
    at = first * layer.fan_out
    weight = shift(pointer_at(layer.weight, dtype_ptr), at)
    moments = shift(pointer_at(task.state, dtype_ptr), layer.weight_offset + at)
    hyperparameters = shift(doubles_at(task.hyperparameters), layer.rule_offset)
    d_tile = pointer_at(task.d_tile, dtype_ptr)
    call_update_rule(task.update, weight, d_tile, moments, task.n_params, count * layer.fan_out, hyperparameters)


@inline_ir
def store_next_squares(task, layer, first, count, dtype_ptr):
    """next_squares of a block is overwritten with Σ w² of its weights, for each ROW_TILE rows: see `store_squares`."""
    squares = doubles_at(task.next_squares)
    for i in range(first, first + count, ROW_TILE):
        n = min_size(ROW_TILE, layer.fan_in - i) * layer.fan_out
        squares[i // ROW_TILE] = sum_of_squares(shift(pointer_at(layer.weight, dtype_ptr), i * layer.fan_out), n)


@inline_ir
def use_next_squares(task, layer, first, count):
    """The squares of a block are overwritten with its next_squares, which are now those of this step."""
    squares, ahead = doubles_at(layer.squares), doubles_at(task.next_squares)
    for tile in range(first // ROW_TILE, (first + count + ROW_TILE - 1) // ROW_TILE):
        squares[tile] = ahead[tile]
