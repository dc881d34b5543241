"""Many processes with one cache: one compiles a kernel, the others wait; what the dead leave behind is removed."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import knobs
from helpers.lanes import environment, finish, run_python, start_python
from test_lanes_cache import ANSWER

from fastmlp import warmup
from fastmlp.compiler import cache as code_cache
from fastmlp.compiler import cache_cleaning, drafts

fcntl = pytest.importorskip("fcntl")

NAME = "some.folder.kernel.float64.o"
#: Says when it has the turn, and goes on when it is told to: "make" or "leave".
HOLD = """
import os, sys, time
from fastmlp.compiler import cache as code_cache, drafts

def say(word):
    print(word, flush=True)

if "full" in sys.argv:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

if "wait" in sys.argv:
    pause = time.sleep
    time.sleep = lambda seconds: (say("waits"), setattr(time, "sleep", pause), pause(seconds))
with code_cache.Turn("some.folder.kernel.float64.o") as turn:
    found = list(code_cache.read("some.folder.kernel.float64.o"))
    say(found[0].decode() if found else "holds")
    if "fork" in sys.argv and not os.fork():
        sys.stdin.readline()  # lives on
        os._exit(0)
    if not found and sys.stdin.readline() == "make\\n":
        turn.keep(b"made")
"""


class Process:
    """A process that runs `HOLD`."""

    def __init__(self, cache, *arguments):
        command = [sys.executable, "-W", "error", "-c", HOLD, *arguments]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.popen = subprocess.Popen(command, env=environment(cache), text=True, **pipes)

    def hears(self):
        return self.popen.stdout.readline().strip()

    def tell(self, word):
        self.popen.stdin.write(word + "\n")
        self.popen.stdin.flush()

    def end(self):
        _, errors = self.popen.communicate()
        return self.popen.returncode, errors


@pytest.fixture
def start(tmp_path):
    started = []

    def start(*arguments):
        started.append(Process(tmp_path / "cache", *arguments))
        return started[-1]

    yield start
    for process in started:
        process.popen.kill()
        process.popen.communicate()


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """This process's cache, the same as that of the processes started."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", "", raising=False)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    cache_cleaning.clean.cache_clear()
    return tmp_path / "cache" / f"fastmlp-{code_cache.cache_key()}"


def test_each_kernel_is_compiled_once(tmp_path):
    """By four processes on an empty cache, all told; each of them has every kernel."""
    processes = [start_python("-c", ANSWER, cache=tmp_path) for _ in range(4)]
    found = [json.loads(finish(process)) for process in processes]
    n_units = found[0]["kernels"]
    assert [one["kernels"] for one in found] == [n_units] * 4
    assert sum(one["kernels"] - one["from cache"] for one in found) == n_units
    assert len({tuple(one["outputs"]) for one in found}) == 1
    assert len(files(tmp_path)) == n_units


def test_others_wait_for_the_maker(start, tmp_path):
    maker = start()
    assert maker.hears() == "holds"
    others = [start("wait") for _ in range(2)]
    assert [other.hears() for other in others] == ["waits"] * 2
    maker.tell("make")
    assert [other.hears() for other in others] == ["made"] * 2
    assert [one.end() for one in (maker, *others)] == [(0, "")] * 3
    assert files(tmp_path) == [NAME]


def test_a_maker_without_result_passes_the_turn(start, tmp_path):
    """Whose kernel cannot be compiled, say: the next one tries."""
    maker, other = start(), None
    assert maker.hears() == "holds"
    other = start("wait")
    assert other.hears() == "waits"
    maker.tell("leave")
    assert other.hears() == "holds"
    other.tell("leave")
    assert maker.end() == other.end() == (0, "")
    assert files(tmp_path) == []


@pytest.mark.parametrize("kind", ["plain", "fork"])
def test_a_killed_maker_releases_its_lock(kind, start, tmp_path):
    """Also if it has a child that lives on."""
    maker = start(kind)
    assert maker.hears() == "holds"
    other = start("wait")
    assert other.hears() == "waits"
    maker.popen.send_signal(signal.SIGKILL)
    assert other.hears() == "holds"
    other.tell("make")
    assert other.end() == (0, "")
    assert files(tmp_path) == [NAME]


