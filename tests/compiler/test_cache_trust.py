"""Machine code is loaded only from where nobody but this user and root can write; attacks on that, as another user.

The planted entry is whole: a compiled kernel under the name of one of the package's, with another effect. A control
shows that it is loaded and run where the place can be trusted.
"""

import hashlib
import os
import socket
import stat
import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers.other_users import NOBODY, SOMEBODY, needs_root, run_as

from fastmlp.compiler import cache as code_cache
from fastmlp.compiler import trusted_paths
from fastmlp.compiler.kernel import Kernel, KernelSource
from fastmlp.compiler.numba_backend import compile_source
from fastmlp.kernels.linalg import dense

NAME = "linalg.dense.transpose.float64.o"
#: Where entries lie below a folder that is chosen.
BELOW = f"fastmlp-{code_cache.cache_key()}"

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners on this system")


def evil(out, out_stride, inp, inp_stride, rows, columns):
    """As if it were `dense.transpose`."""
    out[0] = 666.0


@pytest.fixture(scope="module")
def planted():
    """The content of the planted file."""
    source = KernelSource(evil, dense.transpose.source.arguments, {"contract"})
    content = compile_source(source, np.dtype(np.float64), True)
    return hashlib.sha256(content).digest() + content


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch):
    """Nothing is known of any folder, and nobody has chosen one."""
    monkeypatch.setattr(trusted_paths, "_passed", {})
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr("numba.core.config.CACHE_DIR", "")
    code_cache._warn_uncached.cache_clear()


def plant(folder, content, mode=0o644):
    """Somebody's entry below `folder`, which is made."""
    file = Path(folder) / BELOW / NAME
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    file.chmod(mode)
    return file


def found():
    """The entries that would be loaded."""
    return list(code_cache.read(NAME))


def run_kernel():
    """(the first element of a transposed 1, whether the code came from the cache, what was warned of)."""
    kernel = Kernel("fastmlp.kernels.linalg.dense", "transpose")
    kernel.define(dense.transpose.source)
    inp, out = np.ones((1, 1)), np.zeros((1, 1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        hits = kernel.load(np.float64).cache_hits
    kernel.entry(np.float64)(out.ctypes.data, 1, inp.ctypes.data, 1, 1, 1)
    return out[0, 0], hits, [str(one.message) for one in caught]


def choose(monkeypatch, folder):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))


def tree(folder):
    return sorted((path, path.lstat().st_mode, path.lstat().st_uid) for path in Path(folder).rglob("*"))


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


# Another user has been there first


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
    """Left from when the folder could be written by all."""
    (folder / BELOW).mkdir()
    os.chmod(folder / BELOW, 0o777)
    run_as(NOBODY, plant, folder, content)
    os.chmod(folder / BELOW, 0o755)
    return folder, None


def link_is_theirs(folder, content):
    """Root's own folder elsewhere, under a link that they can point to another place tomorrow."""
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
    """All that is looked at first is root's; who can write three floors above, can put another in its place."""
    plant(folder / "all" / "chosen", content)
    os.chmod(folder / "all", 0o777)
    return folder / "all" / "chosen", "can be written by others"


def folder_above_is_theirs(folder, content):
    (folder / "theirs").mkdir()
    plant(folder / "theirs" / "chosen", content)
    os.chown(folder / "theirs", SOMEBODY, SOMEBODY)
    return folder / "theirs" / "chosen", "belongs to another user, 54321"


def sticky_folder_above_is_theirs(folder, content):
    """Its owner can rename what lies in it."""
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
    """It is compiled, nothing is written where it is refused, and the warning says why."""
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
    """How many entries each of the users finds, in one process that changes its rights."""
    numbers = []
    for user in users:
        os.seteuid(0)
        os.seteuid(user)
        numbers.append(len(found()))
    return numbers


@needs_root
def test_rights_that_change_count(open_folder, monkeypatch, planted):
    """What has passed for one user need not pass for the next, root included."""
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


