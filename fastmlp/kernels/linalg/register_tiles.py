"""Register tiles: matrix products as LLVM vector code, which Numba's subset of Python cannot express.

The element type (float32 or float64) follows from the pointers, the size of vectors from the host (see `vectors`).

A **tile** keeps TILE_ROWS x (up to 3 vectors) of the product in registers while it loops over the whole depth::

                        b: depth × columns
                        ┌────┬────┬────┐
                        │ v0 │ v1 │ v2 │   the last vector ends with the last column (see below)
                        └────┴────┴────┘
        a: rows × depth   │    │    │
        ┌─┐             ┌─┴──┬─┴──┬─┴──┐
        │r│ ── splat ──►│acc │acc │acc │   out: rows × columns; each element is one chain of multiply-adds
        │r│             │acc │acc │acc │   in the order of the depth, so the bits of a row do not depend on
        └─┘             └────┴────┴────┘   the number of rows that are computed together

If the columns do not fill the last vector, it begins inside the vector before it: some columns are computed twice, with
the same result. A mask would occupy a register on processors without mask registers, and their 16 registers are all
taken by the accumulators, the columns and the splat. Only products narrower than one vector are masked.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...compiler.cpu import MANY_REGISTERS
from ..lowlevel.records import FROM_BIAS, FROM_OUT, MULTIPLY, MULTIPLY_BY_DERIVATIVE, RECTIFY, RECTIFY_FROM_OUT
from ..lowlevel.vectors import I64, Vectors, opaque

#: 24 accumulators, 3 columns and a splat fit 32 registers; with 16 registers a tile has half the rows.
TILE_ROWS = 8 if MANY_REGISTERS else 4


def make_tile(rows: int, vectors: int, lanes: int = 0):
    """Return an intrinsic that computes one tile of a product: `rows` rows, up to `vectors` vectors of columns.

    tile(out, out_stride, rectified, a, a_row, a_step, b, b_stride, bias, columns, depth, mode):

    out (rows, columns), rows `out_stride` elements apart, is overwritten or multiplied according to `mode` (see
    `records`). Element (i, k) of a (rows, depth) is at ``i * a_row + k * a_step``; b is (depth, columns). Some modes
    read out, bias (columns,), or rectified (rows, columns), which has out's stride. `columns` is more than
    ``vectors - 1`` vectors and at most `vectors` vectors. With 1 for `lanes` a vector is a single number: for one
    column, of which a whole vector would be masked.
    """

    @intrinsic
    def tile(typingctx, out, out_stride, rectified, a, a_row, a_step, b, b_stride, bias, columns, depth, mode):
        size = types.intp
        signature = types.void(out, size, out, out, size, size, out, size, out, size, size, size)

        def codegen(context, builder, signature, args):
            _emit_tile(builder, Vectors(builder, out.dtype.bitwidth, lanes), rows, vectors, args)
            return context.get_dummy_value()

        return signature, codegen

    return tile


def _emit_tile(builder, v, rows, vectors, args):
    out, out_stride, rectified, a, a_row, a_step, b, b_stride, bias, columns, depth, mode = args
    offsets = [ir.Constant(I64, j * v.count) for j in range(vectors)]
    masks = [None] * vectors
    if vectors == 1 and v.count > 1:
        masks = [v.mask(columns)]
    elif vectors > 1:  # the last vector ends with the last column and may repeat some columns of the vector before it
        offsets[-1] = builder.sub(columns, ir.Constant(I64, v.count))
    row_offsets = [builder.mul(ir.Constant(I64, i), out_stride) for i in range(rows)]
    places = [(builder.add(r, o), masks[j]) for r in row_offsets for j, o in enumerate(offsets)]
    first = _emit_first(builder, v, offsets, places, out, bias, columns, mode)
    sums = _emit_depth_loop(builder, v, rows, offsets, masks, first, (a, a_row, a_step, b, b_stride, depth))
    _emit_results(builder, v, sums, places, out, rectified, mode)


def _emit_first(builder, v, offsets, places, out, bias, columns, mode):
    """Return the initial values of a tile's sums according to `mode`: zeros, the bias in each row, or out."""
    # In modes without a bias all lanes are masked off: the load returns zeros and reads no memory.
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
    """Store a tile's sums, or what `mode` makes of them, to out; places are (offset, mask)."""

    def write(values):
        for value, place in zip(values, places, strict=True):
            v.store(value, out, *place)

    def above_zero(values):
        """The sums where `values` are above zero or NaN, else zero."""
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
    """Emit ``for k in range(depth): sums[i, j] += a[i, k] * b[k, j]`` with all sums in registers."""
    a, a_row, a_step, b, b_stride, depth = operands
    # The rows of a are addressed in groups of eight, each group from its own address. Otherwise LLVM computes
    # the address of each row from that of the row before, and tiles of few columns wait for this chain of additions.
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
    """Return the sums after the loop, which are the initial values if the depth is zero."""
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
    """Return an intrinsic for a product with one column, whose vectors run along the depth.

    dot(out, out_stride, a, a_row, b, bias, depth):

    out (rows, 1) is overwritten with bias (1,) + a (rows, depth) @ b (depth, 1). b and each row of a are contiguous;
    rows of a are `a_row` elements apart, those of out `out_stride`. The order of additions within a row does not depend
    on `rows`.
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
