"""Kernels compiled by `MinimalPipeline`: helpers inlined at any depth, and symbols of a readable length."""

import ctypes
import runpy
from types import SimpleNamespace

import numpy as np
import pytest
from numba.core import typed_passes, untyped_passes
from numba.core.compiler import DefaultPassBuilder, Flags

from fastmlp.compiler import minimal_pipeline
from fastmlp.compiler.kernel import DOUBLES, SIZE, KernelSource, LoadedCode
from fastmlp.compiler.minimal_pipeline import MinimalPipeline
from fastmlp.compiler.numba_backend import build, compile_source, inline_ir
from fastmlp.kernels.linalg import dense
from fastmlp.kernels.loop import epoch
from fastmlp.kernels.lowlevel.pointers import carray


@inline_ir
def clipped(value, limit):
    if value > limit:
        return limit
    if value < -limit:
        return -limit
    return value


@inline_ir
def clipped_sum(numbers, n, limit):
    total = 0.0
    for i in range(n):
        total += clipped(numbers[i], limit)
    return total


@inline_ir
def difference(numbers, n, limit):
    """Two calls of a helper that has a helper, with variables of the same names."""
    total = clipped_sum(numbers, n, limit)
    return total - clipped_sum(numbers, n, 0.5 * limit)


def nested(out, numbers, n):
    """out (3,) is overwritten with three differences; numbers is (n,)."""
    results, values = carray(out, 3), carray(numbers, n)
    for i in range(3):
        results[i] = difference(values, n, float(i + 1))


SOURCE = KernelSource(nested, (DOUBLES, DOUBLES, SIZE), set())


def test_nested_helpers_compute_what_python_computes():
    numbers = np.random.default_rng(0).normal(scale=2.0, size=20)
    out = np.empty(3)
    code = LoadedCode(compile_source(SOURCE, np.dtype(np.float64), True))
    entry = ctypes.CFUNCTYPE(None, *[ctypes.c_ssize_t] * 3)(code.address)
    entry(out.ctypes.data, numbers.ctypes.data, numbers.size)
    clips = {limit: np.clip(numbers, -limit, limit).sum() for limit in (0.5, 1.0, 1.5, 2.0, 3.0)}
    assert out == pytest.approx([clips[limit] - clips[limit / 2] for limit in (1.0, 2.0, 3.0)], rel=1e-13)


def test_helpers_disappear_into_the_kernel():
    library, _ = build(SOURCE, np.dtype(np.float64))
    code = str(library._final_module)
    assert "nested" in code
    assert not [name for name in ("clipped", "clipped_sum", "difference") if f"{name}B" in code or f"{name}(" in code]


@pytest.mark.parametrize("kernel", [epoch.train_steps, dense.transpose], ids=["records", "numbers"])
def test_symbols_do_not_list_the_fields_of_records(kernel):
    """Numba's own names of record types have thousands of characters and are part of each symbol."""
    content = compile_source(kernel.source, np.dtype(np.float32), True)
    assert b"step_rates" not in content
    assert b"offset" not in content


def state():
    return SimpleNamespace(flags=Flags(), func_ir=None)


def names_of(passes):
    return [one.__name__ for one, _ in passes.passes]


def test_numba_passes_that_are_left_out_and_replaced():
    every = names_of(DefaultPassBuilder.define_nopython_pipeline(state()))
    (pipeline,) = MinimalPipeline.define_pipelines(SimpleNamespace(state=state()))
    unused = {one.__name__ for one in minimal_pipeline._UNUSED}
    assert {"LiteralUnroll", "InlineOverloads", "DeadBranchPrune"} <= unused & set(every)
    kept = ["InlineHelpers" if name == "InlineInlinables" else name for name in every if name not in unused]
    assert "InlineHelpers" in kept
    assert names_of(pipeline) == kept
    assert not {"InlineInlinables", "InlineHelpers", *unused} & set(names_of(minimal_pipeline._helper_passes(state())))


@pytest.mark.parametrize(("module", "name"), [(untyped_passes, "LiteralUnroll"), (typed_passes, "InlineOverloads")])
def test_passes_that_a_version_of_numba_lacks_are_skipped(monkeypatch, module, name):
    monkeypatch.delattr(module, name)
    unused = runpy.run_path(minimal_pipeline.__file__)["_UNUSED"]
    assert unused == tuple(one for one in minimal_pipeline._UNUSED if one.__name__ != name)