def make_huge(file):
    with open(file, "wb") as opened:
        opened.truncate(1 << 40)


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize(
    "make", [make_fifo, make_folder, make_link, make_hard_link, make_socket, make_device, make_huge]
)
def test_only_plain_files_are_read(make, tmp_path, monkeypatch, planted):
    """It does not block, and whatever can be replaced is replaced."""
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


# Which folders


def relative_home(monkeypatch):
    monkeypatch.setenv("HOME", "somewhere")
    return Path("somewhere", ".cache", "fastmlp")


def empty_home(monkeypatch):
    monkeypatch.setenv("HOME", "")
    return Path("~", ".cache", "fastmlp")


def no_home(monkeypatch):
    """And a user without an entry in the list of users, as in a container that is given any number."""
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    return Path("~", ".cache", "fastmlp")


def relative_xdg(monkeypatch):
    monkeypatch.setenv("HOME", "somewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    return Path("cache", "fastmlp")


def unknown_tilde(monkeypatch):
    choose(monkeypatch, "~nobody-of-this-name/cache")
    return Path("~nobody-of-this-name", "cache")


@pytest.mark.parametrize("home", [relative_home, empty_home, no_home, relative_xdg, unknown_tilde])
def test_relative_folders_are_not_used(home, tmp_path, monkeypatch, planted):
    """Whoever owns the working directory would choose what is run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(code_cache, "PACKAGE", tmp_path / "archive.zip" / "fastmlp")  # nor is there one beside it
    monkeypatch.setattr(code_cache.cache_key, "__wrapped__", code_cache.cache_key, raising=False)
    plant(tmp_path / home(monkeypatch), planted)
    before = tree(tmp_path)
    output, hits, caught = run_kernel()
    assert (output, hits) == (1.0, 0)
    assert tree(tmp_path) == before
    assert len(caught) == 1
    assert "is not an absolute path" in caught[0]


def test_a_relative_xdg_folder_does_not_count(tmp_path, monkeypatch):
    """As its specification says; the home folder's is used."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert code_cache.cache_folders()[-1] == tmp_path / ".cache" / "fastmlp" / BELOW


def test_a_relative_choice_is_one_folder_for_the_whole_process(tmp_path, monkeypatch):
    """And is looked at like any other."""
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    choose(monkeypatch, f"chosen/{tmp_path.name}")
    monkeypatch.chdir(tmp_path / "first")
    code_cache.write(NAME, b"new")
    assert (tmp_path / "first" / "chosen" / tmp_path.name / BELOW / NAME).is_file()
    monkeypatch.chdir(tmp_path / "second")
    assert found() == [b"new"]
    os.chmod(tmp_path / "first", 0o777)
    trusted_paths._passed.clear()
    assert not found()


def test_numbas_configuration_file_chooses_no_folder(tmp_path, monkeypatch, planted):
    """Numba itself obeys the file that it finds in the working directory, which may have come with a download."""
    from numba.core import config

    plant(tmp_path, planted)
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    assert code_cache.chosen_folder() == str(tmp_path)  # by the program
    monkeypatch.setitem(config._env_reloader.old_environ, "NUMBA_CACHE_DIR", str(tmp_path))
    assert code_cache.chosen_folder() == ""  # by the file: it stands in no variable
    choose(monkeypatch, tmp_path)
    assert code_cache.chosen_folder() == str(tmp_path)


def test_numbas_configuration_file_can_be_anything(tmp_path, monkeypatch):
    """It is part of the key; a FIFO does not block, and nothing huge is read."""
    monkeypatch.chdir(tmp_path)
    plain = code_cache.cache_key.__wrapped__()
    os.mkfifo(".numba_config.yaml")
    assert code_cache.cache_key.__wrapped__() == plain
    os.unlink(".numba_config.yaml")
    make_huge(tmp_path / ".numba_config.yaml")
    assert code_cache.cache_key.__wrapped__() != plain


def test_code_made_under_other_flags_is_not_kept(tmp_path, monkeypatch):
    """Numba reads its configuration anew before it compiles: in another folder, say, after the key was made."""
    choose(monkeypatch, tmp_path / "cache")
    code_cache.cache_key()
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".numba_config.yaml").write_text("opt: 0\n")
    code_cache.write(NAME, b"new")
    assert not list((tmp_path / "cache").rglob("*.o"))