def test_on_a_full_disk_nobody_waits(start, tmp_path):
    """Where an empty file can be made and nothing written: each compiles for itself, and says so once."""
    pytest.importorskip("resource")
    makers = [start("full") for _ in range(3)]  # all hold at the same time, as none is told to go on before
    assert [maker.hears() for maker in makers] == ["holds"] * 3
    for maker in makers:
        maker.tell("make")
        code, errors = maker.end()
        assert code == 0
        assert errors.count("fastmlp cannot keep its compiled kernels") == 1
        assert os.strerror(errno.EFBIG) in errors
    assert files(tmp_path) == []


def test_a_full_disk_beside_one_with_room(tmp_path, folder, monkeypatch):
    """Before anything is compiled, it is known where it will be kept."""
    other = tmp_path / "other" / folder.name
    monkeypatch.setattr(code_cache, "cache_folders", lambda: [folder, other])
    write = os.write

    def write_where_there_is_room(descriptor, content):
        if (folder / f"{NAME}.draft").exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, content)

    monkeypatch.setattr(os, "write", write_where_there_is_room)
    with code_cache.Turn(NAME) as turn:
        assert files(folder) == []
        assert files(other) == [f"{NAME}.draft"]
        turn.keep(b"content")
    assert list(code_cache.read(NAME)) == [b"content"]
    assert files(other) == [NAME]


@pytest.mark.parametrize("locks", [True, False])
def test_a_disk_that_is_full_of_others_drafts(locks, folder, monkeypatch):
    """A draft keeps its room until it is published; then the entry is as long as its content."""
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
def test_ctrl_c_while_room_is_taken(locks, folder, monkeypatch):
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


def test_entries_fit_into_the_room(tmp_path):
    """What a draft takes is more than any entry of the package's has."""
    run_python("-c", ANSWER, cache=tmp_path)
    assert max(path.stat().st_size for path in tmp_path.rglob("*.o")) < drafts.ROOM


def test_ctrl_c_while_waiting(start, tmp_path):
    maker = start()
    assert maker.hears() == "holds"
    other = start("wait")
    assert other.hears() == "waits"
    other.popen.send_signal(signal.SIGINT)
    code, errors = other.end()
    assert code
    assert errors.rstrip().endswith("KeyboardInterrupt")
    maker.tell("make")
    assert maker.end() == (0, "")
    assert files(tmp_path) == [NAME]


def test_a_stalled_maker_is_waited_for_briefly(start, folder, monkeypatch):
    """Stopped, say: after a while the others make it themselves."""
    maker = start()
    assert maker.hears() == "holds"
    knobs.set_draft_patience(monkeypatch, 0.05)
    code_cache.write(NAME, b"of another")
    assert list(code_cache.read(NAME)) == [b"of another"]
    maker.tell("make")
    assert maker.end() == (0, "")
    assert list(code_cache.read(NAME)) == [b"made"]
    assert files(folder) == [NAME]


def test_without_locks(folder, monkeypatch):
    """As on some network file systems: written all the same, and nothing is left."""

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
    """What it leads to is not written."""
    code_cache.write("other.o", b"")
    target = tmp_path / "target"
    target.write_text("mine")
    (folder / f"{NAME}.draft").symlink_to(target)
    code_cache.write(NAME, b"content")
    assert list(code_cache.read(NAME)) == [b"content"]
    assert target.read_text() == "mine"


# What is left over


OLD = time.time() - 31 * 86400
ENTRY = "custom.loss.differ.float32-0123456789ab.o"


def age(path, when=OLD):
    os.utime(path, (when, when), follow_symlinks=False)


def make_old(folder):
    """A folder of another key with two files, unused for a month."""
    folder.mkdir(parents=True)
    for name in (ENTRY, f"{ENTRY}.0123456789abcdef.unlocked"):
        (folder / name).write_text("old")
        age(folder / name)
    age(folder)
    return folder


def test_dead_drafts_are_removed(folder, start):
    """One that is held stays, and so does one without a lock that may be in use."""
    maker = start()
    assert maker.hears() == "holds"
    living, dead, locked = (
        folder / f"dense.{name}.float64.o{suffix}"
        for name, suffix in [("a", f".{0:016x}.unlocked"), ("b", f".{0:016x}.unlocked"), ("c", ".draft")]
    )
    for draft in (living, dead, locked):
        draft.write_text("half")
    age(dead, time.time() - 4000)
    code_cache.write("new.o", b"")
    assert files(folder) == [living.name, "new.o", f"{NAME}.draft"]


