"""What one process leaves in the cache for the next: everything, if the sources are the same; nothing, if not.

Each test has a cache directory of its own. `ANSWER` uses a few kernels of two files.
"""

import json
import os
import shutil

import numpy as np
import pytest
from helpers.lanes import TESTS, copy_package, finish, run_python, start_python

#: Four kernels that are compiled in a moment, of two files.
FEW = """
import numpy as np
from fastmlp.activations import ACTIVATIONS

def compute():
    return np.stack([ACTIVATIONS[name](np.array([1.0, -3.0])) for name in ("tanh", "logistic", "relu", "elu")])
"""
TELL = """
import gc, json, warnings
import fastmlp
from fastmlp.compiler.kernel import Kernel

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    outputs = compute()
compiled = [c for kernel in gc.get_objects() if isinstance(kernel, Kernel) for c in kernel.compiled.values()]
print(json.dumps({
    "outputs": outputs.ravel().tolist(),
    "from cache": sum(c.cache_hits for c in compiled),
    "kernels": len(compiled),
    "warnings": [str(warning.message) for warning in caught],
    "package": fastmlp.__file__,
}))
"""
ANSWER = FEW + TELL
#: What `FEW` computes.
OUTPUTS = [np.tanh(1), np.tanh(-3), 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(3)), 1, 0, 1, np.expm1(-3)]


def answer(cache, **variables):
    """What `ANSWER` prints in a process of its own."""
    return json.loads(run_python("-c", ANSWER, cache=cache, **variables))


def assert_right(found, from_cache, outputs=OUTPUTS):
    """The right answer, and all of its kernels from the cache, or none."""
    np.testing.assert_allclose(found["outputs"], outputs, rtol=1e-12)
    assert found["kernels"] >= 4
    assert found["from cache"] == (found["kernels"] if from_cache else 0)


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache directory in which everything that `ANSWER` needs lies already; to be copied, not used."""
    cache = tmp_path_factory.mktemp("warm") / "not" / "there" / "yet"
    found = answer(cache)
    assert_right(found, from_cache=False)
    assert not found["warnings"]
    assert_right(answer(cache), from_cache=True)
    return cache


# The cache lane


@pytest.mark.long
def test_a_second_process_compiles_nothing():
    """Every kernel of the package, in both types, is used by `every_fit`, and loaded: a warm-up has compiled it.

    In the cache of all tests: much of it lies there already.
    """
    cache = os.environ.get("NUMBA_CACHE_DIR")
    run_python("-m", "fastmlp", "warmup", cache=cache)
    found = json.loads(run_python(TESTS / "helpers" / "every_fit.py", cache=cache))
    assert None not in found.values(), "a kernel that no fit uses"
    assert found == dict.fromkeys(found, "cache")


# The stale lane


@pytest.fixture
def copy(warm, tmp_path):
    """A copy of the package that may be edited, and how to run it; its kernels lie in the cache, being the same."""
    package = copy_package(tmp_path / "copy")
    run = {"cache": shutil.copytree(warm, tmp_path / "cache"), "PYTHONPATH": str(tmp_path / "copy")}
    found = answer(**run)
    assert_right(found, from_cache=True)
    assert found["package"] == str(package / "__init__.py")
    return package, run


def test_edits_in_another_file_are_seen(copy):
    """`tanh` takes its formula from another file: when that is edited, the old machine code is not run.

    What was kept for the sources as they were, is still there when they are as they were.
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
    """The flag is no part of Numba's own key: neither lane may run what the other compiled."""
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
    """Without a word, and they are whole again afterwards."""
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
    """Nothing can be written in their place: said once."""
    cache = shutil.copytree(warm, tmp_path / "cache")
    for file in [file for file in cache.rglob("*") if file.is_file()]:
        file.unlink()
        (file / "in the way").mkdir(parents=True)
    found = answer(cache)
    assert_right(found, from_cache=False)
    assert len(found["warnings"]) <= 1
    assert not [file for file in cache.rglob("*") if file.is_file()]


def test_a_cache_directory_that_cannot_be_made(tmp_path):
    """It works, and says once what to do. (The tests may run as root, whom no mode bits stop: a file is in the way.)"""
    (tmp_path / "file").touch()
    found = answer(tmp_path / "file" / "cache")
    assert_right(found, from_cache=False)
    assert len(found["warnings"]) == 1
    assert "NUMBA_CACHE_DIR" in found["warnings"][0]


# Where it lies if nobody says


def test_beside_the_sources_or_in_the_users_cache(tmp_path):
    """Beside the package if that can be written, else the user's; nothing is said as long as one of them can."""
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


# Many at once


def test_processes_that_start_together_on_an_empty_cache(tmp_path):
    """As under joblib: all of them write, each reads a file whole or not at all, and nothing is left lying about."""
    processes = [start_python("-c", ANSWER, cache=tmp_path) for _ in range(3)]
    found = [json.loads(finish(process)) for process in processes]
    for one in found:
        assert one["outputs"] == found[0]["outputs"]
        assert not one["warnings"]
    np.testing.assert_allclose(found[0]["outputs"], OUTPUTS, rtol=1e-12)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".o"}
    assert len(files) == found[0]["kernels"]
    assert_right(answer(tmp_path), from_cache=True)
