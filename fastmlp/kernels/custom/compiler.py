"""How a user's functions are compiled: their literals and functions adapted, and what they must not do refused.

`UserCompiler` is Numba's pipeline with two passes of ours in it, and notes for `blame`. `FUNCTIONS` are what takes the
place of ``math.exp``, ``np.where`` and the like.
"""

import dis
import inspect
import math
import sys
import types as python

import numpy as np
from numba import types
from numba.core import ir
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import AnalysisPass, FunctionPass, register_pass
from numba.core.errors import UnsupportedError
from numba.core.ir_utils import build_definitions, get_definition, guard, mk_unique_var
from numba.core.typed_passes import NopythonTypeInference
from numba.core.untyped_passes import IRProcessing
from numba.extending import intrinsic

from ..math import elementary, erf
from ..math.lanes import Lane
from .blame import Watch, watched


def _sqrt(x):
    """√x, an instruction of the processor; Numba's own makes a float64 of √2."""
    function = x.builder.module.declare_intrinsic("llvm.sqrt", [x.value.type])
    return Lane(x.builder, x.builder.call(function, [x.value]))


def _of_any_number(formula):
    """A formula over lanes as a function of integers too: small ones are float32's, see `_number`."""

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
_FLOAT = _make_float(types.float64), _make_float(types.float32)


def package_name(value):
    """The name of the function of ours that takes the place of this one, or None."""
    for module in (math, np, sys.modules.get("scipy.special")):
        for name in FUNCTIONS:
            if getattr(module, name, package_name) is value:
                return name
    return None


#: Among a function's globals: (identity of a module, name) → what the module said when the function was read.
READ = "fastmlp read"


def _number(value, single):
    """The number as a kernel for float32 (`single`) or float64 should see it."""
    if single and isinstance(value, float):
        with np.errstate(over="ignore"):
            return np.float32(value)
    return np.int16(value) if single and type(value) is int and abs(value) < 2**15 else value


@intrinsic
def _widen(typingctx, x, y):
    """x, as a 64-bit integer if both are integers."""
    x, y = types.unliteral(x), types.unliteral(y)
    whole = isinstance(x, types.Integer) and isinstance(y, types.Integer | types.Boolean)
    result = types.int64 if whole and x.bitwidth < 64 else x

    def codegen(context, builder, signature, arguments):
        return context.cast(builder, arguments[0], x, result)

    return result(x, y), codegen


def _widened(argument, arguments, line, body):
    """The variable that holds `_widen` of an argument before this line, added to the block's body."""
    function, result = (ir.Var(argument.scope, mk_unique_var("$widened"), line.loc) for _ in range(2))
    call = ir.Expr.call(function, [argument, arguments[-1 if argument is arguments[0] else 0]], (), line.loc)
    body += ir.Assign(ir.Global("widen", _widen, line.loc), function, line.loc), ir.Assign(call, result, line.loc)
    return result


