"""Names in docstrings can be imported from the stated paths, and load nothing before they are used."""

import ast
import functools
import importlib
import inspect
import re
import subprocess
import sys

import pytest
from helpers.merged import in_one_test
from helpers.sources import PACKAGE, trees

import fastmlp

NAMES = [name for name in fastmlp.__all__ if name != "__version__"]
#: Private classes that docstrings may mention as types of attributes.
INTERNAL = {"Kernel"}


@functools.cache
def classes():
    """Return the names of all classes at the top of a module."""
    return {node.name for tree in trees().values() for node in tree.body if isinstance(node, ast.ClassDef)}


def docstrings(name):
    """Return the docstrings of an object and of its public methods, inherited ones included."""
    value = getattr(fastmlp, name)
    found = [value.__doc__]
    for base in value.__mro__ if inspect.isclass(value) else ():
        if base.__module__.startswith("fastmlp."):
            members = [member for key, member in vars(base).items() if key[0] != "_"]
            found += [one.__doc__ for one in members if inspect.isroutine(one) or isinstance(one, property)]
    return "\n".join(filter(None, found))


def offered(text):
    """Return names in backticks, and names in the types of parameters, attributes and results."""
    quoted = re.findall(r"`([A-Z]\w*)", text)
    types = re.findall(r"^\s*[\w, ]+ : (.*)$", text, flags=re.MULTILINE)
    return {*quoted, *(word for line in types for word in re.findall(r"\b[A-Z]\w*", line))}


@in_one_test()
@pytest.mark.parametrize("name", NAMES)
def test_names_in_docstrings_can_be_imported(name):
    assert (offered(docstrings(name)) & classes()) - INTERNAL <= set(NAMES)


@in_one_test()
@pytest.mark.parametrize("name", ["GivenArrays", "Optimizer", "Orthogonal", "Regularization", "Schedule", "Uniform"])
def test_names_of_objects_are_public(name):
    assert name in fastmlp.__all__ and name in dir(fastmlp)


@in_one_test()
@pytest.mark.parametrize("module", [module for module in fastmlp._LAZY_MODULES if module.count(".") == 1])
def test_public_modules_list_what_the_package_exports(module):
    found = importlib.import_module(module, "fastmlp")
    for name in fastmlp._LAZY_MODULES[module]:
        assert getattr(found, name) is getattr(fastmlp, name)
        assert not hasattr(found, "__all__") or name in found.__all__


TEXTS = [*PACKAGE.rglob("*.py"), PACKAGE.parent / "README.md", *(PACKAGE.parent / "docs").glob("*.md")]


@in_one_test()
@pytest.mark.parametrize("path", [path for path in TEXTS if path.exists()], ids=lambda path: path.name)
def test_dotted_paths_exist(path):
    for dotted in set(re.findall(r"(?<![\w./-])fastmlp(?:\.[A-Za-z]\w*)+", path.read_text(encoding="utf-8"))):
        if dotted.endswith(".py"):
            continue
        module, *rest = dotted.split(".")
        value = importlib.import_module(module)
        for name in rest:
            module = f"{module}.{name}"
            value = getattr(value, name) if hasattr(value, name) else importlib.import_module(module)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'fastmlp' has no attribute 'Uniforms'"):
        _ = fastmlp.Uniforms


def test_names_without_kernels_load_no_compiler():
    code = (
        "import sys; from fastmlp import GivenArrays, Optimizer, Orthogonal, Regularization, Schedule, Uniform\n"
        "print(sorted({'numba', 'sklearn'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
