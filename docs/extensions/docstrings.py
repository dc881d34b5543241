"""What docstrings of this package mean otherwise than reStructuredText does.

- ``|x|`` is an absolute value, not a substitution.
- A word that ends with an underscore, such as n_features_in_ in the shape of an array, is a name, not a link.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

#: A line of a parameter or attribute, with a word in its type that ends with an underscore.
TYPE = re.compile(r"^\s*[\w, *]+ : .*\w_\b")


def quote_names(line: str) -> str:
    """Return a line with the names in backticks that stand in the type of a parameter.

    Examples
    --------
    >>> quote_names("x_ : ndarray of shape (n, n_targets_)")
    'x_ : ndarray of shape (n, `n_targets_`)'
    """
    if not TYPE.match(line):
        return line
    name, colon, kind = line.partition(" : ")
    return f"{name}{colon}" + re.sub(r"(?<![`\w])(\w+_)(?![`\w])", r"`\1`", kind)


def _process(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = [quote_names(line) for line in lines]


def _signature(app: Any, what: str, name: str, obj: Any, options: Any, signature: str, returns: str) -> Any:
    """Return the parameters of `__init__` for a class whose `__new__` takes anything."""
    if what != "class" or signature != "(*args, **kwargs)":
        return None
    parameters = list(inspect.signature(obj.__init__).parameters.values())[1:]
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature(plain)), ""


def _plain_bar(self: Any, match: re.Match[str], lineno: int) -> tuple[str, list[Any], str, list[Any]]:
    end = match.end("start")
    return match.string[:end], [], match.string[end:], []


def setup(app: Any) -> dict[str, bool]:
    """Change how docstrings are read, before numpydoc sees them."""
    from docutils.parsers.rst.states import Inliner

    app.connect("autodoc-process-docstring", _process, priority=100)
    app.connect("autodoc-process-signature", _signature)
    Inliner.dispatch = {**Inliner.dispatch, "|": _plain_bar}
    return {"parallel_read_safe": True}
