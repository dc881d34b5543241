"""LLVM vectors of one element type: the loads, stores, masks and shuffles of which tiles are made.

The code is portable: it uses LLVM's own vectors, masks and ``fmuladd`` (fused where the processor supports it) and no
instruction of a particular processor.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils

from ...compiler.cpu import VECTOR_BITS

I32, I64 = ir.IntType(32), ir.IntType(64)


def opaque(builder, value):
    """Return the same 64-bit number while hiding its origin from LLVM, which then keeps it in its own register."""
    return builder.asm(ir.FunctionType(I64, [I64]), "", "=r,0", [value], side_effect=False)


class Vectors:
    """Operations on vectors of `count` elements of `bits` bits; by default a full register."""

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
        """Return a mask of the lanes below `columns`; none if it is zero or negative.

        The comparison uses 32-bit integers, which fit one register. A mask made from two registers would be combined in
        every iteration of a tile's loop.
        """
        b = self.builder
        all_lanes = ir.Constant(I64, self.count)
        columns = b.trunc(b.select(b.icmp_signed("<", columns, all_lanes), columns, all_lanes), I32)
        width = ir.VectorType(I32, self.count)
        first = b.insert_element(ir.Constant(width, ir.Undefined), columns, ir.Constant(I32, 0))
        splat = b.shuffle_vector(first, first, ir.Constant(width, [0] * self.count))
        return b.icmp_signed("<", ir.Constant(width, list(range(self.count))), splat)

    def load(self, pointer, offset, mask=None):
        """Return the vector that begins `offset` elements behind the pointer, zero where the mask is false."""
        at = self._at(pointer, offset)
        if mask is None:
            return self.builder.load(at, align=self.align.constant)
        arguments = [at, self.align, mask, self.zero]
        name = f"llvm.masked.load.{self.suffix}.p0"
        return self.builder.call(self._declare(name, self.type, [a.type for a in arguments]), arguments)

    def store(self, value, pointer, offset, mask=None):
        """Write a vector from `offset` elements behind the pointer on, except where the mask is false."""
        at = self._at(pointer, offset)
        if mask is None:
            self.builder.store(value, at, align=self.align.constant)
            return
        arguments = [value, at, self.align, mask]
        name = f"llvm.masked.store.{self.suffix}.p0"
        self.builder.call(self._declare(name, ir.VoidType(), [a.type for a in arguments]), arguments)

    def prefetch(self, pointer, offset):
        """Prefetch the cache line of an element without waiting; the address need not be valid."""
        at = self.builder.bitcast(self.builder.gep(pointer, [offset]), ir.IntType(8).as_pointer())
        arguments = [at, *(ir.Constant(I32, number) for number in (0, 3, 1))]  # for reading, into all caches, data
        self.builder.call(self._declare("llvm.prefetch.p0", ir.VoidType(), [a.type for a in arguments]), arguments)

    def sum(self, vector):
        """Return the sum of all lanes: the upper half is added to the lower half until one element is left."""
        b, count, half = self.builder, self.count, self.count // 2
        while half:
            indices = ir.Constant(ir.VectorType(I32, count), [(i + half) % count for i in range(count)])
            vector = b.fadd(vector, b.shuffle_vector(vector, vector, indices))
            half //= 2
        return b.extract_element(vector, ir.Constant(I32, 0))

    def of(self, count):
        """Return the operations on vectors of `count` elements of the same type."""
        return Vectors(self.builder, self.bits, count)

    def part(self, vector, first, count):
        """Return elements first … first + count of a vector."""
        indices = ir.Constant(ir.VectorType(I32, count), list(range(first, first + count)))
        return self.builder.shuffle_vector(vector, vector, indices)

    def interleave(self, one, other):
        """Return a0 b0 a1 b1 …, the elements of two lists of vectors in turn, as a list of vectors."""
        count, mixed = self.count, []
        for a, b in zip(one, other, strict=True):
            for first in (0, count // 2):
                order = [i + source * count for i in range(first, first + count // 2) for source in range(2)]
                indices = ir.Constant(ir.VectorType(I32, count), order)
                mixed.append(self.builder.shuffle_vector(a, b, indices))
        return mixed

    def every_other(self, one, other):
        """Return elements 0, 2, 4, … of the concatenation of two vectors."""
        indices = ir.Constant(ir.VectorType(I32, self.count), list(range(0, 2 * self.count, 2)))
        return self.builder.shuffle_vector(one, other, indices)

    def splat(self, scalar):
        """Return a vector whose lanes all hold the number."""
        undefined = ir.Constant(self.type, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(I32, 0))
        return self.builder.shuffle_vector(
            first, undefined, ir.Constant(ir.VectorType(I32, self.count), [0] * self.count)
        )

    def multiply_add(self, a, b, c):
        """Return a b + c, fused where the processor can."""
        return self.builder.call(self._declare(f"llvm.fmuladd.{self.suffix}", self.type, [self.type] * 3), [a, b, c])
