"""A fit succeeds whatever goes wrong with its cache: sources removed, no descriptors left, a full disk."""

import importlib.metadata
import os
import zlib

import pytest
from helpers.cache_processes import NAME, files, use_cache
from helpers.lanes import copy_package, start_python

from fastmlp.compiler import cache as code_cache
from fastmlp.compiler import flags, source_hash
from fastmlp.compiler import kernel as kernels


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of this process's cache entries."""
    return use_cache(tmp_path / "cache", monkeypatch)


def fail(monkeypatch, owner, name, error):
    def failing(*arguments):
        raise error

    monkeypatch.setattr(owner, name, failing)


#: Errors while the key is made: no descriptor left, a package that has been removed or replaced.
UNREADABLE = [
    (source_hash, "of_sources", OSError(24, "Too many open files")),
    (source_hash, "of_sources", AssertionError()),
    (source_hash, "of_sources", AttributeError("'NoneType' object has no attribute 'submodule_search_locations'")),
    (source_hash, "of_sources", zlib.error("invalid block")),
    (importlib.metadata, "version", importlib.metadata.PackageNotFoundError("numba")),
    (flags, "_read_anew", FileNotFoundError(2, "No such file or directory")),
]


@pytest.mark.parametrize(("owner", "name", "error"), UNREADABLE)
@pytest.mark.parametrize("since", ["the beginning", "the key was made"])
def test_sources_that_cannot_be_read(owner, name, error, since, folder, monkeypatch):
    """The code is used but not stored, and one warning says so."""
    import numba.core.config  # noqa: F401

    fail(monkeypatch, owner, name, error)
    if since == "the beginning":
        monkeypatch.setattr(code_cache, "cache_key", code_cache.cache_key.__wrapped__)
        monkeypatch.setattr(code_cache.cache_key, "__wrapped__", code_cache.cache_key, raising=False)
    kernel = kernels.Kernel(
        "fastmlp.kernels.linalg.dense", "transpose", kernels.KernelModule("linalg.dense").transpose.source
    )
    kernel.named = True
    with pytest.warns(RuntimeWarning, match="the sources and flags they are made from cannot be read") as caught:
        assert kernel.load("float64").cache_hits == 0
    assert len(caught) == 1
    assert kernel.address("float64")
    assert not kernel.is_being_made("float32")
    assert not files(folder)


TROUBLE = """
import os, resource, shutil, sys
from pathlib import Path
import fastmlp
from fastmlp.compiler.kernel import KernelModule; dense = KernelModule('linalg.dense')

dense.transpose.load("float64")
held = []
if sys.argv[1] == "descriptors":
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
else:
    shutil.rmtree(Path(fastmlp.__file__).parent)
assert dense.transpose.load("float32").cache_hits == 0
for descriptor in held:
    os.close(descriptor)
print("done")
"""


@pytest.mark.parametrize("what", ["descriptors", "package"])
def test_in_the_middle_of_a_process(what, tmp_path):
    """After the first kernel, no descriptor is left, or an update has removed the package."""
    pytest.importorskip("resource")
    place = copy_package(tmp_path / "app").parent
    process = start_python("-c", TROUBLE, what, cache=tmp_path / "cache", PYTHONPATH=str(place))
    output, errors = process.communicate()
    assert (process.returncode, output) == (0, "done\n"), errors
    assert errors.count("fastmlp cannot keep its compiled kernels") == 1
    assert len(files(tmp_path / "cache")) == 1


def test_a_descriptor_that_cannot_be_closed(folder, monkeypatch):
    """A network file system may report only then that it could not write."""
    with code_cache.Turn(NAME) as turn:
        close = os.close
        monkeypatch.setattr(os, "close", lambda descriptor: (close(descriptor), fail_to_close()))
    monkeypatch.undo()
    assert turn


def fail_to_close():
    raise OSError(5, "Input/output error")
