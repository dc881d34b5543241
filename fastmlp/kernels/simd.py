"""Register tiles: products of matrices as LLVM vector code, which Numba's subset of Python cannot say.

Everything is typed by its pointers (float32 or float64) and sized for the host's vector registers (see `vectors`).

A **tile** holds TILE_ROWS × (3 vectors) of the product in registers while it walks the whole depth::

                        b: depth × columns
                        ┌────┬────┬────┐
                        │ v0 │ v1 │ v2·│   · the last vector is masked to the columns that are left
                        └────┴────┴────┘
        a: rows × depth   │    │    │
        ┌─┐             ┌─┴──┬─┴──┬─┴──┐
        │r│ ── splat ──►│acc │acc │acc │   out: rows × columns, each element one chain of multiply-adds
        │r│             │acc │acc │acc │   in the order of the depth, whatever the tile: a row's bits do
        └─┘             └────┴────┴────┘   not depend on how many rows are computed together
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..host import MANY_REGISTERS, VECTOR_BITS
from .records import FROM_BIAS, MULTIPLY, RECTIFY, RECTIFY_WITH_SLOPE, TILE_VECTORS
from .vectors import I64, Vectors

#: 24 accumulators, 3 columns and a splat fit 32 registers; 16 registers take half the rows.
TILE_ROWS = 8 if MANY_REGISTERS else 4


@intrinsic
def lanes(typingctx, pointer):
    """Elements of the pointer's type in one vector register."""
    count = VECTOR_BITS // pointer.dtype.bitwidth

    def codegen(context, builder, signature, args):
        return ir.Constant(I64, count)

    return types.intp(pointer), codegen


@intrinsic
def copy_vectors(typingctx, to, source, columns):
    """to is overwritten with `columns` elements of source and zeros up to TILE_VECTORS vectors."""

    def codegen(context, builder, signature, args):
        v = Vectors(builder, to.dtype.bitwidth)
        for offset in (ir.Constant(I64, j * v.count) for j in range(TILE_VECTORS)):
            mask = v.mask(builder.sub(args[2], offset))
            v.store(v.load(args[1], offset, mask), args[0], offset)
        return context.get_dummy_value()

    return types.void(to, to, types.intp), codegen


def make_tile(rows: int, vectors: int):
    """An intrinsic that computes one tile of `rows` × (up to `vectors` vectors) of a product.

    tile(out, out_stride, derivative, a, a_row, a_step, b, b_stride, bias, columns, depth, mode): out (and derivative,
    by `mode`) is (rows, columns) with `out_stride` elements from row to row; a's element (i, k) is at ``i * a_row + k *
    a_step``; b is (depth, columns). `columns` lies above ``(vectors - 1)`` and up to `vectors` vectors; `mode` says
    what becomes of out.
    """

    @intrinsic
    def tile(typingctx, out, out_stride, derivative, a, a_row, a_step, b, b_stride, bias, columns, depth, mode):
        size = types.intp
        signature = types.void(out, size, out, out, size, size, out, size, out, size, size, size)

        def codegen(context, builder, signature, args):
            _emit_tile(builder, out.dtype.bitwidth, rows, vectors, args)
            return context.get_dummy_value()

        return signature, codegen

    return tile


def _emit_tile(builder, bits, rows, vectors, args):
    out, out_stride, derivative, a, a_row, a_step, b, b_stride, bias, columns, depth, mode = args
    v = Vectors(builder, bits)
    offsets = [ir.Constant(I64, j * v.count) for j in range(vectors)]
    left = builder.sub(columns, offsets[-1])
    masks = [None] * (vectors - 1) + [v.mask(left)]
    # Without a bias all lanes are masked off, and the load gives zeros and touches nothing.
    biased = builder.icmp_signed(">=", mode, ir.Constant(I64, FROM_BIAS))
    nothing = ir.Constant(I64, 0)
    first = [v.load(bias, o, v.mask(builder.select(biased, builder.sub(columns, o), nothing))) for o in offsets] * rows
    sums = _emit_depth_loop(builder, v, rows, offsets, masks, first, (a, a_row, a_step, b, b_stride, depth))
    row_offsets = [builder.mul(ir.Constant(I64, i), out_stride) for i in range(rows)]
    places = [(builder.add(r, o), masks[j]) for r in row_offsets for j, o in enumerate(offsets)]

    _emit_results(builder, v, sums, places, out, derivative, mode)


