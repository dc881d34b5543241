"""Whether a user's function, once compiled, needs Python: its interface, its memory or its exceptions.

Kernels run without the interpreter's lock and hold no objects, so a function that needs Python is refused. What it
needs is found in LLVM's optimized code, by the names of what can be reached from its entry.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np


class NeedsPythonError(Exception):
    """A user's function needs what compiled code must not use: Python's interface, memory, exceptions.

    Attributes
    ----------
    symbols : list of str
        Which functions of Python and Numba it calls; `RAISES` if it can raise.
    names : set of str
        The names that can be reached in its optimized code.
    """

    def __init__(self, symbols: list[str], names: set[str]) -> None:
        super().__init__(", ".join(symbols))
        self.symbols, self.names = symbols, names


#: Called by the entry of a user's function if that has raised; where nothing can raise, LLVM removes the call.
RAISES = "fastmlp_raises"
#: Part of the names of Numba's exceptions.
EXCEPTION = ".picklebuf."
#: Called by every entry that Numba makes for functions that may raise, as all may while bounds are checked.
_FOR_EXCEPTIONS = re.compile(
    r"PyErr_|PyExc_|PyBytes_From|PyUnicode_From|Py_DecRef|NRT_Free|NRT_MemInfo_call_dtor|numba_gil_|numba_unpickle"
    r"|numba_do_raise|numba_runtime_build_excinfo"
)


def is_python_symbol(symbol: str) -> bool:
    """Whether a symbol is Python's or Numba's, and not a function of numbers."""
    if not symbol.startswith("numba_"):
        return symbol.startswith(("Py", "_Py", "NRT_"))
    name = symbol.removeprefix("numba_")
    return not any(
        hasattr(module, form) for module in (math, np) for form in (name, name.removesuffix("f"))
    ) and not re.fullmatch("(attempt_nocopy_reshape|cpow|fixed_fmod|fptoui|round|[su]div|[su]rem)f?", name)


def reach(text: str) -> Callable[[str], set[str]]:
    """Return name ↦ every name that can be reached from the function of this name, in LLVM's code as text."""
    asked: dict[str, set[str]] = {}
    name = r'@("[^"]+"|[\w.$-]+)'
    for body in re.split(r"^(?=define )", text, flags=re.MULTILINE)[1:]:
        first, *others = (found.strip('"') for found in re.findall(name, body[: body.find("\n}")]))
        asked[first] = set(others)

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                waiting.extend(asked.get(one, ()))
        return seen

    return reached


def refuse_python(code: str, entry: str, external_symbols: list[str], checks_bounds: bool) -> None:
    """Refuse a user's function that calls what compiled code must not call.

    Parameters
    ----------
    code : str
        LLVM's optimized code as text.
    entry : str
        Name of the function that callers call.
    external_symbols : list of str
        Functions that are declared in the code and defined elsewhere.
    checks_bounds : bool
        Whether Numba checks bounds: then each function may raise.

    Raises
    ------
    NeedsPythonError
        With the names of what it calls.
    """
    reached = reach(code)(entry)
    refused = sorted(name for name in reached & set(external_symbols) if is_python_symbol(name))
    if checks_bounds:
        refused = [name for name in refused if not _FOR_EXCEPTIONS.match(name)]
    if RAISES in reached and any(EXCEPTION in name for name in reached):
        refused.append(RAISES)
    if refused:
        raise NeedsPythonError(refused, reached)
