"""How a layer bends the plane of its inputs: a square grid of lines, drawn through its activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .drawing import SMALL, SMALLEST, Colours, shorten

#: Lines of the grid in each direction.
N_LINES = 13


@dataclass(frozen=True)
class Panel:
    """What one layer makes of the plane.

    Parameters
    ----------
    title : str
    axis_names : tuple of two str
    grid : ndarray of shape (n_y, n_x, 2)
        Where the points of the plane lie.
    points : ndarray of shape (n, 2), or None
        Where the data points lie.
    """

    title: str
    axis_names: tuple[str, str]
    grid: np.ndarray
    points: np.ndarray | None


def panel_of(name: str, values: np.ndarray, points: np.ndarray | None) -> Panel:
    """Return the panel of a layer's activations: (n_y, n_x, width) of the plane, (n, width) of data points.

    Two units are the axes; of more, the first two principal components of the plane's activations. One unit makes a
    line of the plane, drawn at height zero.
    """
    width = values.shape[-1]
    flat = values.reshape(-1, width)
    if width <= 2:
        axes, center, names = np.eye(width, 2), np.zeros(width), ("unit 1", "unit 2" if width == 2 else "")
        title = name
    else:
        center = flat.mean(axis=0)
        _, spread, directions = np.linalg.svd(flat - center, full_matrices=False)
        axes, names = directions[:2].T, ("component 1", "component 2")
        share = (spread[:2] ** 2).sum() / max((spread**2).sum(), np.finfo(float).tiny)
        title = f"{name}, {width} units\n{100 * share:.0f} % of the plane's variance"
    projected = None if points is None else (points - center) @ axes
    return Panel(title, names, ((flat - center) @ axes).reshape(*values.shape[:2], 2), projected)


def columns_for(n_panels: int, inch: tuple[float, float]) -> int:
    """Return in how many columns, at most three, the panels are largest, where an inch is this share of the axes.

    Examples
    --------
    >>> columns_for(3, (1 / 8.4, 1 / 3.3)), columns_for(4, (1 / 3, 1 / 3)), columns_for(3, (1 / 2, 1 / 9))
    (3, 2, 1)
    """

    def size(columns: int) -> float:
        return min(1 / (columns * inch[0]), 1 / (-(-n_panels // columns) * inch[1]))

    return max(range(1, min(n_panels, 3) + 1), key=lambda columns: (round(size(columns), 6), columns))


def draw_panel(axes: Any, panel: Panel, colours: Colours, labels: Any, classes: Any, narrow: bool = False) -> list[Any]:
    """Draw the lines of the grid and the data points; return handles of the classes for a legend.

    A narrow panel has no names at its axes.
    """
    from matplotlib.collections import LineCollection

    n_y, n_x = panel.grid.shape[:2]
    along_x = [panel.grid[i] for i in np.unique(np.linspace(0, n_y - 1, N_LINES).astype(int))]
    along_y = [panel.grid[:, j] for j in np.unique(np.linspace(0, n_x - 1, N_LINES).astype(int))]
    strength = 0.55 if panel.points is not None else 0.9
    for lines, colour in ((along_x, colours.muted), (along_y, colours.muted)):
        axes.add_collection(LineCollection(lines, colors=[colour], linewidths=0.7, alpha=strength, zorder=1))
    flat = panel.grid.reshape(-1, 2)
    handles = [] if panel.points is None else draw_points(axes, panel.points, colours, labels, classes)
    reached = flat if panel.points is None else np.concatenate([flat, panel.points])
    low, high = reached.min(axis=0), reached.max(axis=0)
    extent = np.maximum(high - low, 0.1 * (high - low).max() or 1.0)  # what hardly varies is drawn as flat
    low, high = (low + high - 1.12 * extent) / 2, (low + high + 1.12 * extent) / 2
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.set_title(panel.title, fontsize=SMALLEST if narrow else SMALL, pad=3 if narrow else None)
    if not narrow:
        axes.set_xlabel(shorten(panel.axis_names[0], 24), fontsize=SMALL, labelpad=2)
        axes.set_ylabel(shorten(panel.axis_names[1], 24), fontsize=SMALL, labelpad=2)
    axes.tick_params(labelsize=SMALLEST)
    axes.locator_params(nbins=4)
    axes.ticklabel_format(useOffset=False)
    return handles


def draw_points(
    axes: Any, points: np.ndarray, colours: Colours, labels: Any, classes: Any, edge: Any = None
) -> list[Any]:
    """Draw data points, (n, 2), in the colours of their classes or values; return handles of the classes."""
    size = float(np.clip(2000 / max(len(points), 1), 3, 14))
    edges = {"linewidths": 0} if edge is None else {"linewidths": 0.3, "edgecolors": [edge]}
    if classes is None:
        from matplotlib.colors import ListedColormap

        axes.scatter(*points.T, c=labels, cmap=ListedColormap(colours.in_order(256)), s=size, zorder=2, **edges)
        return []
    handles = []
    for each, colour in zip(classes, colours.of_classes(len(classes)), strict=True):
        mine = points[labels == each]
        drawn = axes.scatter(*mine.T, c=[colour], s=size, zorder=2, label=shorten(each), **edges)
        handles.append(drawn)
    return handles
