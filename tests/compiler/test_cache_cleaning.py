"""What is removed from the cache: drafts of processes that died, and folders of other versions that nobody uses."""

import os
import time

import numpy as np
import pytest
from helpers.cache_processes import NAME, files, holders, use_cache
from helpers.other_users import SOMEBODY, needs_root

from fastmlp import warmup
from fastmlp.compiler import cache as code_cache
from fastmlp.compiler import cache_cleaning, drafts

pytest.importorskip("fcntl")

OLD = time.time() - 31 * 86400
ENTRY = "custom.loss.differ.float32-0123456789ab.o"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of this process's cache entries."""
    return use_cache(tmp_path / "cache", monkeypatch)


@pytest.fixture
def start(tmp_path):
    """A function that starts a process with the same cache."""
    with holders(tmp_path / "cache") as start:
        yield start


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
    """A locked draft is kept, and so is a recent one without a lock, which may be in use."""
    maker = start()
    assert maker.read_line() == "holds"
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
    """Files of the user, in a folder of the cache."""
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


def test_folders_in_use_are_kept(folder):
    """According to their own time stamp, or to that of a file that was read."""
    for number, used in enumerate([".", ENTRY]):
        kept = make_old(folder.parent / f"fastmlp-{number:016x}")
        os.utime(kept / used, (time.time(), OLD) if used == ENTRY else None)
    code_cache.write(NAME, b"content")
    assert len(list(folder.parent.iterdir())) == 3
    assert len(files(folder.parent)) == 5


def test_foreign_files_are_kept(folder, tmp_path):
    """Folders with other names, files, folders that contain folders, links and their targets."""
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


def test_the_entry_of_every_kernel_is_recognized():
    for kernel in warmup.all_kernels():
        for dtype in (np.float32, np.float64):
            assert drafts._NAMES.fullmatch(kernel.file_name(np.dtype(dtype))), kernel


@pytest.mark.parametrize(
    "name",
    ["weights.npz", "main.o", "a.b.c.o.bak", f"{NAME}.txt", "letter.draft", f"{NAME}.1.unlocked", ".hidden", NAME],
)
def test_a_folder_with_data_of_a_user_is_kept(name, folder):
    """A folder is removed only if all of its files belong to the cache. (`NAME` is the control.)"""
    old = make_old(folder.parent / "fastmlp-0123456789abcdef")
    (old / name).write_text("precious")
    age(old / name)
    age(old)
    code_cache.write(NAME, b"content")
    assert len(files(folder.parent)) == (1 if name == NAME else 4)


@needs_root
def test_folders_of_other_users_are_kept(folder):
    other = make_old(folder.parent / "fastmlp-0123456789abcdef")
    os.chown(other, SOMEBODY, SOMEBODY)
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
    """The next write makes it again."""
    code_cache.write(NAME, b"content")
    assert list(code_cache.read(NAME))
    (folder / NAME).unlink()
    folder.rmdir()
    assert not list(code_cache.read(NAME))
    code_cache.write(NAME, b"content")
    assert list(code_cache.read(NAME)) == [b"content"]
