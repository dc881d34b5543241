"""A user's plain functions of numbers, inside a kernel, at the speed of built-in kernels.

A kernel with gaps, such as `custom_activation.activate`, calls names that its module leaves empty. `custom_kernel`
fills them with the user's functions. They are copied first, together with the functions that they call and
the numbers that they use, so that nothing that changes later can make two compilations differ. While Numba compiles
the copies, `UserCompiler` examines every line:

- ``math.exp``, ``np.exp`` and the like become the vectorized ones of `elementary` and `erf`;
- for a network in float32, ``0.5``, ``math.pi`` and the numbers of the module become float32, ``2`` becomes a small
  integer (float32 times a 64-bit integer would be float64): otherwise a single literal would make the loop compute in
  float64, at half the speed.

Compiled code is kept on disk under a key that says all that it is made of: the code itself, not the time stamp of a
file; constants, numbers from outside, the functions called, and (by `compiler.cache`) versions and the kernels'
sources. What cannot be described like that, or does not live in a file, is compiled once a process.
"""

import builtins
import ctypes
import hashlib
import inspect
import math
import os
import sys
import types as python
import weakref

import numpy as np
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.types import WrapperAddressProtocol

from ...compiler import interrupts
from ...compiler.kernel import Kernel, KernelSource
from ...compiler.numba_backend import ELEMENTWISE, NeedsPythonError, forget_failures, inline_llvm
from .blame import Watch
from .compiler import READ, UserCompiler
from .replacements import FUNCTIONS, package_name

#: What the messages say that a function may do.
ALLOWED = (
    "functions take numbers and return one; they may use arithmetic, comparisons, if and else, loops over range, "
    "abs, min and max, the functions of math and NumPy for one number, numbers from outside, and other such functions"
)


#: The name that the package is imported by.
PACKAGE = __package__.partition(".")[0]
#: Types whose repr says everything.
_SCALARS = type(None), bool, int, float, complex, str


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
        """The value as compiled code may use it, described; of a function that Numba has compiled, the plain one."""
        if isinstance(value, Dispatcher) or type(value).__module__ == "numba.core.ccallback":
            value = value.__wrapped__
        if isinstance(value, python.FunctionType):
            return self._copy_function(value)
        self.description.append(self._describe(value))
        name = package_name(value)
        return FUNCTIONS[name] if name else _frozen(value)

    def _copy_function(self, function):
        if function in self.copies:
            self.description.append(("function", list(self.copies).index(function)))
            return self.copies[function]
        code, outside = function.__code__, function.__globals__
        if code.co_flags & inspect.CO_VARKEYWORDS:
            place = f"{os.path.basename(code.co_filename)}, line {code.co_firstlineno}"
            reason = f"arguments of any name have no place in it (in {code.co_name}, {place})"
            raise ValueError(f"{function.__qualname__} cannot be compiled: {reason}. What is allowed: {ALLOWED}.")
        taken, given = _by_position(function)
        copied = python.FunctionType(
            taken, {}, function.__name__, _frozen(given), tuple(python.CellType() for _ in code.co_freevars)
        )
        copied.__module__ = __name__  # of which Numba makes sure before it loads compiled code: not the user's module
        self.copies[function] = inline_llvm(copied, UserCompiler)
        self.in_files &= os.path.isfile(code.co_filename)
        defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items())
        self.description.append((_describe_code(code), self._describe(defaults)))
        for name in sorted(_names(code) & outside.keys()):
            self.description.append(name)
            copied.__globals__[name] = self.copy(outside[name])
        used = (*copied.__globals__.values(), *(cell.cell_contents for cell in function.__closure__ or ()))
        copied.__globals__[READ] = _read_modules(used, _names(code))
        for cell, original in zip(copied.__closure__ or (), function.__closure__ or (), strict=True):
            cell.cell_contents = self.copy(original.cell_contents)
        return self.copies[function]

    def _describe(self, value):
        kind = type(value)  # of a subclass, repr may say anything, and attributes may come from anywhere
        if kind in _SCALARS or (isinstance(value, np.number | np.bool) and kind in np.sctypeDict.values()):
            return kind.__name__, repr(value)
        if kind is tuple:
            return tuple(self._describe(one) for one in value)
        if value is math or value is np:
            return "module", value.__name__
        if name := package_name(value):
            return "replaced", name
        name = getattr(value, "__name__", "")
        for module in (builtins, math, np):
            if name and getattr(module, name, None) is value:
                return module.__name__, name
        self.complete = False
        return None


