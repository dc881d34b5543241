"""Machine code is loaded only from files and folders that nobody but this user and root can write.

The attacks are made as another user, and plant a valid entry: a compiled kernel under the name of one of the package's.
A control shows that such an entry is loaded and run where the folder can be trusted.
"""

import os
import socket
import stat

import pytest
from helpers.other_users import NOBODY, SOMEBODY, needs_root, run_as
from helpers.planted_code import (
    BELOW,
    NAME,
    choose,
    forget_folders,
    found,
    make_huge,
    plant,
    planted_content,
    run_kernel,
    tree,
)

from fastmlp.compiler import cache as code_cache
from fastmlp.compiler import trusted_paths


@pytest.fixture(autouse=True)
def _unknown_folders(monkeypatch):
    forget_folders(monkeypatch)


@pytest.fixture
def planted():
    """The content of a planted entry."""
    return planted_content()


# The control


def test_own_entry_is_loaded(tmp_path, monkeypatch, planted):
    choose(monkeypatch, tmp_path)
    plant(tmp_path, planted)
    assert run_kernel() == (666.0, 1, [])


@needs_root
def test_entry_of_root_is_loaded_by_others(open_folder, monkeypatch, planted):
    choose(monkeypatch, open_folder)
    plant(open_folder, planted)
    assert run_as(NOBODY, run_kernel) == (666.0, 1, [])


# Attacks by another user


def whole_folder_is_theirs(folder, content):
    os.chmod(folder, 0o1777)
    run_as(NOBODY, plant, folder / "chosen", content)
    return folder / "chosen", "belongs to another user, 65534"


def theirs_in_a_sticky_folder(folder, content):
    os.chmod(folder, 0o1777)
    run_as(NOBODY, plant, folder, content)
    return folder, "belongs to another user, 65534"


def theirs_in_a_folder_for_all(folder, content):
    os.chmod(folder, 0o777)
    run_as(NOBODY, plant, folder, content)
    return folder, "can be written by others: chmod go-w"


def file_is_theirs(folder, content):
    """It was written while everybody could write the folder."""
    (folder / BELOW).mkdir()
    os.chmod(folder / BELOW, 0o777)
    run_as(NOBODY, plant, folder, content)
    os.chmod(folder / BELOW, 0o755)
    return folder, None


def link_is_theirs(folder, content):
    """The link leads to a folder of root's, but its owner can replace it."""
    plant(folder / "elsewhere", content)
    (folder / "chosen").mkdir()
    os.chmod(folder / "chosen", 0o1777)
    run_as(NOBODY, os.symlink, folder / "elsewhere" / BELOW, folder / "chosen" / BELOW)
    return folder / "chosen", "is a link of another user, 65534"


def link_above_is_theirs(folder, content):
    plant(folder / "elsewhere", content)
    os.chmod(folder, 0o1777)
    run_as(NOBODY, os.symlink, folder / "elsewhere", folder / "chosen")
    return folder / "chosen", "is a link of another user, 65534"


def link_leads_to_theirs(folder, content):
    """The link is root's own."""
    (folder / "theirs").mkdir()
    os.chown(folder / "theirs", NOBODY, NOBODY)
    run_as(NOBODY, plant, folder / "theirs", content)
    os.symlink(folder / "theirs", folder / "chosen")
    return folder / "chosen", "belongs to another user, 65534"


def folder_above_can_be_swapped(folder, content):
    """The folders nearest to the entry are root's, but others can write one above them, and replace its content."""
    plant(folder / "all" / "chosen", content)
    os.chmod(folder / "all", 0o777)
    return folder / "all" / "chosen", "can be written by others"


def folder_above_is_theirs(folder, content):
    (folder / "theirs").mkdir()
    plant(folder / "theirs" / "chosen", content)
    os.chown(folder / "theirs", SOMEBODY, SOMEBODY)
    return folder / "theirs" / "chosen", "belongs to another user, 54321"


def sticky_folder_above_is_theirs(folder, content):
    """The owner of a sticky folder can rename what it contains."""
    (folder / "theirs").mkdir()
    plant(folder / "theirs" / "chosen", content)
    os.chown(folder / "theirs", SOMEBODY, SOMEBODY)
    os.chmod(folder / "theirs", 0o1777)
    return folder / "theirs" / "chosen", "belongs to another user, 54321"


