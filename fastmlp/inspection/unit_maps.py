"""Maps of what the units of a layer compute over a plane, in a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .drawing import SMALL, SMALLEST, Colours, colours_of, inches_of


@dataclass(frozen=True)
class LayerMaps:
    """The units of one layer that have a map.

    Parameters
    ----------
    title : str
    names : list of str
        Of these units.
    pre_activations, activations : ndarray of shape (n_y, n_x, units)
    n_units : int
        All units of the layer.
    largest : float
        The largest absolute value of them all, or 0.
    probabilities : bool
        Whether the activations are probabilities.
    """

    title: str
    names: list[str]
    pre_activations: np.ndarray
    activations: np.ndarray
    n_units: int
    largest: float
    probabilities: bool

    def norm(self) -> Any:
        """Return the scale of the colours: about zero, or one half for probabilities."""
        from matplotlib.colors import Normalize

        largest = self.largest or 1.0
        return Normalize(0, 1) if self.probabilities else Normalize(-largest, largest)

    def label(self) -> str:
        """Return what stands beside the maps."""
        drawn = len(self.names)
        count = f"{drawn} unit{'s' if drawn > 1 else ''}" if drawn == self.n_units else f"{drawn} of {self.n_units}"
        return f"{self.title}\n{count}"


def draw_layers(
    ax: Any, x: np.ndarray, y: np.ndarray, layers: list[LayerMaps], note: str, draw_points: Callable[[Any], None]
) -> np.ndarray:
    """Draw a row of maps for each layer, and the note below; return the axes of the maps, None where there is none.

    `draw_points` is called with the axes of each map of the last layer.
    """
    colours, columns = colours_of(ax), max(len(layer.names) for layer in layers)
    inch = inches_of(ax)
    left, right = min(0.8 * inch[0], 0.3), min(0.5 * inch[0], 0.2)
    below = min((0.04 + 0.14 * (1 + note.count("\n"))) * inch[1], 0.3)
    height = (1 - below) / len(layers)
    gap = min(0.17 * inch[1], 0.4 * height)  # for the names of the units
    all_axes = np.full((len(layers), columns), None, object)
    for row, layer in enumerate(layers):
        bottom = 1 - (row + 1) * height
        width = (1 - left - right) / max(len(layer.names), min(columns, 4))
        for column in range(len(layer.names)):
            place = [left + column * width, bottom, 0.92 * width, height - gap]
            all_axes[row, column] = axes = ax.inset_axes(place)
            image = _draw_map(axes, x, y, layer, column, colours)
            if row == len(layers) - 1:
                draw_points(axes)
        bar = ax.inset_axes([1 - right + 0.005, bottom, 0.012, height - gap])
        ax.figure.colorbar(image, cax=bar)
        _limit(bar, layer)
        ax.text(
            0, bottom + (height - gap) / 2, layer.label(), fontsize=SMALL, va="center", color=colours.text,
            transform=ax.transAxes,
        )  # fmt: skip
    ax.text(0.5, 0.0, note, fontsize=SMALL, color=colours.muted, ha="center", va="bottom", transform=ax.transAxes)
    return all_axes


def _draw_map(axes: Any, x: np.ndarray, y: np.ndarray, layer: LayerMaps, column: int, colours: Colours) -> Any:
    values, zero = layer.activations[:, :, column], layer.pre_activations[:, :, column]
    if layer.probabilities:  # of several classes, a pre-activation of zero has no meaning
        zero = values - 0.5
    norm, cmap = layer.norm(), colours.diverging()
    image = axes.pcolormesh(x, y, values, cmap=cmap, norm=norm, shading="gouraud", rasterized=True)
    if np.isfinite(zero).all() and zero.min() < 0 < zero.max():
        axes.contour(x, y, zero, levels=[0], colors=[colours.text], linewidths=0.8)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_linewidth(0.5)
    axes.set_title(layer.names[column], fontsize=SMALLEST, pad=2)
    return image


def _limit(bar: Any, layer: LayerMaps) -> None:
    """Show the part of a layer's colours that occurs."""
    norm, values = layer.norm(), layer.activations
    finite = values[np.isfinite(values)]
    if finite.size and finite.max() > finite.min():
        bar.set_ylim(max(min(finite.min(), 0.0), norm.vmin), min(max(finite.max(), 0.0), norm.vmax))
    bar.tick_params(labelsize=SMALLEST)
    bar.locator_params(nbins=3)