@needs_root
def test_a_package_in_a_folder_for_all(open_folder, monkeypatch, planted):
    """What lies beside it is passed over, and written to the user's folder instead, without a word."""
    package = open_folder / "site" / "fastmlp"
    package.mkdir(parents=True)
    monkeypatch.setattr(code_cache, "PACKAGE", package)
    monkeypatch.setattr(code_cache.cache_key, "__wrapped__", code_cache.cache_key, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(open_folder / "home"))
    os.chmod(package.parent, 0o777)
    run_as(NOBODY, plant, package.parent / "__pycache__", planted)
    assert run_kernel() == (1.0, 0, [])
    assert (open_folder / "home" / "fastmlp" / BELOW / NAME).is_file()
    assert run_kernel() == (1.0, 1, [])


# Beside the package: whoever can write the folder that the package lies in can replace its sources, too


@pytest.fixture
def site(open_folder, monkeypatch):
    """The folder that the package lies in; the cache of the home folder is `home`."""
    package = open_folder / "site" / "fastmlp"
    package.mkdir(parents=True)
    monkeypatch.setattr(code_cache, "PACKAGE", package)
    monkeypatch.setattr(code_cache.cache_key, "__wrapped__", code_cache.cache_key, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(open_folder / "home"))
    return package.parent


def below_home(site):
    return site.parent / "home" / "fastmlp" / BELOW / NAME


@pytest.mark.parametrize("mode", [0o755, 0o775, 0o2775, 0o777])
@pytest.mark.parametrize("pycache", [None, 0o755, 0o775])
def test_a_group_may_write_beside_the_package(pycache, mode, site):
    """Of a virtual environment made under umask 002, of Debian's dist-packages; and what Python has made there."""
    site.chmod(mode)
    if pycache:
        (site / "__pycache__").mkdir()
        (site / "__pycache__").chmod(pycache)
    if (pycache or 0) & 0o020 & ~mode:
        assert run_kernel() == (1.0, 0, [])
        assert below_home(site).is_file()
        return
    assert run_kernel() == (1.0, 0, [])
    assert (site / "__pycache__" / BELOW / NAME).is_file()
    assert not below_home(site).exists()
    assert run_kernel() == (1.0, 1, [])
    above = stat.S_IMODE((site / "__pycache__" / BELOW).stat().st_mode)
    assert not above & 0o022


@pytest.mark.parametrize("mode", [0o775, 0o777, 0o1777])
def test_who_can_write_above_the_package_changes_nothing(mode, site):
    """They can replace the folder that the package lies in."""
    site.parent.chmod(mode)
    assert run_kernel()[1:] == (0, [])
    assert (site / "__pycache__" / BELOW / NAME).is_file()
    assert run_kernel() == (1.0, 1, [])


def the_folder(entry):
    entry.parent.chmod(0o775)


def the_file(entry):
    entry.chmod(0o664)


@pytest.mark.parametrize("opened", [the_folder, the_file])
def test_what_holds_code_is_closed_even_beside_the_package(opened, site, planted):
    site.chmod(0o775)
    entry = plant(site / "__pycache__", planted)
    assert found()
    trusted_paths._passed.clear()
    opened(entry)
    assert not found()


def folder_of_another(site):
    return site / "__pycache__" / BELOW


def file_of_another(site):
    return site / "__pycache__" / BELOW / NAME


def pycache_of_another(site):
    return site / "__pycache__"