@register_pass(mutates_CFG=False, analysis_only=False)
class _Adapt(FunctionPass):
    """Replaces functions and numbers in Numba's intermediate form, before types are inferred."""

    _name = "fastmlp_adapt"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        function, single = state.func_ir, types.float32 in state.args
        self._refuse_try(state)
        code = state.func_id.code
        if code.co_flags & inspect.CO_VARARGS and code.co_kwonlyargcount:  # Numba would mix them up
            raise UnsupportedError("arguments by name behind *arguments have no place in it", function.loc)
        self._refuse_nonlocal(code, set(code.co_freevars))
        called = self._check_calls(function, state.args)
        if single or types.int16 in state.args:
            self._widen_integers(function, state.args)
        self._refuse_walrus(function)
        gets = [get for block in function.blocks.values() for get in block.find_exprs("getitem")]
        indices = {get.index.name for get in gets}  # of a tuple of several types Numba must see which
        for block in function.blocks.values():
            if isinstance(block.terminator, ir.Raise):  # nobody would hear it
                raise UnsupportedError("raise and assert have no place in it", block.terminator.loc)
            for line in block.find_insts(ir.Assign):
                found = self._value(function, line.value, state.args)
                if found is None:
                    continue
                if found[0] is isinstance and line.target.name in called:
                    raise UnsupportedError("isinstance has no place in it: a number may be a float32 here", line.loc)
                if found[0] is str and line.target.name in called:  # Numba's has no digits
                    raise UnsupportedError("it uses a string", line.loc)
                if found[0] is float and line.target.name in called:
                    line.value = ir.Global("float", _FLOAT[single], line.loc)
                elif name := package_name(found[0]):
                    line.value = ir.Global(name, FUNCTIONS[name], line.loc)
                elif isinstance(found[0], int | float) and line.target.name not in indices:
                    line.value = ir.Const(_number(found[0], single), line.loc)
                elif isinstance(line.value, ir.Expr) and isinstance(
                    found[0], complex | np.generic | np.ndarray | tuple
                ):
                    line.value = ir.Global(line.value.attr, found[0], line.loc)
        function._definitions = build_definitions(function.blocks)
        return True

    def _check_calls(self, function, arguments):
        """The variables that are called; refuses calls of which Numba would say, or do, something strange."""
        calls = [call for block in function.blocks.values() for call in block.find_exprs("call")]
        for call in calls:
            made = guard(get_definition, function, call.func)
            if call.kws and isinstance(made, ir.Expr) and made.op == "make_function":  # the names would not be heeded
                raise UnsupportedError("a function defined inside takes its arguments by position here", call.loc)
            found = self._value(function, made, arguments)
            name = found and (
                package_name(found[0]) or next((n for n, ours in FUNCTIONS.items() if ours is found[0]), None)
            )
            if name and (len(call.args) != (3 if name == "where" else 1) or call.kws):
                number = "three numbers" if name == "where" else "one number"
                raise UnsupportedError(f"{name} takes {number} here", call.loc)
        return {call.func.name for call in calls}

    @staticmethod
    def _refuse_try(state):
        code = state.func_id.code
        if code.co_exceptiontable:  # of `with`, too
            start = next(iter(dis._parse_exception_table(code))).start
            lines = [line for offset, line in dis.findlinestarts(code) if offset <= start and line]
            place = ir.Loc(code.co_filename, lines[-1])
            raise UnsupportedError("try and with have no place in it: nothing raises in compiled code", place)

    @staticmethod
    def _refuse_walrus(function):
        """Numba loses the value of ``(y := z) + y``: it gives it to y alone."""
        lines = [line for block in function.blocks.values() for line in block.find_insts(ir.Assign)]
        assigned = {line.target.name for line in lines}
        for line in lines:
            for used in line.value.list_vars() if isinstance(line.value, ir.Expr) else ():
                if used.name.startswith("$") and used.name not in assigned:
                    raise UnsupportedError("what := stands for is used at once: give it a line of its own", line.loc)

    @classmethod
    def _refuse_nonlocal(cls, code, outside):
        """Numba would read on what the variable was when the function was compiled."""
        line = code.co_firstlineno
        for instruction in dis.get_instructions(code):
            line = instruction.starts_line or line
            if instruction.opname in ("STORE_DEREF", "DELETE_DEREF") and instruction.argval in outside:
                place = ir.Loc(code.co_filename, line)
                raise UnsupportedError(f"it sets {instruction.argval}, a variable of the function around it", place)
        for inner in code.co_consts:
            if isinstance(inner, python.CodeType):
                cls._refuse_nonlocal(inner, outside & set(inner.co_freevars))

    def _widen_integers(self, function, arguments):
        """Give NumPy's functions 64-bit integers where they get integers alone: those of `_number` would overflow."""
        for block in function.blocks.values():
            body = []
            for line in block.body:
                call = getattr(line, "value", None)
                if isinstance(call, ir.Expr) and call.op == "call" and len(call.args) in (1, 2):
                    found = self._value(function, guard(get_definition, function, call.func), arguments)
                    if found and isinstance(found[0], np.ufunc) and not package_name(found[0]):
                        call.args = [_widened(one, call.args, line, body) for one in call.args]
                body.append(line)
            block.body = body

    @staticmethod
    def _value(function, expression, arguments):
        """(value,) of a literal, a name from outside, an attribute of a module, or a default; None for others."""
        if isinstance(expression, ir.Const | ir.Global | ir.FreeVar):
            return (expression.value,)
        if isinstance(expression, ir.Arg) and isinstance(arguments[expression.index], types.Omitted):
            return (arguments[expression.index].value,)
        if isinstance(expression, ir.Expr) and expression.op == "getattr":
            owner = _Adapt._value(function, guard(get_definition, function, expression.value), arguments)
            if owner and isinstance(owner[0], python.ModuleType):
                read = function.func_id.func.__globals__.get(READ, {})
                found = read.get((id(owner[0]), expression.attr), getattr(owner[0], expression.attr, READ))
                return None if found is READ else (found,)
        if isinstance(expression, ir.Expr) and expression.op == "call" and not (expression.args or expression.kws):
            method = guard(get_definition, function, expression.func)
            if isinstance(method, ir.Expr) and method.op == "getattr" and method.attr in ("max", "min"):
                owner = _Adapt._value(function, guard(get_definition, function, method.value), arguments)
                if owner and isinstance(owner[0], np.ndarray) and owner[0].size and owner[0].dtype.kind in "iuf":
                    return (getattr(owner[0], method.attr)().item(),)  # Numba's can raise
        return None


#: Where only numbers, arrays and tuples can stand.
_OBJECTS = types.UnicodeType, types.Container, types.DictType


@register_pass(mutates_CFG=False, analysis_only=True)
class _Check(AnalysisPass):
    """Refuses functions that return nothing for some numbers, once types are known: what came out would be chance."""

    _name = "fastmlp_check"

    def __init__(self):
        AnalysisPass.__init__(self)

    def run_pass(self, state):
        if isinstance(state.return_type, types.Optional | types.NoneType):
            raise UnsupportedError("it returns None, for some numbers or for all", state.func_ir.loc)
        for block in state.func_ir.blocks.values():
            for line in block.find_insts(ir.Assign):
                kind = state.typemap[line.target.name]
                if isinstance(kind, _OBJECTS) and not isinstance(kind, types.BaseTuple):
                    raise UnsupportedError("it uses a string, a list, a set or a dict", line.loc)
        return False


class UserCompiler(CompilerBase):
    """Numba's pipeline with our passes in it."""

    def define_pipelines(self):
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_Adapt, IRProcessing)
        passes.add_pass_after(_Check, NopythonTypeInference)
        watched(passes)
        passes.finalize()
        return [passes]

    def _compile_core(self):
        try:
            return super()._compile_core()
        except Exception as error:
            if Watch.current:
                Watch.current.note_failure(self.state.func_id, error)
            raise
