"""Stored entries of a sparse matrix times rows of weights, as LLVM vector code for layers of any width.

A tile of weights is held in registers in a vector of 2, 4, 8, … elements: as few as hold its columns.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..host import VECTOR_BITS
from .records import ENTRY_VECTORS
from .vectors import I64, Vectors


@intrinsic
def add_column(typingctx, out, stride, first, rows, values, begin, end, weight, columns):
    """out (…, columns) += values[e] * weight (columns,) in row rows[e] − first, for e = begin … end.

    The rows of out must hold as many elements as the vector has (see `fastmlp.workspace.tile_width`): those beyond
    `columns` are added zero times a value. Only `columns` elements of weight are read.
    """
    size = types.intp

    def codegen(context, builder, signature, args):
        bits = out.dtype.bitwidth
        count, most = 2, ENTRY_VECTORS * VECTOR_BITS // bits
        while count <= most:
            from_half = builder.icmp_signed(">", args[8], ir.Constant(I64, count // 2 if count > 2 else 0))
            to_whole = builder.icmp_signed("<=", args[8], ir.Constant(I64, count))
            with builder.if_then(builder.and_(from_half, to_whole)):
                _emit_column(builder, Vectors(builder, bits, count), args)
            count *= 2
        return context.get_dummy_value()

    return types.void(out, size, size, rows, out, size, size, out, size), codegen


def _emit_column(builder, v, args):
    out, stride, first, rows, values, begin, end, weight, columns = args
    tile = v.load(weight, ir.Constant(I64, 0), v.mask(columns))
    with cgutils.for_range_slice(builder, begin, end, ir.Constant(I64, 1)) as (e, _):
        row = builder.sext(builder.load(builder.gep(rows, [e])), I64)
        at = builder.mul(builder.sub(row, first), stride)
        value = v.splat(builder.load(builder.gep(values, [e])))
        v.store(v.multiply_add(value, tile, v.load(out, at)), out, at)
