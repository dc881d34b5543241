"""Kernels that a wheel carries: built for several processors, loaded without Numba, and only where they belong."""

import json
import re
import shutil
from pathlib import Path

import pytest
from helpers.elf import machine_and_undefined
from helpers.lanes import copy_package, run_python
from helpers.merged import in_one_test

from fastmlp import __main__, info, prebuild, warmup
from fastmlp.compiler import cpu as host
from fastmlp.compiler import flags, prebuilt, source_hash
from fastmlp.compiler import kernel as kernels
from fastmlp.compiler.kernel import Kernel
from fastmlp.compiler.levels import LEVELS, Level, best_for
from fastmlp.kernels.activations import basic
from fastmlp.kernels.linalg import dense

#: The level of this host, or one that is compiled and not run.
LEVEL = prebuilt.host_level() or LEVELS[1]
OTHER = next(level for level in LEVELS if level.triple != LEVEL.triple)
V3, V4 = ({level.name: level.features for level in LEVELS}[name].split(",") for name in ("x86-64-v3", "x86-64-v4"))
NAMES = {f"{kernel}.{dtype}.o" for kernel in ("activations.basic.tanh", "linalg.dense.transpose")
         for dtype in ("float32", "float64")}  # fmt: skip

runs_here = pytest.mark.skipif(prebuilt.host_level() is None, reason="no wheel has kernels for this processor")

#: Runs two kernels for two types; prints what they write, where they came from, and whether Numba was loaded.
RUN = """
import json, sys
import numpy as np
from fastmlp.compiler import kernel as kernels
from fastmlp.compiler.kernel import KernelModule

def run(dtype):
    z = np.linspace(-3, 3, 91).reshape(7, 13).astype(dtype)
    derivative, turned, constants = np.zeros_like(z), np.zeros((13, 7), dtype), np.zeros(1)
    KernelModule("activations.basic").tanh.entry(dtype)(
        z.ctypes.data, derivative.ctypes.data, 7, 13, 13, constants.ctypes.data)
    KernelModule("linalg.dense").transpose.entry(dtype)(turned.ctypes.data, 7, z.ctypes.data, 13, 7, 13)
    return [each.tobytes().hex() for each in (z, derivative, turned)]

outputs = [run(dtype) for dtype in ("float32", "float64")]
print(json.dumps([outputs, sorted(set(kernels.origins.values())), "numba" in sys.modules]))
"""


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """A folder with the archives of two levels, of two kernels each."""
    folder = tmp_path_factory.mktemp("prebuilt")
    chosen = ["--level", LEVEL.name, "--level", OTHER.name]
    prebuild.main([str(folder), *chosen, "--kernel", "linalg.dense.transpose", "--kernel", "activations.basic.tanh"])
    return folder


@pytest.fixture
def installed(archives, monkeypatch):
    """This process has the archive of its level; returns its content, which a test may replace."""
    monkeypatch.delenv(prebuilt.SWITCH, raising=False)
    content = {"bytes": (archives / f"{LEVEL.name}.bin").read_bytes()}
    monkeypatch.setattr(prebuilt.pkgutil, "get_data", lambda *_: content["bytes"])
    prebuilt._opened.cache_clear()
    yield content
    prebuilt._opened.cache_clear()


def test_archives_hold_code_of_their_level(archives):
    """That of another processor is built here as well; no code needs anything but the C library."""
    for level in (LEVEL, OTHER):
        archive = prebuilt.Archive((archives / f"{level.name}.bin").read_bytes())
        assert archive.names == NAMES
        assert archive.key == level.key(source_hash.of_sources())
        assert set(archive.versions) == {"python", "numba", "llvmlite", "numpy"}
        assert archive.read("no.such.kernel.float32.o") is None
        for name in NAMES:
            machine, undefined = machine_and_undefined(archive.read(name).partition(b"\n")[2])
            assert level.triple.startswith(machine)
            assert undefined <= {"memcpy", "memset", "memmove"}


