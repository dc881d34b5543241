"""A user's plain functions of numbers, inside a kernel, at the speed of our own.

A kernel with gaps, such as `own_activation.activate`, calls names that its module leaves empty. `own_unit` makes a unit
of it with the user's functions in these places. They are copied first, together with the functions that they call and
the numbers that they use, so that nothing that changes later can make two compilations differ. While Numba compiles
the copies, `_Adapt` looks at every line:

- ``math.exp``, ``np.exp`` and the like become the vectorised ones of `elementary` and `erf`;
- for a network in float32, ``0.5``, ``math.pi`` and the numbers of the module become float32, ``2`` becomes a small
  integer (float32 times a 64-bit integer would be float64): otherwise a single literal would make the loop compute in
  float64, at half the speed.

Compiled code is kept on disk under a key that says all that it is made of: the code itself, not the time stamp of a
file; constants, numbers from outside, the functions called, and (by `code_cache`) versions and the kernels' sources.
What cannot be described like that, or does not live in a file, is compiled once a process.
"""

import builtins
import dis
import hashlib
import math
import os
import sys
import types as python
import weakref

import numpy as np
from numba import types
from numba.core import ir
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import AnalysisPass, FunctionPass, register_pass
from numba.core.errors import UnsupportedError
from numba.core.ir_utils import build_definitions, get_definition, guard
from numba.core.typed_passes import NopythonTypeInference
from numba.core.untyped_passes import IRProcessing
from numba.extending import intrinsic

from .._jit import ELEMENTWISE, NeedsPython, inlined
from ..units import Source, Unit
from . import elementary, erf
from .bits import Lane
from .blame import Watch, watched

#: What the messages say that a function may do.
ALLOWED = (
    "functions take numbers and return one; they may use arithmetic, comparisons, if and else, loops over range, "
    "abs, min and max, the functions of math and NumPy for one number, numbers from outside, and other such functions"
)


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


_FUNCTIONS = {
    name: _of_any_number(formula)
    for name, formula in (
        *((name, getattr(elementary, name).formula) for name in ("exp", "expm1", "log", "log1p", "tanh")),
        ("expit", elementary.logistic.formula),
        ("erf", erf.erf.formula),
        ("ndtr", erf.normal_cdf.formula),
        ("sqrt", _sqrt),
    )
}
_FUNCTIONS["where"] = _where


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


def _ours(value):
    """The name of the function of ours that takes the place of this one, or None."""
    for module in (math, np, sys.modules.get("scipy.special")):
        for name in _FUNCTIONS:
            if getattr(module, name, _ours) is value:
                return name
    return None


def _number(value, single):
    """The number as a kernel for float32 (`single`) or float64 should see it."""
    if single and isinstance(value, float):
        with np.errstate(over="ignore"):
            return np.float32(value)
    return np.int16(value) if single and type(value) is int and abs(value) < 2**15 else value


@register_pass(mutates_CFG=False, analysis_only=False)
class _Adapt(FunctionPass):
    """Replaces functions and numbers in Numba's intermediate form, before types are inferred."""

    _name = "fastmlp_adapt"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        function, single = state.func_ir, types.float32 in state.args
        self._refuse_try(state)
        called = self._check_calls(function, state.args)
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
                elif name := _ours(found[0]):
                    line.value = ir.Global(name, _FUNCTIONS[name], line.loc)
                elif isinstance(found[0], int | float):
                    line.value = ir.Const(_number(found[0], single), line.loc)
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
            name = found and (_ours(found[0]) or next((n for n, ours in _FUNCTIONS.items() if ours is found[0]), None))
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
    def _value(function, expression, arguments):
        """(value,) of a literal, a name from outside, an attribute of a module, or a default; None for others."""
        if isinstance(expression, ir.Const | ir.Global | ir.FreeVar):
            return (expression.value,)
        if isinstance(expression, ir.Arg) and isinstance(arguments[expression.index], types.Omitted):
            return (arguments[expression.index].value,)
        if isinstance(expression, ir.Expr) and expression.op == "getattr":
            owner = guard(get_definition, function, expression.value)
            module = owner.value if isinstance(owner, ir.Global | ir.FreeVar) else None
            if isinstance(module, python.ModuleType) and hasattr(module, expression.attr):
                return (getattr(module, expression.attr),)
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


class _Compiler(CompilerBase):
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