def _emit_results(builder, v, sums, places, out, derivative, mode):
    """What becomes of a tile's sums, by `mode`; places are (offset, mask)."""

    def write(values, to):
        for value, place in zip(values, places, strict=True):
            v.store(value, to, *place)

    def is_mode(number):
        return builder.icmp_signed("==", mode, ir.Constant(I64, number))

    with builder.if_else(is_mode(MULTIPLY)) as (multiply, other):
        with multiply:
            write([builder.fmul(v.load(out, *place), s) for s, place in zip(sums, places, strict=True)], out)
        with other, builder.if_else(builder.icmp_signed(">=", mode, ir.Constant(I64, RECTIFY))) as (rectify, plain):
            with rectify:
                below = [builder.fcmp_ordered("<=", s, v.zero) for s in sums]  # NaN is not: it stays
                write([builder.select(b, v.zero, s) for b, s in zip(below, sums, strict=True)], out)
                with builder.if_then(is_mode(RECTIFY_WITH_SLOPE)):
                    write([builder.select(b, v.zero, v.ones) for b in below], derivative)
            with plain:
                write(sums, out)


def _emit_depth_loop(builder, v, rows, offsets, masks, first, operands):
    """for k in range(depth): sums[i, j] += a[i, k] * b[k, j], all sums in registers."""
    a, a_row, a_step, b, b_stride, depth = operands
    before = builder.block
    loop, done = builder.append_basic_block("depth"), builder.append_basic_block("summed")
    zero, one = ir.Constant(I64, 0), ir.Constant(I64, 1)
    builder.cbranch(builder.icmp_signed(">", depth, zero), loop, done)
    builder.position_at_end(loop)
    k = builder.phi(I64)
    k.add_incoming(zero, before)
    sums = [builder.phi(v.type) for _ in first]
    at_b, at_a = builder.mul(k, b_stride), builder.mul(k, a_step)
    row_of_b = [v.load(b, builder.add(at_b, o), m) for o, m in zip(offsets, masks, strict=True)]
    new = []
    for i in range(rows):
        at = builder.add(at_a, builder.mul(ir.Constant(I64, i), a_row))
        splat = v.splat(builder.load(builder.gep(a, [at])))
        for j, column in enumerate(row_of_b):
            new.append(v.multiply_add(splat, column, sums[i * len(offsets) + j]))
    following = builder.add(k, one)
    k.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, done)
    builder.position_at_end(done)
    results = []
    for phi, start, value in zip(sums, first, new, strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(value, loop)
        result = builder.phi(v.type)
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
    before, loop, done = builder.block, builder.append_basic_block("depth"), builder.append_basic_block("summed")
    builder.branch(loop)  # the depth is never zero: a layer has inputs
    builder.position_at_end(loop)
    k = builder.phi(I64)
    k.add_incoming(ir.Constant(I64, 0), before)
    sums = [builder.phi(v.type) for _ in range(rows)]
    mask = v.mask(builder.sub(depth, k))
    column = v.load(b, k, mask)
    row_vectors = [v.load(a, builder.add(offset, k), mask) for offset in row_offsets]
    new = [v.multiply_add(row, column, phi) for row, phi in zip(row_vectors, sums, strict=True)]
    following = builder.add(k, ir.Constant(I64, v.count))
    k.add_incoming(following, loop)
    for phi, value in zip(sums, new, strict=True):
        phi.add_incoming(v.zero, before)
        phi.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, done)
    builder.position_at_end(done)
    start = builder.load(bias)
    for i, value in enumerate(new):
        place = builder.gep(out, [builder.mul(ir.Constant(I64, i), out_stride)])
        builder.store(builder.fadd(start, v.sum(value)), place)
