"""How fastmlp compiles: every compiler flag, and the cache policy.

Two kinds of compiled function, and no third:

``inlined``, ``inlined_sum``, ``pasted``
    a helper that disappears into its callers.
``unit``
    a C function with one fixed signature, reached through its *address*, from Python as well as from other
    kernels. It is compiled when its address is first asked for, for that type of element alone, and cached by
    itself. As arguments are pointers and sizes, neither strides, nor read-only arrays, nor the depth of a network
    can ask for another compilation; and a loop that calls a unit through its address need not be compiled again
    for another activation, loss or update rule.

Numba's own cache looks at the time stamp of one source file: an edit in *another* file, or another value of
``NUMBA_BOUNDSCHECK``, would run old code. Ours lives under a key that hashes all kernel sources, the versions, the
processor and the flags; one file for each function and signature, written whole and then renamed, with a checksum.
What cannot be read is compiled again, what cannot be written is kept in memory.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import pickle
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba import types
from numba.core import config
from numba.core.caching import CompileResultCacheImpl
from numba.core.ccallback import CFunc
from numba.core.compiler import Compiler, CompilerBase
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.serialize import dumps

#: Rounding once instead of twice, no more: results do not depend on how a loop is cut into vectors.
ELEMENTWISE = {"contract"}
#: Sums in any order and the rest that vectorising a sum asks for. Never ``nnan`` or ``ninf``: NaN must survive.
REDUCTION = {"contract", "reassoc", "nsz", "arcp", "afn"}


#: Helpers are called from compiled code alone: leaving out what Python would call them by saves a fifth of compiling.
_FROM_COMPILED_CODE = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def inlined(function: Callable, compiler: type[CompilerBase] = Compiler) -> Callable:
    """A helper that disappears into its callers: contraction only, division by zero as in IEEE 754."""
    options = {"forceinline": True, "fastmath": ELEMENTWISE, "pipeline_class": compiler, **_FROM_COMPILED_CODE}
    return numba.njit(**options)(function)  # type: ignore[call-overload]


def inlined_sum(function: Callable) -> Callable:
    """A helper that disappears into its callers and may add in any order, so that its loop becomes vector code."""
    return numba.njit(forceinline=True, fastmath=REDUCTION, **_FROM_COMPILED_CODE)(function)  # type: ignore[call-overload]


def pasted(function: Callable) -> Callable:
    """A helper whose text goes into its caller before anything is compiled: for what has one caller or two.

    The hot loop's helpers took twice as long to compile each by itself, and the tiles would be compiled twice.
    """
    return numba.njit(inline="always", fastmath=ELEMENTWISE, **_FROM_COMPILED_CODE)(function)  # type: ignore[call-overload]


class _Element:
    """Stands in a unit's signature for *pointer to an element*, float32 or float64 as asked."""


POINTER = _Element()
SIZE = types.intp
DOUBLES = types.CPointer(types.float64)
INTEGERS = types.CPointer(types.int64)
INDICES = types.CPointer(types.int32)
_ELEMENTS = {np.dtype(np.float32): types.float32, np.dtype(np.float64): types.float64}


class Unit:
    """A kernel reached by its address; see the module's docstring.

    Parameters
    ----------
    function : callable
        Plain Python in Numba's subset.
    arguments : sequence of Numba types
        ``POINTER`` becomes a pointer to the element type that is asked for.
    fastmath : set of str
        LLVM's flags, by name.
    identity : str or None, default=""
        What the code depends on besides its source and the package's kernels; None if nobody knows, and it must not
        be kept on disk.
    """

    def __init__(
        self, function: Callable, arguments: tuple, fastmath: set[str] = ELEMENTWISE, identity: str | None = ""
    ) -> None:
        if function.__closure__:
            raise ValueError(f"{function.__qualname__} is a closure: a unit's code must stand in its source alone.")
        self.__name__, self.__doc__, self.__module__ = function.__name__, function.__doc__, function.__module__
        self.function = function
        self.arguments = arguments
        self.fastmath = fastmath
        self.identity = identity
        self.compiled: dict[np.dtype, CFunc] = {}
        self._entries: dict[np.dtype, Callable] = {}

    def load(self, dtype: Any) -> CFunc:
        """The compiled function for elements of type `dtype`, from memory, from the cache or from the compiler."""
        dtype = np.dtype(dtype)
        if dtype not in self.compiled:
            with global_compiler_lock:  # one object for all threads: code whose object dies is unloaded
                if dtype not in self.compiled:
                    self.compiled[dtype] = self._compile(dtype)
        return self.compiled[dtype]

    def _compile(self, dtype: np.dtype) -> CFunc:
        if getattr(config, "DISABLE_JIT", False):
            raise RuntimeError("fastmlp runs compiled code alone: unset NUMBA_DISABLE_JIT (there is no slow twin).")
        element = types.CPointer(_ELEMENTS[dtype])
        signature = types.void(*(element if a is POINTER else a for a in self.arguments))
        options = {"nopython": True, "fastmath": self.fastmath, "error_model": "numpy"}
        unit = CFunc(self.function, (signature.args, signature.return_type), {}, options)
        if self.identity is not None:
            unit._cache = _Cache(self.function, self.identity)  # type: ignore[attr-defined]  # where Numba keeps its own
        unit.compile()
        return unit

    def address(self, dtype: Any) -> int:
        """Where the compiled function lies in memory."""
        address = self.load(dtype).address
        assert address is not None
        return address

    def entry(self, dtype: Any) -> Callable:
        """The compiled function as Python calls it: integers in (addresses, sizes), without the interpreter's lock."""
        dtype = np.dtype(dtype)
        if dtype not in self._entries:
            prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_ssize_t] * len(self.arguments))
            self._entries[dtype] = prototype(self.address(dtype))
        return self._entries[dtype]


