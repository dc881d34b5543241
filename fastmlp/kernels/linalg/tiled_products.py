"""The product of rounded matrices in tile units: `dense.multiply` whose operands are bfloat16 numbers, one or two each.

::

    a (rows, depth)               b (depth, columns)            sums (ROWS, WIDE), float32
    ┌────────┬──                  ┌───────┬──                   begin with bias, zero or out, by mode; each block of
    │ words  │ ROWS × DEPTH       │ words │ DEPTH × COLUMNS     depth adds to them in the unit; then out is written
    └────────┴──                  └───────┴──

A row's sums do not depend on the rows beside it: depth is cut at multiples of 32 alone. `reduced_precision` computes
nearly the same numbers where there is no such unit.
"""

import numpy as np

from ...compiler.kernel import SIZE, Argument
from ...compiler.numba_backend import inline_ir, kernel
from ..lowlevel.pointers import Signature, carray, min_size, shift
from ..lowlevel.records import FROM_BIAS, FROM_OUT, MULTIPLY, MULTIPLY_BY_DERIVATIVE, RECTIFY, RECTIFY_FROM_OUT
from .bfloat16_words import pair_neighbours, pair_rows
from .packing import tile_vectors
from .reduced_precision import columns_end, multiply_by_sums
from .rows import copy_row, lanes
from .tile_unit import BLOCK, configure_unit, multiply_block, release_unit
from .transpose import TRANSPOSED_ROWS, transpose_block

#: As in `reduced_precision`: the unit needs words for whole blocks of 32 rows, columns and numbers along the depth.
ROWS, DEPTH, WIDE = 64, 256, 160
WORDS = DEPTH // 2
FLOATS = Argument(np.dtype(np.float32))
#: `MULTIPLY_SIGNATURE` in float32, for any element type: code for float64 would mean nothing.
TILED_SIGNATURE = Signature(
    out=FLOATS, out_stride=SIZE, rectified=FLOATS, a=FLOATS, a_row=SIZE, a_step=SIZE, b=FLOATS, b_stride=SIZE,
    b_panel=SIZE, bias=FLOATS, rows=SIZE, columns=SIZE, depth=SIZE, mode=SIZE, scratch=FLOATS,
)  # fmt: skip
#: Numbers of a block of a, which scratch memory holds four times, and of one of b, twice; then come the sums.
OF_A, OF_B = ROWS * WORDS, WORDS * WIDE
NUMBERS = 4 * OF_A + 2 * OF_B + ROWS * WIDE


@kernel(*TILED_SIGNATURE)
def multiply_bfloat16_tiles(
    out, out_stride, rectified, a, a_row, a_step, b, b_stride, b_panel, bias, rows, columns, depth, mode, scratch
):
    """`reduced_precision.multiply_bfloat16` in a tile unit; the same arguments are overwritten."""
    multiply_in_tiles(
        out, out_stride, rectified, a, a_row, a_step, b, b_stride, b_panel, bias, rows, columns, depth, mode, scratch, 0
    )


@kernel(*TILED_SIGNATURE)
def multiply_bfloat16_3x_tiles(
    out, out_stride, rectified, a, a_row, a_step, b, b_stride, b_panel, bias, rows, columns, depth, mode, scratch
):
    """`reduced_precision.multiply_bfloat16_3x` in a tile unit; the same arguments are overwritten."""
    multiply_in_tiles(
        out, out_stride, rectified, a, a_row, a_step, b, b_stride, b_panel, bias, rows, columns, depth, mode, scratch, 1
    )


@inline_ir
def multiply_in_tiles(
    out, out_stride, rectified, a, a_row, a_step, b, b_stride, b_panel, bias, rows, columns, depth, mode, scratch, split
):
    """`dense.multiply` of bfloat16 numbers, with `split` of two for each number; a_row or a_step is 1."""
    a_hi, a_lo, words_hi, words_lo = scratch, shift(scratch, OF_A), shift(scratch, 2 * OF_A), shift(scratch, 3 * OF_A)
    b_hi, b_lo, sums = (
        shift(scratch, 4 * OF_A),
        shift(scratch, 4 * OF_A + OF_B),
        shift(scratch, 4 * OF_A + 2 * OF_B),
    )
    configure_unit()
    for i in range(0, rows, ROWS):
        height, j = min_size(ROWS, rows - i), 0
        while j < columns:
            end, at = columns_end(j, columns, lanes(out)), i * out_stride + j
            begin_sums(sums, shift(out, at), out_stride, shift(bias, j), height, end - j, mode)
            for k in range(0, depth, DEPTH):
                length = min_size(DEPTH, depth - k)
                if j == 0 or depth > DEPTH:
                    x = shift(a, i * a_row + k * a_step)
                    if a_step == 1:
                        pack_rows(a_hi, a_lo, x, a_row, height, length, split)
                    else:
                        pack_columns(words_hi, words_lo, x, a_step, height, length, split)
                        transpose_words(a_hi, words_hi, height, length)
                        if split != 0:
                            transpose_words(a_lo, words_lo, height, length)
                pack_weights(b_hi, b_lo, b, b_stride, b_panel, k, j, end, columns, length, split)
                steps = (length + BLOCK - 1) // BLOCK
                for row in range(0, height, BLOCK):
                    for column in range(0, end - j, BLOCK):
                        x_at, y_at = row * WORDS, column * WORDS
                        multiply_block(
                            shift(sums, row * WIDE + column), WIDE, shift(a_hi, x_at), shift(a_lo, x_at), WORDS,
                            shift(b_hi, y_at), shift(b_lo, y_at), steps, split,
                        )  # fmt: skip
            end_sums(shift(out, at), shift(rectified, at), out_stride, sums, height, end - j, mode)
            j = end
    release_unit()


