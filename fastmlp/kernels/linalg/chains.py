"""Chains of multiply-adds for vectors of rows, where rows lie beside one another (see `fortran`)."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..lowlevel.vectors import I64, Vectors

#: Columns that a chain goes on with at a time, before it is stored: as many numbers in registers.
COLUMNS_AT_ONCE = 8


def make_chain(columns: int):
    """An intrinsic: chain(sums, x, x_stride, w, w_stride, rows) goes on with `columns` columns of x.

    sums (rows,) becomes fma(x[k], w[k], sums), k after k: column k of x begins k · x_stride elements further on, and
    has `rows` contiguous ones; its number is w[k · w_stride].
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

    def run_global_phases(i, mask=None):
        total = v.load(sums, i, mask)
        for splat, place in zip(splats, places, strict=True):
            total = v.multiply_add(splat, v.load(x, builder.add(place, i), mask), total)
        v.store(total, sums, i, mask)

    _for_vectors(builder, v, rows, run_global_phases)


def _for_vectors(builder, v, rows, emit):
    """emit(i, mask) for each vector of rows; the last one masked, where it is not whole."""
    step = ir.Constant(I64, v.count)
    whole = builder.mul(builder.sdiv(rows, step), step)
    with cgutils.for_range_slice(builder, ir.Constant(I64, 0), whole, step) as (i, _):
        emit(i)
    with builder.if_then(builder.icmp_signed("<", whole, rows)):
        emit(whole, v.mask(builder.sub(rows, whole)))


@intrinsic
def add_lanes(typingctx, chains, stride, bias, used, rows):
    """The first of the chains (lanes, stride) is overwritten, (rows,), with bias + their sum, as `Vectors.sum` adds.

    `used` is how many lanes the last vector of the depth had, if it was not whole: the others were masked, and went on
    with 0 · 0.
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
