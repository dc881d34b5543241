"""The product of rounded matrices: `dense.multiply` whose operands keep fewer bits; sums are float32 as there.

::

    bfloat16      8 significant bits of each number
    bfloat16_3x  17 bits, which hi + lo has, two numbers of 8 bits and their signs: hi·hi + hi·lo + lo·hi in tile units

    a (rows, depth)                 b (depth, columns)
    ┌────────┬────────┬──           ┌───────┬───────┬──
    │ rounded│        │             │rounded│       │       blocks of both are rounded into scratch memory,
    │  block │        │             │ block │       │       and multiplied by float32's tiles; blocks of depth continue
    ├────────┼────────┼──           ├───────┼───────┼──     one another's sums: the same chain of multiply-adds for
    │        │        │             │       │       │       each element, whatever the blocks

A product of two bfloat16 numbers is exact in float32, so processors with units for such products compute the same
numbers, up to the order of additions (and, split in three, up to lo·lo).

Numbers are rounded to the nearest, ties to even. Infinities stay, and a NaN that arithmetic made stays one.
"""

from ...compiler.numba_backend import inline_ir, inline_llvm, kernel
from ..lowlevel.calls import MULTIPLY_SIGNATURE
from ..lowlevel.pointers import carray, min_size, shift
from ..lowlevel.records import (
    FROM_BIAS,
    FROM_OUT,
    MULTIPLY,
    MULTIPLY_BY_DERIVATIVE,
    OVERWRITE,
    RECTIFY,
    RECTIFY_FROM_OUT,
)
from .dense import multiply_columns
from .packing import tile_vectors
from .rounding import round_vector
from .rows import lanes

#: A block of a is ROWS x DEPTH; one of b is DEPTH x COLUMNS, and the tile that ends it may be SPARE columns longer.
#: Each number of b is rounded once for ROWS rows, each of a once for COLUMNS columns; both fit the second cache.
ROWS, DEPTH, COLUMNS, SPARE = 64, 128, 96, 48
WIDE = COLUMNS + SPARE
#: Significant bits that are kept, of float32's 24.
BFLOAT16, BFLOAT16_3X = 8, 17
#: Where in scratch memory the block of b and the sums begin; how many numbers it holds, at most `records.SCRATCH`.
B_AT, SUMS_AT = ROWS * DEPTH, ROWS * DEPTH + DEPTH * WIDE
NUMBERS = SUMS_AT + ROWS * WIDE


@kernel(*MULTIPLY_SIGNATURE)
def multiply_bfloat16(
    out, out_stride, rectified, a, a_row, a_step, b, b_stride, b_panel, bias, rows, columns, depth, mode, scratch
):
    """`dense.multiply` of a (rows, depth) and b (depth, columns) in bfloat16; out and scratch are overwritten."""
    multiply_rounded(
        out, out_stride, rectified, a, a_row, a_step, b, b_stride, b_panel, bias, rows, columns, depth, mode, scratch,
        BFLOAT16,
    )  # fmt: skip


@kernel(*MULTIPLY_SIGNATURE)
def multiply_bfloat16_3x(
    out, out_stride, rectified, a, a_row, a_step, b, b_stride, b_panel, bias, rows, columns, depth, mode, scratch
):
    """`dense.multiply` of a (rows, depth) and b (depth, columns) in two bfloat16 numbers each; as above."""
    multiply_rounded(
        out, out_stride, rectified, a, a_row, a_step, b, b_stride, b_panel, bias, rows, columns, depth, mode, scratch,
        BFLOAT16_3X,
    )  # fmt: skip


