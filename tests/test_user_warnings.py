"""Warnings name the user's line that called into fastmlp, from any depth."""

import ast
import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers.merged import in_one_test
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

import fastmlp
from fastmlp import Activation, Loss, MLPRegressor, Network
from fastmlp.common.user_warnings import warn_user
from fastmlp.compiler import shown_warnings

PACKAGE = Path(fastmlp.__file__).parent
X = np.linspace(-1, 1, 40).reshape(20, 2)
Y = X[:, 0]


def fit():
    MLPRegressor(hidden_layer_sizes=(3,), max_iter=1, random_state=0).fit(X, Y)


def search():
    """scikit-learn and joblib are between the user's line and the fit."""
    model = MLPRegressor(hidden_layer_sizes=(3,), max_iter=1, random_state=0)
    GridSearchCV(model, {"alpha": [0.1]}, cv=2, refit=False).fit(X, Y)


def clip_batch():
    MLPRegressor(hidden_layer_sizes=(3,), batch_size=21, max_iter=1, random_state=0).fit(X, Y)


def make_activation():
    Activation(lambda z: 2 * z, lambda z: 3.0)


def make_loss():
    Loss(lambda a, y: (a - y) ** 2, lambda a, y: a - y)


def train_network():
    loss = Loss(lambda a, y: np.inf, lambda a, y: 0.0)
    Network([2, 1], ["identity"], loss).train(X, Y, "sgd")


WARNINGS = {
    "fit": (fit, ConvergenceWarning),
    "search": (search, ConvergenceWarning),
    "batch size": (clip_batch, UserWarning),
    "activation": (make_activation, UserWarning),
    "loss": (make_loss, UserWarning),
    "Network.train": (train_network, UserWarning),
}


@in_one_test()
@pytest.mark.parametrize("case", WARNINGS)
def test_warning_names_the_users_line(case):
    function, category = WARNINGS[case]
    with pytest.warns(category) as caught:
        function()
    lines = range(function.__code__.co_firstlineno, max(line for *_, line in function.__code__.co_lines() if line) + 1)
    for one in caught:
        assert (one.filename, one.lineno in lines) == (__file__, True)


@in_one_test()
@pytest.mark.parametrize("warn", [warn_user, shown_warnings.warn])
@pytest.mark.parametrize("module", ["fastmlp.training.minibatch", "sklearn.base", "joblib.parallel"])
def test_frames_between_are_skipped(module, warn):
    namespace = {"__name__": module, "warn": warn}
    exec("def outer():\n    inner()\n\ndef inner():\n    warn('words', RuntimeWarning)\n", namespace)
    with pytest.warns(RuntimeWarning, match="words") as caught:
        namespace["outer"]()
    assert caught[0].filename == __file__


@pytest.mark.parametrize("warn", [warn_user, shown_warnings.warn])
def test_package_with_a_similar_name_is_the_users(warn):
    namespace = {"__name__": "fastmlp_extras", "warn": warn}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile("warn('words', RuntimeWarning)", "extras.py", "exec"), namespace)
    assert caught[0].filename == "extras.py"


SOURCES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def counts_stack_levels(source):
    tree = ast.parse((PACKAGE / source).read_text(encoding="utf-8"))
    return any(isinstance(node, ast.keyword) and node.arg == "stacklevel" for node in ast.walk(tree))


def test_stack_levels_are_counted_in_one_place():
    found = {source for source in SOURCES if counts_stack_levels(source)}
    assert found <= {"common/user_warnings.py", "compiler/shown_warnings.py"}
    assert "common/user_warnings.py" in found
