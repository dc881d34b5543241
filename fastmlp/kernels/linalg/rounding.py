"""Numbers with fewer significant bits, a vector at a time."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..lowlevel.vectors import I32, I64, Vectors

#: Significant bits of a floating-point number, by its size in bits.
SIGNIFICANT_BITS = {32: 24, 64: 53}


@intrinsic
def round_vector(typingctx, to, source, n, kept):
    """to (n,) is overwritten with source (n,) rounded to `kept` significant bits; at most one vector."""
    size = types.intp

    def codegen(context, builder, signature, args):
        to_at, source_at, count, bits = args
        v, start = Vectors(builder, to.dtype.bitwidth), ir.Constant(I64, 0)
        integer = ir.IntType(v.bits)
        all_bits, mask = ir.VectorType(integer, v.count), v.mask(count)

        def splat(number):
            first = builder.insert_element(ir.Constant(all_bits, ir.Undefined), number, ir.Constant(I32, 0))
            return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(I32, v.count), [0] * v.count))

        one = ir.Constant(integer, 1)
        dropped = builder.sub(ir.Constant(I64, SIGNIFICANT_BITS[v.bits]), bits)
        dropped = builder.trunc(dropped, integer) if v.bits < 64 else dropped
        below_half = builder.sub(builder.shl(one, builder.sub(dropped, one)), one)
        number = builder.bitcast(v.load(source_at, start, mask), all_bits)
        odd = builder.and_(builder.lshr(number, splat(dropped)), splat(one))
        sum_of_bits = builder.add(builder.add(number, splat(below_half)), odd)
        rounded = builder.and_(sum_of_bits, splat(builder.neg(builder.shl(one, dropped))))
        v.store(builder.bitcast(rounded, v.type), to_at, start, mask)
        return context.get_dummy_value()

    return types.void(to, to, size, size), codegen
