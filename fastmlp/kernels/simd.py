"""Register tiles: products of matrices as LLVM vector code, which Numba's subset of Python cannot say.

Everything is typed by its pointers (float32 or float64) and sized for the host's vector registers, in this file alone.
Portable: vectors, masks and ``fmuladd`` (fused only where the processor can) are LLVM's own, no instruction is named.

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
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

I32, I64 = ir.IntType(32), ir.IntType(64)

_FEATURES = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
_WIDE = "+avx512f" in _FEATURES
#: Bits in the widest vector register.
VECTOR_BITS = 512 if _WIDE else 256 if "+avx" in _FEATURES else 128
#: 24 accumulators, 3 columns and a splat fit 32 registers (AVX-512, ARM); 16 registers take half the rows.
TILE_ROWS = 8 if _WIDE or "+neon" in _FEATURES else 4
#: Vectors a full tile is wide.
TILE_VECTORS = 3
#: Rows that are transposed together.
TRANSPOSED_ROWS = 8

#: What a tile starts from and does in the end: out = a b; out *= a b; out = bias + a b; the same with max(…, 0) over
#: it, while it is still in registers; and with its slope, 1 or 0, in derivative.
OVERWRITE, MULTIPLY, FROM_BIAS, RECTIFY, RECTIFY_WITH_SLOPE = range(5)


@intrinsic
def lanes(typingctx, pointer):
    """Elements of the pointer's type in one vector register."""
    count = VECTOR_BITS // pointer.dtype.bitwidth

    def codegen(context, builder, signature, args):
        return ir.Constant(I64, count)

    return types.intp(pointer), codegen


