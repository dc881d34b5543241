"""A cache that root fills for everybody: in an image, beside the package or in a chosen folder."""

import os
import stat

import numpy as np
import pytest
from helpers.lanes import copy_package
from helpers.other_users import NOBODY, needs_root, run_as

from fastmlp import Network, __main__, warmup
from fastmlp.compiler import cache as code_cache
from fastmlp.compiler import drafts, trusted_paths
from fastmlp.compiler.kernel import Kernel
from fastmlp.kernels.activations import basic as activations
from fastmlp.kernels.linalg import dense
from fastmlp.kernels.losses import canonical as losses

X = np.linspace(-1, 1, 40).reshape(20, 2)
ALL_KERNELS = warmup.all_kernels()
#: Enough for a warm-up in a test.
FEW = [dense.transpose, activations.tanh, losses.squared_error]


def forget(monkeypatch):
    """Set the state of a new process: no code in memory, and no folder has been examined."""
    for kernel in ALL_KERNELS:
        monkeypatch.setattr(kernel, "compiled", {})
        monkeypatch.setattr(kernel, "_entries", {})
    monkeypatch.setattr(trusted_paths, "_passed", {})


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """No home folder can be made, and none is chosen, so that only the test's own folders are used."""
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("numba.core.config.CACHE_DIR", "")
    monkeypatch.setenv("HOME", "/dev/null/home")
    monkeypatch.setattr(code_cache, "_sharing", False)
    forget(monkeypatch)


@pytest.fixture
def package(open_folder, monkeypatch):
    """A copy of the package, as installed by root for the whole system."""
    folder = copy_package(open_folder / "site-packages")
    monkeypatch.setattr(code_cache, "PACKAGE", folder)
    return folder


def sources():
    """(kernels that were compiled, kernels that came from the cache)"""
    hits = [code.cache_hits for kernel in ALL_KERNELS for code in kernel.compiled.values()]
    return len(hits) - sum(hits), sum(hits)


def answer():
    """Outputs of a network, and `sources` of its kernels."""
    network = Network([2, 7, 1], ["tanh", "identity"], "half_squared_error")
    network.initialize(random_state=0)
    return network.forward(X).tolist(), sources()


def warm_up(monkeypatch, capsys):
    """Warm up a few kernels and return what is printed."""
    monkeypatch.setattr(warmup, "all_kernels", lambda: FEW)
    __main__.main(["warmup", "--dtype", "float64"])
    return capsys.readouterr().out


def load_few():
    for kernel in FEW:
        kernel.load(np.float64)
    return sources()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@needs_root
def test_other_users_load_what_root_has_compiled(package, monkeypatch):
    """Beside a package of root's, code is written for all users: they compile nothing and get the same bits."""
    outputs, (compiled, loaded) = answer()
    assert compiled >= 4
    assert not loaded
    forget(monkeypatch)
    assert run_as(NOBODY, answer) == (outputs, (0, compiled))


@needs_root
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize("chosen", [False, True])
def test_a_warmup_of_root_is_for_everybody(chosen, umask, package, open_folder, monkeypatch, capsys):
    """Whatever the umask, others can read and not write the entries; also in a folder that both have chosen."""
    above = package.parent / "__pycache__"
    if chosen:
        above = open_folder / "new" / "cache"
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(above))
    before = os.umask(umask)
    try:
        printed = warm_up(monkeypatch, capsys)
    finally:
        os.umask(before)
    folder = above / f"fastmlp-{code_cache.cache_key()}"
    assert "3 kernels compiled, 0 loaded" in printed
    assert f"kept in {folder}, for every user" in printed
    assert [mode(each) for each in (folder, above, above.parent)] == [0o755] * 3
    assert [mode(file) for file in folder.iterdir()] == [0o644] * 3
    forget(monkeypatch)
    assert run_as(NOBODY, load_few) == (0, 3)


@needs_root
def test_a_warmup_shares_what_is_there_already(open_folder, monkeypatch, capsys):
    """A fit of root's writes to a chosen folder for root alone; a later warm-up opens its entries to all."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(open_folder))
    load_few()
    (folder,) = open_folder.iterdir()
    assert mode(folder) == 0o700
    assert [mode(file) for file in folder.iterdir()] == [0o600] * 3
    forget(monkeypatch)
    assert "0 kernels compiled, 3 loaded" in warm_up(monkeypatch, capsys)
    forget(monkeypatch)
    assert run_as(NOBODY, load_few) == (0, 3)


def test_a_closed_folder_stays_closed(tmp_path, monkeypatch, capsys):
    """Entries are no more readable than the folder above them, and the warm-up says so."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    tmp_path.chmod(0o700)
    assert "for this user alone" in warm_up(monkeypatch, capsys)
    (folder,) = (tmp_path / "cache").iterdir()
    assert mode(folder) == mode(folder.parent) == 0o700
    assert {mode(file) for file in folder.iterdir()} == {0o600}


def share_and_load():
    code_cache.share()
    return load_few()


@needs_root
def test_a_users_warmup_is_not_shared(open_folder, monkeypatch):
    """Others would not load what a plain user has written."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(open_folder / "cache"))
    open_folder.chmod(0o1777)
    for kernel in FEW:
        kernel._compile(np.dtype(np.float64))  # imports what the compiler needs, which the user may be unable to read
    assert run_as(NOBODY, share_and_load) == (3, 0)
    assert mode(open_folder / "cache") == 0o700
    assert (open_folder / "cache").stat().st_uid == NOBODY


def test_warmups_share_the_work(tmp_path, monkeypatch, capsys):
    """Kernels that another process is compiling come last."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    code_cache.write("any.o", b"")  # makes the folder
    (folder,) = map(str, tmp_path.iterdir())
    held = drafts.begin(folder, FEW[0].file_name(np.dtype(np.float64)))
    order = []
    compile_one = Kernel._compile

    def watch(kernel, dtype):
        order.append(kernel)
        if len(order) == 2:
            held.discard()
        return compile_one(kernel, dtype)

    monkeypatch.setattr(Kernel, "_compile", watch)
    warm_up(monkeypatch, capsys)
    assert order == [*FEW[1:], FEW[0]]


def test_a_warmup_that_can_keep_nothing_fails(tmp_path, monkeypatch, capsys):
    """The build of an image must stop."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(SystemExit, match="kept nowhere"), pytest.warns(RuntimeWarning, match="Not a directory"):
        warm_up(monkeypatch, capsys)
