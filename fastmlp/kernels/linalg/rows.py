"""Operations on rows of numbers, one vector register at a time: copies, sums and prefetches."""

from __future__ import annotations

import functools

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...compiler.cpu import VECTOR_BITS
from ...compiler.numba_backend import inline_ir
from ..lowlevel.pointers import shift
from ..lowlevel.vectors import I64, Vectors

#: Independent sums that are computed side by side: as many as an addition takes cycles.
SUM_ROWS = 4


@intrinsic
def lanes(typingctx, pointer):
    """Number of elements of the pointer's type in one vector register."""
    count = VECTOR_BITS // pointer.dtype.bitwidth

    def codegen(context, builder, signature, args):
        return ir.Constant(I64, count)

    return types.intp(pointer), codegen


@intrinsic
def copy_vector(typingctx, to, source, columns):
    """to (columns,) is overwritten with source (columns,); at most one vector."""

    def codegen(context, builder, signature, args):
        v = Vectors(builder, to.dtype.bitwidth)
        mask, start = v.mask(args[2]), ir.Constant(I64, 0)
        v.store(v.load(args[1], start, mask), args[0], start, mask)
        return context.get_dummy_value()

    return types.void(to, to, types.intp), codegen


@intrinsic
def copy_every_other(typingctx, to, source):
    """to (lanes,) is overwritten with elements 0, 2, 4, … of source (2 * lanes,), all of which are read."""

    def codegen(context, builder, signature, args):
        v = Vectors(builder, to.dtype.bitwidth)
        start, half = ir.Constant(I64, 0), ir.Constant(I64, v.count)
        v.store(v.every_other(v.load(args[1], start), v.load(args[1], half)), args[0], start)
        return context.get_dummy_value()

    return types.void(to, to), codegen


@inline_ir
def copy_row(to, source, columns):
    """to (columns,) is overwritten with source (columns,), by vectors: most rows are too short for a loop."""
    width = lanes(to)
    whole = columns // width * width
    for j in range(0, whole, width):
        copy_vector(shift(to, j), shift(source, j), width)
    if whole < columns:
        copy_vector(shift(to, whole), shift(source, whole), columns - whole)


@intrinsic
def prefetch(typingctx, source):
    """Prefetch the cache line of `source` without waiting; the address need not be valid."""

    def codegen(context, builder, signature, args):
        Vectors(builder, source.dtype.bitwidth).prefetch(args[0], ir.Constant(I64, 0))
        return context.get_dummy_value()

    return types.void(source), codegen


@intrinsic
def sum_products(typingctx, source, columns):
    """Return Σ 0 · x over source (columns,): zero if all elements are finite, else NaN."""

    def codegen(context, builder, signature, args):
        v = Vectors(builder, source.dtype.bitwidth)
        sums = [cgutils.alloca_once_value(builder, v.zero) for _ in range(SUM_ROWS)]

        def add(j, mask=None):
            for i, total in enumerate(sums if mask is None else sums[:1]):
                x = v.load(args[0], builder.add(j, ir.Constant(I64, i * v.count)), mask)
                builder.store(v.multiply_add(x, v.zero, builder.load(total)), total)

        start, step, one = (ir.Constant(I64, number) for number in (0, SUM_ROWS * v.count, v.count))
        whole = builder.mul(builder.sdiv(args[1], step), step)
        with cgutils.for_range_slice(builder, start, whole, step) as (j, _):
            add(j)
        with cgutils.for_range_slice(builder, whole, args[1], one) as (j, _):
            add(j, v.mask(builder.sub(args[1], j)))
        return v.sum(functools.reduce(builder.fadd, [builder.load(total) for total in sums]))

    return source.dtype(source, types.intp), codegen


@intrinsic
def sum_vectors(typingctx, out, inp, stride, rows, columns):
    """out (columns,), at most one vector, is overwritten with the sum of the rows of inp (rows, columns).

    Rows of inp are `stride` elements apart. SUM_ROWS independent sums hide the latency of additions.
    """

    def codegen(context, builder, signature, args):
        _emit_sums(builder, out.dtype.bitwidth, *args)
        return context.get_dummy_value()

    return types.void(out, out, types.intp, types.intp, types.intp), codegen


def _emit_sums(builder, bits, out, inp, stride, rows, columns):
    v = Vectors(builder, bits)
    mask, nothing = v.mask(columns), v.mask(ir.Constant(I64, 0))
    sums = [cgutils.alloca_once_value(builder, v.zero) for _ in range(SUM_ROWS)]
    whole = builder.mul(builder.sdiv(rows, ir.Constant(I64, SUM_ROWS)), ir.Constant(I64, SUM_ROWS))
    with cgutils.for_range_slice(builder, ir.Constant(I64, 0), whole, ir.Constant(I64, SUM_ROWS)) as (row, _):
        for i, total in enumerate(sums):
            at = builder.mul(builder.add(row, ir.Constant(I64, i)), stride)
            builder.store(builder.fadd(builder.load(total), v.load(inp, at, mask)), total)
    for i, total in enumerate(sums[:-1]):  # the remaining rows
        row = builder.add(whole, ir.Constant(I64, i))
        is_row = builder.icmp_signed("<", row, rows)
        left = v.load(inp, builder.mul(row, stride), builder.select(is_row, mask, nothing))
        builder.store(builder.fadd(builder.load(total), left), total)
    values = [builder.load(total) for total in sums]
    while len(values) > 1:
        values = [builder.fadd(a, b) for a, b in zip(values[::2], values[1::2], strict=True)]
    v.store(values[0], out, ir.Constant(I64, 0), mask)