class _Vectors:
    """Loads, stores and splats of one vector type."""

    def __init__(self, builder, bits: int, count: int = 0) -> None:
        self.builder, self.bits = builder, bits
        self.count = count or VECTOR_BITS // bits
        self.type = ir.VectorType(ir.FloatType() if bits == 32 else ir.DoubleType(), self.count)
        self.zero, self.ones = (ir.Constant(self.type, [number] * self.count) for number in (0.0, 1.0))
        self.align = ir.Constant(I32, bits // 8)
        self.suffix = f"v{self.count}f{bits}"

    def _declare(self, name, result, arguments):
        return cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(result, arguments), name)

    def _at(self, pointer, offset):
        return self.builder.bitcast(self.builder.gep(pointer, [offset]), self.type.as_pointer())

    def mask(self, columns):
        """The lanes below `columns` (none if it is zero or less).

        Compared as 32-bit integers, so that the mask comes from one register: put together from two, it is put together
        anew in every round of a tile's loop.
        """
        b = self.builder
        all_lanes = ir.Constant(I64, self.count)
        columns = b.trunc(b.select(b.icmp_signed("<", columns, all_lanes), columns, all_lanes), I32)
        width = ir.VectorType(I32, self.count)
        first = b.insert_element(ir.Constant(width, ir.Undefined), columns, ir.Constant(I32, 0))
        splat = b.shuffle_vector(first, first, ir.Constant(width, [0] * self.count))
        return b.icmp_signed("<", ir.Constant(width, list(range(self.count))), splat)

    def load(self, pointer, offset, mask=None):
        at = self._at(pointer, offset)
        if mask is None:
            return self.builder.load(at, align=self.align.constant)
        arguments = [at, self.align, mask, self.zero]
        name = f"llvm.masked.load.{self.suffix}.p0"
        return self.builder.call(self._declare(name, self.type, [a.type for a in arguments]), arguments)

    def store(self, value, pointer, offset, mask=None):
        at = self._at(pointer, offset)
        if mask is None:
            self.builder.store(value, at, align=self.align.constant)
            return
        arguments = [value, at, self.align, mask]
        name = f"llvm.masked.store.{self.suffix}.p0"
        self.builder.call(self._declare(name, ir.VoidType(), [a.type for a in arguments]), arguments)

    def sum(self, vector):
        """All lanes added up: halves onto halves, always in the same order."""
        b, count, half = self.builder, self.count, self.count // 2
        while half:
            indices = ir.Constant(ir.VectorType(I32, count), [(i + half) % count for i in range(count)])
            vector = b.fadd(vector, b.shuffle_vector(vector, vector, indices))
            half //= 2
        return b.extract_element(vector, ir.Constant(I32, 0))

    def of(self, count):
        """The same for vectors of so many elements."""
        return _Vectors(self.builder, self.bits, count)

    def part(self, vector, first, count):
        """Elements first … first + count."""
        indices = ir.Constant(ir.VectorType(I32, count), list(range(first, first + count)))
        return self.builder.shuffle_vector(vector, vector, indices)

    def interleave(self, one, other):
        """a0 b0 a1 b1 …, of two lists of vectors."""
        count, mixed = self.count, []
        for a, b in zip(one, other, strict=True):
            for first in (0, count // 2):
                order = [i + source * count for i in range(first, first + count // 2) for source in range(2)]
                indices = ir.Constant(ir.VectorType(I32, count), order)
                mixed.append(self.builder.shuffle_vector(a, b, indices))
        return mixed

    def splat(self, scalar):
        undefined = ir.Constant(self.type, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(I32, 0))
        return self.builder.shuffle_vector(
            first, undefined, ir.Constant(ir.VectorType(I32, self.count), [0] * self.count)
        )

    def multiply_add(self, a, b, c):
        return self.builder.call(self._declare(f"llvm.fmuladd.{self.suffix}", self.type, [self.type] * 3), [a, b, c])


@intrinsic
def copy_vectors(typingctx, to, source, columns):
    """to is overwritten with `columns` elements of source and zeros up to TILE_VECTORS vectors."""

    def codegen(context, builder, signature, args):
        v = _Vectors(builder, to.dtype.bitwidth)
        for offset in (ir.Constant(I64, j * v.count) for j in range(TILE_VECTORS)):
            mask = v.mask(builder.sub(args[2], offset))
            v.store(v.load(args[1], offset, mask), args[0], offset)
        return context.get_dummy_value()

    return types.void(to, to, types.intp), codegen


@intrinsic
def transpose_block(typingctx, out, out_stride, inp, inp_stride, rows, columns):
    """out (columns, rows) is overwritten with inp (rows, columns) transposed: up to TRANSPOSED_ROWS × one vector.

    Rows are interleaved in three rounds, each of which halves their number and doubles their length::

        a0 a1 …   c0 c1 …      a0 c0 a1 c1 …
        b0 b1 …   d0 d1 …  →   b0 d0 b1 d1 …  →   a0 b0 c0 d0 a1 b1 c1 d1 …
    """

    def codegen(context, builder, signature, args):
        _emit_transpose(builder, out.dtype.bitwidth, *args[4:], *args[:4])
        return context.get_dummy_value()

    size = types.intp
    return types.void(out, size, out, size, size, size), codegen


def _emit_transpose(builder, bits, rows, columns, *operands):
    v = _Vectors(builder, bits)
    enough_rows = builder.icmp_signed(">=", rows, ir.Constant(I64, TRANSPOSED_ROWS))
    enough_columns = builder.icmp_signed(">=", columns, ir.Constant(I64, v.count))
    with builder.if_else(builder.and_(enough_rows, enough_columns)) as (whole, edge):
        with whole:
            _emit_transpose_of(builder, v, None, None, *operands)
        with edge:
            _emit_transpose_of(builder, v, rows, columns, *operands)


def _emit_transpose_of(builder, v, rows, columns, out, out_stride, inp, inp_stride):
    """A block at an edge, masked to `rows` and `columns`, or a whole one, which needs no masks."""

    def mask(vectors, place, limit, left):
        if rows is None:
            return None
        nothing = ir.Constant(I64, 0)
        return vectors.mask(builder.select(builder.icmp_signed("<", ir.Constant(I64, place), limit), left, nothing))

    longs = []  # each a list of vectors, one behind the other
    for i in range(TRANSPOSED_ROWS):
        at = builder.mul(ir.Constant(I64, i), inp_stride)
        longs.append([v.load(inp, at, mask(v, i, rows, columns))])
    while len(longs) > 1:
        half = len(longs) // 2
        longs = [v.interleave(longs[i], longs[i + half]) for i in range(half)]
    # Now a column stands behind the other, TRANSPOSED_ROWS long: several in a vector, or in several vectors.
    part = v.of(min(v.count, TRANSPOSED_ROWS))
    for j in range(v.count):
        place = builder.mul(ir.Constant(I64, j), out_stride)
        for i in range(0, TRANSPOSED_ROWS, part.count):
            number, at = divmod(j * TRANSPOSED_ROWS + i, v.count)
            column = v.part(longs[0][number], at, part.count)
            offset = ir.Constant(I64, i)
            left = rows and builder.sub(rows, offset)
            part.store(column, out, builder.add(place, offset), mask(part, j, columns, left))


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
    v = _Vectors(builder, bits)
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
    v = _Vectors(builder, bits)
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
