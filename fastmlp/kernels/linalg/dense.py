"""The dense affine layer: one matrix product in three roles.

B batch, I fan-in, O fan-out::

    forward          out (B, O)      = bias (O,) + inp (B, I) @ weight (I, O)        FROM_BIAS
    input gradient   d_inp (B, I)   *= delta (B, O) @ weight.T (O, I)                MULTIPLY: d_inp holds f′
                                                                     MULTIPLY_BY_SLOPE: f′ is a rectifier's
    weight gradient  d_weight (I, O) = inp.T (I, B) @ delta (B, O)                   OVERWRITE

`multiply` is called through its address by every kernel that needs a product, so that its tiles are compiled once.
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..lowlevel.calls import MULTIPLY_SIGNATURE, TRANSPOSE_SIGNATURE
from ..lowlevel.pointers import min_size, shift
from ..lowlevel.records import FROM_BIAS
from .packing import tile_vectors
from .register_tiles import TILE_ROWS, make_dot, make_tile
from .rows import lanes
from .transpose import TRANSPOSED_ROWS, transpose_block

_tile_3, _tile_2, _tile_1 = (make_tile(TILE_ROWS, vectors) for vectors in (3, 2, 1))
_half_3, _half_2 = (make_tile(TILE_ROWS // 2, vectors) for vectors in (3, 2))
_tall_1 = make_tile(2 * TILE_ROWS, 1)
_row_3, _row_2, _row_1 = (make_tile(1, vectors) for vectors in (3, 2, 1))
_dot_tile, _dot_row = make_dot(TILE_ROWS), make_dot(1)


@kernel(*MULTIPLY_SIGNATURE)
def multiply(out, out_stride, rectified, a, a_row, a_step, b, b_stride, b_panel, bias, rows, columns, depth, mode):
    """out (rows, columns) = bias + a (rows, depth) @ b (depth, columns), or as `mode` says (see simd).

    Strides in elements: ``out_stride`` and ``b_stride`` from row to row; a's element (i, k) lies at
    ``i * a_row + k * a_step``, so that a may be transposed. Rows come in whole tiles: out and a must have room for
    the next multiple of TILE_ROWS (what lies in those rows is read and overwritten, never used), except that a
    single row is computed by itself. out is overwritten or, by `mode`, multiplied; rectified, with out's strides, is
    read by `mode`: a rectifier's outputs, which say what its slope was.

    Where b lies in panels (see `panels`), ``b_panel`` is their depth, and ``b_stride`` is not used; else it is zero.
    """
    if columns == 1 and b_stride == 1 and a_step == 1 and mode == FROM_BIAS:
        multiply_column(out, out_stride, a, a_row, b, bias, rows, depth)
        return
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
    """One output: b is one contiguous column, and vectors run along the depth."""
    if rows == 1:
        _dot_row(out, out_stride, a, a_row, b, bias, depth)
        return
    for i in range(0, rows, TILE_ROWS):
        _dot_tile(shift(out, i * out_stride), out_stride, shift(a, i * a_row), a_row, b, bias, depth)


@inline_ir
def multiply_columns(
    out, out_stride, rectified, a, a_row, a_step, b, b_stride, bias, rows, columns, depth, mode, vectors
):
    """The columns of `multiply` that one tile is wide: `vectors` vectors, the last one masked to `columns`.

    What is left below the last whole tile goes into one of half the rows if it fits. A tile that is one vector wide is
    twice as tall where it can be: fewer than a dozen sums leave the processor waiting for each.
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
    """out (columns, rows) is overwritten with inp (rows, columns) transposed; strides from row to row, in elements."""
    width = lanes(out)
    for i in range(0, rows, TRANSPOSED_ROWS):
        for j in range(0, columns, width):
            to, source = shift(out, j * out_stride + i), shift(inp, i * inp_stride + j)
            transpose_block(to, out_stride, source, inp_stride, rows - i, columns - j)
