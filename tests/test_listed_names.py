"""Docstrings that list names list those that exist, and all of them."""

import re
from pathlib import Path

import pytest
from helpers.merged import in_one_test

import fastmlp.activations
import fastmlp.initializers
from fastmlp import MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor
from fastmlp.activations import ACTIVATIONS
from fastmlp.estimators.parameters import SOLVERS
from fastmlp.initializers import INITIALIZERS
from fastmlp.losses import names_for
from fastmlp.tabular.recipes import RECIPES

PAGE = (Path(__file__).parents[1] / "docs" / "control.md").read_text(encoding="utf-8")
#: For outputs, and another name of silu: the parameter `activation` does not list them.
NOT_LISTED = {"exp", "step", "softmax", "swish"}
NAMES = {
    ("activation", "classifier"): set(ACTIVATIONS) - NOT_LISTED,
    ("activation", "regressor"): set(ACTIVATIONS) - NOT_LISTED,
    ("solver", "classifier"): set(SOLVERS),
    ("solver", "regressor"): set(SOLVERS),
    ("initializer", "classifier"): set(INITIALIZERS),
    ("initializer", "regressor"): set(INITIALIZERS),
    ("loss", "classifier"): set(names_for("classifier")),
    ("loss", "regressor"): set(names_for("regressor")),
    ("loss", "classifier for tables"): {"log_loss", "focal"},
    ("loss", "regressor for tables"): set(names_for("regressor")),
    ("recipe", "classifier for tables"): {*RECIPES, "auto"},
    ("recipe", "regressor for tables"): {*RECIPES, "auto"},
}
ESTIMATORS = {
    "classifier": MLPClassifier,
    "regressor": MLPRegressor,
    "classifier for tables": TabularMLPClassifier,
    "regressor for tables": TabularMLPRegressor,
}


def listed(docstring, parameter):
    """The names in quotes in the description of a parameter."""
    (text,) = re.findall(rf"^ *{parameter} : (.*?)(?=^ *\w+(?:, \w+)* : |^ *\w+\n *---)", docstring, flags=re.M | re.S)
    return set(re.findall(r"'([\w-]+)'", text))


def first_column(table):
    """The names in a table of reStructuredText, as wide as its first line says."""
    lines = table.splitlines()
    rules = [number for number, line in enumerate(lines) if line.startswith("==")]
    width = lines[rules[0]].index(" ")
    cells = [line[:width].strip() for line in lines[rules[1] + 1 : rules[2]]]
    return [name for cell in cells for name in cell.split(", ") if name]


@in_one_test()
@pytest.mark.parametrize(("parameter", "kind"), NAMES)
def test_estimators_list_every_name(parameter, kind):
    names, found = NAMES[parameter, kind], listed(ESTIMATORS[kind].__doc__, parameter)
    assert not names - found, f"add {sorted(names - found)} to `{parameter}` in the docstring of {kind}"
    assert not found - names, f"{sorted(found - names)} of `{parameter}` in the docstring of {kind} does not exist"


@pytest.mark.parametrize(
    ("module", "names"), [(fastmlp.activations, ACTIVATIONS), (fastmlp.initializers, INITIALIZERS)]
)
def test_tables_list_every_name(module, names):
    """A name that is wider than the first column is cut, and missing."""
    assert sorted(first_column(module.__doc__)) == sorted(names)


def test_the_page_of_options_lists_activations_that_exist():
    (text,) = re.findall(r"or a list with one for each: (.*?) and scikit-learn's four", PAGE, flags=re.S)
    assert set(re.split(r",\s+", text)) <= set(ACTIVATIONS)


def test_a_name_that_is_too_wide_is_missing():
    table = "=====  ====\nname   f\n=====  ====\nshort  z\nlonger  z\n=====  ====\n"
    assert first_column(table) == ["short", "longe"]
