"""`NetworkDisplay`: the graph of a network's units and weights."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Self

import numpy as np

from ..activations import as_written
from ..common.checks import check_count
from .drawing import SMALL, SMALLEST, Colours, axes_for, check_matplotlib, choose, colours_of, shorten
from .models import Shown, default_names, read_estimator, read_network

#: Weights are written beside their edges where there are no more than these.
MOST_NUMBERS = 16
#: Edges that are drawn at most: the largest weights.
MOST_EDGES = 800


class NetworkDisplay:
    """Units as nodes and weights as edges: wide where they are large, blue if negative, orange if positive.

    Layers with more than `max_units` units show those with the largest weights, and say how many they are.

    Create it by `from_estimator` or `from_network`.

    Parameters
    ----------
    coefs : list of array-like
        Weights of each layer, (fan_in, fan_out).
    layer_names : list of str, default=None
        Names of the layers after the input.
    feature_names, output_names : list of str, default=None
        Names of the first and the last units.
    estimator_name : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : Axes
        Axes of the graph.
    figure_ : Figure
        Figure of the axes.
    edges_ : LineCollection
        The edges that are drawn.
    units_ : list of ndarray
        Numbers of the units that are drawn, for each layer, inputs included.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fastmlp import MLPClassifier
    >>> from fastmlp.inspection import NetworkDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = MLPClassifier((5,), random_state=0, learning_rate_init=0.01, max_iter=500).fit(X, y)
    >>> display = NetworkDisplay.from_estimator(model)
    >>> len(display.edges_.get_segments())  # 4 × 5 + 5 × 3
    35
    """

    def __init__(
        self,
        coefs: Any,
        *,
        layer_names: list[str] | None = None,
        feature_names: list[str] | None = None,
        output_names: list[str] | None = None,
        estimator_name: str | None = None,
    ) -> None:
        self.coefs = [np.array(coef, np.float64) for coef in coefs]
        widths = [coef.shape for coef in self.coefs]
        fit = all(before[1] == after[0] for before, after in pairwise(widths))
        if not self.coefs or any(coef.ndim != 2 for coef in self.coefs) or not fit:
            raise ValueError(
                f"coefs must be matrices (fan_in, fan_out), each for the outputs of the last, got {widths}."
            )
        if not all(np.isfinite(coef).all() for coef in self.coefs):
            raise ValueError("coefs must be finite, but hold NaN or infinity.")
        n_hidden = len(self.coefs) - 1
        self.layer_names = layer_names or [*(f"hidden {i + 1}" for i in range(n_hidden)), "output"]
        self.feature_names = feature_names or default_names("x", widths[0][0])
        self.output_names = output_names or default_names("y", widths[-1][1])
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, max_units: int | None = 12, cmap: Any = None) -> Self:
        """Draw the network of a fitted estimator.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Fitted.
        ax : Axes, default=None
            Where to draw; None is a new figure.
        max_units : int or None, default=12
            How many units of a layer are drawn; None is all of them.
        cmap : str or Colormap, default=None
            Colours of negative and positive weights; None is blue and orange, and the background for zero.

        Returns
        -------
        display : NetworkDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        caller = f"{cls.__name__}.from_estimator"
        check_matplotlib(caller)
        return cls._from_shown(read_estimator(estimator, caller)).plot(ax=ax, max_units=max_units, cmap=cmap)

    @classmethod
    def from_network(cls, network: Any, *, ax: Any = None, max_units: int | None = 12, cmap: Any = None) -> Self:
        """Draw a `Network`; see `from_estimator`.

        Returns
        -------
        display : NetworkDisplay
        """
        caller = f"{cls.__name__}.from_network"
        check_matplotlib(caller)
        return cls._from_shown(read_network(network, caller)).plot(ax=ax, max_units=max_units, cmap=cmap)

    @classmethod
    def _from_shown(cls, shown: Shown) -> Self:
        functions = [as_written(each).strip("'") for each in shown.activations]
        return cls(
            shown.coefs,
            layer_names=[f"{name}\n{shorten(f)}" for name, f in zip(shown.layer_names, functions, strict=True)],
            feature_names=shown.feature_names,
            output_names=shown.output_names,
            estimator_name=shown.name,
        )

    def plot(self, ax: Any = None, *, max_units: int | None = 12, cmap: Any = None) -> Self:
        """Draw the graph.

        Parameters
        ----------
        ax, max_units, cmap
            As in `from_estimator`.

        Returns
        -------
        display : NetworkDisplay
            Itself.
        """
        if max_units is not None:
            check_count("max_units", max_units)
        self.ax_ = ax = axes_for(ax, f"{type(self).__name__}.plot")
        self.figure_, colours = ax.figure, colours_of(ax)
        self.units_ = [choose(strengths, max_units) for strengths in self._strengths()]
        places = [
            _places(len(units), units.size < width) for units, width in zip(self.units_, self._widths, strict=True)
        ]
        self._draw_edges(places, colours, colours.diverging() if cmap is None else cmap)
        self._draw_nodes(places, colours)
        self._write_names(places, colours)
        ax.set(xlim=(-0.3, len(self.coefs) + 0.3), ylim=(-0.1, 1.1))
        ax.set_title(self.estimator_name or "", pad=26)
        ax.set_axis_off()
        return self

    @property
    def _widths(self) -> list[int]:
        return [self.coefs[0].shape[0], *(coef.shape[1] for coef in self.coefs)]

    def _strengths(self) -> list[np.ndarray]:
        """Return how much each unit of each layer counts: the norm of its weights out, times that of those in."""
        out = [np.linalg.norm(coef, axis=1) for coef in self.coefs] + [np.ones(self._widths[-1])]
        into = [np.ones(self._widths[0])] + [np.linalg.norm(coef, axis=0) for coef in self.coefs]
        return [one * other for one, other in zip(out, into, strict=True)]

    def _draw_edges(self, places: list[np.ndarray], colours: Colours, cmap: Any) -> None:
        from matplotlib.collections import LineCollection
        from matplotlib.colors import Normalize

        segments, weights = [], []
        for layer, coef in enumerate(self.coefs):
            before, after = self.units_[layer], self.units_[layer + 1]
            left, right = np.meshgrid(places[layer], places[layer + 1], indexing="ij")
            ends = [[np.full(left.shape, layer), left], [np.full(left.shape, layer + 1), right]]
            segments.append(np.moveaxis(np.array(ends, float), (0, 1), (-2, -1)).reshape(-1, 2, 2))
            weights.append(coef[np.ix_(before, after)].ravel())
        lines, w = np.concatenate(segments), np.concatenate(weights)
        order = np.argsort(abs(w), kind="stable")  # the largest on top
        self._n_weights, order = len(w), order[-MOST_EDGES:]
        lines, w = lines[order], w[order]
        largest = np.nanmax(abs(w), initial=0.0) or 1.0
        thickest = np.clip(60.0 / np.sqrt(len(w)), 1.0, 4.0)
        self.edges_ = LineCollection(
            list(lines), array=w, cmap=cmap, norm=Normalize(-largest, largest),
            linewidths=thickest * (0.15 + abs(w) / largest), zorder=1,
        )  # fmt: skip
        self.ax_.add_collection(self.edges_)
        bar = self.figure_.colorbar(self.edges_, ax=self.ax_, shrink=0.7, pad=0.02, aspect=30)
        bar.set_label("weight", fontsize=SMALL)
        bar.ax.tick_params(labelsize=SMALL)
        if len(w) <= MOST_NUMBERS:
            self._write_weights(lines, w, colours)

    def _write_weights(self, lines: np.ndarray, weights: np.ndarray, colours: Colours) -> None:
        """Write each weight on its edge, near the end of the edge so that crossing edges do not hide it."""
        behind = {"facecolor": colours.background, "edgecolor": "none", "pad": 0.8}
        for ((x0, y0), (x1, y1)), weight in zip(lines, weights, strict=True):
            share = 0.28
            at = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
            self.ax_.text(
                *at, f"{weight:.2f}".replace("-", "−"), fontsize=SMALLEST, color=colours.text, ha="center", va="center",
                bbox=behind, zorder=2,
            )  # fmt: skip

    def _draw_nodes(self, places: list[np.ndarray], colours: Colours) -> None:
        most = max(map(len, places))
        size = np.clip(200.0 / most, 1.5, 14.0)
        for layer, y in enumerate(places):
            self.ax_.plot(
                np.full(len(y), layer), y, "o", markersize=size, markerfacecolor=colours.background,
                markeredgecolor=colours.text, markeredgewidth=min(1.0, size / 6), linestyle="none", zorder=3,
            )  # fmt: skip

    def _write_names(self, places: list[np.ndarray], colours: Colours) -> None:
        """Write names of inputs and outputs, of layers, and how many of the units are drawn."""
        ax, n_layers = self.ax_, len(places)
        size = SMALL if n_layers <= 6 else SMALLEST
        for layer, (units, y) in enumerate(zip(self.units_, places, strict=True)):
            width = self._widths[layer]
            name = "input" if layer == 0 else self.layer_names[layer - 1]
            if n_layers > 7:
                name = name.split("\n")[0].replace("hidden ", "h")
            ax.annotate(
                name, (layer, 1.1), (0, 4), textcoords="offset points", ha="center", va="center",
                fontsize=size, color=colours.text,
            )  # fmt: skip
            drawn = f"{width}" if units.size == width else f"{units.size} of {width}"
            ax.annotate(
                drawn, (layer, 0.0), (0, -14), textcoords="offset points", ha="center", va="top",
                fontsize=size, color=colours.muted,
            )  # fmt: skip
            if units.size < width:
                ax.text(layer, 0.5, "⋮", ha="center", va="center", color=colours.muted, fontsize=12)
            if layer in (0, n_layers - 1) and len(y) <= 40:
                self._write_unit_names(layer, units, y, colours)
        left_out = ["units"] if any(map(np.less, map(len, self.units_), self._widths)) else []
        n_drawn = len(self.edges_.get_segments())
        left_out += [f"{n_drawn} of {self._n_weights} edges"] if n_drawn < self._n_weights else []
        if left_out:
            ax.annotate(
                f"drawn: the {' and '.join(left_out)} with the largest weights", (0.5, 0), (0, -2), ha="center",
                va="top", xycoords="axes fraction", textcoords="offset points", fontsize=size, color=colours.muted,
            )  # fmt: skip

    def _write_unit_names(self, layer: int, units: np.ndarray, y: np.ndarray, colours: Colours) -> None:
        names, side = (self.feature_names, -1) if layer == 0 else (self.output_names, 1)
        size = SMALL if len(y) <= 20 else SMALLEST - 0.5
        for unit, at in zip(units, y, strict=True):
            self.ax_.annotate(
                shorten(names[unit]), (layer, at), (11 * side, 0), textcoords="offset points",
                ha="right" if side < 0 else "left", va="center", fontsize=size, color=colours.text,
            )  # fmt: skip


def _places(n: int, elided: bool) -> np.ndarray:
    """Return the heights of n units from above, in [0, 1]; with a gap in the middle where others are left out."""
    if n == 1:
        return np.array([0.62 if elided else 0.5])
    slots = n + elided
    spread = min(1.0, 0.34 * (slots - 1))
    heights = 0.5 + spread * (0.5 - np.arange(slots) / (slots - 1))
    return np.delete(heights, slots // 2) if elided else heights
