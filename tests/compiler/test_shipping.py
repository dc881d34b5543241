"""The package without a folder of sources: in a zip file, as .pyc files only, frozen; and the content of the sdist.

All forms give the same bits, with a cold and a warm cache, and an edited kernel changes the key in each of them.
"""

import compileall
import functools
import importlib.abc
import importlib.util
import json
import marshal
import py_compile
import runpy
import shutil
import subprocess
import sys
import tomllib
import types
import zipfile
from pathlib import Path

import pytest
from helpers.lanes import copy_cache, copy_package, run_python
from helpers.sources import PACKAGE

import fastmlp
from fastmlp import _pyinstaller
from fastmlp.compiler import cache as code_cache
from fastmlp.compiler import flags, source_hash

ROOT = Path(__file__).parents[2]

#: Uses an activation whose functions have no file.
APPLY = """
import json
import numpy as np
from fastmlp import Activation, __file__

bent = Activation(lambda z: z + np.tanh(z), lambda z: 2 - np.tanh(z) ** 2)
outputs = bent([-1.0, 0.5]).tolist()
"""
FIT = """
from fastmlp import MLPRegressor

X = np.linspace(-1, 1, 40).reshape(20, 2)
model = MLPRegressor(hidden_layer_sizes=(3,), activation=bent, solver="sgd", max_iter=9, random_state=0, tol=9,
                     n_iter_no_change=1)
outputs += model.fit(X, X[:, 0]).predict(X).tolist()
"""
PRINT = "print(json.dumps([__file__, outputs]))"
FOLDERS = "import json; from fastmlp.compiler import cache; print(json.dumps([*map(str, cache.cache_folders())]))"
#: Prefixes of the kernels that are compiled in each form: some of them use helpers of every kind.
COMPILED = ["linalg.dense.", "loop.forward_backward.", "losses."]
KEY = "from fastmlp.compiler import cache as code_cache; print(code_cache.cache_key())"
#: A kernel's module, in the folder of the package.
EDITED = Path("fastmlp/kernels/loop/dropout.py")


FORMS = ["folder", "zip", "pyc", "zip of pyc"]


@pytest.fixture(scope="module")
def byte_code(tmp_path_factory):
    """A folder of .pyc files without sources, of which tests use copies: compiling all modules takes seconds."""
    package = copy_package(tmp_path_factory.mktemp("byte code"))
    assert compileall.compile_dir(package, quiet=1, legacy=True)
    for source in package.rglob("*.py"):
        source.unlink()
    return package


@pytest.fixture
def place_of(byte_code):
    """A function that makes the package in one of `FORMS` in a new folder, with one module edited."""

    def make(form, folder, edit=None):
        package = shutil.copytree(byte_code, folder / "fastmlp") if "pyc" in form else copy_package(folder)
        if edit:
            source = folder / EDITED.name
            source.write_text(edit((PACKAGE.parent / EDITED).read_text(encoding="utf-8")), encoding="utf-8")
            if "pyc" in form:
                edited, original = (folder / EDITED).with_suffix(".pyc"), byte_code.parent / EDITED
                header = edited.read_bytes()[:16]  # time and size of the source, which are not what was edited
                py_compile.compile(source, edited, dfile=original, doraise=True)
                edited.write_bytes(header + edited.read_bytes()[16:])
                source.unlink()
            else:
                source.replace(folder / EDITED)
        return as_zip(package) if "zip" in form else folder

    return make


def as_zip(package):
    target = package.parent / "app.zip"
    with zipfile.ZipFile(target, "w") as file:
        for path in sorted(package.rglob("*.py*")):
            file.write(path, path.relative_to(package.parent))
    shutil.rmtree(package)
    return target


@functools.cache
def outputs_here(script):
    """The results of this process, which has sources."""
    exec(script, here := {})
    return here["outputs"]


def assert_runs(place, script, cache, times):
    """The script gives the results of this process, which has sources; the second time with the cache of the first.

    The kernels that take longest to compile are copied from the common cache of the tests, if it has them.
    """
    expected = outputs_here(script)
    copy_cache(cache, without=COMPILED, key=key_of(place))
    for _ in range(times):
        file, outputs = json.loads(run_python("-c", script + PRINT, cache=cache, PYTHONPATH=str(place)))
        assert Path(file).is_relative_to(place)  # not another copy of the package
        assert outputs == expected


def key_of(place):
    return run_python("-c", KEY, cache=None, PYTHONPATH=str(place)).strip()


@pytest.mark.parametrize("form", ["pyc", "zip"])
def test_a_custom_activation(form, place_of, tmp_path):
    assert_runs(place_of(form, tmp_path / "app"), APPLY, tmp_path / "cache", times=1)


def test_a_fit(place_of, tmp_path):
    assert_runs(place_of("zip of pyc", tmp_path / "app"), APPLY + FIT, tmp_path / "cache", times=2)


@pytest.mark.parametrize("form", FORMS)
def test_where_code_is_kept(form, place_of, tmp_path):
    """Beside the package, so that `pip uninstall` leaves nothing that could be imported; never inside a zip file."""
    place = place_of(form, tmp_path / "app")
    run = {"cache": None, "PYTHONPATH": str(place), "XDG_CACHE_HOME": str(tmp_path / "home")}
    folders = [Path(folder) for folder in json.loads(run_python("-c", FOLDERS, **run))]
    expected = [tmp_path / "home" / "fastmlp"]
    if place.is_dir():
        expected.insert(0, place / "__pycache__")
    assert [folder.parent for folder in folders] == expected
    assert all(folder.name.startswith("fastmlp-") for folder in folders)  # not the name of a module


