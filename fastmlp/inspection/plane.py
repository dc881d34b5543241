"""A plane of two features: its points, what a network makes of them, and the checks of what was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from ..common.checks import check_count
from ..engine.sparse_input import check_sparse
from ..estimators.inputs import validate_inputs
from .models import Shown

#: Numbers in the inputs that are made at once.
MOST_NUMBERS = 1 << 22


def inputs_of(estimator: Any, X: Any) -> Any:
    """Return validated X, (n, n_features), as an array or CSR matrix of float64."""
    check_sparse(X)
    X = validate_inputs(estimator, X, accept_sparse=["csr", "csc"])
    return (X.tocsr() if sp.issparse(X) else X).astype(np.float64)


def column_of(X: Any, number: int) -> np.ndarray:
    """Return a column of an array or CSR matrix, (n,)."""
    column: np.ndarray = X[:, [number]].toarray().ravel() if sp.issparse(X) else X[:, number]
    return column


def values_on_plane(
    shown: Shown, means: np.ndarray, features: tuple[int, int], axes: list[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return pre-activations and activations of each layer on a plane, (n_y, n_x, width).

    Two features have the values of the axes, x and y, and all others their means. Inputs are made for some lines of the
    plane at a time, as there may be many features.
    """
    x, y = axes
    together = max(1, MOST_NUMBERS // (len(x) * len(means)))
    parts = []
    for start in range(0, len(y), together):
        lines = y[start : start + together]
        rows = np.tile(means, (len(lines) * len(x), 1))
        rows[:, features[1]], rows[:, features[0]] = (each.ravel() for each in np.meshgrid(lines, x, indexing="ij"))
        parts.append([[layer.reshape(len(lines), len(x), -1) for layer in both] for both in shown.values(rows)])
    pre_activations, activations = (
        [np.concatenate(layers) for layers in zip(*both, strict=True)] for both in zip(*parts, strict=True)
    )
    return pre_activations, activations


def find_features(features: tuple[Any, Any], names: list[str]) -> tuple[int, int]:
    """Return the numbers of two features, given by number or name.

    Raises
    ------
    ValueError
        If there are not two of them, or one does not exist.
    """
    if len(names) < 2:
        raise ValueError("a plane of two features was asked for, but this network has one.")
    found = [names.index(each) if isinstance(each, str) and each in names else each for each in features]
    wrong = [each for each in found if isinstance(each, str | float) or not -len(names) <= each < len(names)]
    if wrong or len(found) != 2 or len({int(each) % len(names) for each in found}) != 2:
        known = ", ".join(map(repr, names[:8])) + (", …" if len(names) > 8 else "")
        raise ValueError(
            f"features must be two different features, by number (0 to {len(names) - 1}) or name ({known}), got "
            f"{features!r}."
        )
    return int(found[0]) % len(names), int(found[1]) % len(names)


def span_of(values: np.ndarray, n: int) -> np.ndarray:
    """Return n numbers from a little below the least value to a little above the largest."""
    low, high = float(values.min()), float(values.max())
    margin = 0.1 * (high - low) or max(0.5, 1e-6 * abs(low))
    return np.linspace(low - margin, high + margin, n)


def check_resolution(grid_resolution: Any) -> int:
    """Return the number of points along each side of a grid.

    Raises
    ------
    TypeError, ValueError
        If it is not an integer of 2 or more.
    """
    n = check_count("grid_resolution", grid_resolution)
    if n == 1:
        raise ValueError("grid_resolution must be 2 or more, got 1.")
    return n
