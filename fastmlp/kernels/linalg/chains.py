"""Chains of multiply-adds for vectors of rows, for matrices in Fortran order (see `loop.fortran`)."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..lowlevel.vectors import I64, Vectors

#: Columns that are added to a chain before it is stored; their multipliers are kept in registers.
COLUMNS_AT_ONCE = 8


def make_chain(columns: int):
    """Return an intrinsic that adds `columns` columns of x to a chain: chain(sums, x, x_stride, w, w_stride, rows).

    sums (rows,) is overwritten with fma(x[k], w[k], sums) for k = 0 … columns, in order. Column k of x has `rows`
    contiguous elements and begins at element k · x_stride; its multiplier is w[k · w_stride].
    """

    @intrinsic
    def chain(typingctx, sums, x, x_stride, w, w_stride, rows):
        size = types.intp

        def codegen(context, builder, signature, args):
            _emit_chain(builder, sums.dtype.bitwidth, columns, *args)
            return context.get_dummy_value()

        return types.void(sums, sums, size, sums, size, size), codegen

    return chain


def _emit_chain(builder, bits, columns, sums, x, x_stride, w, w_stride, rows):
    v = Vectors(builder, bits)
    numbers = [ir.Constant(I64, k) for k in range(columns)]
    splats = [v.splat(builder.load(builder.gep(w, [builder.mul(k, w_stride)]))) for k in numbers]
    places = [builder.mul(k, x_stride) for k in numbers]

    def extend(i, mask=None):
        total = v.load(sums, i, mask)
        for splat, place in zip(splats, places, strict=True):
            total = v.multiply_add(splat, v.load(x, builder.add(place, i), mask), total)
        v.store(total, sums, i, mask)

    _for_vectors(builder, v, rows, extend)


def _for_vectors(builder, v, rows, emit):
    """Call emit(i, mask) for each vector of rows; the last vector is masked if it is not full."""
    step = ir.Constant(I64, v.count)
    whole = builder.mul(builder.sdiv(rows, step), step)
    with cgutils.for_range_slice(builder, ir.Constant(I64, 0), whole, step) as (i, _):
        emit(i)
    with builder.if_then(builder.icmp_signed("<", whole, rows)):
        emit(whole, v.mask(builder.sub(rows, whole)))


@intrinsic
def add_lanes(typingctx, chains, stride, bias, used, rows):
    """Row 0 of chains (lanes, stride) is overwritten, in `rows` columns, with bias (1,) + the sum of all rows.

    The sum has the order of `Vectors.sum`. `used` is the number of lanes in the last vector of the depth, or 0 if that
    vector is full: a dot product adds 0 · 0 to its masked lanes, and so does this function.
    """

    def codegen(context, builder, signature, args):
        chains_at, stride_value, bias_at, used_lanes, rows_value = args
        v = Vectors(builder, chains.dtype.bitwidth)
        start = v.splat(builder.load(bias_at))
        partial = builder.icmp_signed(">", used_lanes, ir.Constant(I64, 0))

        def add(i, mask=None):
            values = []
            for lane in range(v.count):
                number = ir.Constant(I64, lane)
                value = v.load(chains_at, builder.add(builder.mul(number, stride_value), i), mask)
                masked = builder.and_(partial, builder.icmp_signed(">=", number, used_lanes))
                values.append(builder.select(masked, v.multiply_add(v.zero, v.zero, value), value))
            while len(values) > 1:
                half = len(values) // 2
                values = [builder.fadd(a, b) for a, b in zip(values[:half], values[half:], strict=True)]
            v.store(builder.fadd(start, values[0]), chains_at, i, mask)

        _for_vectors(builder, v, rows_value, add)
        return context.get_dummy_value()

    size = types.intp
    return types.void(chains, size, chains, size, size), codegen
