"""What the page draws, as arrays: what each unit computes over the plane, and where a layer moves its points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..network import Network
from .data_sets import EDGE, PlaneData

#: Points of a map along each side, and lines of the folded grid in each direction.
MAP_SIZE, FOLD_LINES, FOLD_POINTS = 48, 21, 61


def _grid(n: int) -> np.ndarray:
    """Return the centres of n × n squares of the plane, line by line from above."""
    centres = (np.arange(n) + 0.5) / n * 2 * EDGE - EDGE
    return np.array([(x, y) for y in centres[::-1] for x in centres])


def _lines() -> np.ndarray:
    """Points of the grid's vertical lines, then of its horizontal ones."""
    at, along = np.linspace(-EDGE, EDGE, FOLD_LINES), np.linspace(-EDGE, EDGE, FOLD_POINTS)
    vertical = np.array([(x, y) for x in at for y in along])
    return np.concatenate([vertical, vertical[:, ::-1]])


PLANE, GRID_LINES = _grid(MAP_SIZE), _lines()


@dataclass(frozen=True)
class Maps:
    """What the units compute over the plane, one map after the other, layer by layer.

    Parameters
    ----------
    values : ndarray of int8 of shape (n_units, MAP_SIZE ** 2)
        127 × the activations divided by the layer's scale.
    scales : list of float
        For each layer, the largest magnitude of its activations; for the output it is 1.
    """

    values: np.ndarray
    scales: list[float]


def unit_maps(network: Network, is_regression: bool) -> Maps:
    """Compute every unit's map; that of a class shows 2 p − 1, from −1 for class 0 to 1 for class 1."""
    with np.errstate(all="ignore"):  # large weights may overflow
        *hidden, output = map(np.nan_to_num, network.activations_of(PLANE)[1])
    scales = [float(np.abs(layer).max()) or 1.0 for layer in hidden]
    layers = [layer / scale for layer, scale in zip(hidden, scales, strict=True)]
    layers.append(output if is_regression else 2 * output - 1)
    values = np.concatenate([layer.T for layer in layers])
    return Maps(np.rint(127 * np.clip(values, -1, 1)).astype(np.int8), [*scales, 1.0])


@dataclass(frozen=True)
class Fold:
    """Where a hidden layer moves the plane: the activations of two of its units.

    Parameters
    ----------
    layer : int
        0 for the first hidden layer.
    units : tuple of int
        The two units; the same number twice if the layer has one.
    grid : ndarray of float32 of shape (2 · FOLD_LINES · FOLD_POINTS, 2)
        The lines of the grid.
    points : ndarray of float32 of shape (n, 2)
        Training rows, then test rows.
    """

    layer: int
    units: tuple[int, int]
    grid: np.ndarray
    points: np.ndarray


def fold(network: Network, data: PlaneData, layer: int, units: tuple[int, int]) -> Fold:
    """Compute where two units of a hidden layer move the grid and the points."""
    places = np.concatenate([GRID_LINES, data.X_train, data.X_test])
    with np.errstate(all="ignore"):  # large weights may overflow
        moved = np.nan_to_num(network.activations_of(places)[1][layer][:, units]).astype(np.float32)
    return Fold(layer, units, moved[: len(GRID_LINES)], moved[len(GRID_LINES) :])


def usual_fold(hidden: tuple[int, ...]) -> tuple[int, tuple[int, int]] | None:
    """Choose a layer and its units: the last hidden layer with two units, else the first two of the last one.

    Examples
    --------
    >>> usual_fold((4, 2, 3)), usual_fold((4, 3)), usual_fold((1,)), usual_fold(())
    ((1, (0, 1)), (1, (0, 1)), (0, (0, 0)), None)
    """
    if not hidden:
        return None
    layer = max((layer for layer, width in enumerate(hidden) if width == 2), default=len(hidden) - 1)
    return layer, (0, min(1, hidden[layer] - 1))
