"""Register tiles: products of matrices as LLVM vector code, which Numba's subset of Python cannot say.

Everything is typed by its pointers (float32 or float64) and sized for the host's vector registers (see `vectors`).

A **tile** holds TILE_ROWS × (3 vectors) of the product in registers while it walks the whole depth::

                        b: depth × columns
                        ┌────┬────┬────┐
                        │ v0 │ v1 │ v2 │   the last vector ends with the last column (see below)
                        └────┴────┴────┘
        a: rows × depth   │    │    │
        ┌─┐             ┌─┴──┬─┴──┬─┴──┐
        │r│ ── splat ──►│acc │acc │acc │   out: rows × columns, each element one chain of multiply-adds
        │r│             │acc │acc │acc │   in the order of the depth, whatever the tile: a row's bits do
        └─┘             └────┴────┴────┘   not depend on how many rows are computed together

Of fewer columns, the last vector begins within the one before: some columns are computed twice, and alike. A mask
would cost processors without registers for masks one of their sixteen, which the accumulators, the columns and the
splat fill. Only what is narrower than a vector is masked.
"""

from __future__ import annotations

import functools

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...compiler.cpu import MANY_REGISTERS, VECTOR_BITS
from ...compiler.numba_backend import inline_ir
from ..lowlevel.pointers import shift
from ..lowlevel.records import FROM_BIAS, FROM_OUT, MULTIPLY, MULTIPLY_BY_DERIVATIVE, RECTIFY, RECTIFY_FROM_OUT
from ..lowlevel.vectors import I64, Vectors, opaque

#: 24 accumulators, 3 columns and a splat fit 32 registers; 16 registers take half the rows.
TILE_ROWS = 8 if MANY_REGISTERS else 4
#: Rows that are summed at once: as many as an addition takes cycles.
SUM_ROWS = 4


@intrinsic
def lanes(typingctx, pointer):
    """Elements of the pointer's type in one vector register."""
    count = VECTOR_BITS // pointer.dtype.bitwidth

    def codegen(context, builder, signature, args):
        return ir.Constant(I64, count)

    return types.intp(pointer), codegen


@intrinsic
def copy_vector(typingctx, to, source, columns):
    """to is overwritten with `columns` elements of source, one vector at the most."""

    def codegen(context, builder, signature, args):
        v = Vectors(builder, to.dtype.bitwidth)
        mask, start = v.mask(args[2]), ir.Constant(I64, 0)
        v.store(v.load(args[1], start, mask), args[0], start, mask)
        return context.get_dummy_value()

    return types.void(to, to, types.intp), codegen


@intrinsic
def copy_every_other(typingctx, to, source):
    """to is overwritten with elements 0, 2, 4, … of source, one vector; the element after the last is read as well."""

    def codegen(context, builder, signature, args):
        v = Vectors(builder, to.dtype.bitwidth)
        start, half = ir.Constant(I64, 0), ir.Constant(I64, v.count)
        v.store(v.every_other(v.load(args[1], start), v.load(args[1], half)), args[0], start)
        return context.get_dummy_value()

    return types.void(to, to), codegen


@inline_ir
def copy_row(to, source, columns):
    """to (columns,) is overwritten: most rows are so short that a loop over elements costs more than what it does."""
    width = lanes(to)
    whole = columns // width * width
    for j in range(0, whole, width):
        copy_vector(shift(to, j), shift(source, j), width)
    if whole < columns:
        copy_vector(shift(to, whole), shift(source, whole), columns - whole)


@intrinsic
def prefetch(typingctx, source):
    """Ask for source's cache line, without waiting for it; there need be nothing at the address."""

    def codegen(context, builder, signature, args):
        Vectors(builder, source.dtype.bitwidth).prefetch(args[0], ir.Constant(I64, 0))
        return context.get_dummy_value()

    return types.void(source), codegen


