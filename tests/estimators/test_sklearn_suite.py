"""scikit-learn's own tests of its multi-layer perceptron, run on our two classes.

The installed `sklearn/neural_network/tests/test_mlp.py` is read, the one line that imports the estimators is
replaced, and its test functions are collected here with their marks. Two of its cases reach into private
methods of scikit-learn's and stay out; `test_estimators.py` has an equivalent of each.
"""

import importlib.util
import math
import types
from pathlib import Path

import pytest

EXCLUDED = {"test_fit", "test_gradient"}
THEIRS = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
OURS = "from fastmlp import MLPClassifier, MLPRegressor"

# Many of these fits stop at `max_iter` on purpose. All other warnings are errors, as in all tests.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def load_suite():
    """The installed test module, its line breaks kept so that tracebacks point into the installed file."""
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    lines = Path(spec.origin).read_text(encoding="utf-8").split("\n")
    assert [line for line in lines if "import" in line and "MLP" in line] == [THEIRS]
    source = "\n".join(OURS if line == THEIRS else line for line in lines)
    module = types.ModuleType("sklearn_test_mlp_on_fastmlp")
    exec(compile(source, spec.origin, "exec"), vars(module))
    return module


def count_cases(function):
    """How many tests pytest makes of a function: the product over its `parametrize` marks."""
    marks = getattr(function, "pytestmark", [])
    return math.prod(len(mark.args[1]) for mark in marks if mark.name == "parametrize")


suite = load_suite()
functions = {name: item for name, item in vars(suite).items() if name.startswith("test_")}
globals().update({name: item for name, item in functions.items() if name not in EXCLUDED})


@pytest.fixture
def global_random_seed():
    """scikit-learn's conftest gives its tests this seed by default."""
    return 42


def test_57_of_its_59_cases_are_run():
    assert set(functions) >= EXCLUDED
    assert sum(map(count_cases, functions.values())) == 59
    assert sum(count_cases(item) for name, item in functions.items() if name not in EXCLUDED) == 57


def test_the_cases_run_on_our_classes():
    import fastmlp

    assert suite.MLPClassifier is fastmlp.MLPClassifier
    assert suite.MLPRegressor is fastmlp.MLPRegressor
