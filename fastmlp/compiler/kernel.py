"""`Kernel`: a compiled function, found by name and reached by its address, without its source.

A process whose kernels are in the wheel (`prebuilt`) or in the cache imports neither the kernels' modules nor Numba:
with ``dense = KernelModule("linalg.dense")``, ``dense.multiply`` stands for the kernel, and its machine code is loaded
by LLVM alone (1 ms each). Other kernels are compiled: their module is imported, whose `kernel` decorators define what
the names stand for, and `numba_backend` compiles them::

    dense.multiply ──► the wheel's archive, or the cache's file ─────► machine code
                  └──► kernels/linalg/dense.py ──► numba_backend (Numba) ──► file ──┘
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np

from . import cache as code_cache
from . import forking, interrupts, prebuilt, shown_warnings

KERNELS = f"{__package__.partition('.')[0]}.kernels"
#: Where machine code came from.
WHEEL, CACHE, COMPILER = "wheel", "cache", "compiler"
#: Kernel and type, such as "linalg.dense.multiply.float32" ↦ origin, of all code that this process has loaded.
origins: dict[str, str] = {}


@dataclass(frozen=True)
class Argument:
    """The type of a kernel's argument: a size, or a pointer to numbers of one type, or to records.

    Parameters
    ----------
    to : NumPy type or None
        What the pointer points to; None stands for the element type for which the kernel is compiled.
    name : str
        A short name of the records.
    """

    to: Any = None
    name: str = ""


class Size(Argument):
    """A number of elements, or an address."""


SIZE = Size()
POINTER = Argument()
DOUBLES, INTEGERS, INDICES = (Argument(np.dtype(kind)) for kind in (np.float64, np.int64, np.int32))


class KernelSource(NamedTuple):
    """What a kernel is compiled from.

    Attributes
    ----------
    function : callable
        Plain Python in Numba's subset.
    arguments : tuple of Argument
    flags : set of str
        LLVM's flags, by name.
    identity : str or None
        What the code depends on besides its source and the package's kernels; None if that is unknown, and the code
        must not be kept on disk.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    flags: set[str]
    identity: str | None = ""


class Kernel:
    """A kernel reached by its address; see the module's docstring.

    Parameters
    ----------
    module, name : str
        Where it is defined.
    source : KernelSource or None
        What it is compiled from; None for a kernel of the package, whose module defines it when it is imported.
    """

    def __init__(self, module: str, name: str, source: KernelSource | None = None) -> None:
        self.__module__, self.__name__ = module, name
        self.named = source is None
        self._source = source
        self.compiled: dict[np.dtype, LoadedCode] = {}
        self._entries: dict[np.dtype, Callable[..., None]] = {}

    @property
    def source(self) -> KernelSource:
        """What it is compiled from."""
        if self._source is None:
            with interrupts.Deferral():
                importlib.import_module(self.__module__)
        if self._source is None:
            raise AttributeError(f"{self.__module__} has no kernel {self.__name__!r}")
        return self._source

    def define(self, source: KernelSource) -> None:
        """Say what a kernel of the package is compiled from."""
        self._source, self.__doc__ = source, source.function.__doc__

    def load(self, dtype: Any) -> LoadedCode:
        """Return the machine code for elements of type `dtype`: from memory, wheel, cache or compiler."""
        dtype = np.dtype(dtype)
        if dtype not in self.compiled:
            with _lock:  # one object for all threads: code whose object dies is unloaded
                if dtype in self.compiled:
                    return self.compiled[dtype]
                with interrupts.Interrupts():
                    code = self._from_wheel(dtype) or self._from_cache(dtype) or self._from_compiler(dtype)
                    origins[self._full_name(dtype)] = code.origin
                    self.compiled[dtype] = code
        return self.compiled[dtype]

    def _from_wheel(self, dtype: np.dtype) -> LoadedCode | None:
        content = prebuilt.read(self.file_name(dtype)) if self.named else None
        try:
            return LoadedCode(content, WHEEL) if content else None
        except Exception:  # as with the cache's files
            interrupts.check()
            return None

    def _from_cache(self, dtype: np.dtype) -> LoadedCode | None:
        if not self._may_be_kept():
            return None
        for content in code_cache.read(self.file_name(dtype)):
            try:
                return LoadedCode(content, CACHE)
            except Exception:  # whatever an unusable file raises, the kernel is compiled instead
                interrupts.check()
        return None

    def _from_compiler(self, dtype: np.dtype) -> LoadedCode:
        if not self._may_be_kept():
            return LoadedCode(self._compile(dtype))
        with code_cache.Turn(self.file_name(dtype)) as turn:
            if code := self._from_cache(dtype):  # another process has made it meanwhile
                return code
            content = self._compile(dtype)
            code = LoadedCode(content)
            turn.keep(content)
        return code

    def _compile(self, dtype: np.dtype) -> bytes:
        interrupts.check()
        with shown_warnings.shown(), interrupts.Interrupts():
            code: bytes = _compiler().compile_source(self.source, dtype, self.named)
        return code

    def _may_be_kept(self) -> bool:
        return self.named or self.source.identity is not None

    def is_being_made(self, dtype: Any) -> bool:
        """Whether another process is compiling it."""
        dtype = np.dtype(dtype)
        return dtype not in self.compiled and self._may_be_kept() and code_cache.is_being_made(self.file_name(dtype))

    def file_name(self, dtype: np.dtype) -> str:
        """Name of its file in the cache. The sources of the package's kernels are part of the folder's name."""
        name = self._full_name(dtype)
        if self.named:
            return f"{name}.o"
        function, arguments, flags, identity = self.source
        code = function.__code__
        described = (code.co_firstlineno, code.co_code, code.co_consts, arguments, sorted(flags), identity)
        return f"{name}-{hashlib.sha256(repr(described).encode()).hexdigest()[:12]}.o"

    def _full_name(self, dtype: np.dtype) -> str:
        return f"{self.__module__.removeprefix(f'{KERNELS}.')}.{self.__name__}.{dtype.name}"

    def address(self, dtype: Any) -> int:
        """Address of the compiled function."""
        return self.load(dtype).address

    def entry(self, dtype: Any) -> Callable[..., None]:
        """Return the function for calls from Python: it takes integers (addresses, sizes) and releases the GIL."""
        dtype = np.dtype(dtype)
        if dtype not in self._entries:
            code = self.load(dtype)
            prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_ssize_t] * code.n_arguments)
            self._entries[dtype] = prototype(code.address)
        return self._entries[dtype]

    def __repr__(self) -> str:
        return f"<kernel {self.__module__}.{self.__name__}>"


