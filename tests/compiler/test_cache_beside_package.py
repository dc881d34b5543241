"""The cache beside the package: whoever can write the folder that contains the package can replace its sources, too."""

import os
import stat

import pytest
from helpers.other_users import NOBODY, SOMEBODY, needs_root, run_as
from helpers.planted_code import BELOW, NAME, forget_folders, found, plant, planted_content, run_kernel

from fastmlp.compiler import cache as code_cache
from fastmlp.compiler import trusted_paths


@pytest.fixture(autouse=True)
def _unknown_folders(monkeypatch):
    forget_folders(monkeypatch)


@pytest.fixture
def planted():
    """The content of a planted entry."""
    return planted_content()


@pytest.fixture
def site(open_folder, monkeypatch):
    """The folder that contains the package; the home folder's cache is in `home`."""
    package = open_folder / "site" / "fastmlp"
    package.mkdir(parents=True)
    monkeypatch.setattr(code_cache, "PACKAGE", package)
    monkeypatch.setattr(code_cache.cache_key, "__wrapped__", code_cache.cache_key, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(open_folder / "home"))
    return package.parent


def below_home(site):
    """The entry in the home folder's cache."""
    return site.parent / "home" / "fastmlp" / BELOW / NAME


@needs_root
def test_a_package_in_a_folder_for_all(site, planted):
    """Entries beside it are ignored, and new ones are written to the user's folder, without a warning."""
    site.chmod(0o777)
    run_as(NOBODY, plant, site / "__pycache__", planted)
    assert run_kernel() == (1.0, 0, [])
    assert below_home(site).is_file()
    assert run_kernel() == (1.0, 1, [])


@pytest.mark.parametrize("mode", [0o755, 0o775, 0o2775, 0o777])
@pytest.mark.parametrize("pycache", [None, 0o755, 0o775])
def test_a_group_may_write_beside_the_package(pycache, mode, site):
    """As in a virtual environment made under umask 002 or in Debian's dist-packages, and in their `__pycache__`."""
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
def test_modes_above_the_packages_folder_do_not_matter(mode, site):
    """Whoever can write there can replace the package itself."""
    site.parent.chmod(mode)
    assert run_kernel()[1:] == (0, [])
    assert (site / "__pycache__" / BELOW / NAME).is_file()
    assert run_kernel() == (1.0, 1, [])


def open_the_folder(entry):
    entry.parent.chmod(0o775)


def open_the_file(entry):
    entry.chmod(0o664)


@pytest.mark.parametrize("opened", [open_the_folder, open_the_file])
def test_entries_that_a_group_can_write_are_refused_even_beside_the_package(opened, site, planted):
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
def test_code_of_a_member_of_the_group_is_not_loaded(what, site, planted):
    site.chmod(0o775)
    plant(site / "__pycache__", planted)
    assert found()
    trusted_paths._passed.clear()
    os.chown(what(site), NOBODY, 0)
    assert not found()


@needs_root
def test_another_group_beside_the_package(site, planted):
    """It can write `__pycache__`, but not the package."""
    site.chmod(0o775)
    plant(site / "__pycache__", planted)
    (site / "__pycache__").chmod(0o775)
    assert found()
    trusted_paths._passed.clear()
    os.chown(site / "__pycache__", 0, NOBODY)
    assert not found()


def test_a_package_in_a_sticky_folder(site, planted):
    """Others cannot replace a package in a sticky folder such as ``/tmp``."""
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
    """The owner would not load a folder made by others, and could not remove it."""
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
def test_a_group_loads_what_root_has_written_beside_the_package(site):
    site.chmod(0o2775)
    assert run_kernel() == (1.0, 0, [])
    trusted_paths._passed.clear()
    assert run_as(NOBODY, run_kernel) == (1.0, 1, [])
