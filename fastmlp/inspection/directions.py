"""Lines and planes in weight space: random directions, the components of a path, and given ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..common.checks import check_number
from ..common.frozen_params import Range
from ..common.random_state import as_random_state
from ..engine.layout import Layout
from .models import LossOf, flat_params

#: How far beyond a path the surface reaches, as a share of the path's extent, if span is 1.
BEYOND_PATH = 0.3


@dataclass(frozen=True)
class Slice:
    """A line or plane in weight space: center + coordinates · directions.

    Parameters
    ----------
    center : ndarray of shape (n_params,)
    directions : ndarray of shape (n_directions, n_params)
    limits : list of tuple of float
        The least and the largest coordinate along each direction.
    names : tuple of str
        What the directions are.
    path : ndarray of shape (n_points, n_directions), or None
        Coordinates of a path, projected onto the directions.
    """

    center: np.ndarray
    directions: np.ndarray
    limits: list[tuple[float, float]]
    names: tuple[str, ...]
    path: np.ndarray | None = None


def choose_slice(loss: LossOf, directions: Any, path: Any, n_directions: int, span: float, random_state: Any) -> Slice:
    """Return the line or plane that `LossSurfaceDisplay.from_estimator` draws.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed.
    """
    layout, center = loss.model.layout, loss.params.astype(np.float64)
    span = check_number("span", span, Range(0, brackets="()"))
    if n_directions not in (1, 2):
        raise ValueError(f"n_directions must be 1 or 2, got {n_directions!r}.")
    points = None
    if path is not None:
        points = np.array([flat_params(layout, each, f"path[{number}]") for number, each in enumerate(path)])
        if len(points) < 2:
            raise ValueError(f"path must hold at least two points in weight space, got {len(points)}.")
    if directions is not None:
        chosen, names = _given(layout, directions)
    elif points is None:
        random = as_random_state(random_state)
        chosen = np.array([filter_normalized(layout, center, random) for _ in range(n_directions)])
        names = tuple(f"random direction {number + 1}" for number in range(n_directions))
    elif n_directions == 1:
        chosen, names = _line(points[0], center)
    else:
        chosen, names = _components(points - center)
    if points is None:
        return Slice(center, chosen, [(-span, span)] * len(chosen), names)
    projected = (points - center) @ np.linalg.pinv(chosen)
    return Slice(center, chosen, _around(projected, BEYOND_PATH * span), names, projected)


def filter_normalized(layout: Layout, params: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Return a random direction whose part for each unit has the norm of the unit's weights and bias, (n_params,)."""
    direction = random.standard_normal(layout.size)
    for part, values in zip(layout.blocks(direction), layout.blocks(params), strict=True):
        part *= np.linalg.norm(values, axis=0) / np.maximum(np.linalg.norm(part, axis=0), np.finfo(float).tiny)
    return direction


def _given(layout: Layout, directions: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    if len(directions) not in (1, 2):
        raise ValueError(f"directions must be a list of one or two directions, got {len(directions)}.")
    chosen = np.array([flat_params(layout, each, f"directions[{number}]") for number, each in enumerate(directions)])
    if np.linalg.matrix_rank(chosen) < len(chosen):
        raise ValueError("directions must be linearly independent, and not zero.")
    return chosen, tuple(f"direction {number + 1}" for number in range(len(chosen)))


def _line(beginning: np.ndarray, center: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the direction from the beginning of a path, at −1, to the model's weights, at 0."""
    direction = center - beginning
    if not direction.any():
        raise ValueError("path begins at the model's weights, so that there is no direction from the one to the other.")
    return direction[np.newaxis], ("from the beginning of the path (−1) to the weights (0)",)


def _components(steps: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the first two principal components of a path relative to the trained weights."""
    _, spread, components = np.linalg.svd(steps, full_matrices=False)
    if len(spread) < 2 or spread[1] <= 1e-12 * max(spread[0], np.finfo(float).tiny):
        raise ValueError("path lies on a line, which has no second direction: use n_directions=1.")
    share = spread**2 / (spread**2).sum()
    return components[:2], tuple(f"component {i + 1} of the path ({100 * share[i]:.0f} %)" for i in range(2))


def _around(projected: np.ndarray, beyond: float) -> list[tuple[float, float]]:
    """Return limits around the path and the center, of the same extent where the path is nearly straight."""
    low, high = projected.min(axis=0).clip(max=0.0), projected.max(axis=0).clip(min=0.0)
    extent = np.maximum(high - low, 0.5 * (high - low).max())
    middle = (low + high) / 2
    half = (0.5 + beyond) * np.maximum(extent, np.finfo(float).tiny)
    return list(zip((middle - half).tolist(), (middle + half).tolist(), strict=True))
