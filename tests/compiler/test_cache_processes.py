"""What a process loads that an earlier one has cached: all kernels if the sources are the same, else none.

Each test has a cache directory of its own. `ANSWER` uses a few kernels of two files. Several processes at once: see
`test_cache_together`.
"""

import json
import os
import shutil

import numpy as np
import pytest
from helpers.cache_scripts import ANSWER, OUTPUTS
from helpers.lanes import TESTS, copy_package, run_python

from fastmlp.compiler import cache as code_cache
from fastmlp.compiler import drafts


def answer(cache, **variables):
    """What `ANSWER` prints in a new process."""
    return json.loads(run_python("-c", ANSWER, cache=cache, **variables))


def assert_right(found, from_cache, outputs=OUTPUTS):
    """The outputs are right, and all kernels came from the cache, or none."""
    np.testing.assert_allclose(found["outputs"], outputs, rtol=1e-12)
    assert found["kernels"] >= 4
    assert found["from cache"] == (found["kernels"] if from_cache else 0)


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache directory with all kernels that `ANSWER` needs; tests use copies of it."""
    cache = tmp_path_factory.mktemp("warm") / "not" / "there" / "yet"
    found = answer(cache)
    assert_right(found, from_cache=False)
    assert not found["warnings"]
    assert_right(answer(cache), from_cache=True)
    return cache


# Unchanged sources


@pytest.mark.long
def test_a_second_process_compiles_nothing():
    """`every_fit` uses every kernel of the package, in both types, and loads all of them after a warm-up.

    Both run with the common cache of the tests, which has many of the kernels already.
    """
    cache = os.environ.get("NUMBA_CACHE_DIR")
    run_python("-m", "fastmlp", "warmup", cache=cache)
    entries = [entry for folder in code_cache.cache_folders() for entry in folder.glob("*.o")]
    assert 0 < max(entry.stat().st_size for entry in entries) < drafts.ROOM, "an entry is larger than its draft"
    found = json.loads(run_python(TESTS / "helpers" / "every_fit.py", cache=cache))
    assert None not in found.values(), "a kernel that no fit uses"
    assert found == dict.fromkeys(found, "cache")


# Edited sources


@pytest.fixture
def copy(warm, tmp_path):
    """A copy of the package to edit, and how to run it; its kernels are in the cache, as its sources are the same."""
    package = copy_package(tmp_path / "copy")
    run = {"cache": shutil.copytree(warm, tmp_path / "cache"), "PYTHONPATH": str(tmp_path / "copy")}
    found = answer(**run)
    assert_right(found, from_cache=True)
    assert found["package"] == str(package / "__init__.py")
    return package, run


def test_edits_in_another_file_are_seen(copy):
    """`tanh` inlines its formula from another file: when that is edited, the old machine code is not run.

    When the edit is undone, the old code is loaded again.
    """
    package, run = copy
    helpers = package / "kernels" / "math" / "elementary.py"
    original = helpers.read_text(encoding="utf-8")
    assert "def tanh(" in original
    helpers.write_text(original + "\n\n@elementwise\ndef tanh(x: Lane) -> Lane:\n    return x\n", encoding="utf-8")
    assert_right(answer(**run), from_cache=False, outputs=[1, -3, *OUTPUTS[2:]])
    helpers.write_text(original, encoding="utf-8")
    assert_right(answer(**run), from_cache=True)


def test_edits_of_the_compiler_flags_are_seen(copy):
    package, run = copy
    with (package / "compiler" / "numba_backend.py").open("a", encoding="utf-8") as source:
        source.write("# as if it said something else\n")
    assert_right(answer(**run), from_cache=False)


def test_bounds_checks_have_code_of_their_own(warm, tmp_path):
    """Numba's own key lacks this flag: code with and without bounds checks must not be mixed."""
    cache = shutil.copytree(warm, tmp_path / "cache")
    assert_right(answer(cache, NUMBA_BOUNDSCHECK="1"), from_cache=False)
    assert_right(answer(cache, NUMBA_BOUNDSCHECK="1"), from_cache=True)
    assert_right(answer(cache), from_cache=True)


# Damage


def truncate(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file):
    file.write_bytes(b"")


def fill_with_garbage(file):
    file.write_bytes(np.random.RandomState(0).bytes(file.stat().st_size))


def flip_a_bit(file):
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)


def test_damaged_files_are_compiled_again(warm, tmp_path):
    """There is no warning, and the files are valid afterwards."""
    cache = shutil.copytree(warm, tmp_path / "cache")
    files = [file for file in cache.rglob("*") if file.is_file()]
    damages = [truncate, empty, fill_with_garbage, flip_a_bit]
    assert len(files) >= len(damages)
    for number, file in enumerate(files):
        damages[number % len(damages)](file)
    found = answer(cache)
    assert_right(found, from_cache=False)
    assert not found["warnings"]
    assert_right(answer(cache), from_cache=True)


def test_files_replaced_by_folders(warm, tmp_path):
    """Nothing can be written in their place: there is one warning."""
    cache = shutil.copytree(warm, tmp_path / "cache")
    for file in [file for file in cache.rglob("*") if file.is_file()]:
        file.unlink()
        (file / "in the way").mkdir(parents=True)
    found = answer(cache)
    assert_right(found, from_cache=False)
    assert len(found["warnings"]) <= 1
    assert not [file for file in cache.rglob("*") if file.is_file()]


def test_a_cache_directory_that_cannot_be_made(tmp_path):
    """The code runs, with one warning that says what to do. (A file is in the way: modes would not stop root.)"""
    (tmp_path / "file").touch()
    found = answer(tmp_path / "file" / "cache")
    assert_right(found, from_cache=False)
    assert len(found["warnings"]) == 1
    assert "NUMBA_CACHE_DIR" in found["warnings"][0]


# The default folder


def test_beside_the_sources_or_in_the_users_cache(tmp_path):
    """Beside the package if that can be written, else the user's; there is no warning if one of them can."""
    package = copy_package(tmp_path / "copy")
    run = {"cache": None, "PYTHONPATH": str(tmp_path / "copy"), "XDG_CACHE_HOME": str(tmp_path / "home")}
    found = answer(**run)
    assert_right(found, from_cache=False)
    beside = package.parent / "__pycache__"
    assert list(beside.glob("fastmlp-*/*.o"))
    assert not (tmp_path / "home").exists()
    shutil.rmtree(beside)
    beside.touch()  # in the way
    found = answer(**run)
    assert_right(found, from_cache=False)
    assert not found["warnings"]
    assert list((tmp_path / "home").rglob("*.o"))
    assert_right(answer(**run), from_cache=True)