def test_files_that_only_resemble_drafts_are_kept(folder):
    """A user's own, in a folder of ours."""
    code_cache.write(NAME, b"content")
    for name in ("letter.draft", "dense.draft", "letter.unlocked", f"{NAME}.1.unlocked", f"my {NAME}.draft"):
        (folder / name).write_text("mine")
        age(folder / name)
    cache_cleaning.clean.cache_clear()
    code_cache.write(NAME, b"content")
    assert len(files(folder)) == 6


def test_unused_folders_are_removed(folder):
    old = make_old(folder.parent / "fastmlp-0123456789abcdef")
    code_cache.write(NAME, b"content")
    assert not old.exists()
    assert files(folder) == [NAME]


def test_an_empty_folder_is_removed(folder):
    empty = folder.parent / "fastmlp-0123456789abcdef"
    empty.mkdir(parents=True)
    age(empty)
    code_cache.write(NAME, b"content")
    assert not empty.exists()


def test_folders_in_use_stay(folder):
    """By their own time stamp, or by a file that was read."""
    for number, used in enumerate([".", ENTRY]):
        kept = make_old(folder.parent / f"fastmlp-{number:016x}")
        os.utime(kept / used, (time.time(), OLD) if used == ENTRY else None)
    code_cache.write(NAME, b"content")
    assert len(list(folder.parent.iterdir())) == 3
    assert len(files(folder.parent)) == 5


def test_foreign_files_are_kept(folder, tmp_path):
    """Other names, files, folders with folders in them, and what links lead to."""
    names = ["fastmlp", "fastmlp-0123456789abcde", "fastmlp-0123456789abcdeg", "fastmlp-0123456789abcdef0", "numba-1"]
    others = [make_old(folder.parent / name) for name in names]
    file = folder.parent / "fastmlp-0000000000000000"
    file.write_text("a file")
    age(file)
    deep = make_old(folder.parent / "fastmlp-0000000000000001")
    (deep / "folder").mkdir()
    age(deep)
    target = make_old(tmp_path / "target")
    link = folder.parent / "fastmlp-0000000000000002"
    link.symlink_to(target)
    age(link)
    linking = make_old(folder.parent / "fastmlp-0000000000000003")
    (linking / NAME).symlink_to(target / ENTRY)
    age(linking / NAME)
    age(linking)
    code_cache.write(NAME, b"content")
    assert all(len(files(each)) == 2 for each in (*others, deep, target))
    assert file.exists()
    assert link.is_symlink()
    assert (linking / NAME).is_symlink()


def test_every_kernel_s_entry_is_recognized():
    for kernel in warmup.all_kernels():
        for dtype in (np.float32, np.float64):
            assert drafts._NAMES.fullmatch(kernel._file(np.dtype(dtype))), kernel


@pytest.mark.parametrize(
    "name",
    ["weights.npz", "main.o", "a.b.c.o.bak", f"{NAME}.txt", "letter.draft", f"{NAME}.1.unlocked", ".hidden", NAME],
)
def test_a_folder_with_a_users_data_stays(name, folder):
    """Whatever its name: only files of ours go, and the folder with them. (`NAME` is the control.)"""
    old = make_old(folder.parent / "fastmlp-0123456789abcdef")
    (old / name).write_text("precious")
    age(old / name)
    age(old)
    code_cache.write(NAME, b"content")
    assert len(files(folder.parent)) == (1 if name == NAME else 4)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
def test_folders_of_other_users_are_kept(folder):
    other = make_old(folder.parent / "fastmlp-0123456789abcdef")
    os.chown(other, 54321, 54321)
    code_cache.write(NAME, b"content")
    assert len(files(other)) == 2


def test_use_is_noted_once_a_day(folder):
    code_cache.write(NAME, b"content")
    age(folder)
    cache_cleaning.note_use.cache_clear()
    assert list(code_cache.read(NAME))
    noted = folder.stat().st_mtime
    assert noted > time.time() - 3600
    yesterday = time.time() - 80000
    age(folder, yesterday)
    cache_cleaning.note_use.cache_clear()
    assert list(code_cache.read(NAME))
    assert folder.stat().st_mtime == pytest.approx(yesterday)


def test_a_folder_that_is_removed_while_in_use(folder):
    """It is made again."""
    code_cache.write(NAME, b"content")
    assert list(code_cache.read(NAME))
    (folder / NAME).unlink()
    folder.rmdir()
    assert not list(code_cache.read(NAME))
    code_cache.write(NAME, b"content")
    assert list(code_cache.read(NAME)) == [b"content"]