@intrinsic
def sum_products(typingctx, source, columns):
    """Σ 0 · x of `columns` elements: zero if all of them are finite, else NaN."""

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
    """out (columns,) is overwritten with the sum of inp's rows, `stride` elements apart; one vector at the most.

    SUM_ROWS rows are added at once, each to a sum of its own, or the processor would wait for every single addition.
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
    for i, total in enumerate(sums[:-1]):  # the rows that are left
        row = builder.add(whole, ir.Constant(I64, i))
        there = builder.icmp_signed("<", row, rows)
        left = v.load(inp, builder.mul(row, stride), builder.select(there, mask, nothing))
        builder.store(builder.fadd(builder.load(total), left), total)
    values = [builder.load(total) for total in sums]
    while len(values) > 1:
        values = [builder.fadd(a, b) for a, b in zip(values[::2], values[1::2], strict=True)]
    v.store(values[0], out, ir.Constant(I64, 0), mask)


def make_tile(rows: int, vectors: int):
    """An intrinsic that computes one tile of `rows` × (up to `vectors` vectors) of a product.

    tile(out, out_stride, rectified, a, a_row, a_step, b, b_stride, bias, columns, depth, mode): out (and rectified, a
    rectifier's outputs, read by `mode`) is (rows, columns) with `out_stride` elements from row to row; a's element
    (i, k) is at ``i * a_row + k * a_step``; b is (depth, columns). `columns` lies above ``(vectors - 1)`` and up to
    `vectors` vectors; `mode` says what becomes of out.
    """

    @intrinsic
    def tile(typingctx, out, out_stride, rectified, a, a_row, a_step, b, b_stride, bias, columns, depth, mode):
        size = types.intp
        signature = types.void(out, size, out, out, size, size, out, size, out, size, size, size)

        def codegen(context, builder, signature, args):
            _emit_tile(builder, out.dtype.bitwidth, rows, vectors, args)
            return context.get_dummy_value()

        return signature, codegen

    return tile


def _emit_tile(builder, bits, rows, vectors, args):
    out, out_stride, rectified, a, a_row, a_step, b, b_stride, bias, columns, depth, mode = args
    v = Vectors(builder, bits)
    offsets = [ir.Constant(I64, j * v.count) for j in range(vectors)]
    masks = [None] * vectors
    if vectors == 1:
        masks = [v.mask(columns)]
    else:  # the last vector ends with the last column: it may hold some columns of the one before once more
        offsets[-1] = builder.sub(columns, ir.Constant(I64, v.count))
    row_offsets = [builder.mul(ir.Constant(I64, i), out_stride) for i in range(rows)]
    places = [(builder.add(r, o), masks[j]) for r in row_offsets for j, o in enumerate(offsets)]
    first = _emit_first(builder, v, offsets, places, out, bias, columns, mode)
    sums = _emit_depth_loop(builder, v, rows, offsets, masks, first, (a, a_row, a_step, b, b_stride, depth))
    _emit_results(builder, v, sums, places, out, rectified, mode)


def _emit_first(builder, v, offsets, places, out, bias, columns, mode):
    """What a tile's sums start from, by `mode`: zeros, the bias in every row, or what stands in out."""
    # Without a bias all lanes are masked off, and the load gives zeros and touches nothing.
    biased = builder.icmp_signed(">=", mode, ir.Constant(I64, FROM_BIAS))
    continued = builder.icmp_signed(">=", mode, ir.Constant(I64, FROM_OUT))
    mask = v.mask(builder.select(builder.and_(biased, builder.not_(continued)), columns, ir.Constant(I64, 0)))
    start = [v.load(bias, o, mask) for o in offsets] * (len(places) // len(offsets))
    before = builder.block
    with builder.if_then(continued):
        loaded = [v.load(out, *place) for place in places]
        inside = builder.block
    first = []
    for value, other in zip(start, loaded, strict=True):
        phi = builder.phi(v.type)
        phi.add_incoming(value, before)
        phi.add_incoming(other, inside)
        first.append(phi)
    return first


def _emit_results(builder, v, sums, places, out, rectified, mode):
    """What becomes of a tile's sums, by `mode`; places are (offset, mask)."""

    def write(values):
        for value, place in zip(values, places, strict=True):
            v.store(value, out, *place)

    def above_zero(values):
        """The sums where these are above zero, or NaN."""
        return [
            builder.select(builder.fcmp_ordered("<=", value, v.zero), v.zero, s)
            for value, s in zip(values, sums, strict=True)
        ]

    def is_mode(number):
        return builder.icmp_signed("==", mode, ir.Constant(I64, number))

    def load(pointer):
        return [v.load(pointer, *place) for place in places]

    with builder.if_else(is_mode(MULTIPLY)) as (multiply, other):
        with multiply:
            write([builder.fmul(f, s) for f, s in zip(load(out), sums, strict=True)])
        with other, builder.if_else(is_mode(MULTIPLY_BY_DERIVATIVE)) as (by_derivative, other):
            with by_derivative:
                write(above_zero(load(rectified)))
            with other, builder.if_else(builder.or_(is_mode(RECTIFY), is_mode(RECTIFY_FROM_OUT))) as (rectify, plain):
                with rectify:
                    write(above_zero(sums))
                with plain:
                    write(sums)


def _emit_depth_loop(builder, v, rows, offsets, masks, first, operands):
    """for k in range(depth): sums[i, j] += a[i, k] * b[k, j], all sums in registers."""
    a, a_row, a_step, b, b_stride, depth = operands
    # Rows go in groups of eight, each with an address of its own: LLVM would go from row to row by one addition after
    # the other, and a tile of few columns would wait for that chain instead of for its products.
    group, item = min(rows, 8), ir.Constant(I64, v.bits // 8)
    row_bytes, step_bytes = builder.mul(a_row, item), builder.mul(a_step, item)
    ways = [builder.mul(ir.Constant(I64, i), row_bytes) for i in range(rows)]
    starts = [builder.add(builder.ptrtoint(a, I64), ways[i]) for i in range(0, rows, group)]
    before = builder.block
    loop, done = builder.append_basic_block("depth"), builder.append_basic_block("summed")
    zero, one = ir.Constant(I64, 0), ir.Constant(I64, 1)
    builder.cbranch(builder.icmp_signed(">", depth, zero), loop, done)
    builder.position_at_end(loop)
    k = builder.phi(I64)
    k.add_incoming(zero, before)
    places = [builder.phi(I64) for _ in starts]
    sums = [builder.phi(v.type) for _ in first]
    hidden = [opaque(builder, place) for place in places]
    at_b = builder.mul(k, b_stride)
    row_of_b = [v.load(b, builder.add(at_b, o), m) for o, m in zip(offsets, masks, strict=True)]
    new = []
    for i in range(rows):
        at = builder.add(hidden[i // group], ways[i % group]) if i % group else hidden[i // group]
        splat = v.splat(builder.load(builder.inttoptr(at, a.type)))
        for j, column in enumerate(row_of_b):
            new.append(v.multiply_add(splat, column, sums[i * len(offsets) + j]))
    for place, start, at in zip(places, starts, hidden, strict=True):
        place.add_incoming(start, before)
        place.add_incoming(builder.add(at, step_bytes), loop)
    following = builder.add(k, one)
    k.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, done)
    builder.position_at_end(done)
    return _emit_sums_after(builder, before, loop, sums, first, new)


def _emit_sums_after(builder, before, loop, sums, first, new):
    """What the sums are after the loop, or without a single round of it."""
    results = []
    for phi, start, value in zip(sums, first, new, strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(value, loop)
        result = builder.phi(start.type)
        result.add_incoming(start, before)
        result.add_incoming(value, loop)
        results.append(result)
    return results


def make_dot(rows: int):
    """An intrinsic for a product that is one column wide: vectors run along the depth instead.

    dot(out, out_stride, a, a_row, b, bias, depth): out (rows, 1) = bias (1,) + a (rows, depth) @ b (depth, 1), with b
    and the rows of a contiguous. Each row adds up in the same order, however many there are.
    """

    @intrinsic
    def dot(typingctx, out, out_stride, a, a_row, b, bias, depth):
        size = types.intp

        def codegen(context, builder, signature, args):
            _emit_dot(builder, out.dtype.bitwidth, rows, args)
            return context.get_dummy_value()

        return types.void(out, size, out, size, out, out, size), codegen

    return dot


def _emit_dot(builder, bits, rows, args):
    out, out_stride, a, a_row, b, bias, depth = args
    v = Vectors(builder, bits)
    row_offsets = [builder.mul(ir.Constant(I64, i), a_row) for i in range(rows)]
    sums = [cgutils.alloca_once_value(builder, v.zero) for _ in range(rows)]

    def add(k, mask=None):
        column = v.load(b, k, mask)
        for offset, total in zip(row_offsets, sums, strict=True):
            row = v.load(a, builder.add(offset, k), mask)
            builder.store(v.multiply_add(row, column, builder.load(total)), total)

    step = ir.Constant(I64, v.count)
    whole = builder.mul(builder.sdiv(depth, step), step)
    with cgutils.for_range_slice(builder, ir.Constant(I64, 0), whole, step) as (k, _):
        add(k)
    with builder.if_then(builder.icmp_signed("<", whole, depth)):
        add(whole, v.mask(builder.sub(depth, whole)))
    new = [builder.load(total) for total in sums]
    start = builder.load(bias)
    for i, value in enumerate(new):
        place = builder.gep(out, [builder.mul(ir.Constant(I64, i), out_stride)])
        builder.store(builder.fadd(start, v.sum(value)), place)