@pytest.mark.parametrize("form", FORMS)
def test_an_edited_kernel_changes_the_key(form, place_of, tmp_path):
    """Nothing else does: a copy elsewhere has the same key."""
    edits = {
        "plain": None,
        "copy": None,
        "line": lambda text: text + "\n_MORE = 1\n",
        "number": lambda text: text.replace("import", "import math\nimport", 1),
    }
    keys = {name: key_of(place_of(form, tmp_path / name, edit)) for name, edit in edits.items()}
    assert keys["plain"] == keys["copy"]
    assert len(set(keys.values())) == 3


def test_a_loader_without_files(monkeypatch):
    """PyInstaller's loader has code objects only: equal code has equal hashes."""

    class Loader:
        def __init__(self, text):
            self.text = text

        def get_data(self, path):
            raise FileNotFoundError(path)

        def get_code(self, name):
            return marshal.loads(marshal.dumps(compile(self.text, "dense.py", "exec")))

    name = "fastmlp.kernels.linalg.dense"
    texts = "x = 1, 'a'; y = {'b', 'c'}", "x = 1, 'a'; y = {'b', 'c'}  # a comment", "x = 2, 'a'; y = {'b', 'c'}"
    found = [
        source_hash._content(importlib.util.spec_from_loader(name, Loader(text), origin="nowhere")) for text in texts
    ]
    assert found[0] == found[1] != found[2]


# PyInstaller


class Frozen(importlib.abc.InspectLoader):
    """A loader like that of a frozen program: the modules have no files."""

    def get_source(self, name):
        return None

    def get_code(self, name):
        specification = importlib.util.find_spec("numba.core.serialize")  # in the same folder
        path = Path(specification.origin).with_name("config.py")
        return compile(path.read_text(encoding="utf-8"), "numba/core/config.py", "exec")


def test_numbas_configuration_in_a_frozen_program(monkeypatch):
    """It is read through the module's loader: the key is that of the program from sources, and flags change it."""
    from numba.core import config

    plain = code_cache.cache_key.__wrapped__()
    frozen = importlib.util.spec_from_loader("numba.core.config", Frozen(), origin="/nonexistent/config.pyc")
    monkeypatch.setattr(config, "__spec__", frozen)
    monkeypatch.setattr(config, "__file__", "/nonexistent/config.pyc")
    flags._read_anew.cache_clear()
    assert flags.changed() == []
    assert code_cache.cache_key.__wrapped__() == plain
    monkeypatch.setattr(config, "OPT", 0)
    assert [flag for flag, _ in flags.changed()] == ["OPT"]
    flags._read_anew.cache_clear()


def test_the_hook_names_every_module(monkeypatch):
    """PyInstaller does not find modules that are imported by name at their first use, nor a wheel's kernels.

    These are used only if the kernels' sources are those that they were compiled from: the program has them, too.
    """
    (folder,) = _pyinstaller.get_hook_dirs()
    hooks = types.ModuleType("PyInstaller.utils.hooks")
    hooks.copy_metadata = lambda name: [(name, "metadata")]
    hooks.collect_data_files = lambda name: [(name, "data")]
    for name in ("PyInstaller", "PyInstaller.utils"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "PyInstaller.utils.hooks", hooks)
    hook = runpy.run_path(str(Path(folder) / "hook-fastmlp.py"))
    package = Path(fastmlp.__file__).parent
    paths = {path.relative_to(package.parent).with_suffix("").parts for path in package.rglob("*.py")}
    modules = {".".join(parts).removesuffix(".__init__") for parts in paths if "_pyinstaller" not in parts}
    assert {"fastmlp", *hook["hiddenimports"]} == modules
    assert hook["datas"] == [("fastmlp", "data"), ("numba", "metadata")]
    hashed = {*(f"fastmlp.compiler.{name}" for name in source_hash._OWN),
              *source_hash.modules_below("fastmlp.kernels")}  # fmt: skip
    with_sources = tuple(name for name, mode in hook["module_collection_mode"].items() if mode == "pyz+py")
    assert not [name for name in hashed if not name.startswith(with_sources)], "not the key of the wheel's kernels"


def test_the_hook_is_announced():
    """The entry point is the one that PyInstaller reads."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pyinstaller40"] == {"hook-dirs": "fastmlp._pyinstaller:get_hook_dirs"}
    module, _, name = project["entry-points"]["pyinstaller40"]["hook-dirs"].partition(":")
    assert getattr(importlib.import_module(module), name)() == [str(Path(fastmlp.__file__).parent / "_pyinstaller")]


# The sdist


def test_the_sdist_has_everything_but_what_runs_ci():
    """By default, setuptools includes tests/test_*.py, but not their helpers and data."""
    git = shutil.which("git")
    tracked = git and subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if not tracked or tracked.returncode or "MANIFEST.in" not in tracked.stdout.split():
        pytest.skip("not a checkout")
    rules = [line.split() for line in (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines()]
    grafted = tuple(f"{folder}/" for rule in rules if rule[0] == "graft" for folder in rule[1:])
    included = {name for rule in rules if rule[0] == "include" for name in rule[1:]}
    by_itself = {"pyproject.toml", "MANIFEST.in"}
    missing = [
        name
        for name in tracked.stdout.split()
        if not name.startswith(("fastmlp/", *grafted)) and name not in included | by_itself
    ]
    assert missing == [".ci/run", ".gitignore", ".pre-commit-config.yaml"]
    assert {"tests/", "docs/", "examples/", "benchmarks/"} <= set(grafted)
