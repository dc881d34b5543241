"""`ProgressBar`: what ``verbose="progress"`` shows in a terminal or notebook; nothing where the output is not one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from .progress import Progress

#: Seconds between two drawings, and the width of the bar in characters.
REDRAW, WIDTH = 0.1, 24


class ProgressBar(Progress):
    """One line that is drawn again and again: epochs, loss, validation, learning rate, and the time left at most.

    Parameters
    ----------
    total : int
        Maximum number of epochs or iterations.
    learning_rate : callable, optional
        () ↦ the learning rate.
    """

    def __init__(self, total: int, learning_rate: Callable[[], float] | None = None) -> None:
        super().__init__(verbose=False)
        self.total, self.learning_rate = total, learning_rate
        self.number, self.loss, self.judged = 0, 0.0, ""
        self.began = self.drawn = time.monotonic()
        self.line = make_line(output(), total)

    def epoch(self, number: int, loss: float) -> None:
        """Count an epoch."""
        self.number, self.loss = number, loss
        if self.line is not None and time.monotonic() - self.drawn >= REDRAW:
            self.drawn = time.monotonic()
            self.line.draw(number, self.text())

    def validation(self, score: float, metric: str) -> None:
        """Note the validation score, or the validation loss."""
        self.judged = f"  validation loss {-score:.4g}" if metric == "neg_loss" else f"  validation score {score:.4g}"

    def end(self) -> None:
        """Draw the last state, and leave the line."""
        if self.line is not None:
            self.line.draw(self.number, self.text())
            self.line.close()

    def text(self) -> str:
        """Return what stands beside the bar."""
        rate = "" if self.learning_rate is None else f"  learning rate {self.learning_rate():.3g}"
        left = (time.monotonic() - self.began) / max(self.number, 1) * (self.total - self.number)
        return f"{self.number}/{self.total}  loss {self.loss:.4g}{self.judged}{rate}  {clock(left)} left at most"


def output() -> TextIO:
    """Return where to draw."""
    return sys.stderr


def clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds.

    Examples
    --------
    >>> clock(61.4), clock(3700.0)
    ('1:01', '1:01:40')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def make_line(stream: TextIO, total: int) -> Any:
    """Return what draws the line: rich if it is installed, else plain characters; None if nobody looks at it."""
    try:
        from rich.console import Console
    except ImportError:
        return TextLine(stream, total) if stream.isatty() else None
    console = Console(file=stream)
    return RichLine(console, total) if console.is_terminal or console.is_jupyter else None


class TextLine:
    """A bar of plain characters in a terminal."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self.stream, self.total, self.length = stream, total, 0

    def draw(self, number: int, text: str) -> None:
        """Overwrite the line."""
        done = "#" * (WIDTH * number // self.total)
        line = f"[{done:-<{WIDTH}}] {text}"
        self.stream.write(f"\r{line:<{self.length}}")
        self.stream.flush()
        self.length = len(line)

    def close(self) -> None:
        """Leave the line."""
        self.stream.write("\n")
        self.stream.flush()


class RichLine:
    """A bar of rich."""

    def __init__(self, console: Any, total: int) -> None:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bars

        columns = BarColumn(bar_width=WIDTH), TextColumn("{task.description}")
        self.bars = Bars(*columns, console=console, auto_refresh=False)
        self.task = self.bars.add_task("", total=total)
        self.bars.start()

    def draw(self, number: int, text: str) -> None:
        """Show a new state."""
        self.bars.update(self.task, completed=number, description=text, refresh=True)

    def close(self) -> None:
        """Leave the line."""
        self.bars.stop()
