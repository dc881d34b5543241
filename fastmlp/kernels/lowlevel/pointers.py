"""Pointers in compiled code, and calls through them.

A pointer is typed by its element (float32, float64, int64 or int32) and counts in elements; a record holds it as an
address, a 64-bit integer.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array
from numba.np.numpy_support import as_dtype

from ...compiler.numba_backend import POINTER, SIZE, Argument, numba_type


@intrinsic
def shift(typingctx, pointer, elements):
    """Return the pointer advanced by `elements` elements."""

    def codegen(context, builder, signature, args):
        return builder.gep(args[0], [args[1]])

    return pointer(pointer, types.intp), codegen


@intrinsic
def carray(typingctx, pointer, n):
    """Return an array of the `n` elements at the pointer (numba.carray would compile a function for each type)."""
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
    """Return the smaller of two sizes (the built-in min would compile a function)."""

    def codegen(context, builder, signature, args):
        return builder.select(builder.icmp_signed("<", *args), *args)

    return types.intp(types.intp, types.intp), codegen


@intrinsic
def pointer_at(typingctx, address, dtype_ptr):
    """Return the address as a pointer of the type of `dtype_ptr`."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(dtype_ptr))

    return dtype_ptr(types.intp, dtype_ptr), codegen


def _make_cast(element, kind):
    @intrinsic
    def cast(typingctx, address):
        def codegen(context, builder, signature, args):
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(element)(types.intp), codegen

    cast.__doc__ = f"Return the address as a pointer to {kind}."
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
def call_for_uint32(typingctx, address, argument):
    """Call the C function at `address`, uint32 f(void *): the interface of NumPy's bit generators."""

    def codegen(context, builder, signature, args):
        function = ir.FunctionType(ir.IntType(32), [ir.IntType(8).as_pointer()])
        pointer = builder.inttoptr(args[1], ir.IntType(8).as_pointer())
        return builder.call(builder.inttoptr(args[0], function.as_pointer()), [pointer])

    return types.uint32(types.intp, types.intp), codegen


class Signature(tuple):
    """The arguments of a kernel, by name and in order: ``Signature(out=POINTER, n=SIZE)`` equals (POINTER, SIZE)."""

    names: tuple[str, ...]

    def __new__(cls, **arguments: Argument) -> Signature:
        signature = super().__new__(cls, arguments.values())
        signature.names = tuple(arguments)
        return signature


def caller_of(name: str, signature: Signature) -> Callable[..., None]:
    """A function for compiled code that calls kernels of one signature: ``caller(address, *arguments)``.

    A call takes a few nanoseconds, so kernels are called once for each block of rows or for each layer. Arguments that
    differ from the signature in number or in type are refused when the function that contains the call is compiled.

    Parameters
    ----------
    name : str
        The name of the caller, for error messages.
    signature : Signature
        The one that the called kernels declare.

    Raises
    ------
    TypingError
        By the caller, during compilation.
    """

    def call_kernel(typingctx, address, *arguments):
        def codegen(context, builder, typed, args):
            function = ir.FunctionType(ir.VoidType(), [value.type for value in args[1:]])
            builder.call(builder.inttoptr(args[0], function.as_pointer()), args[1:])
            return context.get_dummy_value()

        return types.void(types.intp, *_matched(name, signature, address, arguments)), codegen

    parameters = ("typingctx", "address", *signature.names)
    call_kernel.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(parameter, inspect.Parameter.POSITIONAL_OR_KEYWORD) for parameter in parameters]
    )
    call_kernel.__name__ = call_kernel.__qualname__ = name
    return intrinsic(call_kernel)


def _matched(name, signature, address, given):
    """Return the declared types of the arguments; raise TypingError if the types `given` differ from them."""
    if len(given) != len(signature):
        takes = f"{name} takes an address and {len(signature)} arguments ({', '.join(signature.names)})"
        raise TypingError(f"{takes}, but the call gives {len(given)} after the address")
    given = [types.unliteral(kind) for kind in (address, *given)]
    arguments = (SIZE, *signature)
    # Like the kernel itself, a signature is of one element type: that of the first POINTER in this call.
    elements = (kind.dtype for argument, kind in zip(arguments, given, strict=True) if _is_element(argument, kind))
    element = as_dtype(next(elements, types.float64))
    declared = [numba_type(argument, element) for argument in arguments]
    for argument, expected, kind in zip(("address", *signature.names), declared, given, strict=True):
        if kind != expected:
            takes = f"{name}: the argument {argument!r} is declared as {_describe(expected)}"
            raise TypingError(f"{takes}, got {_describe(kind)}")
    return declared[1:]


def _is_element(argument, kind):
    return argument == POINTER and isinstance(kind, types.CPointer) and kind.dtype in (types.float32, types.float64)


def _describe(kind):
    """Return a type in words, without the list of all fields of a record."""
    if not isinstance(kind, types.CPointer):
        return "a size or an address (int64)" if kind == types.intp else str(kind)
    if isinstance(kind.dtype, types.Record):
        return f"a pointer to records with the fields {', '.join(list(kind.dtype.fields)[:3])}, ..."
    return f"a pointer to {kind.dtype}"
