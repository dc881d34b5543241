"""The dense affine layer: one matrix product with three uses.

B is the batch size, I the fan-in, O the fan-out::

    forward          out (B, O)      = bias (O,) + inp (B, I) @ weight (I, O)        FROM_BIAS, RECTIFY
    input gradient   d_inp (B, I)   *= delta (B, O) @ weight.T (O, I)                MULTIPLY: d_inp holds f′
                                                    MULTIPLY_BY_DERIVATIVE: f′ follows from a rectifier's outputs
    weight gradient  d_weight (I, O) = inp.T (I, B) @ delta (B, O)                   OVERWRITE

All kernels that need a product call `multiply` through its address, so its tiles are compiled only once.
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..lowlevel.calls import MULTIPLY_SIGNATURE, TRANSPOSE_SIGNATURE
from ..lowlevel.pointers import min_size, shift
from ..lowlevel.records import FROM_BIAS
from .packing import tile_vectors
from .register_tiles import TILE_ROWS, make_dot, make_tile
from .rows import lanes
from .transpose import TRANSPOSED_ROWS, transpose_block

#: Rows of a product with one column that are computed side by side: as many as hide the latency of multiply-adds.
COLUMN_ROWS = 8

_tile_3, _tile_2, _tile_1 = (make_tile(TILE_ROWS, vectors) for vectors in (3, 2, 1))
_half_3, _half_2 = (make_tile(TILE_ROWS // 2, vectors) for vectors in (3, 2))
_tall_1 = make_tile(2 * TILE_ROWS, 1)
_row_3, _row_2, _row_1 = (make_tile(1, vectors) for vectors in (3, 2, 1))
_column_tile = make_tile(COLUMN_ROWS, 1, lanes=1)
_dot_tile, _dot_row = make_dot(TILE_ROWS), make_dot(1)


@kernel(*MULTIPLY_SIGNATURE)
def multiply(
    out, out_stride, rectified, a, a_row, a_step, b, b_stride, b_panel, bias, rows, columns, depth, mode, scratch
):
    """out (rows, columns) is overwritten with bias (columns,) + a (rows, depth) @ b (depth, columns).

    Other modes (see `records`) leave out the bias, rectify the result, or multiply or continue what out holds. The mode
    MULTIPLY_BY_DERIVATIVE reads rectified (rows, columns), the outputs of a rectifier, whose derivative is 1 where they
    are positive. Pointers that the mode does not read are ignored.

    Strides are in elements: ``out_stride`` (also of rectified) and ``b_stride`` from row to row; element (i, k) of a is
    at ``i * a_row + k * a_step``, so that a may be transposed. Unless rows is 1, out, rectified and a must be padded to
    a multiple of TILE_ROWS rows: the padding is read and overwritten, but the result does not depend on it.

    If b is packed in panels (see `packing`), ``b_panel`` is their depth and ``b_stride`` is ignored; otherwise
    ``b_panel`` is 0. scratch is for `reduced_precision` and ignored here.
    """
    if columns == 1 and b_stride == 1 and a_step == 1 and mode == FROM_BIAS:
        multiply_column(out, out_stride, a, a_row, b, bias, rows, depth)
        return
    if columns == 1 and b_panel == 0:
        whole = rows // COLUMN_ROWS * COLUMN_ROWS
        multiply_numbers(out, out_stride, rectified, a, a_row, a_step, b, b_stride, bias, whole, depth, mode)
        out, rectified = shift(out, whole * out_stride), shift(rectified, whole * out_stride)
        a, rows = shift(a, whole * a_row), rows - whole
    width = lanes(out)
    j = 0
    while j < columns:
        vectors = tile_vectors(columns - j, width)
        take = min_size(columns - j, vectors * width)
        source, stride = shift(b, j), b_stride
        if b_panel > 0:
            source, stride = shift(b, j * b_panel), vectors * width
        o, r, s = shift(out, j), shift(rectified, j), shift(bias, j)
        multiply_columns(o, out_stride, r, a, a_row, a_step, source, stride, s, rows, take, depth, mode, vectors)
        j += take


@inline_ir
def multiply_column(out, out_stride, a, a_row, b, bias, rows, depth):
    """out (rows, 1) is overwritten with bias (1,) + a (rows, depth) @ b (depth, 1); rows of a and b are contiguous."""
    if rows == 1:
        _dot_row(out, out_stride, a, a_row, b, bias, depth)
        return
    for i in range(0, rows, TILE_ROWS):
        _dot_tile(shift(out, i * out_stride), out_stride, shift(a, i * a_row), a_row, b, bias, depth)


@inline_ir
def multiply_numbers(out, out_stride, rectified, a, a_row, a_step, b, b_stride, bias, rows, depth, mode):
    """`multiply` for one column, number by number: in a tile, a whole vector would be computed for each of them.

    `rows` is a multiple of COLUMN_ROWS.
    """
    for i in range(0, rows, COLUMN_ROWS):
        o, r, x = shift(out, i * out_stride), shift(rectified, i * out_stride), shift(a, i * a_row)
        _column_tile(o, out_stride, r, x, a_row, a_step, b, b_stride, bias, 1, depth, mode)


@inline_ir
def multiply_columns(
    out, out_stride, rectified, a, a_row, a_step, b, b_stride, bias, rows, columns, depth, mode, vectors
):
    """`multiply` for the columns of one tile, which is `vectors` vectors wide; `columns` may be less than that.

    The remaining rows below the last full tile are computed by a tile of half the height if they fit. Tiles that are
    one vector wide have twice the height where possible: about a dozen independent sums are needed to hide the latency
    of multiply-adds.
    """
    if rows == 1:
        if vectors == 3:
            _row_3(out, out_stride, rectified, a, a_row, a_step, b, b_stride, bias, columns, depth, mode)
        elif vectors == 2:
            _row_2(out, out_stride, rectified, a, a_row, a_step, b, b_stride, bias, columns, depth, mode)
        else:
            _row_1(out, out_stride, rectified, a, a_row, a_step, b, b_stride, bias, columns, depth, mode)
        return
    i = 0
    while i < rows:
        x, y, left = shift(a, i * a_row), shift(out, i * out_stride), rows - i
        r = shift(rectified, i * out_stride)
        i += TILE_ROWS
        if vectors == 3:
            if left > TILE_ROWS // 2:
                _tile_3(y, out_stride, r, x, a_row, a_step, b, b_stride, bias, columns, depth, mode)
            else:
                _half_3(y, out_stride, r, x, a_row, a_step, b, b_stride, bias, columns, depth, mode)
        elif vectors == 2:
            if left > TILE_ROWS // 2:
                _tile_2(y, out_stride, r, x, a_row, a_step, b, b_stride, bias, columns, depth, mode)
            else:
                _half_2(y, out_stride, r, x, a_row, a_step, b, b_stride, bias, columns, depth, mode)
        elif left > TILE_ROWS:
            _tall_1(y, out_stride, r, x, a_row, a_step, b, b_stride, bias, columns, depth, mode)
            i += TILE_ROWS
        else:
            _tile_1(y, out_stride, r, x, a_row, a_step, b, b_stride, bias, columns, depth, mode)


@kernel(*TRANSPOSE_SIGNATURE)
def transpose(out, out_stride, inp, inp_stride, rows, columns):
    """out (columns, rows) is overwritten with the transpose of inp (rows, columns); strides are in elements."""
    width = lanes(out)
    for i in range(0, rows, TRANSPOSED_ROWS):
        for j in range(0, columns, width):
            to, source = shift(out, j * out_stride + i), shift(inp, i * inp_stride + j)
            transpose_block(to, out_stride, source, inp_stride, rows - i, columns - j)