@runs_here
def test_an_installed_archive_runs_with_the_bits_of_the_host(archives, tmp_path):
    """In a process with an empty cache, which writes nothing and does not load Numba; also from a zip file."""
    package = copy_package(tmp_path / "site")
    shutil.copytree(archives, package / prebuilt.FOLDER)
    place = shutil.make_archive(tmp_path / "app", "zip", package.parent)
    here = {}
    exec(RUN, here)
    assert prebuilt.archive() or set(kernels.origins.values()) <= {"compiler", "cache"}
    for path in (package.parent, place):
        found = json.loads(run_python("-c", RUN, cache=tmp_path / "cache", PYTHONPATH=str(path), FASTMLP_PREBUILT="1"))
        assert found == [here["outputs"], ["wheel"], False], path
    assert not (tmp_path / "cache").exists()


@runs_here
def test_archives_that_do_not_belong_to_the_process_are_not_used(installed, monkeypatch):
    """Sources edited since, other flags, another processor, a switch, damage: the reason is told, nothing is read."""
    content, name = installed["bytes"], min(NAMES)

    def reason(*changes):
        prebuilt._opened.cache_clear()
        with monkeypatch.context() as patch:
            for change, *arguments in changes:
                getattr(patch, change)(*arguments)
            assert (prebuilt.read(name) is None) == bool(prebuilt.why_not())
            return prebuilt.why_not()

    assert reason() == ""
    assert "the sources" in reason(("setattr", source_hash, "of_sources", lambda: b"other"))
    for variable in (
        "NUMBA_OPT",
        "NUMBA_BOUNDSCHECK",
        "NUMBA_LOOP_VECTORIZE",
        "NUMBA_SLP_VECTORIZE",
        "NUMBA_DEBUGINFO",
    ):
        assert "options of Numba" in reason(("setenv", variable, "1")), variable
    assert "options of Numba" in reason(("setattr", flags, "configuration", lambda: (7, b"opt: 1\n")))
    assert "options of Numba" in reason(("setattr", "numba.core.config.OPT", 1))
    assert "processor" in reason(("setattr", host, "FEATURES", ["+sse2"]))
    assert "FASTMLP_PREBUILT=0" in reason(("setenv", "FASTMLP_PREBUILT", "0"))
    assert "none" in reason(("setattr", prebuilt.pkgutil, "get_data", lambda *_: None))
    for broken in (b"", content[:100], content.replace(b'"entries"', b'"entrees"')):
        assert "cannot be read" in reason(("setitem", installed, "bytes", broken))
    installed["bytes"] = content[:-3]
    prebuilt._opened.cache_clear()
    read = {each: prebuilt.read(each) for each in sorted(NAMES)}
    assert [each for each, found in read.items() if found is None] == [max(NAMES)]


@runs_here
def test_a_kernel_that_the_archive_lacks_is_compiled(installed, monkeypatch, tmp_path):
    """So is one whose code cannot be loaded; users' functions are never taken from it."""
    monkeypatch.setattr(kernels.code_cache, "cache_folders", lambda: [tmp_path])
    monkeypatch.setattr(Kernel, "_compile", lambda self, dtype: prebuilt.Archive(whole).read(name))
    whole, name = installed["bytes"], "linalg.dense.transpose.float64.o"

    def origin(of=dense.transpose, named=True):
        kernel = Kernel(of.__module__, of.__name__, None if named else of.source._replace(identity=None))
        return kernel.load("float64").origin

    assert origin() == "wheel"
    assert origin(named=False) == "compiler"
    assert origin(basic.relu) == "compiler"
    assert kernels.origins["activations.basic.relu.float64"] == "compiler"
    installed["bytes"] = prebuilt.packed(prebuilt.Archive(whole).key, {}, {name: b"entry 6 no_such_function\n"})
    prebuilt._opened.cache_clear()
    assert origin() == "compiler"