def _frozen(value):
    """Return arrays, and tuples of them, as read-only copies; refuse functions that are known by address alone."""
    foreign = ctypes._CFuncPtr, getattr(sys.modules.get("_cffi_backend"), "CData", ()), WrapperAddressProtocol
    if isinstance(value, foreign):
        what = "a function that is known by its address alone may ask for Python"
        raise ValueError(f"{value!r} cannot be compiled: {what}. What is allowed: {ALLOWED}.")
    if isinstance(value, np.ufunc) and all("O" in kinds for kinds in value.types):
        raise ValueError(f"{value!r} cannot be compiled: it calls Python for each number. What is allowed: {ALLOWED}.")
    if type(value) is tuple:
        return tuple(map(_frozen, value))
    if not isinstance(value, np.ndarray) or value.dtype.hasobject:
        return value
    copied = np.array(value, order="C")
    copied.flags.writeable = False
    return copied


def _read_modules(values, names):
    """What the modules among the values, and those inside them, say of these names: see `READ`."""
    read, waiting = {}, list(values)
    while waiting:
        module = waiting.pop()
        if isinstance(module, python.ModuleType) and module is not np and module is not math:
            for name in names & vars(module).keys():
                if (id(module), name) not in read:
                    read[id(module), name] = _frozen(vars(module)[name])
                    waiting.append(vars(module)[name])
    return read


def _by_position(function):
    """(code, defaults) of the same function, where arguments that go by their names alone may go by position too.

    Not behind ``*more``, which would come after them.
    """
    code, given, named = function.__code__, function.__defaults__ or (), function.__kwdefaults__ or {}
    last = code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]
    if code.co_flags & inspect.CO_VARARGS or (given and named.keys() != set(last)):
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


class CustomKernel(Kernel):
    """A kernel with a user's functions in it: what Numba says about them becomes a ValueError."""

    def __init__(self, function, arguments, functions, identity):
        super().__init__(
            function.__module__, function.__name__, KernelSource(function, arguments, ELEMENTWISE, identity)
        )
        self.functions = functions

        self.watch = Watch()
        self.refused = {}

    def _compile(self, dtype):
        if dtype not in self.refused:  # asked again, Numba says less
            names = ", ".join(getattr(function, "__qualname__", repr(function)) for function in self.functions)
            with global_compiler_lock, self.watch, interrupts.Interrupts():  # of the lock there is one
                try:
                    content = super()._compile(dtype)
                    if b".numba.unresolved" not in content.partition(b"\n")[0]:
                        return content
                    reason = "functions that call one another in a circle have no place in it"
                except NeedsPythonError as error:
                    reason = self.watch.reason_for_python(error)
                except Exception as error:  # whatever Numba says of it, or stumbles over
                    if passing := interrupts.noted() or _passing(error):
                        forget_failures()
                        raise passing from None  # the next time it may be compiled
                    reason = self.watch.reason(error)
            self.refused[dtype] = f"{names} cannot be compiled: {reason}. What is allowed: {ALLOWED}."
        raise ValueError(self.refused[dtype])


def _passing(error):
    """What an error comes from that says nothing of the functions; None otherwise.

    No memory, a deep stack, files; and what neither Python nor Numba raises by itself, such as an interrupt.
    """
    while error is not None and not (
        isinstance(error, MemoryError | RecursionError | OSError)
        or type(error).__module__.partition(".")[0] not in ("builtins", "numba", "llvmlite", PACKAGE)
    ):
        error = error.__cause__ or error.__context__
    return error


#: By identity: an activation that is made again, as by a copy or a pickle, gets the same compiled code.
_custom_kernels: weakref.WeakValueDictionary = weakref.WeakValueDictionary()


def custom_kernel(kernel, arguments, **functions):
    """Return the kernel made of a kernel with gaps, these functions in them.

    Parameters
    ----------
    kernel : callable
        A kernel without decorator, which calls names that are empty in its module.
    arguments : tuple of Numba types
        As `kernel` takes them.
    **functions : callable
        Name of a gap → plain function, or a function of ``math`` or NumPy.

    Returns
    -------
    CustomKernel
        The same one as long as it lives, if functions and numbers are the same.
    """
    reading = _Reading()
    outside = {**kernel.__globals__, **{gap: reading.copy(function) for gap, function in functions.items()}}
    filled = python.FunctionType(kernel.__code__, outside, kernel.__name__)
    described = repr((kernel.__module__, kernel.__qualname__, reading.description))
    identity = hashlib.sha256(described.encode()).hexdigest()
    if not reading.complete:
        return CustomKernel(filled, arguments, tuple(functions.values()), None)
    key = identity, reading.in_files
    if (kernel := _custom_kernels.get(key)) is None:
        kept = identity if reading.in_files else None
        kernel = _custom_kernels[key] = CustomKernel(filled, arguments, tuple(functions.values()), kept)
    return kernel
