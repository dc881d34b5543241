"""The cache of users' functions on disk: unchanged functions are loaded from it, and no others."""

import collections
import gc
import importlib.util
import json
import math
import types

import numpy as np
import pytest
from helpers.lanes import run_python

from fastmlp import Activation

#: A user's module; each test edits a line of it.
MODULE = """
import math

SLOPE = 0.25


def helper(z):
    return 2.0 * z


def f(z):
    return helper(z) + SLOPE * math.tanh(z)


def derivative(z, two=2.0):
    return two + SLOPE * (1 - math.tanh(z) ** 2)
"""
Z = np.array([-1.0, 2.0])


def expected(slope=0.25, factor=2.0, two=2.0):
    t = np.tanh(Z)
    return np.stack([factor * Z + slope * t, two + slope * (1 - t**2)])


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache directory of its own; Numba reads the variable again before it compiles."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(folder))
    return folder


def kept(cache):
    return len(list(cache.rglob("*.o")))


def answer(activation):
    """(f, f′) and whether their code came from the disk; the activation does not stay in memory."""
    result = np.stack([activation(Z), activation.derivative(Z)])
    return result, activation.kernel.load(np.float64).cache_hits


@pytest.fixture
def ask(tmp_path, cache):
    """Write the module, import it again, and return the results of its functions."""

    def run(source):
        path = tmp_path / "own_module.py"
        path.write_text(source, encoding="utf-8")
        specification = importlib.util.spec_from_loader("own_module", None)
        module = importlib.util.module_from_spec(specification)
        exec(compile(source, path, "exec"), vars(module))
        found = answer(Activation(module.f, module.derivative))
        gc.collect()  # a dispatcher of Numba and its function refer to each other
        return found

    return run


def assert_found(found, from_cache, **numbers):
    np.testing.assert_allclose(found[0], expected(**numbers), rtol=1e-14)
    assert found[1] == from_cache


def test_unchanged_functions_are_loaded_from_the_cache(ask, cache):
    """They are also loaded if only other parts of the module have changed, including lines and comments."""
    assert_found(ask(MODULE), from_cache=0)
    assert_found(ask(MODULE), from_cache=1)
    assert_found(ask("# A comment.\n\nUNUSED = 3\n" + MODULE + "\n\ndef unused(z):\n    return z\n"), from_cache=1)
    assert kept(cache) == 1


@pytest.mark.filterwarnings("ignore:.*but the derivative of")  # f is edited, and its derivative is not
def test_edits_are_compiled_again(ask, cache):
    """Edits of a number, a called function, the function itself or a default; undoing one uses the old entry again."""
    edits = [
        (("SLOPE = 0.25", "SLOPE = 0.5"), {"slope": 0.5}),
        (("SLOPE = 0.25", "SLOPE = 1"), {"slope": 1}),
        (("SLOPE = 0.25", "SLOPE = 1.0"), {"slope": 1}),
        (("2.0 * z", "3.0 * z"), {"factor": 3.0}),
        (("helper(z) +", "helper(z) + helper(z) +"), {"factor": 4.0}),
        (("two=2.0", "two=2.5"), {"two": 2.5}),
        (("math.tanh(z) **", "math.tanh(2 * z - z) **"), {}),
    ]
    assert_found(ask(MODULE), from_cache=0)
    for number, ((old, new), numbers) in enumerate(edits, start=2):
        assert_found(ask(MODULE.replace(old, new)), from_cache=0, **numbers)
        assert kept(cache) == number
    assert_found(ask(MODULE), from_cache=1)


def test_closed_over_numbers_are_part_of_the_key(cache):
    def made(slope):
        return Activation(lambda z: slope * z, lambda z: slope)

    for slope in (2.0, 3.0, 3):
        assert answer(made(slope))[0].tolist() == [(slope * Z).tolist(), [slope, slope]]
    assert kept(cache) == 3


def test_functions_without_a_file_are_not_cached(cache):
    """Functions without a file, and those that use an array or a module, whose content may change."""
    space = {}
    exec("def f(z): return 2.0 * z\ndef derivative(z): return 2.0", space)
    table = np.array([1.0, 2.0])
    constants = types.ModuleType("constants")
    constants.slope = 2.0
    for activation in (
        Activation(space["f"], space["derivative"]),
        Activation(lambda z: table[1] * z, lambda z: table[1]),
        Activation(lambda z: constants.slope * z, lambda z: constants.slope),
    ):
        for _ in range(2):
            assert answer(activation)[0].tolist() == [[-2.0, 4.0], [2.0, 2.0]]
    assert kept(cache) == 0


def test_functions_of_numpy_and_math_are_cached(cache):
    answer(Activation(np.sin, math.cos))
    gc.collect()
    assert answer(Activation(np.sin, math.cos))[1] == kept(cache) == 1


class Rounded(float):
    def __repr__(self):
        return f"{float(self):.1f}"


def test_equal_repr_is_not_equal_code(cache):
    """Named tuples with reordered fields, and numbers with rounded reprs, share no code in memory or on disk."""

    def of(pair):
        return Activation(lambda z: pair.alpha * z + 10 * pair.beta, lambda z: pair.alpha)

    first = of(collections.namedtuple("First", "alpha beta")(1.0, 2.0))
    second = of(collections.namedtuple("First", "beta alpha")(1.0, 2.0))
    assert answer(first)[0][0].tolist() == [19, 22]
    assert answer(second)[0][0].tolist() == [8, 14]
    for slope in (Rounded(1.01), Rounded(1.04)):
        scaled = Activation(lambda z, slope=slope: slope * z, lambda z, slope=slope: slope)
        assert answer(scaled)[0].tolist() == [(float(slope) * Z).tolist(), [slope, slope]]
    assert kept(cache) == 0


ASK = """
import json
import sys
import numpy as np
import fastmlp
sys.path.insert(0, sys.argv[1])
import own_module

activation = fastmlp.Activation(own_module.f, own_module.derivative)
hits = [activation.kernel.load(dtype).cache_hits for dtype in ("float32", "float64")]
print(json.dumps([activation(np.array([-1.0, 2.0])).tolist(), hits]))
"""


def test_other_processes(tmp_path):
    """A process loads the code of an earlier one, unless the module was edited in between."""
    module = tmp_path / "own_module.py"

    def run():
        return json.loads(run_python("-c", ASK, tmp_path, cache=tmp_path / "cache"))

    module.write_text(MODULE, encoding="utf-8")
    assert run() == [pytest.approx(expected()[0], rel=1e-14), [0, 0]]
    assert run() == [pytest.approx(expected()[0], rel=1e-14), [1, 1]]
    module.write_text(MODULE.replace("SLOPE = 0.25", "SLOPE = 0.5"), encoding="utf-8")
    assert run() == [pytest.approx(expected(slope=0.5)[0], rel=1e-14), [0, 0]]
