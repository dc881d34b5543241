"""Lanes: numbers inside compiled code, written with Python's operators.

A function such as ``exp`` is a straight line of some twenty instructions. Compiled from Python by Numba, each of its
lines is typed, lowered and inlined: 0.15 s for every function and type, and Numba's integers grow to 64 bits on the
way, which halves the vectors of float32. So ``elementary.py`` writes its functions over *lanes*, and `elementwise`
makes of each an intrinsic whose instructions stand directly in the caller's loop: below 0.02 s, and 32 bits stay 32.

::

    @elementwise                      @unit(POINTER, POINTER, SIZE)
    def twice(x):                     def double_all(out, inp, n):
        return x + x                      for i in range(n):
                                              out[i] = twice(inp[i])

The formula runs once, while the loop is being compiled, so a Python ``if x.width == 32`` costs nothing at run time.
It has no branches on *values*: `select` takes their place, and LLVM can turn the loop into vectors of any host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

# Every instruction of ours carries its own flag. Numba gives the caller's flags only to instructions without any, so a
# loop compiled with ``reassoc`` (a sum) cannot regroup x - n*hi - n*lo into x - n*(hi + lo), and lose the last bits.
# ``contract`` lets a*b + c round once where the host has that instruction; nothing here relies on it, whereas
# ``llvm.fma`` would be a call into libm, element by element, on a host without. Calls would always get the caller's
# flags: there are none, not even to llvm.fabs.
_FLAGS = ("contract",)


def _operator(on_floats: str | None, on_integers: str | None, swapped: bool = False) -> Callable[[Lane, Any], Lane]:
    """One of Python's operators, as the instruction for the lane's type."""

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
    """Of floats, and false where one side is NaN; integers compare without sign."""

    def compare(self: Lane, other: Any) -> Lane:
        right = self._operand(other)
        if self.is_float:
            return Lane(self.builder, self.builder.fcmp_ordered(sign, self.value, right, flags=_FLAGS))
        return Lane(self.builder, self.builder.icmp_unsigned(sign, self.value, right))

    return compare


class Lane:
    """A value of LLVM and the builder that goes on from it: float, integer or truth value, or a vector of these.

    Python numbers beside a lane become constants of its type (rounded to float32 if it is one).
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
        return not isinstance(self.element, ir.IntType)

    @property
    def width(self) -> int:
        """Bits of an element."""
        if isinstance(self.element, ir.IntType):
            return self.element.width
        return 32 if isinstance(self.element, ir.FloatType) else 64

    def _like(self, element: ir.Type) -> ir.Type:
        """`element`, as many times as there are elements here."""
        kind = self.value.type
        return ir.VectorType(element, kind.count) if isinstance(kind, ir.VectorType) else element

    def _operand(self, other: Any) -> ir.Value:
        if isinstance(other, Lane):
            return other.value
        kind = self.value.type
        return ir.Constant(kind, [other] * kind.count if isinstance(kind, ir.VectorType) else other)

    def constant(self, number: float) -> Lane:
        """`number` as a lane like this one."""
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
    __rshift__ = _operator(None, "lshr")  # zeros come in from the left, whatever the sign
    __lt__ = _comparison("<")
    __gt__ = _comparison(">")
    equals = _comparison("==")


_FLOATS = {32: ir.FloatType(), 64: ir.DoubleType()}


def select(condition: Lane, then: Lane | float, otherwise: Lane | float) -> Lane:
    """``then if condition else otherwise``, both computed; one of the two is a lane."""
    like = then if isinstance(then, Lane) else otherwise
    assert isinstance(like, Lane)
    builder = condition.builder
    return Lane(builder, builder.select(condition.value, like._operand(then), like._operand(otherwise)))


def elementwise(formula: Callable[[Lane], Lane]) -> Any:
    """Make of a formula over lanes a function for compiled code: float32 → float32, float64 → float64.

    The function it is called from may use the host's widest vectors, see `prefer_wide_vectors`.
    ``function.formula`` stays at hand for those who write LLVM code themselves; it takes vectors too.
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
    """np.finfo(…).eps for the type of `like`, a float (finfo compiles two functions of its own)."""

    def codegen(context, builder, signature, args):
        return context.get_constant(like, 2.0 ** (-23 if like.bitwidth == 32 else -52))

    return like(like), codegen


def _widen(function: ir.Function) -> None:
    """Let LLVM use the host's widest vectors in this function.

    It holds itself to 256 bits on processors with AVX-512, because the early ones lowered their clock for more; on
    those of today (measured: Sapphire Rapids' successor), 512 bits make these loops 1.2 to 1.7 times as fast.
    llvmlite's sets refuse attributes they do not know; LLVM itself takes any ``"key"="value"``.
    """
    set.add(function.attributes, '"prefer-vector-width"="512"')


@intrinsic
def prefer_wide_vectors(typingctx):
    """Let the loops of the function that calls this use the host's widest vectors.

    A function that calls `exp` and its like itself has that already. One that reaches them through an ``inline_llvm``
    helper has not: the helper's attribute disappears with the helper.
    """

    def codegen(context, builder, signature, arguments):
        _widen(builder.function)
        return context.get_dummy_value()

    return types.void(), codegen
