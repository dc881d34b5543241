"""Many processes with one cache: one of them compiles a kernel, and the others wait for it."""

import errno
import json
import os
import signal

import numpy as np
import pytest
from helpers import knobs
from helpers.cache_processes import NAME, files, holders, use_cache
from helpers.cache_scripts import ANSWER, OUTPUTS
from helpers.lanes import finish, run_python, start_python

from fastmlp.compiler import cache as code_cache
from fastmlp.compiler import drafts

fcntl = pytest.importorskip("fcntl")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of this process's cache entries."""
    return use_cache(tmp_path / "cache", monkeypatch)


@pytest.fixture
def start(tmp_path):
    """A function that starts a process with the same cache."""
    with holders(tmp_path / "cache") as start:
        yield start


def test_each_kernel_is_compiled_once(tmp_path):
    """Four processes start with an empty cache: each kernel is compiled by one of them and loaded by the others.

    None reads an incomplete file, and no temporary files are left: a fifth process loads all kernels.
    """
    processes = [start_python("-c", ANSWER, cache=tmp_path) for _ in range(4)]
    found = [json.loads(finish(process)) for process in processes]
    np.testing.assert_allclose(found[0]["outputs"], OUTPUTS, rtol=1e-12)
    assert not [warning for one in found for warning in one["warnings"]]
    n_kernels = found[0]["kernels"]
    assert [one["kernels"] for one in found] == [n_kernels] * 4
    assert sum(one["kernels"] - one["from cache"] for one in found) == n_kernels
    assert len({tuple(one["outputs"]) for one in found}) == 1
    assert len(files(tmp_path)) == n_kernels
    assert all(name.endswith(".o") for name in files(tmp_path))
    fifth = json.loads(run_python("-c", ANSWER, cache=tmp_path))
    assert (fifth["from cache"], fifth["outputs"]) == (n_kernels, found[0]["outputs"])


def test_others_wait_for_the_maker(start, tmp_path):
    maker = start()
    assert maker.read_line() == "holds"
    others = [start("wait") for _ in range(2)]
    assert [other.read_line() for other in others] == ["waits"] * 2
    maker.send("make")
    assert [other.read_line() for other in others] == ["made"] * 2
    assert [one.finish() for one in (maker, *others)] == [(0, "")] * 3
    assert files(tmp_path) == [NAME]


def test_a_maker_without_result_passes_the_turn(start, tmp_path):
    """For example because its kernel cannot be compiled: the next process tries."""
    maker, other = start(), None
    assert maker.read_line() == "holds"
    other = start("wait")
    assert other.read_line() == "waits"
    maker.send("leave")
    assert other.read_line() == "holds"
    other.send("leave")
    assert maker.finish() == other.finish() == (0, "")
    assert files(tmp_path) == []


@pytest.mark.parametrize("kind", ["plain", "fork"])
def test_a_killed_maker_releases_its_lock(kind, start, tmp_path):
    """Also if a child of it lives on."""
    maker = start(kind)
    assert maker.read_line() == "holds"
    other = start("wait")
    assert other.read_line() == "waits"
    maker.popen.send_signal(signal.SIGKILL)
    assert other.read_line() == "holds"
    other.send("make")
    assert other.finish() == (0, "")
    assert files(tmp_path) == [NAME]


def test_on_a_full_disk_nobody_waits(start, tmp_path):
    """Files can be created but not written: each process compiles for itself, and warns once."""
    pytest.importorskip("resource")
    makers = [start("full") for _ in range(3)]  # all have the turn at once, as none has been told to go on
    assert [maker.read_line() for maker in makers] == ["holds"] * 3
    for maker in makers:
        maker.send("make")
        code, errors = maker.finish()
        assert code == 0
        assert errors.count("fastmlp cannot keep its compiled kernels") == 1
        assert os.strerror(errno.EFBIG) in errors
    assert files(tmp_path) == []


