"""Which folders hold the cache: absolute ones that the user has chosen, and new ones that only the user can enter."""

import os
import stat
from pathlib import Path

import pytest
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


def relative_home(monkeypatch):
    monkeypatch.setenv("HOME", "somewhere")
    return Path("somewhere", ".cache", "fastmlp")


def empty_home(monkeypatch):
    monkeypatch.setenv("HOME", "")
    return Path("~", ".cache", "fastmlp")


def no_home(monkeypatch):
    """Nor has the user an entry in the user database, as in a container with an arbitrary user id."""
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
    """Otherwise, whoever can write the working directory could choose the code that runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(code_cache, "PACKAGE", tmp_path / "archive.zip" / "fastmlp")  # nor is one beside it
    monkeypatch.setattr(code_cache.cache_key, "__wrapped__", code_cache.cache_key, raising=False)
    plant(tmp_path / home(monkeypatch), planted)
    before = tree(tmp_path)
    output, hits, caught = run_kernel()
    assert (output, hits) == (1.0, 0)
    assert tree(tmp_path) == before
    assert len(caught) == 1
    assert "is not an absolute path" in caught[0]


def test_a_relative_xdg_folder_does_not_count(tmp_path, monkeypatch):
    """The XDG specification says so; the cache in the home folder is used."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert code_cache.cache_folders()[-1] == tmp_path / ".cache" / "fastmlp" / BELOW


def test_a_relative_choice_is_one_folder_for_the_whole_process(tmp_path, monkeypatch):
    """It is made absolute once, and examined like any other folder."""
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
    """Numba obeys this file in the working directory, which may be part of a download; the cache does not."""
    from numba.core import config

    plant(tmp_path, planted)
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    assert code_cache.chosen_folder() == str(tmp_path)  # set by the program
    monkeypatch.setitem(config._env_reloader.old_environ, "NUMBA_CACHE_DIR", str(tmp_path))
    assert code_cache.chosen_folder() == ""  # set by the file: no environment variable says so
    choose(monkeypatch, tmp_path)
    assert code_cache.chosen_folder() == str(tmp_path)


def test_numbas_configuration_file_can_be_anything(tmp_path, monkeypatch):
    """Its content is part of the key; a FIFO does not block, and a huge file is not read."""
    monkeypatch.chdir(tmp_path)
    plain = code_cache.cache_key.__wrapped__()
    os.mkfifo(".numba_config.yaml")
    assert code_cache.cache_key.__wrapped__() == plain
    os.unlink(".numba_config.yaml")
    make_huge(tmp_path / ".numba_config.yaml")
    assert code_cache.cache_key.__wrapped__() != plain


def test_code_made_under_other_flags_is_not_kept(tmp_path, monkeypatch):
    """Numba reads its configuration again before it compiles, perhaps from another working directory than the key's."""
    choose(monkeypatch, tmp_path / "cache")
    code_cache.cache_key()
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".numba_config.yaml").write_text("opt: 0\n")
    code_cache.write(NAME, b"new")
    assert not list((tmp_path / "cache").rglob("*.o"))


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
    """For example, a home folder on another disk."""
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
    """As on Windows, where modes do not tell who can write."""
    monkeypatch.delattr(os, "geteuid")
    choose(monkeypatch, tmp_path / "new")
    code_cache.write(NAME, b"new")
    assert found() == [b"new"]
    (tmp_path / "new" / BELOW).chmod(0o777)
    trusted_paths._passed.clear()
    assert found() == [b"new"]
