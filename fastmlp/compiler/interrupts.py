"""What a signal's handler raises while the library waits for something that may fail: it must reach the user.

A handler may raise anything at any line: KeyboardInterrupt, or a TimeoutError of the user's own. Where exceptions are
expected (a file cannot be read, Numba cannot compile a function, a thread does not start), it would be taken for one of
these. So the handlers are wrapped for that time, and what they raise is noted; it may be taken for a failure on the
way, yet it is raised in the end. Handlers run in the main thread alone: elsewhere nothing is wrapped.
"""

from __future__ import annotations

import _signal
import contextlib
import sys
import threading
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

_NUMBERS = tuple(map(int, _signal.valid_signals()))
#: Those that are listening now, the innermost last; and those whose end was cut off by a second signal. What such a
#: one has noted must not be raised again, although a traceback may keep it alive (`sys.last_value` in a notebook).
_listening: list[weakref.ref[Interrupts]] = []


class _Handler:
    """A handler that notes what the user's own raises."""

    def __init__(self, handler: Callable[..., Any], noted: list[Any]) -> None:
        self.handler, self.noted = handler, noted

    def __call__(self, *arguments: Any) -> Any:
        try:
            return self.handler(*arguments)
        except BaseException as error:
            self.noted.append(error)
            raise


class Interrupts:
    """A context that raises at its end, at the latest, what a signal's handler has raised in it.

    Attributes
    ----------
    noted : list of BaseException
    """

    def __init__(self) -> None:
        self.noted: list[BaseException] = []
        self.thread = threading.get_ident()
        self._wrapped: dict[int, _Handler] = {}
        self._reference = weakref.ref(self)
        self._frame: FrameType | None = None

    def __enter__(self) -> Interrupts:
        self._frame = sys._getframe(1)
        try:
            for each in tuple(_listening):
                if (one := each()) is None or (one.thread == self.thread and not one._is_entered()):
                    with contextlib.suppress(ValueError):  # another thread has removed it
                        _listening.remove(each)
            _listening.append(self._reference)
            self._wrap()
        except BaseException:
            self._unwrap()
            raise
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: Any) -> None:
        self._unwrap()
        if self.noted and error is not self.noted[-1]:
            raise self.noted[-1]

    def _wrap(self) -> None:
        for number in _NUMBERS:
            handler = _signal.getsignal(number)
            if callable(handler):
                self._wrapped[number] = wrapped = self._make(handler)
                try:
                    _signal.signal(number, wrapped)
                except ValueError:  # not the main thread
                    return

    def _make(self, handler: Callable[..., Any]) -> _Handler:
        return _Handler(handler, self.noted)

    def _unwrap(self) -> None:
        while self._wrapped:
            try:
                number, wrapped = next(iter(self._wrapped.items()))
                if _signal.getsignal(number) is wrapped:  # a handler may have set another
                    _signal.signal(number, wrapped.handler)
                del self._wrapped[number]
            except BaseException as raised:  # by a handler, perhaps one that is the user's again
                self.noted.append(raised)
        if self._reference in _listening:
            _listening.remove(self._reference)
        self._frame = None

    def _is_entered(self) -> bool:
        """Whether the function that has entered it is still running, in this thread."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame is not self._frame:
            frame = frame.f_back
        return frame is not None

    def check(self) -> None:
        """Raise it now, if there is anything."""
        if self.noted:
            raise self.noted[-1]


class _Deferred(_Handler):
    """A handler that only stores the signal."""

    def __call__(self, *arguments: Any) -> Any:
        self.noted.append((self.handler, arguments))


class Deferral(Interrupts):
    """A context at whose end the signals' handlers run: for imports, which no later import repairs if one is cut off.

    Numba that was interrupted while it was imported stays incomplete for the rest of the process.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pending: list[Any] = []

    def _make(self, handler: Callable[..., Any]) -> _Handler:
        return _Deferred(handler, self.pending)

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: Any) -> None:
        self._unwrap()
        for handler, arguments in self.pending:
            handler(*arguments)
        super().__exit__(kind, error, traceback)


def noted() -> BaseException | None:
    """Return what a handler has raised in one of the contexts that this thread is in."""
    alive = [each for reference in tuple(_listening) if (each := reference()) is not None]
    mine = (each for each in alive if each.thread == threading.get_ident() and each.noted)
    return next((each.noted[-1] for each in mine if each._is_entered()), None)


def check() -> None:
    """Raise that now, if there is anything: before something long begins, say."""
    if error := noted():
        raise error