class _Reading:
    """Functions as they are now, with all they call and use.

    Attributes
    ----------
    description : list
        What the copies are made of, for the cache's key.
    complete : bool
        Whether `description` says everything.
    in_files : bool
        Whether every function's source is a file.
    """

    def __init__(self):
        self.copies = {}
        self.description = [np.__version__]
        self.complete = self.in_files = True

    def copy(self, value):
        """The value as compiled code may use it, described."""
        if isinstance(value, python.FunctionType):
            return self._copy_function(value)
        self.description.append(self._describe(value))
        name = _ours(value)
        return _FUNCTIONS[name] if name else value

    def _copy_function(self, function):
        if function in self.copies:
            self.description.append(("function", list(self.copies).index(function)))
            return self.copies[function]
        code, outside = function.__code__, function.__globals__
        taken, given = _by_position(function)
        copied = python.FunctionType(
            taken, {}, function.__name__, given, tuple(python.CellType() for _ in code.co_freevars)
        )
        copied.__module__ = __name__  # of which Numba makes sure before it loads compiled code: not the user's module
        self.copies[function] = inlined(copied, _Compiler)
        self.in_files &= os.path.isfile(code.co_filename)
        defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items())
        self.description.append((_describe_code(code), self._describe(defaults)))
        for name in sorted(_names(code) & outside.keys()):
            self.description.append(name)
            copied.__globals__[name] = self.copy(outside[name])
        for cell, original in zip(copied.__closure__ or (), function.__closure__ or (), strict=True):
            cell.cell_contents = self.copy(original.cell_contents)
        return self.copies[function]

    def _describe(self, value):
        if value is None or isinstance(value, bool | int | float | complex | str | np.generic):
            return type(value).__name__, repr(value)
        if isinstance(value, tuple):
            return tuple(self._describe(one) for one in value)
        if value is math or value is np:
            return "module", value.__name__
        if name := _ours(value):
            return "ours", name
        name = getattr(value, "__name__", "")
        for module in (builtins, math, np):
            if name and getattr(module, name, None) is value:
                return module.__name__, name
        self.complete = False
        return None


def _by_position(function):
    """(code, defaults) of the same function, where arguments that go by their names alone may go by position too."""
    code, given, named = function.__code__, function.__defaults__ or (), function.__kwdefaults__ or {}
    last = code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]
    if given and named.keys() != set(last):
        return code, given  # what Numba says of it will do
    counts = {"co_argcount": code.co_argcount + code.co_kwonlyargcount, "co_kwonlyargcount": 0}
    return code.replace(**counts), (*given, *(named[name] for name in last if name in named))


def _names(code):
    """Every name that the code, or code inside it, may look up outside."""
    inner = (_names(constant) for constant in code.co_consts if isinstance(constant, python.CodeType))
    return set(code.co_names).union(*inner)


def _describe_code(code):
    """All that the code does, and not where it stands."""
    constants = [_describe_code(c) if isinstance(c, python.CodeType) else repr(c) for c in code.co_consts]
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return code.co_code, code.co_exceptiontable, constants, counts, names


class OwnUnit(Unit):
    """A unit with a user's functions in it: what Numba says about them becomes a ValueError."""

    def __init__(self, function, arguments, functions, identity):
        super().__init__(function.__module__, function.__name__, Source(function, arguments, ELEMENTWISE, identity))
        self.functions = functions

        self.watch = Watch()
        self.refused = {}

    def _compile(self, dtype):
        if dtype not in self.refused:  # asked again, Numba says less
            names = ", ".join(getattr(function, "__qualname__", repr(function)) for function in self.functions)
            with global_compiler_lock, self.watch:  # of which there is one
                try:
                    return super()._compile(dtype)
                except NeedsPython as error:
                    reason = self.watch.reason_for_python(error)
                except Exception as error:  # whatever Numba says of it, or stumbles over
                    reason = self.watch.reason(error)
            self.refused[dtype] = f"{names} cannot be compiled: {reason}. What is allowed: {ALLOWED}."
        raise ValueError(self.refused[dtype])


#: By identity: whoever makes the same activation again, as copies and pickles do, gets the same compiled code.
_units: weakref.WeakValueDictionary = weakref.WeakValueDictionary()


def own_unit(kernel, arguments, **functions):
    """The unit of a kernel with gaps, these functions in them.

    Parameters
    ----------
    kernel : callable
        A kernel without decorator, which calls names that are empty in its module.
    arguments : tuple of Numba types
        As `unit` takes them.
    **functions : callable
        Name of a gap → plain function, or a function of ``math`` or NumPy.

    Returns
    -------
    OwnUnit
        The same one as long as it lives, if functions and numbers are the same.
    """
    reading = _Reading()
    outside = {**kernel.__globals__, **{gap: reading.copy(function) for gap, function in functions.items()}}
    filled = python.FunctionType(kernel.__code__, outside, kernel.__name__)
    described = repr((kernel.__module__, kernel.__qualname__, reading.description))
    identity = hashlib.sha256(described.encode()).hexdigest()
    if not reading.complete:
        return OwnUnit(filled, arguments, tuple(functions.values()), None)
    key = identity, reading.in_files
    if (unit := _units.get(key)) is None:
        kept = identity if reading.in_files else None
        unit = _units[key] = OwnUnit(filled, arguments, tuple(functions.values()), kept)
    return unit
