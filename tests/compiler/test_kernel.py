"""Kernels by name, without loading their sources, and machine code loaded without Numba."""

import ast
import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from helpers.lanes import copy_cache, run_python

import fastmlp
from fastmlp.compiler import cpu as host
from fastmlp.compiler import flags
from fastmlp.compiler import kernel as kernels
from fastmlp.compiler.kernel import Kernel, KernelModule, LoadedCode, pack
from fastmlp.kernels.linalg import dense
from fastmlp.warmup import all_kernels

PACKAGE = Path(fastmlp.__file__).parent
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "kernels" not in path.parts)

#: Fits and predicts with default estimators; prints the outputs, and whether Numba was loaded.
FIT = """
import json, sys, warnings
import numpy as np
from fastmlp import MLPClassifier, MLPRegressor

warnings.simplefilter("ignore")
X = np.linspace(-1, 1, 40).reshape(20, 2).astype(sys.argv[1])
model = MLPClassifier(max_iter=2, random_state=0).fit(X, X[:, 0] > 0)
outputs = [model.predict_proba(X).tolist() for _ in range(2)]
outputs += [MLPRegressor(max_iter=2, random_state=0).fit(X, X[:, 1]).predict(X).tolist()]
print(json.dumps([outputs, sorted({"numba", "fastmlp.kernels.linalg.dense"} & set(sys.modules))]))
"""


def test_a_process_with_a_warm_cache_loads_neither_numba_nor_kernels(tmp_path):
    """It gives the same bits as a process that compiled the kernels of the first layer."""
    copy_cache(tmp_path, without=["linalg.dense."])
    cold, warm = (json.loads(run_python("-c", FIT, "float32", cache=tmp_path)) for _ in range(2))
    assert cold[1] == ["fastmlp.kernels.linalg.dense", "numba"]
    assert warm[1] == []
    assert warm[0] == cold[0]


def test_a_configuration_made_in_the_program_has_code_of_its_own(tmp_path):
    """It is not in the environment: no other process may load what is compiled under it."""
    load = "from fastmlp.compiler.kernel import KernelModule; KernelModule('linalg.dense').transpose.load('float64')\n"
    change = "import numba\nnumba.config.SLP_VECTORIZE = 1 - numba.config.SLP_VECTORIZE\n"
    for script in (load, change + load, "import numba\n" + load, change + load):
        run_python("-c", script, cache=tmp_path)
    names = [sorted(file.name for file in folder.iterdir()) for folder in tmp_path.iterdir()]
    assert len(names) == 2
    assert names[0] == names[1]


def test_the_processor_is_the_one_that_numba_compiles_for():
    from numba.core.registry import cpu_target

    triple, name, features = cpu_target.target_context.codegen().magic_tuple()
    assert (host.TRIPLE, host.NAME, sorted(host.FEATURES)) == (triple, name, sorted(features.split(",")))


# Names


def test_a_name_and_a_kernel_are_the_same_object():
    lazy = KernelModule("linalg.dense")
    assert lazy.multiply is dense.multiply is kernels.find("fastmlp.kernels.linalg.dense", "multiply")
    assert lazy.multiply.source.function.__name__ == "multiply"
    assert len({kernel.__name__ for kernel in all_kernels()}) > 50


def names_asked_for(path):
    """(kernel module, name) of everything that a source reads from a lazy kernel module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lazy = {
        node.targets[0].id: node.value.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "KernelModule"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in lazy:
            yield lazy[node.value.id], node.attr


def test_every_name_used_is_a_kernel():
    """A lazy module does not check a name before the kernel is used."""
    asked_for = [names for path in SOURCES for names in names_asked_for(path)]
    assert len(asked_for) > 50
    for module, name in asked_for:
        found = getattr(importlib.import_module(f"{kernels.KERNELS}.{module}"), name, None)
        assert isinstance(found, Kernel), f"kernels.{module} has no kernel {name}"


def test_missing_names_raise():
    unknown = Kernel("fastmlp.kernels.linalg.dense", "nothing")
    with pytest.raises(AttributeError, match=r"fastmlp\.kernels\.linalg\.dense has no kernel 'nothing'"):
        str(unknown.source)


# Machine code


def test_code_with_undefined_symbols_is_refused():
    """LLVM would end the process."""
    content = dense_code()
    header, _, machine_code = content.partition(b"\n")
    symbol, n_arguments, *outside = header.decode().split()
    assert LoadedCode(content).address
    with pytest.raises(ImportError, match="undefined symbols: no_such_function"):
        LoadedCode(pack(symbol, int(n_arguments), [*outside, "no_such_function"], machine_code))
    with pytest.raises(ImportError, match="the machine code does not define other"):
        LoadedCode(pack("other", int(n_arguments), outside, machine_code))


def dense_code():
    """The compiled code of a small kernel."""
    from fastmlp.compiler.numba_backend import compile_source

    return compile_source(dense.transpose.source, np.dtype(np.float64), True)


def test_code_that_cannot_be_loaded_is_compiled_again(tmp_path, monkeypatch):
    """For example code that another machine has written, with a valid checksum."""
    monkeypatch.setattr(kernels.code_cache, "cache_folders", lambda: [tmp_path])
    content = pack("other", 6, [], dense_code().partition(b"\n")[2])
    kernel = Kernel("fastmlp.kernels.linalg.dense", "transpose")
    kernel.define(dense.transpose.source)
    kernels.code_cache.write("linalg.dense.transpose.float64.o", content)
    assert kernel.load(np.float64).cache_hits == 0
    again = Kernel("fastmlp.kernels.linalg.dense", "transpose")
    assert again.load(np.float64).cache_hits == 1
    inp, out = np.arange(6.0).reshape(2, 3), np.zeros((3, 2))
    again.entry(np.float64)(out.ctypes.data, 2, inp.ctypes.data, 3, 2, 3)
    assert np.array_equal(out, inp.T)


def test_numba_with_another_configuration_file(tmp_path, monkeypatch):
    """Numba reads the file in the working directory at its start: the key depends on it."""
    keys = []
    monkeypatch.chdir(tmp_path)
    for text in (None, "opt: 2\n", "opt: 3\n"):
        if text:
            (tmp_path / ".numba_config.yaml").write_text(text)
        keys.append(kernels.code_cache.cache_key.__wrapped__())
    assert len(set(keys)) == 3


def test_another_processor_in_numbas_configuration_has_code_of_its_own(monkeypatch):
    """A program may set it after the import of Numba, and the cache is shared with other programs."""
    assert flags.changed() == []
    monkeypatch.setattr("numba.core.config.CPU_NAME", "generic")
    assert flags.changed() == [("CPU_NAME", "generic")]