def unit(*arguments: Any, fastmath: set[str] = ELEMENTWISE) -> Callable[[Callable], Unit]:
    """Decorate a kernel with its signature; it returns nothing and writes through its pointers."""
    return lambda function: Unit(function, arguments, fastmath)


@functools.cache
def cache_key() -> str:
    """What compiled code depends on, hashed: sources, versions, processor, flags."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for source in [package / "_jit.py", *sorted((package / "kernels").glob("*.py"))]:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    flags = ("BOUNDSCHECK", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DEBUGINFO_DEFAULT", "ENABLE_AVX")
    described = (
        numba.__version__,
        llvmlite.__version__,
        sys.version_info[:2],
        cpu_target.target_context.codegen().magic_tuple(),
        [(flag, getattr(config, flag, None)) for flag in flags],
    )
    digest.update(repr(described).encode())
    return digest.hexdigest()[:16]


def cache_folders() -> list[Path]:
    """Where compiled code is looked for, in this order; it is written to the first that can be written."""
    name = f"fastmlp-{cache_key()}"
    if chosen := getattr(config, "CACHE_DIR", ""):
        return [Path(chosen) / name]
    folders = [Path(__file__).parent / "__pycache__" / name]
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return [*folders, Path(home) / "fastmlp" / name]


class _Cache:
    """One function's compiled code on disk, under the interface that Numba's ``CFunc`` asks of a cache."""

    def __init__(self, function: Callable, identity: str) -> None:
        self._function, self._identity = function, identity
        self._pickler = CompileResultCacheImpl.__new__(CompileResultCacheImpl)

    def _file(self, signature: Any) -> str:
        code = self._function.__code__
        identity = (code.co_firstlineno, code.co_code, code.co_consts, signature, self._identity)
        digest = hashlib.sha256(repr(identity).encode()).hexdigest()[:12]
        return f"{self._function.__module__.rpartition('.')[2]}.{self._function.__qualname__}-{digest}.o"

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        target_context.refresh()
        for folder in cache_folders():
            try:
                content = (folder / self._file(signature)).read_bytes()
                if hashlib.sha256(content[32:]).digest() == content[:32]:
                    return self._pickler.rebuild(target_context, pickle.loads(content[32:]))
            except Exception:  # whatever a damaged or foreign file raises, the compiler is the answer
                continue
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        payload = dumps(self._pickler.reduce(compiled))
        content = hashlib.sha256(payload).digest() + payload
        reasons = []
        for folder in cache_folders():
            try:
                _write_whole(folder / self._file(signature), content)
                return
            except OSError as error:
                reasons.append(f"{folder}: {error.strerror or error}")
        _warn_uncached("; ".join(reasons))


def _write_whole(path: Path, content: bytes) -> None:
    """Write under a name of our own, then rename: a reader sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@functools.cache
def _warn_uncached(reasons: str) -> None:
    warnings.warn(
        f"fastmlp cannot keep its compiled kernels ({reasons}); they are compiled again in each process. "
        "Set NUMBA_CACHE_DIR to a folder that can be written.",
        RuntimeWarning,
        stacklevel=2,
    )
