"""How a user's functions are compiled: their literals and functions adapted, and what they must not do refused.

`UserCompiler` is Numba's pipeline with two additional passes, `_Adapt` and `_Check`, and with notes for `blame`.
"""

import dis
import inspect
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

from .blame import Watch, watched
from .replacements import FLOAT, FUNCTIONS, number_for, package_name, widen

#: Among a function's globals: (identity of a module, name) → what the module said when the function was read.
READ = "fastmlp read"


def _widened(argument, arguments, line, body):
    """The variable that holds `widen` of an argument before this line, added to the block's body."""
    function, result = (ir.Var(argument.scope, mk_unique_var("$widened"), line.loc) for _ in range(2))
    call = ir.Expr.call(function, [argument, arguments[-1 if argument is arguments[0] else 0]], (), line.loc)
    body += ir.Assign(ir.Global("widen", widen, line.loc), function, line.loc), ir.Assign(call, result, line.loc)
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
            if isinstance(block.terminator, ir.Raise):  # it would be lost: no caller sees it
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
                    line.value = ir.Global("float", FLOAT[single], line.loc)
                elif name := package_name(found[0]):
                    line.value = ir.Global(name, FUNCTIONS[name], line.loc)
                elif isinstance(found[0], int | float) and line.target.name not in indices:
                    line.value = ir.Const(number_for(found[0], single), line.loc)
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
                package_name(found[0]) or next((n for n, one in FUNCTIONS.items() if one is found[0]), None)
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
        """Refuse assignments to closure variables: Numba would keep the value from compile time."""
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
        """Give NumPy's functions 64-bit integers where all arguments are integers: small ones would overflow."""
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
    """Refuses functions that return nothing for some numbers, once types are known: the result would be undefined."""

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
    """Numba's pipeline with the passes that adapt and check users' functions."""

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
