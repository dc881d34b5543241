"""A planted cache entry: other code under the name of a kernel of the package, and checks whether it is run."""

import functools
import hashlib
import os
import warnings
from pathlib import Path

import numpy as np
import pytest

from fastmlp.compiler import cache as code_cache
from fastmlp.compiler import trusted_paths
from fastmlp.compiler.kernel import Kernel, KernelSource
from fastmlp.compiler.numba_backend import compile_source
from fastmlp.kernels.linalg import dense

NAME = "linalg.dense.transpose.float64.o"
#: The folder of the entries below the cache directory.
BELOW = f"fastmlp-{code_cache.cache_key()}"


def evil(out, out_stride, inp, inp_stride, rows, columns):
    """A kernel with the arguments of `dense.transpose` and another effect."""
    out[0] = 666.0


@functools.cache
def planted_content():
    """The content of a valid entry with the code of `evil`."""
    source = KernelSource(evil, dense.transpose.source.arguments, {"contract"})
    content = compile_source(source, np.dtype(np.float64), True)
    return hashlib.sha256(content).digest() + content


def forget_folders(monkeypatch):
    """Set the state of a process that has examined no folder and has no cache directory chosen."""
    if not hasattr(os, "geteuid"):
        pytest.skip("files have no owners on this system")
    monkeypatch.setattr(trusted_paths, "_passed", {})
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr("numba.core.config.CACHE_DIR", "")
    code_cache._warn_uncached.cache_clear()


def plant(folder, content, mode=0o644):
    """Write an entry below `folder`, which is made if it does not exist."""
    file = Path(folder) / BELOW / NAME
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    file.chmod(mode)
    return file


def found():
    """The entries that would be loaded."""
    return list(code_cache.read(NAME))


def run_kernel():
    """(the first element of a transposed 1, the number of cache hits, the messages of the warnings)."""
    kernel = Kernel("fastmlp.kernels.linalg.dense", "transpose")
    kernel.define(dense.transpose.source)
    inp, out = np.ones((1, 1)), np.zeros((1, 1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        hits = kernel.load(np.float64).cache_hits
    kernel.entry(np.float64)(out.ctypes.data, 1, inp.ctypes.data, 1, 1, 1)
    return out[0, 0], hits, [str(one.message) for one in caught]


def choose(monkeypatch, folder):
    """Set the cache directory."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))


def make_huge(file):
    with open(file, "wb") as opened:
        opened.truncate(1 << 40)


def tree(folder):
    """Path, mode and owner of everything below `folder`."""
    return sorted((path, path.lstat().st_mode, path.lstat().st_uid) for path in Path(folder).rglob("*"))
