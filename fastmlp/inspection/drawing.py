"""What all displays share: matplotlib, imported when it is needed, and colours for light and dark backgrounds."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Sizes of text in points: names and notes, and the least that is still legible.
SMALL, SMALLEST = 8.0, 6.5


def check_matplotlib(caller: str) -> None:
    """Refuse to begin without matplotlib.

    Parameters
    ----------
    caller : str
        What needs it, for the message.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise ImportError(f"{caller} needs the package matplotlib: pip install 'fastmlp[plot]'.") from error


def axes_for(ax: Any, caller: str, **figure_options: Any) -> Any:
    """Return the axes to draw in: `ax`, or those of a new figure, whose layout leaves room for all labels."""
    check_matplotlib(caller)
    if ax is not None:
        return ax
    from matplotlib import pyplot

    _, ax = pyplot.subplots(**{"layout": "constrained", **figure_options})
    return ax


def inches_of(ax: Any) -> tuple[float, float]:
    """Return what an inch is as a share of the width and of the height of these axes."""
    box, dpi = ax.get_window_extent(), ax.figure.dpi
    return dpi / max(box.width, 1.0), dpi / max(box.height, 1.0)


@dataclass(frozen=True)
class Colours:
    """Colours that are told apart by colour-blind readers too, for one background.

    Parameters
    ----------
    background, text, muted : tuple of float
        Of the axes, of labels, of notes: red, green, blue.
    blue, orange : str
        For two things that are compared, such as negative and positive.
    """

    background: Any
    text: Any
    muted: Any
    blue: str
    orange: str

    @property
    def is_dark(self) -> bool:
        """Whether the background is dark."""
        return _luminance(self.background) < 0.5

    def diverging(self) -> Any:
        """Return a colour map from blue over the background's colour, at zero, to orange."""
        from matplotlib.colors import LinearSegmentedColormap

        ends = (
            ("#a9d6ff", "#3d8fdb", self.background, "#e07b1a", "#ffd2a1")
            if self.is_dark
            else ("#08407e", "#3f8ccc", self.background, "#f0953a", "#9a3d00")
        )
        return LinearSegmentedColormap.from_list("blue_orange", ends)

    def in_order(self, n: int) -> np.ndarray:
        """Return n colours of 'viridis', (n, 4), for things in order; all of them show on the background."""
        from matplotlib import colormaps

        span = (0.25, 1.0) if self.is_dark else (0.0, 0.85)
        colours: np.ndarray = colormaps["viridis"](np.linspace(*span, n))
        return colours

    def of_classes(self, n: int) -> list[Any]:
        """Return n colours for classes without order: those of Okabe and Ito, then 'viridis'."""
        if n <= 2:
            return [self.blue, self.orange][:n]
        chosen = [
            self.blue, self.orange, "#009e73", "#cc79a7", "#56b4e9", "#f0e442" if self.is_dark else "#8c7a00",
            "#d55e00", "#999999",
        ]  # fmt: skip
        return chosen[:n] if n <= len(chosen) else list(self.in_order(n))


def colours_of(ax: Any) -> Colours:
    """Return the colours for the background of these axes, as matplotlib's style has set it."""
    from matplotlib import rcParams
    from matplotlib.colors import to_rgb, to_rgba

    shown = [to_rgba(patch.get_facecolor()) for patch in (ax.patch, ax.figure.patch)]
    background = next((face[:3] for face in shown if face[3] > 0.5), to_rgb(rcParams["axes.facecolor"]))
    text = to_rgb(rcParams["text.color"])
    dark = _luminance(background) < 0.5
    if (_luminance(text) < 0.5) == dark:  # axes of another style than the present one
        text = (1.0, 1.0, 1.0) if dark else (0.0, 0.0, 0.0)
    muted = tuple(0.65 * front + 0.35 * back for front, back in zip(text, background, strict=True))
    blue, orange = ("#63b3f5", "#ffa14a") if dark else ("#0b5fa5", "#d9730d")
    return Colours(background, text, muted, blue, orange)


def _luminance(colour: Sequence[float]) -> float:
    red, green, blue = colour[:3]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def shorten(name: Any, length: int = 18) -> str:
    """Return a name, cut where it is too long, for matplotlib, to which text between two dollar signs is an equation.

    Examples
    --------
    >>> shorten("petal length (cm)", 12), shorten(3)
    ('petal lengt…', '3')
    """
    text = str(name)
    return (text if len(text) <= length else text[: length - 1] + "…").replace("$", r"\$")


def choose(strengths: np.ndarray, most: int | None) -> np.ndarray:
    """Return the indices, in order, of the `most` largest strengths; of all of them if there are no more.

    Examples
    --------
    >>> choose(np.array([3.0, 1.0, 2.0]), 2).tolist()
    [0, 2]
    """
    if most is None or len(strengths) <= most:
        return np.arange(len(strengths))
    return np.sort(np.argsort(-np.nan_to_num(strengths), kind="stable")[:most])
