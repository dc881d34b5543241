"""Pointers in compiled code, and calls through them.

A pointer is typed by its element (float32, float64, int64 or int32) and counts in elements; a record holds it as an
address, a 64-bit integer.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array


@intrinsic
def shift(typingctx, pointer, elements):
    """The pointer, so many elements further on."""

    def codegen(context, builder, signature, args):
        return builder.gep(args[0], [args[1]])

    return pointer(pointer, types.intp), codegen


@intrinsic
def carray(typingctx, pointer, n):
    """The `n` elements from the pointer on as an array (numba.carray, which compiles a function for each type)."""
    kind = types.Array(pointer.dtype, 1, "C")

    def codegen(context, builder, signature, args):
        array = make_array(kind)(context, builder)
        itemsize = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(pointer.dtype)))
        data = builder.bitcast(args[0], array.data.type)
        populate_array(array, data=data, shape=[args[1]], strides=[itemsize], itemsize=itemsize, meminfo=None)
        return array._getvalue()

    return kind(pointer, types.intp), codegen


@intrinsic
def min_size(typingctx, one, other):
    """The smaller of two sizes (min compiles a function of its own)."""

    def codegen(context, builder, signature, args):
        return builder.select(builder.icmp_signed("<", *args), *args)

    return types.intp(types.intp, types.intp), codegen


@intrinsic
def pointer_at(typingctx, address, dtype_ptr):
    """The address as a pointer of `dtype_ptr`'s type."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(dtype_ptr))

    return dtype_ptr(types.intp, dtype_ptr), codegen


def _make_cast(element, kind):
    @intrinsic
    def cast(typingctx, address):
        def codegen(context, builder, signature, args):
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(element)(types.intp), codegen

    cast.__doc__ = f"The address as a pointer to {kind}."
    return cast


doubles_at = _make_cast(types.float64, "float64")
integers_at = _make_cast(types.int64, "int64")
indices_at = _make_cast(types.int32, "int32")


@intrinsic
def load_int64(typingctx, pointer, place):
    """The 64-bit integer in the 8 bytes of the element at `place`: an address among numbers of float64."""

    def codegen(context, builder, signature, args):
        element = builder.gep(args[0], [args[1]])
        return builder.load(builder.bitcast(element, ir.IntType(64).as_pointer()))

    return types.int64(pointer, types.intp), codegen


@intrinsic
def call(typingctx, address, arguments):
    """Call the unit at `address` with a tuple of arguments; a few nanoseconds, so once a block or a layer."""

    def codegen(context, builder, signature, args):
        values = cgutils.unpack_tuple(builder, args[1], len(arguments))
        function = ir.FunctionType(ir.VoidType(), [value.type for value in values])
        builder.call(builder.inttoptr(args[0], function.as_pointer()), values)
        return context.get_dummy_value()

    return types.void(types.intp, arguments), codegen


@intrinsic
def call_for_uint32(typingctx, address, argument):
    """Call the C function at `address`, uint32 f(void *), as NumPy's bit generators offer them."""

    def codegen(context, builder, signature, args):
        function = ir.FunctionType(ir.IntType(32), [ir.IntType(8).as_pointer()])
        pointer = builder.inttoptr(args[1], ir.IntType(8).as_pointer())
        return builder.call(builder.inttoptr(args[0], function.as_pointer()), [pointer])

    return types.uint32(types.intp, types.intp), codegen