@inline_ir
def pack_rows(hi, lo, a, a_row, rows, depth, split):
    """hi and lo (ROWS, WORDS) are overwritten with the words of a (rows, depth), up to a multiple of 32 numbers."""
    width = 2 * lanes(hi)
    stop = (depth + BLOCK - 1) // BLOCK * BLOCK
    for i in range(rows):
        for k in range(0, stop, width):
            to = i * WORDS + k // 2
            left = depth - k if depth > k else 0
            pair_neighbours(shift(hi, to), shift(lo, to), shift(a, i * a_row + k), left, split)


@inline_ir
def pack_columns(hi, lo, a, a_step, rows, depth, split):
    """hi and lo (WORDS, ROWS) are overwritten with the words of the transpose of a, whose rows are (depth, rows)."""
    width = lanes(hi)
    stop = (depth + BLOCK - 1) // BLOCK * BLOCK
    for k in range(0, stop, 2):
        for i in range(0, rows, width):
            to, even = k // 2 * ROWS + i, shift(a, k * a_step + i)
            n_even = rows - i if k < depth else 0
            n_odd = rows - i if k + 1 < depth else 0
            pair_rows(shift(hi, to), shift(lo, to), even, shift(even, a_step), n_even, n_odd, split)


@inline_ir
def transpose_words(out, words, rows, depth):
    """out (ROWS, WORDS) is overwritten with the transpose of words (WORDS, ROWS)."""
    width = lanes(out)
    stop = (depth + BLOCK - 1) // BLOCK * (BLOCK // 2)
    for k in range(0, stop, TRANSPOSED_ROWS):
        for i in range(0, rows, width):
            to, source = shift(out, i * WORDS + k), shift(words, k * ROWS + i)
            transpose_block(to, WORDS, source, ROWS, TRANSPOSED_ROWS, rows - i)


@inline_ir
def pack_weights(hi, lo, b, b_stride, b_panel, k, j, end, columns, depth, split):
    """hi and lo (WIDE / 32, WORDS, 32) are overwritten with the words of b[k : k + depth, j : end]."""
    width, first = lanes(hi), j
    stop = (depth + BLOCK - 1) // BLOCK * BLOCK
    while first < end:
        vectors = tile_vectors(columns - first, width)
        take = min_size(columns - first, vectors * width)
        source, step = shift(b, k * b_stride + first), b_stride
        if b_panel > 0:
            source, step = shift(b, first * b_panel + k * vectors * width), vectors * width
        for column in range(0, take, width):
            place = first - j + column
            to = place // BLOCK * BLOCK * WORDS + place % BLOCK
            for row in range(0, stop, 2):
                even, at = shift(source, row * step + column), to + row // 2 * BLOCK
                n_even = take - column if row < depth else 0
                n_odd = take - column if row + 1 < depth else 0
                pair_rows(shift(hi, at), shift(lo, at), even, shift(even, step), n_even, n_odd, split)
        first += take


@inline_ir
def begin_sums(sums, out, out_stride, bias, rows, columns, mode):
    """sums (rows, columns) are overwritten with bias (columns,), with out (rows, columns), or with zeros, by mode."""
    zero = carray(sums, 1).dtype.type(0)
    for i in range(rows):
        row = shift(sums, i * WIDE)
        if mode in (FROM_BIAS, RECTIFY):
            copy_row(row, bias, columns)
        elif mode in (FROM_OUT, RECTIFY_FROM_OUT):
            copy_row(row, shift(out, i * out_stride), columns)
        else:
            carray(row, columns)[:] = zero


@inline_ir
def end_sums(out, rectified, stride, sums, rows, columns, mode):
    """out (rows, columns) is overwritten with sums (rows, columns), or with what mode makes of them and of out."""
    if mode in (MULTIPLY, MULTIPLY_BY_DERIVATIVE):
        multiply_by_sums(out, rectified, stride, sums, WIDE, rows, columns, mode)
        return
    zero = carray(out, 1).dtype.type(0)
    for i in range(rows):
        numbers, added = carray(shift(out, i * stride), columns), carray(shift(sums, i * WIDE), columns)
        if mode in (RECTIFY, RECTIFY_FROM_OUT):
            for j in range(columns):
                numbers[j] = zero if added[j] <= zero else added[j]
        else:
            copy_row(shift(out, i * stride), shift(sums, i * WIDE), columns)