@inline_ir
def multiply_rounded(
    out, out_stride, rectified, a, a_row, a_step, b, b_stride, b_panel, bias, rows, columns, depth, mode, scratch, kept
):
    """`dense.multiply` of operands rounded to `kept` significant bits; a_row or a_step is 1.

    The two modes that multiply what out holds cannot continue their sums there: blocks of depth add up in `sums`.
    """
    some_a, some_b, sums, width = scratch, shift(scratch, B_AT), shift(scratch, SUMS_AT), lanes(out)
    x_row, x_step = (DEPTH, 1) if a_step == 1 else (1, ROWS)
    apart = depth > DEPTH and mode in (MULTIPLY, MULTIPLY_BY_DERIVATIVE)
    for i in range(0, rows, ROWS):
        height, j = min_size(ROWS, rows - i), 0
        while j < columns:
            end, k = columns_end(j, columns, width), 0
            to, r = shift(out, i * out_stride + j), shift(rectified, i * out_stride + j)
            at, stride = (sums, WIDE) if apart else (to, out_stride)
            while k == 0 or k < depth:
                length = min_size(DEPTH, depth - k)
                if j == 0 or depth > DEPTH:
                    round_rows(some_a, shift(a, i * a_row + k * a_step), a_row, a_step, height, length, kept)
                multiply_block(
                    at, stride, r, some_a, x_row, x_step, some_b, b, b_stride, b_panel, k, bias, j, end, columns,
                    height, length, mode_of_block(mode, k, k + length == depth, apart), kept,
                )  # fmt: skip
                k += DEPTH
            if apart:
                multiply_by_sums(to, r, out_stride, sums, WIDE, height, end - j, mode)
            j = end


@inline_ir
def multiply_block(
    out, out_stride, rectified, a, a_row, a_step, some_b, b, b_stride, b_panel, k, bias, j, end, columns,
    rows, depth, mode, kept,
):  # fmt: skip
    """out (rows, end − j) becomes a (rows, depth) @ b[k : k + depth, j : end] rounded, by mode; a is rounded already.

    Each tile's columns of b are rounded into a panel of their own in some_b.
    """
    width, column, panel = lanes(out), j, some_b
    while column < end:
        vectors = tile_vectors(columns - column, width)
        take = min_size(columns - column, vectors * width)
        source, step = shift(b, k * b_stride + column), b_stride
        if b_panel > 0:
            source, step = shift(b, column * b_panel + k * vectors * width), vectors * width
        for row in range(depth):
            round_row(shift(panel, row * vectors * width), shift(source, row * step), take, kept)
        multiply_columns(
            shift(out, column - j), out_stride, shift(rectified, column - j), a, a_row, a_step, panel, vectors * width,
            shift(bias, column), rows, take, depth, mode, vectors,
        )  # fmt: skip
        column, panel = column + take, shift(panel, vectors * width * DEPTH)


@inline_ir
def columns_end(j, columns, width):
    """Return where the block of columns that begins at j ends: behind the tile in which COLUMNS columns are reached."""
    end = j
    while end < columns and end - j < COLUMNS:
        end += min_size(columns - end, tile_vectors(columns - end, width) * width)
    return end


@inline_ir
def mode_of_block(mode, k, last, apart):
    """Return the mode for the block of depth that begins at k."""
    if apart:
        return OVERWRITE if k == 0 else FROM_OUT
    if mode in (RECTIFY, RECTIFY_FROM_OUT):
        if k > 0 or mode == RECTIFY_FROM_OUT:
            return RECTIFY_FROM_OUT if last else FROM_OUT
        return RECTIFY if last else FROM_BIAS
    return mode if k == 0 else FROM_OUT


@inline_ir
def round_rows(to, a, a_row, a_step, rows, depth, kept):
    """to (ROWS, DEPTH), or (DEPTH, ROWS) if a is transposed, is overwritten with a (rows, depth) rounded."""
    if a_step == 1:
        for i in range(rows):
            round_row(shift(to, i * DEPTH), shift(a, i * a_row), depth, kept)
    else:
        for k in range(depth):
            round_row(shift(to, k * ROWS), shift(a, k * a_step), rows, kept)


@inline_llvm
def round_row(to, source, n, kept):
    """to (n,) is overwritten with source (n,) rounded."""
    width = lanes(to)
    whole = n // width * width
    for j in range(0, whole, width):
        round_vector(shift(to, j), shift(source, j), width, kept)
    if whole < n:
        round_vector(shift(to, whole), shift(source, whole), n - whole, kept)


@inline_ir
def multiply_by_sums(out, rectified, stride, sums, sums_stride, rows, columns, mode):
    """out (rows, columns) *= sums (rows, columns), or = sums where rectified is positive, by mode, as tiles do it."""
    zero = carray(out, 1).dtype.type(0)
    for i in range(rows):
        numbers, given = carray(shift(out, i * stride), columns), carray(shift(rectified, i * stride), columns)
        added = carray(shift(sums, i * sums_stride), columns)
        if mode == MULTIPLY:
            for j in range(columns):
                numbers[j] *= added[j]
        else:
            for j in range(columns):
                numbers[j] = zero if given[j] <= 0 else added[j]
