"""Every name in a public docstring can be imported from a public module."""

import builtins
import importlib
import inspect
import re

import numpy as np
import pytest
from helpers.merged import in_one_test

import fastmlp

#: The public modules of README and docstrings.
PUBLIC = [
    importlib.import_module(name)
    for name in (
        "fastmlp", "fastmlp.activations", "fastmlp.callbacks", "fastmlp.inspection", "fastmlp.losses",
        "fastmlp.optimizers", "fastmlp.schedules", "fastmlp.initializers", "fastmlp.regularization",
        "fastmlp.scalar", "fastmlp.tabular", "fastmlp.engine.layout",
    )
]  # fmt: skip
#: Words of other packages and of mathematics in docstrings.
OTHERS = {
    "RandomState",
    "CalibratedClassifierCV",
    "DataFrame",
    "Generator",
    "LogisticRegression",
    "Pipeline",
    "PyArrayObject_fields",
    *("Artist", "Axes", "Colormap", "Figure", "Line2D", "LineCollection", "QuadContourSet", "QuadMesh"),
}


def public_objects(module):
    for name in getattr(module, "__all__", None) or vars(module):
        value = getattr(module, name)
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("fastmlp") and callable(value):
            yield value
            if isinstance(value, type):
                methods = [one for key, one in vars(value).items() if not key.startswith("_")]
                yield from (one for one in methods if inspect.isfunction(one) or isinstance(one, property))
    yield module


def offered_names(docstring):
    """Names that look like classes: in single or double backticks, and in the types of numpydoc's sections."""
    code = re.findall(r"``(.+?)``", docstring, flags=re.S)
    code += re.findall(r"`([^`\n]+)`", re.sub(r"``(.+?)``", "", docstring, flags=re.S))
    types = re.findall(r"^\s*[\w, *]+ : (.*)$", docstring, flags=re.M)
    for text in [*code, *types]:
        text = re.sub(r"\"[^\"]*\"|'[^']*'", "", text)
        yield from re.findall(r"(?<![\w.])([A-Z][a-z]\w+|[A-Z]{3,}[a-z]\w*|LAMB|SGD|ELU|CELU)(?![\w.]*=)", text)


def can_be_imported(name):
    return any(hasattr(place, name) for place in (*PUBLIC, builtins, np))


@in_one_test()
@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_names_in_docstrings_can_be_imported(module):
    found = {(one, offered) for one in public_objects(module) for offered in offered_names(inspect.getdoc(one) or "")}
    missing = {(one, offered) for one, offered in found if offered not in OTHERS and not can_be_imported(offered)}
    assert found and not missing


@in_one_test()
@pytest.mark.parametrize("name", ["Uniform", "Orthogonal", "GivenArrays", "Regularization", "Optimizer", "Schedule"])
def test_bases_and_initializers_are_public(name):
    assert name in fastmlp.__all__ and isinstance(getattr(fastmlp, name), type)


def test_a_name_that_cannot_be_imported_is_found():
    assert set(offered_names("See `Missing`.\n\nx : float or Absent, default=Uniform(1)")) >= {"Missing", "Absent"}
    assert not can_be_imported("Missing")
