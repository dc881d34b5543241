"""Products of 32 × 32 numbers in a processor's tile unit (AMX), or in code that computes the same numbers.

::

    a: words of 16 rows × 64 bytes    b: words of 16 pairs of rows × 64 bytes
                                                b0 b1
    tiles 0 1 2 3   sums                     a0 s0 s1
    tiles 4 5       rows of a                a1 s2 s3
    tiles 6 7       columns of b

One instruction adds 32 products to each of 16 × 16 sums: the even ones and the odd ones of a row each in a sum of
their own, which begins at zero; then both to the sum in the tile. Subnormal numbers count as zeros. The sums of blocks
of depth therefore have the same bits wherever a depth is cut, if it is cut at multiples of 32.

Linux gives a process its tile registers when it asks: see `engine.tile_units`.

Source: Intel 64 and IA-32 Architectures Software Developer's Manual, TDPBF16PS.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...compiler.cpu import TILE_UNIT
from ..lowlevel.vectors import I64

_I8, _VOID = ir.IntType(8), ir.VoidType()
_BYTES = _I8.as_pointer()
#: Rows of a tile, and the bytes of each; a block of sums is two by two tiles.
TILE, TILE_BYTES, BLOCK = 16, 64, 32
#: Palette 1; bytes of each tile's rows, from byte 16 on, and their numbers, from byte 48 on.
_CONFIGURATION = [1] + [0] * 15 + [TILE_BYTES, 0] * 8 + [0] * 16 + [TILE] * 8 + [0] * 8


def _call(builder, name, *arguments):
    kind = ir.FunctionType(_VOID, [each.type for each in arguments])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{name}"), arguments)


@intrinsic
def configure_unit(typingctx):
    """Prepare the tile registers, before the first `multiply_block`; nothing without a tile unit."""

    def codegen(context, builder, signature, args):
        if TILE_UNIT:
            kind = ir.ArrayType(_I8, 64)
            memory = cgutils.alloca_once_value(builder, ir.Constant(kind, _CONFIGURATION))
            _call(builder, "ldtilecfg", builder.bitcast(memory, _BYTES))
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def release_unit(typingctx):
    """Leave the tile registers as a thread finds them, after the last `multiply_block`."""

    def codegen(context, builder, signature, args):
        if TILE_UNIT:
            _call(builder, "tilerelease")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def multiply_block(typingctx, sums, stride, a_hi, a_lo, a_stride, b_hi, b_lo, steps, split):
    """sums (32, 32) += a (32, 32 · steps) @ b (32 · steps, 32), of words; with `split` hi·lo, hi·hi, lo·hi in turn.

    Rows of sums are `stride` numbers apart, those of a `a_stride` words; b has 32 words for each pair of rows.
    """
    size = types.intp

    def codegen(context, builder, signature, args):
        emit = _emit_in_unit if TILE_UNIT else _emit_in_code
        emit(builder, *args)
        return context.get_dummy_value()

    return types.void(sums, size, sums, sums, size, sums, sums, size, size), codegen


def _tile(number):
    return ir.Constant(_I8, number)


def _load(builder, number, address, apart):
    """Load a tile, whose rows are `apart` bytes from one another."""
    _call(builder, "tileloadd64", _tile(number), builder.inttoptr(address, _BYTES), apart)


def _multiply(builder):
    """Add the products of the tiles of a and of b to the sums."""
    for number, (row, column) in enumerate(((4, 6), (4, 7), (5, 6), (5, 7))):
        _call(builder, "tdpbf16ps", _tile(number), _tile(row), _tile(column))


def _emit_in_unit(builder, sums, stride, a_hi, a_lo, a_stride, b_hi, b_lo, steps, split):
    stride, a_stride = (builder.mul(n, ir.Constant(I64, 4)) for n in (stride, a_stride))
    sums, a_hi, a_lo, b_hi, b_lo = (builder.ptrtoint(pointer, I64) for pointer in (sums, a_hi, a_lo, b_hi, b_lo))
    rows, beside = ir.Constant(I64, TILE), ir.Constant(I64, TILE_BYTES)
    b_stride = ir.Constant(I64, 2 * TILE_BYTES)
    down = builder.mul(stride, rows)
    places = [sums, builder.add(sums, beside), builder.add(sums, down), builder.add(builder.add(sums, down), beside)]

    def load_rows(a, t):
        at = builder.add(a, builder.mul(t, beside))
        _load(builder, 4, at, a_stride)
        _load(builder, 5, builder.add(at, builder.mul(a_stride, rows)), a_stride)

    def load_columns(b, t):
        at = builder.add(b, builder.mul(t, ir.Constant(I64, TILE * 2 * TILE_BYTES)))
        _load(builder, 6, at, b_stride)
        _load(builder, 7, builder.add(at, beside), b_stride)

    for number, place in enumerate(places):
        _load(builder, number, place, stride)
    zero, one = ir.Constant(I64, 0), ir.Constant(I64, 1)
    with builder.if_else(builder.icmp_signed("!=", split, zero)) as (in_three, plain):
        with in_three, cgutils.for_range_slice(builder, zero, steps, one) as (t, _):
            load_rows(a_hi, t)
            for b in (b_lo, b_hi):
                load_columns(b, t)
                _multiply(builder)
            load_rows(a_lo, t)
            _multiply(builder)
        with plain, cgutils.for_range_slice(builder, zero, steps, one) as (t, _):
            load_rows(a_hi, t)
            load_columns(b_hi, t)
            _multiply(builder)
    for number, place in enumerate(places):
        _call(builder, "tilestored64", _tile(number), builder.inttoptr(place, _BYTES), stride)


def _emit_in_code(builder, sums, stride, a_hi, a_lo, a_stride, b_hi, b_lo, steps, split):
    """The same sums, one number after the other: for processors without a tile unit, in tests."""
    i32, f32 = ir.IntType(32), ir.FloatType()
    words = [builder.bitcast(pointer, i32.as_pointer()) for pointer in (a_hi, a_lo, b_hi, b_lo)]
    a_words, b_words = words[:2], words[2:]

    def number(n):
        return ir.Constant(I64, n)

    def halves(pointer, at):
        word = builder.load(builder.gep(pointer, [at]))
        bits = builder.shl(word, ir.Constant(i32, 16)), builder.and_(word, ir.Constant(i32, 0xFFFF0000))
        return [builder.bitcast(each, f32) for each in bits]

    def instruction(total, a, b, i, j, t):
        pair = [cgutils.alloca_once_value(builder, ir.Constant(f32, 0.0)) for _ in range(2)]
        for each in pair:
            builder.store(ir.Constant(f32, 0.0), each)
        with cgutils.for_range(builder, number(TILE)) as loop:
            k = builder.add(builder.mul(t, number(TILE)), loop.index)
            x = halves(a, builder.add(builder.mul(i, a_stride), k))
            y = halves(b, builder.add(builder.mul(k, number(BLOCK)), j))
            for each, one, other in zip(pair, x, y, strict=True):
                builder.store(builder.fadd(builder.load(each), builder.fmul(one, other)), each)
        both = builder.fadd(builder.load(pair[0]), builder.load(pair[1]))
        builder.store(builder.fadd(builder.load(total), both), total)

    in_three = builder.icmp_signed("!=", split, number(0))
    with cgutils.for_range(builder, number(BLOCK)) as rows, cgutils.for_range(builder, number(BLOCK)) as columns:
        i, j = rows.index, columns.index
        total = builder.gep(sums, [builder.add(builder.mul(i, stride), j)])
        with cgutils.for_range(builder, steps) as loop:
            with builder.if_then(in_three):
                instruction(total, a_words[0], b_words[1], i, j, loop.index)
            instruction(total, a_words[0], b_words[0], i, j, loop.index)
            with builder.if_then(in_three):
                instruction(total, a_words[1], b_words[0], i, j, loop.index)
