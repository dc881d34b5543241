"""Squares of the weight gradients, added up over the steps of an epoch: only for callbacks that record their norms."""

import numpy as np

from ...compiler.numba_backend import inline_ir, kernel
from ..linalg.norms import sum_of_squares_in_double
from ..lowlevel.calls import ADD_SQUARES_SIGNATURE
from ..lowlevel.pointers import carray, doubles_at, min_size, pointer_at, shift
from ..lowlevel.records import COLUMN_TILE, N_HYPERPARAMETERS, ROW_TILE, SCALE
from .update import sum_of_squares

#: Between these bounds a sum of squares in float32 has lost nothing to its range.
LEAST_EXACT, MOST_EXACT = 1e-20, 1e30


@kernel(*ADD_SQUARES_SIGNATURE)
def add_squares(task_record, layer_records, number, first, count, column, columns, dtype_ptr):
    """gradient_squares accumulates Σ (SCALE d)² of each tile of a block of weights; d_tile (count, columns) is d.

    d SCALE is the gradient of the batch's data loss, before penalties and clipping. The block begins at row `first` and
    column `column` of layer `number`; the tiles are those of the layer's squares (see `store_squares`), each of one
    thread, so the sums have the same bits for any number of threads.
    """
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    scale = carray(doubles_at(task.hyperparameters), N_HYPERPARAMETERS)[SCALE]
    d_tile = pointer_at(task.d_tile, dtype_ptr)
    squares = doubles_at(layer.gradient_squares)
    rows, width, in_row = ROW_TILE, columns, 1  # of a tile; tiles in a row of them
    if layer.split_by_columns:
        rows, width, in_row = 1, COLUMN_TILE, (layer.fan_out + COLUMN_TILE - 1) // COLUMN_TILE
    for i in range(0, count, rows):
        for j in range(0, columns, width):
            n = min_size(rows, count - i) * min_size(width, columns - j)
            total = sum_in_range(shift(d_tile, i * columns + j), n)
            squares[(first + i) // rows * in_row + (column + j) // width] += scale * scale * total


@inline_ir
def sum_in_range(pointer, n):
    """Return Σ x² over `n` elements, in float64 only if it may be too small or too large for the element's type.

    Converting each number of a gradient takes three times as long as adding up its squares.
    """
    total = np.float64(sum_of_squares(pointer, n))
    if LEAST_EXACT < total < MOST_EXACT:
        return total
    return sum_of_squares_in_double(pointer, n)
