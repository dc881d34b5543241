"""float32 numbers as pairs of bfloat16 numbers in 32-bit words, the form that tile units read.

A word holds two numbers that follow one another along the depth, the first in its lower half. ``hi`` is the number
rounded to 8 significant bits (nearest, ties to even), ``lo`` what is left, rounded in the same way::

    x = hi + lo + (less than 2⁻¹⁷ of x)

Words are stored through pointers to float32, which are pointers to 32 bits here.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..lowlevel.vectors import I32, I64, Vectors

_HALF, _UPPER = 16, 0xFFFF0000


def _constant(v, number):
    return ir.Constant(ir.VectorType(I32, v.count), [number] * v.count)


def _round(builder, v, numbers):
    """Return the bits of `numbers` rounded to bfloat16, the lower half zero."""
    bits = builder.bitcast(numbers, ir.VectorType(I32, v.count))
    odd = builder.and_(builder.lshr(bits, _constant(v, _HALF)), _constant(v, 1))
    return builder.and_(builder.add(builder.add(bits, _constant(v, 0x7FFF)), odd), _constant(v, _UPPER))


def _emit_words(builder, v, even, odd, hi, lo, split):
    """Store the words of two vectors of numbers at hi, and those of what is left of them at lo if `split` is not 0."""

    def store(pointer, first, second):
        words = builder.or_(builder.lshr(first, _constant(v, _HALF)), second)
        v.store(builder.bitcast(words, v.type), pointer, ir.Constant(I64, 0))

    rounded = [_round(builder, v, each) for each in (even, odd)]
    store(hi, *rounded)
    with builder.if_then(builder.icmp_signed("!=", split, ir.Constant(I64, 0))):
        left = [builder.fsub(x, builder.bitcast(r, v.type)) for x, r in zip((even, odd), rounded, strict=True)]
        store(lo, *(_round(builder, v, each) for each in left))


@intrinsic
def pair_rows(typingctx, hi, lo, even, odd, n_even, n_odd, split):
    """A vector of words of hi, and of lo if `split`, is overwritten with pairs (even[j], odd[j]); zeros beyond n."""

    def codegen(context, builder, signature, args):
        hi_at, lo_at, first, second, n_first, n_second, split_value = args
        v, start = Vectors(builder, 32), ir.Constant(I64, 0)
        numbers = [v.load(at, start, v.mask(n)) for at, n in ((first, n_first), (second, n_second))]
        _emit_words(builder, v, *numbers, hi_at, lo_at, split_value)
        return context.get_dummy_value()

    return types.void(hi, hi, hi, hi, types.intp, types.intp, types.intp), codegen


@intrinsic
def pair_neighbours(typingctx, hi, lo, source, n, split):
    """A vector of words of hi, and of lo if `split`, is overwritten with pairs (source[2 j], source[2 j + 1]).

    Numbers from source[n] on count as zeros and are not read.
    """

    def codegen(context, builder, signature, args):
        hi_at, lo_at, source_at, count, split_value = args
        v = Vectors(builder, 32)
        width = ir.Constant(I64, v.count)
        one = v.load(source_at, ir.Constant(I64, 0), v.mask(count))
        other = v.load(source_at, width, v.mask(builder.sub(count, width)))
        kind = ir.VectorType(I32, v.count)
        even, odd = (
            builder.shuffle_vector(one, other, ir.Constant(kind, list(range(first, 2 * v.count, 2))))
            for first in (0, 1)
        )
        _emit_words(builder, v, even, odd, hi_at, lo_at, split_value)
        return context.get_dummy_value()

    return types.void(hi, hi, hi, types.intp, types.intp), codegen
