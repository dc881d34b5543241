"""Lanes: values inside compiled code that are written with Python's operators.

A function such as ``exp`` consists of about twenty instructions without branches. Compiled from Python by Numba, each
of its lines is typed, lowered and inlined, which takes 0.15 s for every function and type, and Numba extends integers
to 64 bits, which halves the vectors of float32. Therefore `elementary` writes its functions over *lanes*, and
`elementwise` turns each into an intrinsic, whose instructions go directly into the caller's loop: this takes less than
0.02 s, and integers keep their 32 bits.

::

    @elementwise                      @kernel(POINTER, POINTER, SIZE)
    def twice(x):                     def double_all(out, inp, n):
        return x + x                      for i in range(n):
                                              out[i] = twice(inp[i])

The formula runs once, while the loop is compiled, so ``if x.width == 32`` in Python takes no time at run time. Instead
of branches on *values* it uses `select`, so that LLVM can vectorize the loop for any host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

# Every instruction has its own flag. Numba gives the caller's flags only to instructions without flags, so a loop
# compiled with ``reassoc`` (a sum) cannot regroup x - n*hi - n*lo into x - n*(hi + lo), which would lose the last bits.
# ``contract`` lets a*b + c round once if the host has that instruction; no formula relies on it. ``llvm.fma`` would be
# a call into libm for each element on a host without the instruction. Calls always get the caller's flags, so formulas
# contain no calls, not even to llvm.fabs.
_FLAGS = ("contract",)


def _operator(on_floats: str | None, on_integers: str | None, swapped: bool = False) -> Callable[[Lane, Any], Lane]:
    """Return the method for one of Python's operators, which emits the instruction for the lane's type."""

    def operate(self: Lane, other: Any) -> Lane:
        left, right = self.value, self._operand(other)
        if swapped:
            left, right = right, left
        if self.is_float:
            assert on_floats, "no such operation on floats"
            return Lane(self.builder, getattr(self.builder, on_floats)(left, right, flags=_FLAGS))
        assert on_integers, "no such operation on integers"
        return Lane(self.builder, getattr(self.builder, on_integers)(left, right))

    return operate


def _comparison(sign: str) -> Callable[[Lane, Any], Lane]:
    """Return the method for a comparison: false if one side is NaN; integers are compared as unsigned."""

    def compare(self: Lane, other: Any) -> Lane:
        right = self._operand(other)
        if self.is_float:
            return Lane(self.builder, self.builder.fcmp_ordered(sign, self.value, right, flags=_FLAGS))
        return Lane(self.builder, self.builder.icmp_unsigned(sign, self.value, right))

    return compare


class Lane:
    """An LLVM value and its builder: a float, an integer, a truth value, or a vector of these.

    In an operation with a lane, a Python number becomes a constant of the lane's type, so it may be rounded to float32.
    """

    __slots__ = ("builder", "value")

    def __init__(self, builder: ir.IRBuilder, value: ir.Value) -> None:
        self.builder = builder
        self.value = value

    @property
    def element(self) -> ir.Type:
        """The type of one element."""
        kind = self.value.type
        return kind.element if isinstance(kind, ir.VectorType) else kind

    @property
    def is_float(self) -> bool:
        """Whether the elements are floating-point numbers, not integers."""
        return not isinstance(self.element, ir.IntType)

    @property
    def width(self) -> int:
        """Bits of an element."""
        if isinstance(self.element, ir.IntType):
            return self.element.width
        return 32 if isinstance(self.element, ir.FloatType) else 64

    def _like(self, element: ir.Type) -> ir.Type:
        """Return the type with as many elements as this value, each of type `element`."""
        kind = self.value.type
        return ir.VectorType(element, kind.count) if isinstance(kind, ir.VectorType) else element

    def _operand(self, other: Any) -> ir.Value:
        if isinstance(other, Lane):
            return other.value
        kind = self.value.type
        return ir.Constant(kind, [other] * kind.count if isinstance(kind, ir.VectorType) else other)

    def constant(self, number: float) -> Lane:
        """Return `number` as a lane of the same type."""
        return Lane(self.builder, self._operand(number))

    @property
    def bits(self) -> Lane:
        """The same bits as an integer."""
        return Lane(self.builder, self.builder.bitcast(self.value, self._like(ir.IntType(self.width))))

    @property
    def as_float(self) -> Lane:
        """The same bits as a float."""
        return Lane(self.builder, self.builder.bitcast(self.value, self._like(_FLOATS[self.width])))

    __add__ = _operator("fadd", "add")
    __sub__ = _operator("fsub", "sub")
    __mul__ = _operator("fmul", None)
    __truediv__ = _operator("fdiv", None)
    __rsub__ = _operator("fsub", "sub", swapped=True)
    __and__ = _operator(None, "and_")
    __or__ = _operator(None, "or_")
    __lshift__ = _operator(None, "shl")
    __rshift__ = _operator(None, "lshr")  # shifts in zeros, whatever the sign
    __lt__ = _comparison("<")
    __gt__ = _comparison(">")
    equals = _comparison("==")


_FLOATS = {32: ir.FloatType(), 64: ir.DoubleType()}


def select(condition: Lane, then: Lane | float, otherwise: Lane | float) -> Lane:
    """Return ``then if condition else otherwise``; both are computed, and at least one is a lane."""
    like = then if isinstance(then, Lane) else otherwise
    assert isinstance(like, Lane)
    builder = condition.builder
    return Lane(builder, builder.select(condition.value, like._operand(then), like._operand(otherwise)))


def elementwise(formula: Callable[[Lane], Lane]) -> Any:
    """Turn a formula over lanes into a function for compiled code: float32 → float32, float64 → float64.

    A function that calls it may use the host's widest vectors, see `prefer_wide_vectors`. ``function.formula`` is the
    formula itself, for code that emits LLVM instructions; it accepts vectors too.
    """

    def typed(typingctx: Any, x: Any) -> tuple:
        if x not in (types.float32, types.float64):
            raise TypingError(f"{formula.__name__}(x) takes a float32 or a float64, not {x}: convert x first")

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            _widen(builder.function)
            return formula(Lane(builder, arguments[0])).value

        return x(x), codegen

    typed.__name__, typed.__qualname__ = formula.__name__, formula.__qualname__
    typed.__module__, typed.__doc__ = formula.__module__, formula.__doc__
    function: Any = intrinsic(typed)
    function.formula = formula
    return function


@intrinsic
def epsilon_of(typingctx, like):
    """Return np.finfo(…).eps for the type of the float `like` (np.finfo would compile two functions)."""

    def codegen(context, builder, signature, args):
        return context.get_constant(like, 2.0 ** (-23 if like.bitwidth == 32 else -52))

    return like(like), codegen


def _widen(function: ir.Function) -> None:
    """Let LLVM use the host's widest vectors in this function.

    On processors with AVX-512, LLVM uses 256 bits by default, because early ones reduced their clock rate for more. On
    recent ones (measured: the successor of Sapphire Rapids) 512 bits make these loops 1.2 to 1.7 times as fast. LLVM
    accepts any attribute ``"key"="value"``, but llvmlite's set refuses unknown ones; `set.add` skips this check.
    """
    set.add(function.attributes, '"prefer-vector-width"="512"')


@intrinsic
def prefer_wide_vectors(typingctx):
    """Let the loops of the calling function use the host's widest vectors.

    A function that calls an `elementwise` function directly does so already, but not one that calls it in an
    ``inline_llvm`` helper: the helper's attribute is lost when it is inlined.
    """

    def codegen(context, builder, signature, arguments):
        _widen(builder.function)
        return context.get_dummy_value()

    return types.void(), codegen
