"""Points in the plane to learn from: the built-in data sets, and what every data set of the playground has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

#: The points are scaled to about ± SPREAD; the maps show the plane to ± EDGE.
SPREAD, EDGE = 2.0, 2.5


@dataclass(frozen=True)
class PlaneData:
    """Points with two features and a target, divided into training and test rows.

    Parameters
    ----------
    X_train, X_test : ndarray of shape (n, 2)
        Scaled to about ± `SPREAD`.
    y_train, y_test : ndarray of shape (n,)
        0 or 1, or numbers in [−1, 1].
    is_regression : bool
        Whether the target is a number and not one of two classes.
    names : tuple of str
        Of the two features and of the target.
    labels : tuple of str
        Names of the two classes; of a number, how −1 and 1 are written.
    scales : tuple of (float, float)
        Middle and unit of both features: a value as it was given is middle + unit × the scaled value.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    is_regression: bool
    names: tuple[str, str, str] = ("x₁", "x₂", "target")
    labels: tuple[str, str] = ("0", "1")
    scales: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 1.0), (0.0, 1.0))


def _circles(rng: np.random.RandomState, n: int) -> tuple[np.ndarray, np.ndarray]:
    y = _alternating(n)
    radius = np.where(y == 1, 0.8 * np.sqrt(rng.uniform(size=n)), rng.uniform(1.4, 2.0, n))
    angle = rng.uniform(0, 2 * np.pi, n)
    return _polar(radius, angle), y


def _moons(rng: np.random.RandomState, n: int) -> tuple[np.ndarray, np.ndarray]:
    y = _alternating(n)
    angle = rng.uniform(0, np.pi, n)
    upper = np.column_stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25])
    return np.where(y[:, np.newaxis] == 1, upper, -upper) * 1.3, y


def _spirals(rng: np.random.RandomState, n: int) -> tuple[np.ndarray, np.ndarray]:
    y = _alternating(n)
    turn = rng.uniform(0.1, 1, n)
    return _polar(SPREAD * turn, 1.6 * 2 * np.pi * turn * 0.85 + np.pi * y), y


def _xor(rng: np.random.RandomState, n: int) -> tuple[np.ndarray, np.ndarray]:
    X = rng.uniform(0.15, SPREAD, (n, 2)) * rng.choice([-1, 1], (n, 2))
    return X, (X[:, 0] * X[:, 1] > 0).astype(float)


def _blobs(rng: np.random.RandomState, n: int) -> tuple[np.ndarray, np.ndarray]:
    y = _alternating(n)
    return rng.normal(0, 0.4, (n, 2)) + np.where(y == 1, 1.0, -1.0)[:, np.newaxis], y


def _hills(rng: np.random.RandomState, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Two hills and two valleys: a number for each point."""
    X = rng.uniform(-SPREAD, SPREAD, (n, 2))
    return X, np.sin(np.pi / SPREAD * X[:, 0]) * np.sin(np.pi / SPREAD * X[:, 1])


#: Name ↦ (generator, number of points) ↦ points and targets.
GENERATORS: dict[str, Callable[[np.random.RandomState, int], tuple[np.ndarray, np.ndarray]]] = {
    "circles": _circles,
    "moons": _moons,
    "spirals": _spirals,
    "xor": _xor,
    "blobs": _blobs,
    "hills": _hills,
}


def make_data(name: str, rows: int, noise: float, test_share: float, seed: int) -> PlaneData:
    """Draw a built-in data set.

    Parameters
    ----------
    name : str
        One of `GENERATORS`.
    rows : int
    noise : float
        Half the standard deviation of what is added to the points (for 'hills', to the target).
    test_share : float
        Share of the rows that become test rows; at least one stays on each side.
    seed : int

    Returns
    -------
    data : PlaneData

    Examples
    --------
    >>> data = make_data("xor", rows=100, noise=0.0, test_share=0.3, seed=0)
    >>> data.X_train.shape, data.X_test.shape
    ((70, 2), (30, 2))
    """
    rng = np.random.RandomState(seed)
    X, y = GENERATORS[name](rng, rows)
    is_regression = name == "hills"
    added = rng.normal(0, noise / 2, (rows, 2))
    if is_regression:
        y = np.clip(y + added[:, 0], -1, 1)
    else:
        X = X + added
    labels = ("−1", "1") if is_regression else ("0", "1")
    return divide(X, y, is_regression, test_share, rng, labels=labels)


def divide(
    X: np.ndarray,
    y: np.ndarray,
    is_regression: bool,
    test_share: float,
    rng: np.random.RandomState,
    **described: Any,
) -> PlaneData:
    """Divide the rows at random into training and test rows; at least one stays on each side."""
    order = rng.permutation(len(y))
    n_test = min(max(1, round(test_share * len(y))), len(y) - 1)
    test, train = order[:n_test], order[n_test:]
    return PlaneData(X[train], y[train], X[test], y[test], is_regression, **described)


def _alternating(n: int) -> np.ndarray:
    """Classes 0, 1, 0, 1, …: as many of one as of the other."""
    return np.arange(n) % 2.0


def _polar(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
