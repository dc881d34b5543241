"""How fastmlp compiles: every compiler flag, and the way from a kernel's source to machine code.

Two kinds of compiled function, and no third:

``inline_llvm``, ``inline_reduction``, ``inline_ir``
    a helper that disappears into its callers.
``kernel``
    a C function with one fixed signature, reached through its *address*, from Python as well as from other
    kernels. It is compiled when its address is first asked for, for that type of element alone, and cached by
    itself. As arguments are pointers and sizes, neither strides, nor read-only arrays, nor the depth of a network
    cause another compilation; and a loop that calls a kernel through its address need not be compiled again for
    another activation, loss or update rule.

Parts of Numba that kernels do not need are switched off, because they cost time in a process that starts with an empty
cache: no reference counts (kernels hold no objects), no entry for Python, each module optimized once instead of three
times.
"""

from __future__ import annotations

import contextlib
import functools
import gc
from collections.abc import Callable, Iterator
from typing import Any

import numba
import numba.core.dispatcher
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import compiler, config
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompilerBase
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

from .forking import undone
from .kernel import DOUBLES, INDICES, INTEGERS, KERNELS, POINTER, SIZE, Argument, Kernel, KernelSource, Size, find, pack
from .minimal_pipeline import MinimalPipeline
from .python_calls import EXCEPTION, RAISES, NeedsPythonError, reach, refuse_python

__all__ = [
    "DOUBLES",
    "ELEMENTWISE",
    "EXCEPTION",
    "INDICES",
    "INTEGERS",
    "POINTER",
    "RAISES",
    "REDUCTION",
    "SIZE",
    "Kernel",
    "NeedsPythonError",
    "build",
    "compile_source",
    "forget_failures",
    "inline_ir",
    "inline_llvm",
    "inline_reduction",
    "kernel",
    "reach",
    "register_numba_symbols",
]  # fmt: skip

#: Rounding once instead of twice, no more: results do not depend on how a loop is cut into vectors.
ELEMENTWISE = {"contract"}
#: Sums in any order, and what else vectorizing a sum needs. Never ``nnan`` or ``ninf``: NaN must survive.
REDUCTION = {"contract", "reassoc", "nsz", "arcp", "afn"}


#: Helpers are called from compiled code alone: leaving out their wrappers for Python saves a fifth of compiling.
_FROM_COMPILED_CODE = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


@contextlib.contextmanager
def _compiling() -> Iterator[None]:
    """Ignore NUMBA_DISABLE_JIT, or the same in Numba's configuration: it is meant for the user's functions."""
    disabled = getattr(config, "DISABLE_JIT", 0)
    with undone(lambda: setattr(config, "DISABLE_JIT", disabled)):
        config.DISABLE_JIT = 0  # type: ignore[attr-defined]
        yield


@contextlib.contextmanager
def _collecting_no_garbage() -> Iterator[None]:
    """Compiling makes hundreds of thousands of objects that stay: collecting garbage would take a tenth of the time."""
    if not gc.isenabled():
        yield
        return
    with undone(gc.enable):
        gc.disable()
        yield


def _dispatcher(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    with _compiling():
        dispatcher: Callable[..., Any] = numba.njit(**options)(function)
    return dispatcher


def inline_llvm(function: Callable[..., Any], compiler: type[CompilerBase] = Compiler) -> Callable[..., Any]:
    """Compile a helper that LLVM inlines into its callers: contraction only, division by zero as in IEEE 754."""
    options = {"forceinline": True, "fastmath": ELEMENTWISE, "pipeline_class": compiler, **_FROM_COMPILED_CODE}
    return _dispatcher(function, **options)


def inline_reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a helper that LLVM inlines and that may add in any order, so that its loop becomes vector code."""
    return _dispatcher(function, forceinline=True, fastmath=REDUCTION, **_FROM_COMPILED_CODE)


def inline_ir(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a helper whose code Numba inlines before it compiles the caller: for helpers with one or two callers.

    The hot loop's helpers took twice as long to compile each by itself, and the tiles would be compiled twice.
    """
    return _dispatcher(function, inline="always", fastmath=ELEMENTWISE, **_FROM_COMPILED_CODE)


def kernel(*arguments: Any, fastmath: set[str] = ELEMENTWISE) -> Callable[[Callable[..., Any]], Kernel]:
    """Decorate a kernel with its signature; it returns nothing and writes through its pointers."""
    return lambda function: make_kernel(KernelSource(function, arguments, fastmath))


def make_kernel(source: KernelSource) -> Kernel:
    """Return the kernel of this source: one of the package, or a user's."""
    function = source.function
    if function.__closure__:
        raise ValueError(f"{function.__qualname__} is a closure: a kernel's code must stand in its source alone.")
    if not function.__module__.startswith(f"{KERNELS}."):
        return Kernel(function.__module__, function.__name__, source)
    made = find(function.__module__, function.__name__)
    made.define(source)
    return made


def _call_raises(builder: ir.IRBuilder, exception: Any) -> None:
    """Call `RAISES` with the exception; LLVM cannot see that it does nothing."""
    kind = ir.FunctionType(ir.VoidType(), [exception.type])
    raises = ir.Function(builder.module, kind, RAISES)
    raises.attributes.add("noinline")
    body = ir.IRBuilder(raises.append_basic_block())
    body.asm(kind, "", "r,~{memory}", list(raises.args), side_effect=True)
    body.ret_void()
    builder.call(raises, [exception])


class _Library(JITCodeLibrary):
    """A kernel's code, optimized once, with what it needs linked in; `kernel.LoadedCode` loads it.

    Numba optimizes each function, then cheaply the module (so that reference counts can be pruned), then the module.
    """

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)

    def _finalize_final_module(self) -> None:
        self._verify_declare_only_symbols()
        self._finalized = True