@runs_here
def test_warmup_and_info_with_an_archive(installed, monkeypatch, capsys, tmp_path):
    """What the wheel has is not compiled, and need not be kept; `info` tells where each kernel comes from."""
    few = [Kernel(each.__module__, each.__name__) for each in (basic.tanh, dense.transpose)]
    monkeypatch.setattr(warmup, "all_kernels", lambda: few)
    monkeypatch.setattr(kernels, "origins", {})
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "none"))
    __main__.main(["info"])
    assert "4 in the wheel" in capsys.readouterr().out
    __main__.main(["warmup"])
    assert "0 kernels compiled, 4 loaded" in capsys.readouterr().out
    kernels.origins |= {"linalg.dense.multiply.float64": "compiler", "linalg.dense.multiply.float32": "cache"}
    __main__.main(["info", "--kernels"])
    printed = capsys.readouterr().out
    for pattern in (
        f"level: +{LEVEL.name}", f"{host.NAME}, {host.TRIPLE}", "built with python 3", "numba [0-9]",
        f"{tmp_path}/none/fastmlp-[0-9a-f]+: not made yet", "NUMBA_CACHE_DIR=", "threads: +[0-9]+ of [0-9]+ cores",
        "scikit-learn [0-9]", "4 loaded from the wheel", "1 loaded from a cache folder", "1 compiled in this process",
        "linalg.dense.multiply.float64 +compiled in this process",
        "activations.basic.tanh.float32 +loaded from the wheel",
    ):  # fmt: skip
        assert_matches(pattern, printed)


def assert_matches(pattern, text):
    assert re.search(pattern, text), f"{pattern!r} is not in\n{text}"


def test_info_where_something_is_wrong(monkeypatch, tmp_path):
    """It names the folder that is refused and the error that is raised, and prints the rest."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr(prebuilt, "archive", lambda: None)
    monkeypatch.setattr(info, "needed", lambda *arguments: [].index(0))
    monkeypatch.setattr(info, "_PACKAGES", ["numpy", "no-such-package"])
    text = info.describe()
    for pattern in ("not used: Not a directory", "not found: +ValueError", "no-such-package is missing", "threads:"):
        assert_matches(pattern, text)


X86, ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"


@in_one_test()
@pytest.mark.parametrize(
    ("triple", "features", "expected"),
    [
        (X86, V3, "x86-64-v3"),
        (X86, [*V3, "+sse4a", "-avx512f", "+adx"], "x86-64-v3"),
        ("x86_64-conda-linux-gnu", V3, "x86-64-v3"),
        (X86, V4, "x86-64-v4"),
        (X86, [*V4, "+amx-tile", "+amx-bf16", "+avx512fp16"], "x86-64-v4"),
        (X86, [one for one in V4 if one != "+avx512vl"], None),  # its registers are not those of v3
        (X86, [one for one in V3 if one not in ("+avx2", "+fma")], None),
        (X86, [""], None),
        ("x86_64-unknown-linux-gnux32", V3, None),
        ("x86_64-apple-darwin23.1.0", V3, None),
        ("x86_64-pc-windows-msvc", V4, None),
        (ARM, ["+fp-armv8", "+neon", "+crc", "+sve"], "aarch64"),
        (ARM, [""], "aarch64"),  # as where the list of features cannot be read
        (ARM, ["+fp-armv8", "-neon"], None),
        ("arm64-apple-darwin23.1.0", ["+fp-armv8", "+neon"], None),
        ("riscv64-unknown-linux-gnu", V3, None),
    ],
)
def test_the_level_of_a_processor(triple, features, expected):
    level = best_for(triple, features)
    assert (level and level.name) == expected


def test_the_key_depends_on_sources_and_level():
    keys = [level.key(sources) for level in LEVELS for sources in (b"a", b"b")]
    assert len({*keys, Level("x86-64-v3", X86, "x86-64-v3", "+avx").key(b"a")}) == len(keys) + 1


def test_refusals_of_the_build_step(tmp_path, capsys):
    with pytest.raises(SystemExit):
        prebuild.main([str(tmp_path), "--level", "x86-64-v9"])
    assert "no such level: x86-64-v9; there are x86-64-v4, x86-64-v3, aarch64" in capsys.readouterr().err
    assert not list(Path(tmp_path).iterdir())
