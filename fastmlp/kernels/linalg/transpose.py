"""Transposition of small blocks in registers; `dense.transpose` applies it to a whole matrix."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..lowlevel.vectors import I64, Vectors

#: Rows of a block.
TRANSPOSED_ROWS = 8


@intrinsic
def transpose_block(typingctx, out, out_stride, inp, inp_stride, rows, columns):
    """out (columns, rows) is overwritten with inp (rows, columns) transposed: at most TRANSPOSED_ROWS × one vector.

    The rows are interleaved in three rounds, each of which halves their number and doubles their length::

        a0 a1 …   c0 c1 …      a0 c0 a1 c1 …
        b0 b1 …   d0 d1 …  →   b0 d0 b1 d1 …  →   a0 b0 c0 d0 a1 b1 c1 d1 …
    """

    def codegen(context, builder, signature, args):
        _emit_transpose(builder, out.dtype.bitwidth, *args[4:], *args[:4])
        return context.get_dummy_value()

    size = types.intp
    return types.void(out, size, out, size, size, size), codegen


def _emit_transpose(builder, bits, rows, columns, *operands):
    v = Vectors(builder, bits)
    enough_rows = builder.icmp_signed(">=", rows, ir.Constant(I64, TRANSPOSED_ROWS))
    enough_columns = builder.icmp_signed(">=", columns, ir.Constant(I64, v.count))
    with builder.if_else(builder.and_(enough_rows, enough_columns)) as (whole, edge):
        with whole:
            _emit_transpose_of(builder, v, None, None, *operands)
        with edge:
            _emit_transpose_of(builder, v, rows, columns, *operands)


def _emit_transpose_of(builder, v, rows, columns, out, out_stride, inp, inp_stride):
    """Emit the transposition of a block masked to `rows` and `columns`; None for a full block, which needs no mask."""

    def mask(vectors, place, limit, left):
        if rows is None:
            return None
        nothing = ir.Constant(I64, 0)
        return vectors.mask(builder.select(builder.icmp_signed("<", ir.Constant(I64, place), limit), left, nothing))

    longs = []  # each is a list of consecutive vectors
    for i in range(TRANSPOSED_ROWS):
        at = builder.mul(ir.Constant(I64, i), inp_stride)
        longs.append([v.load(inp, at, mask(v, i, rows, columns))])
    while len(longs) > 1:
        half = len(longs) // 2
        longs = [v.interleave(longs[i], longs[i + half]) for i in range(half)]
    # Now the columns follow one another, TRANSPOSED_ROWS elements each: several in a vector, or one in several vectors.
    part = v.of(min(v.count, TRANSPOSED_ROWS))
    for j in range(v.count):
        place = builder.mul(ir.Constant(I64, j), out_stride)
        for i in range(0, TRANSPOSED_ROWS, part.count):
            number, at = divmod(j * TRANSPOSED_ROWS + i, v.count)
            column = v.part(longs[0][number], at, part.count)
            offset = ir.Constant(I64, i)
            left = rows and builder.sub(rows, offset)
            part.store(column, out, builder.add(place, offset), mask(part, j, columns, left))
