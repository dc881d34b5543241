"""Products of a sparse matrix's stored entries with rows of weights, as LLVM vector code for any number of columns.

A tile of weights is kept in registers, in the smallest vector of 2, 4, 8, … elements that holds its columns.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...compiler.cpu import VECTOR_BITS
from ..lowlevel.records import ENTRY_VECTORS
from ..lowlevel.vectors import I64, Vectors


@intrinsic
def add_column(typingctx, out, stride, first, rows, values, begin, end, weight, columns):
    """out[rows[e] − first, :columns] += values[e] * weight (columns,) for e = begin … end.

    Rows of out are `stride` elements apart. They must have as many elements as the vector that holds the columns (see
    `engine.workspace.tile_width`): values[e] · 0 is added to those beyond `columns`. Only `columns` elements of weight
    are read.
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


@intrinsic
def multiply_row(typingctx, out, indices, values, begin, end, weight, bias, columns):
    """out (columns,) is overwritten with bias (columns,) + Σ values[e] * weight[indices[e]], e = begin … end in order.

    weight is (n_features, columns) with at least two columns and at most `lanes`. The sums stay in registers. Masks are
    slow on many processors, so there is one loop for each number of columns, with vectors of powers of two.
    """
    size = types.intp

    def codegen(context, builder, signature, args):
        bits = out.dtype.bitwidth
        for columns in range(2, VECTOR_BITS // bits + 1):
            with builder.if_then(builder.icmp_signed("==", args[7], ir.Constant(I64, columns))):
                _emit_row(builder, Vectors(builder, bits), columns, args)
        return context.get_dummy_value()

    return types.void(out, indices, out, size, size, out, out, size), codegen


def _emit_row(builder, v, columns, args):
    out, indices, values, begin, end, weight, bias, _ = args
    counts = [1 << bit for bit in range(columns.bit_length() - 1, -1, -1) if columns >> bit & 1]
    parts = [(v.of(count), ir.Constant(I64, sum(counts[:i]))) for i, count in enumerate(counts)]
    sums = [cgutils.alloca_once_value(builder, part.load(bias, offset)) for part, offset in parts]
    with cgutils.for_range_slice(builder, begin, end, ir.Constant(I64, 1)) as (e, _):
        row = builder.sext(builder.load(builder.gep(indices, [e])), I64)
        at = builder.mul(row, ir.Constant(I64, columns))
        value = builder.load(builder.gep(values, [e]))
        for (part, offset), total in zip(parts, sums, strict=True):
            weights = part.load(weight, builder.add(at, offset))
            builder.store(part.multiply_add(part.splat(value), weights, builder.load(total)), total)
    for (part, offset), total in zip(parts, sums, strict=True):
        part.store(builder.load(total), out, offset)