def test_a_full_disk_beside_one_with_space(tmp_path, folder, monkeypatch):
    """The folder of the entry is chosen before the kernel is compiled."""
    other = tmp_path / "other" / folder.name
    monkeypatch.setattr(code_cache, "cache_folders", lambda: [folder, other])
    write = os.write

    def write_where_there_is_space(descriptor, content):
        if (folder / f"{NAME}.draft").exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, content)

    monkeypatch.setattr(os, "write", write_where_there_is_space)
    with code_cache.Turn(NAME) as turn:
        assert files(folder) == []
        assert files(other) == [f"{NAME}.draft"]
        turn.keep(b"content")
    assert list(code_cache.read(NAME)) == [b"content"]
    assert files(other) == [NAME]


@pytest.mark.parametrize("locks", [True, False])
def test_a_draft_reserves_space(locks, folder, monkeypatch):
    """A draft reserves space until it is published; then the entry is as long as its content."""
    if not locks:
        monkeypatch.setattr(drafts, "fcntl", None)
    with code_cache.Turn(NAME) as turn:
        (draft,) = folder.iterdir()
        assert draft.stat().st_size == drafts.ROOM
        turn.keep(b"content")
    assert (folder / NAME).stat().st_size == 32 + len(b"content")
    with code_cache.Turn(NAME) as turn:
        turn.keep(bytes(2 * drafts.ROOM))
    assert (folder / NAME).stat().st_size == 32 + 2 * drafts.ROOM
    assert files(folder) == [NAME]


@pytest.mark.parametrize("locks", [True, False])
def test_ctrl_c_while_space_is_reserved(locks, folder, monkeypatch):
    if not locks:
        monkeypatch.setattr(drafts, "fcntl", None)

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            code_cache.write(NAME, b"content")
    assert files(folder) == []
    code_cache.write(NAME, b"content")
    assert list(code_cache.read(NAME)) == [b"content"]


def test_ctrl_c_while_waiting(start, tmp_path):
    maker = start()
    assert maker.read_line() == "holds"
    other = start("wait")
    assert other.read_line() == "waits"
    other.popen.send_signal(signal.SIGINT)
    code, errors = other.finish()
    assert code
    assert errors.rstrip().endswith("KeyboardInterrupt")
    maker.send("make")
    assert maker.finish() == (0, "")
    assert files(tmp_path) == [NAME]


def test_a_stalled_maker_is_waited_for_briefly(start, folder, monkeypatch):
    """For example one that is stopped: after a while the others compile the kernel themselves."""
    maker = start()
    assert maker.read_line() == "holds"
    knobs.set_draft_patience(monkeypatch, 0.05)
    code_cache.write(NAME, b"of another")
    assert list(code_cache.read(NAME)) == [b"of another"]
    maker.send("make")
    assert maker.finish() == (0, "")
    assert list(code_cache.read(NAME)) == [b"made"]
    assert files(folder) == [NAME]


def test_without_locks(folder, monkeypatch):
    """As on some network file systems: entries are written all the same, and no draft is left."""

    def flock(descriptor, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with code_cache.Turn(NAME) as first, code_cache.Turn(NAME) as second:
        first.keep(b"first")
        second.keep(b"second")
    assert list(code_cache.read(NAME)) == [b"second"]
    with code_cache.Turn(NAME):
        pass
    assert files(folder) == [NAME]


def test_on_a_system_without_flock(folder, monkeypatch):
    monkeypatch.setattr(drafts, "fcntl", None)
    code_cache.write(NAME, b"content")
    assert list(code_cache.read(NAME)) == [b"content"]
    assert files(folder) == [NAME]


def test_a_link_in_place_of_a_draft(folder, tmp_path):
    """The target of the link is not written."""
    code_cache.write("other.o", b"")
    target = tmp_path / "target"
    target.write_text("mine")
    (folder / f"{NAME}.draft").symlink_to(target)
    code_cache.write(NAME, b"content")
    assert list(code_cache.read(NAME)) == [b"content"]
    assert target.read_text() == "mine"