#: Held while loading or compiling: one thread at a time.
_lock = forking.loading


class LoadedCode:
    """Machine code in memory, for as long as this object lives.

    Parameters
    ----------
    content : bytes
        As `pack` made it.
    origin : {'compiler', 'cache', 'wheel'}

    Attributes
    ----------
    cache_hits : int
        1 if it came from disk.
    """

    def __init__(self, content: bytes, origin: str = COMPILER) -> None:
        header, _, machine_code = content.partition(b"\n")
        symbol, n_arguments, *external_symbols = header.decode().split()
        self.n_arguments, self.origin, self.cache_hits = int(n_arguments), origin, int(origin != COMPILER)
        self._engine = _make_engine()
        if unknown := [name for name in external_symbols if llvm.address_of_symbol(name) is None]:
            _compiler().register_numba_symbols()  # they may be Numba's; LLVM would end the process
            if any(llvm.address_of_symbol(name) is None for name in unknown):
                raise ImportError(f"undefined symbols: {', '.join(unknown)}")
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(machine_code))
        self._engine.finalize_object()
        self.address: int = self._engine.get_function_address(symbol)
        if not self.address:
            raise ImportError(f"the machine code does not define {symbol}")


def _compiler() -> Any:
    """`numba_backend`, which imports this module, and Numba: for kernels that the cache does not hold."""
    with interrupts.Deferral():
        return importlib.import_module(f"{__package__}.numba_backend")


def pack(symbol: str, n_arguments: int, external_symbols: list[str], machine_code: bytes) -> bytes:
    """Machine code, with the name of its entry, its number of arguments, and the external functions that it needs."""
    return f"{symbol} {n_arguments} {' '.join(external_symbols)}\n".encode() + machine_code


def _make_engine() -> Any:
    _initialize()
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine()
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


@functools.cache
def _initialize() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@functools.cache
def find(module: str, name: str) -> Kernel:
    """Return the package's one kernel of this name."""
    return Kernel(module, name)


class KernelModule:
    """The kernels of a module, by name, without importing it: nothing is compiled or looked up before its use.

    Parameters
    ----------
    name : str
        Below ``kernels``, such as "linalg.dense".
    """

    def __init__(self, name: str) -> None:
        self._module = f"{KERNELS}.{name}"

    def __getattr__(self, name: str) -> Kernel:
        if name.startswith("_"):
            raise AttributeError(name)
        return find(self._module, name)
