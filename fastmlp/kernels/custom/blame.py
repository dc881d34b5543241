"""Which line of a user's function is to blame, when the function cannot be compiled or asks for Python.

While Numba compiles a user's functions, `Watch` notes what fails in which of them, and what each line asks for by name:
functions called, and Python's interface. If the code, once linked and optimized, still needs something that is
refused, the first line that leads to it is named.
"""

import linecache
import os

from numba.core.compiler_machinery import register_pass
from numba.core.errors import NumbaError, UnsupportedBytecodeError
from numba.core.ir import Loc
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering

from ...compiler.numba_backend import EXCEPTION, RAISES, reach


class Watch:
    """Records, per source line, what the compiler generated: of one compilation, or of several, of the same functions.

    Attributes
    ----------
    lines : list of (set of str, str, Loc, library)
        What each line has asked for first, the function, the place and the function's code.
    failures : list of (str, Loc, Exception)
        Functions that could not be compiled, the innermost first.
    """

    current = None

    def __init__(self):
        self.lines, self.failures = [], []

    def __enter__(self):
        self.before, Watch.current = Watch.current, self
        self.failures.clear()
        return self

    def __exit__(self, *exception):
        Watch.current = self.before

    def note_failure(self, function, error):
        """`function` is Numba's description of it."""
        self.failures.append((function.func_name, Loc(function.filename, function.firstlineno), error))

    def reason(self, error):
        """What to say of an error, with the line where it was found."""
        name, place, first = next(iter(self.failures), ("", None, error))
        place = getattr(first, "loc", None) or place
        return _first_line(first) + _shown(name, place)

    def reason_for_python(self, error):
        """What to say of a `NeedsPythonError`."""
        searched = set(error.symbols)
        if RAISES in searched:
            searched |= {name for name in error.names if EXCEPTION in name}
        reached = reach("".join(library.get_llvm_str() for library in self._libraries()))
        places = (
            _shown(name, place)
            for asked, name, place, _ in self.lines
            if any(({one} | reached(one)) & searched for one in asked)
        )
        others = sorted(searched & set(error.symbols) - {RAISES})
        what = f"it asks for Python or for memory, by {', '.join(others[:3])}" if others else "it can raise"
        return what + next(places, "")

    def _libraries(self):
        """All code that the lines call."""
        found, waiting = [], [library for *_, library in self.lines]
        while waiting:
            library = waiting.pop()
            if library not in found:
                found.append(library)
                waiting.extend(library._linking_libraries)
        return found


class _Lower(Lower):
    """Numba's lowering, which also records what each line generates."""

    def lower_inst(self, instruction):
        before = len(self.module.globals)
        super().lower_inst(instruction)
        asked = set(list(self.module.globals)[before:])
        if asked and Watch.current:
            Watch.current.lines.append((asked, self.func_ir.func_id.func_name, instruction.loc, self.library))


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):
    _name = "fastmlp_lowering"

    @property
    def lowering_class(self):
        return _Lower


def watched(passes):
    """Replace Numba's lowering by one that records what each line generates."""
    passes.passes = [(_Lowering if one is NativeLowering else one, text) for one, text in passes.passes]


def _first_line(error):
    lines = [line.strip() for line in str(error).splitlines()]
    text = next((line for line in lines if line and not line.startswith("Failed in nopython")), "")
    if text.endswith("found for signature:"):
        text += " " + next((line.lstrip("> ") for line in lines if line.startswith(">>>")), "")
    if "opcode (IMPORT_NAME)" in text:
        text = "import has no place in it: import what it uses in the module"
    if text.startswith("Illegal IR, del found"):
        text = "del has no place in it: leave it out"
    if not isinstance(error, NumbaError | NotImplementedError | UnsupportedBytecodeError):
        text = f"{type(error).__name__}: {text}"
    return text.rstrip(".:")


def _shown(name, place):
    """Where it is: (in f, own.py, line 12: `print(z)`)."""
    if place is None:
        return ""
    text = linecache.getline(place.filename, place.line).strip()
    where = f"{os.path.basename(place.filename)}, line {place.line}"
    return f" (in {name}, {where}{f': `{text}`' if text else ''})"