@needs_root
@pytest.mark.parametrize("what", [folder_of_another, file_of_another, pycache_of_another])
def test_code_of_a_groups_member_is_not_loaded(what, site, planted):
    site.chmod(0o775)
    plant(site / "__pycache__", planted)
    assert found()
    trusted_paths._passed.clear()
    os.chown(what(site), NOBODY, 0)
    assert not found()


@needs_root
def test_another_group_beside_the_package(site, planted):
    """May write the folder on the way, and not the package."""
    site.chmod(0o775)
    plant(site / "__pycache__", planted)
    (site / "__pycache__").chmod(0o775)
    assert found()
    trusted_paths._passed.clear()
    os.chown(site / "__pycache__", 0, NOBODY)
    assert not found()


def test_a_sticky_folder_that_the_package_lies_in(site, planted):
    """The package, which stands in ``/tmp``, cannot be replaced by others."""
    site.chmod(0o1777)
    plant(site / "__pycache__", planted)
    assert found()
    trusted_paths._passed.clear()
    (site / "__pycache__").chmod(0o777)
    assert not found()


def test_a_link_beside_the_package_is_followed_as_any_other(site, planted):
    plant(site.parent / "elsewhere", planted)
    (site / "__pycache__").symlink_to(site.parent / "elsewhere")
    assert found()
    trusted_paths._passed.clear()
    site.parent.chmod(0o775)
    assert not found()


@needs_root
@pytest.mark.parametrize("owner", [0, SOMEBODY])
def test_only_the_owner_makes_folders_beside_the_package(owner, site):
    """What others made there would be in the owner's way, who does not load it and cannot remove it."""
    os.chown(site, owner, NOBODY)
    site.chmod(0o777)
    (site.parent / "home").mkdir()
    os.chown(site.parent / "home", NOBODY, NOBODY)
    assert run_as(NOBODY, run_kernel) == (1.0, 0, [])
    assert below_home(site).is_file()
    assert not (site / "__pycache__").exists()


@needs_root
def test_root_leaves_the_environment_of_a_user_alone(site):
    os.chown(site, SOMEBODY, SOMEBODY)
    assert run_kernel() == (1.0, 0, [])
    assert below_home(site).is_file()
    assert not (site / "__pycache__").exists()


@needs_root
def test_a_group_reads_what_root_has_made_beside_the_package(site):
    site.chmod(0o2775)
    assert run_kernel() == (1.0, 0, [])
    trusted_paths._passed.clear()
    assert run_as(NOBODY, run_kernel) == (1.0, 1, [])


# New folders


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_new_folders_are_for_this_user_alone(umask, tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    choose(monkeypatch, tmp_path / "a" / "b")
    before = os.umask(umask)
    try:
        code_cache.write(NAME, b"new")
    finally:
        os.umask(before)
    assert found() == [b"new"]
    for made in ("a", "a/b", f"a/b/{BELOW}"):
        assert stat.S_IMODE((tmp_path / made).stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b" / BELOW / NAME).stat().st_mode) == 0o600


def test_links_of_this_user_are_followed(tmp_path, monkeypatch):
    """A home folder on another disk."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "home").symlink_to("disk")
    choose(monkeypatch, tmp_path / "home" / ".." / "home" / "cache")
    code_cache.write(NAME, b"new")
    assert (tmp_path / "disk" / "cache" / BELOW / NAME).is_file()
    assert found() == [b"new"]


def test_links_in_a_circle(tmp_path, monkeypatch):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    choose(monkeypatch, tmp_path / "a")
    assert not found()


def test_without_owners(tmp_path, monkeypatch, planted):
    """As on Windows, where a mode says nothing."""
    monkeypatch.delattr(os, "geteuid")
    choose(monkeypatch, tmp_path / "new")
    code_cache.write(NAME, b"new")
    assert found() == [b"new"]
    (tmp_path / "new" / BELOW).chmod(0o777)
    trusted_paths._passed.clear()
    assert found() == [b"new"]
