"""What takes the place of ``math.exp``, ``np.where``, ``float`` and of literals in users' functions."""

import math
import sys

import numpy as np
from numba import types
from numba.extending import intrinsic

from ..math import elementary, erf
from ..math.lanes import Lane


def _sqrt(x):
    """√x, an instruction of the processor; Numba's own makes a float64 of √2."""
    function = x.builder.module.declare_intrinsic("llvm.sqrt", [x.value.type])
    return Lane(x.builder, x.builder.call(function, [x.value]))


def _of_any_number(formula):
    """A formula over lanes as a function of integers too: small ones are float32's, see `number_for`."""

    def typed(typingctx, x):
        x = types.unliteral(x)
        if not isinstance(x, types.Number | types.Boolean):
            return None
        element = types.float32 if x in (types.float32, types.int16) else types.float64

        def codegen(context, builder, signature, arguments):
            value = context.cast(builder, arguments[0], x, element)
            return formula(Lane(builder, value)).value

        return element(x), codegen

    typed.__name__ = formula.__name__
    return intrinsic(typed)


@intrinsic
def _where(typingctx, condition, x, y):
    """np.where of three numbers (Numba's makes an array)."""
    numbers = [types.unliteral(one) for one in (condition, x, y)]
    if not all(isinstance(one, types.Number | types.Boolean) for one in numbers):
        return None
    result = typingctx.unify_types(*numbers[1:])

    def codegen(context, builder, signature, arguments):
        is_true = context.cast(builder, arguments[0], signature.args[0], types.boolean)
        values = [context.cast(builder, arguments[i], signature.args[i], result) for i in (1, 2)]
        return builder.select(is_true, *values)

    return result(*numbers), codegen


FUNCTIONS = {
    name: _of_any_number(formula)
    for name, formula in (
        *((name, getattr(elementary, name).formula) for name in ("exp", "expm1", "log", "log1p", "tanh")),
        ("expit", elementary.logistic.formula),
        ("erf", erf.erf.formula),
        ("ndtr", erf.normal_cdf.formula),
        ("sqrt", _sqrt),
    )
}
FUNCTIONS["where"] = _where


def _make_float(element):
    @intrinsic
    def convert(typingctx, x):
        if isinstance(x, types.StringLiteral):  # float("nan")

            def constant(context, builder, signature, arguments):
                return context.get_constant(element, float(x.literal_value))

            return element(x), constant
        if not isinstance(types.unliteral(x), types.Integer | types.Float | types.Boolean):
            return None

        def codegen(context, builder, signature, arguments):
            return context.cast(builder, arguments[0], signature.args[0], signature.return_type)

        return element(types.unliteral(x)), codegen

    return convert


#: `float`, in a network of float64 and in one of float32: a truth is a number, too.
FLOAT = _make_float(types.float64), _make_float(types.float32)


def package_name(value):
    """The name of the package's function that takes the place of this one, or None."""
    for module in (math, np, sys.modules.get("scipy.special")):
        for name in FUNCTIONS:
            if getattr(module, name, package_name) is value:
                return name
    return None


def number_for(value, single):
    """The number as a kernel for float32 (`single`) or float64 should see it."""
    if single and isinstance(value, float):
        with np.errstate(over="ignore"):
            return np.float32(value)
    return np.int16(value) if single and type(value) is int and abs(value) < 2**15 else value


@intrinsic
def widen(typingctx, x, y):
    """x, as a 64-bit integer if both are integers."""
    x, y = types.unliteral(x), types.unliteral(y)
    whole = isinstance(x, types.Integer) and isinstance(y, types.Integer | types.Boolean)
    result = types.int64 if whole and x.bitwidth < 64 else x

    def codegen(context, builder, signature, arguments):
        return context.cast(builder, arguments[0], x, result)

    return result(x, y), codegen
