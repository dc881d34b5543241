"""The pages of the API reference: one for each public module and one for each public name, written before a build."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import fastmlp

#: Public modules, in the order of the reference.
MODULES = (
    "fastmlp", "fastmlp.tabular", "fastmlp.preprocessing", "fastmlp.activations", "fastmlp.losses",
    "fastmlp.optimizers", "fastmlp.schedules", "fastmlp.initializers", "fastmlp.regularization", "fastmlp.callbacks",
    "fastmlp.inspection", "fastmlp.persistence", "fastmlp.export", "fastmlp.network", "fastmlp.data", "fastmlp.dask",
    "fastmlp.scalar",
)  # fmt: skip
#: Names of the package that are documented there: elsewhere they are listed with a link.
AT_THE_ROOT = ("MLPClassifier", "MLPRegressor", "Network", "Layout", "load", "save")


def public_packages() -> list[str]:
    """Return the packages below fastmlp that have an `__all__`; by their sources, as some need other libraries."""
    folders = sorted(path.parent for path in Path(fastmlp.__path__[0]).glob("[!_]*/__init__.py"))
    texts = {f"fastmlp.{folder.name}": (folder / "__init__.py").read_text(encoding="utf-8") for folder in folders}
    return [name for name, text in texts.items() if re.search(r"^__all__\b", text, flags=re.MULTILINE)]


def public_names(module: ModuleType) -> list[str]:
    """Return `__all__`, or the classes and functions that a module without one defines; no name twice."""
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    names = getattr(module, "__all__", None) or [name for name in own if callable(getattr(module, name))]
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]


def page_of(module: str, name: str) -> str:
    """Return the dotted path under which a public name is documented."""
    value = getattr(importlib.import_module(module), name)
    if name in AT_THE_ROOT and getattr(fastmlp, name) is value:
        return f"fastmlp.{name}"
    if module == "fastmlp":
        for other in MODULES[1:]:
            found = importlib.import_module(other)
            if name in public_names(found) and getattr(found, name) is value:
                return f"{other}.{name}"
    return f"{module}.{name}"


def first_line(module: str, name: str) -> str:
    """Return the first line of a docstring, or of the comment above a constant."""
    value = getattr(importlib.import_module(module), name) if name else importlib.import_module(module)
    text = comment_above(module, name) if is_constant(value) else inspect.getdoc(value) or ""
    return text.split("\n")[0]


def is_constant(value: Any) -> bool:
    """Whether a value has no docstring of its own, but that of its type."""
    return not (inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value))


def comment_above(module: str, name: str) -> str:
    """Return the comment "#: …" above a constant, wherever in the module's folder it is defined.

    Raises
    ------
    LookupError
        If there is none.
    """
    path = Path(importlib.import_module(module).__file__ or "")
    for source in sorted(path.parent.glob("*.py") if path.name == "__init__.py" else [path]):
        text = source.read_text(encoding="utf-8")
        if found := re.search(rf"((?:^#: .*\n)+)^{name}\b", text, flags=re.MULTILINE):
            return re.sub(r"^#: ", "", found[1], flags=re.MULTILINE).strip()
    raise LookupError(f"{module}.{name} is public, but nothing says what it is: add a comment '#: …' above it.")


def members(value: type) -> tuple[list[str], list[str]]:
    """Return the public methods and properties of a class: those of fastmlp, and those of scikit-learn."""
    ours, others = [], []
    for name in dir(value):
        owner = next((base for base in value.__mro__ if name in vars(base)), None)
        if name.startswith("_") or owner is None or not _is_method(vars(owner)[name]):
            continue
        requests = name.startswith("set_") and name.endswith("_request")  # which scikit-learn adds to each class
        if owner.__module__.startswith("fastmlp.") and not requests:
            ours.append(name)
        elif requests or owner.__module__.startswith("sklearn."):
            others.append(name)
    return ours, others


def _is_method(member: Any) -> bool:
    return callable(member) or isinstance(member, property | classmethod | staticmethod) or hasattr(member, "__get__")


def module_page(module: str) -> str:
    """Return the page of a module: its docstring, and a table of its names with links to their pages."""
    found = importlib.import_module(module)
    lines = [module, "=" * len(module), "", f".. automodule:: {module}", "   :no-members:", ""]
    lines += [".. list-table::", "   :widths: 30 70", "   :class: api-names", ""]
    own = []
    for name in public_names(found):
        path = page_of(module, name)
        lines += [f"   * - :py:obj:`{name} <{path}>`", f"     - {first_line(module, name)}"]
        own += [path] if path == f"{module}.{name}" else []
    lines += ["", ".. toctree::", "   :hidden:", "", *(f"   {path}" for path in own)]
    return "\n".join([*lines, ""])


def name_page(path: str) -> str:
    """Return the page of a class, function or constant."""
    module, _, name = path.rpartition(".")
    value = getattr(importlib.import_module(module), name)
    lines = [name, "=" * len(name), "", f".. currentmodule:: {module}", ""]
    if inspect.isclass(value):
        ours, others = members(value)
        lines += [f".. autoclass:: {name}", *([f"   :members: {', '.join(ours)}"] if ours else [])]
        if others:
            lines += ["", f"Methods of scikit-learn's estimators: {', '.join(f'``{other}``' for other in others)}."]
    elif is_constant(value):
        lines += [f".. data:: {name}", "", *(f"   {line}" for line in comment_above(module, name).split("\n"))]
        lines += ["", f"   Keys: {', '.join(f'``{key!r}``' for key in value)}."] if isinstance(value, dict) else []
    else:
        lines += [f".. autofunction:: {name}"]
    return "\n".join([*lines, ""])


def pages() -> dict[str, str]:
    """Return file names and texts of the whole reference."""
    texts = {"index.rst": _index()}
    for module in MODULES:
        texts[f"{module}.rst"] = module_page(module)
        for name in public_names(importlib.import_module(module)):
            path = page_of(module, name)
            texts[f"{path}.rst"] = name_page(path)
    return texts


def _index() -> str:
    lines = ["API reference", "=============", "", ".. list-table::", "   :widths: 30 70", "   :class: api-names", ""]
    for module in MODULES:
        lines += [f"   * - :doc:`{module}`", f"     - {first_line(module, '')}"]
    return "\n".join([*lines, "", ".. toctree::", "   :hidden:", "", *(f"   {module}" for module in MODULES), ""])


def write(folder: Path) -> None:
    """Write the pages into a folder, change only files that differ, and remove those of names that are gone."""
    folder.mkdir(exist_ok=True)
    texts = pages()
    for old in folder.glob("*.rst"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Write the reference before Sphinx looks for pages, and complain about names that are not in it."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / "api"))
    app.connect("env-check-consistency", _check)
    return {"parallel_read_safe": True}


def _check(app: Any, env: Any) -> None:
    from sphinx.util.logging import getLogger

    documented = env.domains["py"].objects
    for module in MODULES:
        for name in public_names(importlib.import_module(module)):
            if page_of(module, name) not in documented:
                getLogger(__name__).warning("%s.%s is public, but not in the API reference", module, name)