ATTACKS = [
    whole_folder_is_theirs, theirs_in_a_sticky_folder, theirs_in_a_folder_for_all, file_is_theirs, link_is_theirs,
    link_above_is_theirs, link_leads_to_theirs, folder_above_can_be_swapped, folder_above_is_theirs,
    sticky_folder_above_is_theirs,
]  # fmt: skip


@needs_root
@pytest.mark.parametrize("attack", ATTACKS)
def test_root_runs_no_code_of_others(attack, open_folder, monkeypatch, planted):
    """The kernel is compiled, nothing is written to a refused folder, and the warning gives the reason."""
    chosen, reason = attack(open_folder, planted)
    choose(monkeypatch, chosen)
    before = tree(open_folder)
    output, hits, caught = run_kernel()
    assert (output, hits) == (1.0, 0)
    if reason is None:  # the file alone is refused: it is replaced
        assert not caught
        assert (chosen / BELOW / NAME).stat().st_uid == 0
        assert run_kernel() == (1.0, 1, [])
        return
    assert tree(open_folder) == before
    assert len(caught) == 1
    assert reason in caught[0]
    assert str(chosen) in caught[0]
    assert "NUMBA_CACHE_DIR" in caught[0]


@needs_root
def test_a_user_runs_no_other_users_code(open_folder, monkeypatch, planted):
    choose(monkeypatch, open_folder / "chosen")
    os.chmod(open_folder, 0o1777)
    run_as(SOMEBODY, plant, open_folder / "chosen", planted)
    output, hits, caught = run_as(NOBODY, run_kernel)
    assert (output, hits, len(caught)) == (1.0, 0, 1)


def found_as(*users):
    """How many entries each of the users finds, in one process that changes its effective user."""
    numbers = []
    for user in users:
        os.seteuid(0)
        os.seteuid(user)
        numbers.append(len(found()))
    return numbers


@needs_root
def test_trust_depends_on_the_effective_user(open_folder, monkeypatch, planted):
    """A folder that is trusted for one user is examined again for another, root included."""
    choose(monkeypatch, open_folder)
    file = plant(open_folder, planted)
    os.chown(file, NOBODY, NOBODY)
    assert run_as(0, found_as, NOBODY, 0, SOMEBODY, NOBODY) == [1, 0, 0, 1]
    os.chown(file.parent, NOBODY, NOBODY)
    os.chown(file, 0, 0)
    assert run_as(0, found_as, NOBODY, 0, SOMEBODY, NOBODY) == [1, 0, 0, 1]


# Modes


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o1777, 0o720])
@pytest.mark.parametrize("where", ["folder", "above"])
def test_folders_that_others_can_write(mode, where, tmp_path, monkeypatch, planted):
    choose(monkeypatch, tmp_path)
    folder = plant(tmp_path, planted).parent
    assert found()
    trusted_paths._passed.clear()
    (folder if where == "folder" else tmp_path).chmod(mode)
    sticky_is_enough = where == "above" and mode & stat.S_ISVTX
    assert bool(found()) == bool(sticky_is_enough)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o664])
def test_files_that_others_can_write(mode, tmp_path, monkeypatch, planted):
    choose(monkeypatch, tmp_path)
    plant(tmp_path, planted, mode)
    assert not found()


# Kinds of files


def make_fifo(file):
    os.mkfifo(file)


def make_folder(file):
    file.mkdir()


def make_link(file):
    file.with_name("target").write_bytes(file.with_name("content").read_bytes())
    file.symlink_to("target")


def make_hard_link(file):
    os.link(file.with_name("content"), file)


def make_socket(file):
    here = os.getcwd()
    os.chdir(file.parent)  # a socket's path must be short
    try:
        socket.socket(socket.AF_UNIX).bind(file.name)
    finally:
        os.chdir(here)


def make_device(file):
    if os.geteuid() != 0:
        pytest.skip("only root can make a device")
    try:
        os.mknod(file, 0o600 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero, without an end
    except PermissionError:
        pytest.skip("no devices here")


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize(
    "make", [make_fifo, make_folder, make_link, make_hard_link, make_socket, make_device, make_huge]
)
def test_only_plain_files_are_read(make, tmp_path, monkeypatch, planted):
    """Reading does not block, and what can be replaced by an entry is replaced."""
    choose(monkeypatch, tmp_path)
    file = plant(tmp_path, planted)
    file.rename(file.with_name("content"))
    make(file)
    assert not found()
    if make is make_folder:
        return
    code_cache.write(NAME, b"new")
    assert found() == [b"new"]
    assert stat.S_ISREG(file.lstat().st_mode)
    assert file.lstat().st_nlink == 1