def compile_source(source: KernelSource, dtype: np.dtype, is_package_kernel: bool) -> bytes:
    """Machine code for elements of type `dtype`, as `LoadedCode` takes it; `is_package_kernel`: see `build`."""
    library, symbol = build(source, dtype, is_package_kernel)
    module = library._final_module
    names = [value.name for value in (*module.functions, *module.global_variables) if value.is_declaration]
    external_symbols = [name for name in names if not name.startswith("llvm.")]
    if not is_package_kernel:
        refuse_python(str(module), symbol, external_symbols, _checks_bounds())
    return pack(symbol, len(source.arguments), external_symbols, library._codegen._tm.emit_object(module))


def _checks_bounds() -> bool:
    return bool(getattr(config, "BOUNDSCHECK", None))


def build(source: KernelSource, dtype: Any, is_package_kernel: bool = True) -> tuple[_Library, str]:
    """Optimized code and the name of its entry.

    Kernels of the package hold no objects, and cannot raise unless bounds are checked; what is raised then goes to
    `sys.unraisablehook`. For a user's functions `compile_source` checks that.
    """
    signature = tuple(numba_type(argument, np.dtype(dtype)) for argument in source.arguments)
    silent = not _checks_bounds()
    options = {"nopython": True, "fastmath": source.flags, "error_model": "numpy", "_nrt": not is_package_kernel}
    flags: Any = compiler.Flags()
    cpu_target.options.parse_as_flags(flags, options)
    flags.no_cpython_wrapper, flags.no_cfunc_wrapper, flags.no_compile = True, silent, True
    flags.enable_pyobject = False
    typing, target = cpu_target.typing_context, cpu_target.target_context
    with _collecting_no_garbage(), global_compiler_lock, _compiling():
        library = _Library(target.codegen(), source.function.__qualname__)
        pipeline = MinimalPipeline if is_package_kernel else Compiler
        try:
            compiled = compiler.compile_extra(
                typing, target, source.function, signature, types.void, flags, {}, library, pipeline
            )
        except BaseException:
            if is_package_kernel:
                forget_failures()
            raise
        symbol = (
            _add_entry(library, compiled.fndesc, is_package_kernel)
            if silent
            else compiled.fndesc.llvm_cfunc_wrapper_name
        )
        library.finalize()
    return library, symbol


def _add_entry(library: _Library, described: Any, is_package_kernel: bool) -> str:
    """Add a C function that calls Numba's; return its name. If a user's function raises, it calls `RAISES`."""
    target = cpu_target.target_context
    module = library.create_ir_module("entry")
    called = ir.Function(
        module, target.call_conv.get_function_type(described.restype, described.argtypes), described.llvm_func_name
    )
    kind = ir.FunctionType(ir.VoidType(), [target.get_value_type(one) for one in described.argtypes])
    entry = ir.Function(module, kind, "entry")
    builder = ir.IRBuilder(entry.append_basic_block())
    attributes = ("noinline",) if is_package_kernel else ("alwaysinline",)
    status, _ = target.call_conv.call_function(
        builder, called, described.restype, described.argtypes, entry.args, attrs=attributes
    )
    if not is_package_kernel:
        with builder.if_then(status.is_error, likely=False):
            _call_raises(builder, status.excinfoptr)
    builder.ret_void()
    library.add_ir_module(module)
    return "entry"


def forget_failures() -> None:
    """Have Numba try again what has failed: it remembers that of every function, also where it was interrupted."""
    kind: Any = vars(numba.core.dispatcher)["_FunctionCompiler"]
    for one in gc.get_objects():
        if issubclass(type(one), kind):
            one._failed_cache.clear()


def register_numba_symbols() -> None:
    """Register the functions of Numba that compiled code may call."""
    cpu_target.target_context.refresh()


def numba_type(argument: Argument, dtype: np.dtype) -> Any:
    """Numba's type for an argument of a kernel's signature."""
    if not isinstance(argument, Argument):
        return argument
    if isinstance(argument, Size):
        return types.intp
    return types.CPointer(_pointed_to(argument.to or dtype, argument.name))


@functools.cache
def _pointed_to(kind: np.dtype, name: str) -> Any:
    """Numba's type for what is pointed to.

    Records get a short name: Numba's own lists all of their fields, is part of each type that holds the record and of
    each compiled function's symbol, and the more fields there are, the longer each kernel compiles.
    """
    made = numba.from_dtype(kind)
    if name:
        made.name = name
    return made
