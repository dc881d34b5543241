"""Scores of Dask's collections: sums of each partition, added up."""

from __future__ import annotations

from typing import Any

import numpy as np

from .libraries import import_dask
from .partitions import Partition, delayed_partitions


def _sums_of_accuracy(partition: Partition, model: Any) -> np.ndarray:
    """Return Σ w of the rows that are right, and Σ w."""
    X, y, weights = partition
    if not len(y):
        return np.zeros(2)
    right = np.asarray(model.predict(X)) == (y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y)
    right = right.all(axis=1) if right.ndim == 2 else right
    return np.array([np.sum(right * (1.0 if weights is None else weights)), _total(y, weights)])


def _total(y: np.ndarray, weights: np.ndarray | None) -> float:
    return float(len(y) if weights is None else np.sum(weights, dtype=np.float64))


def _sums_of_squares(partition: Partition, model: Any) -> np.ndarray | None:
    """Return for each target Σ w, the mean of y, Σ w (y − mean)² and Σ w (y − ŷ)², (4, n_targets)."""
    X, y, weights = partition
    if not len(y):
        return None
    y = np.asarray(y, np.float64).reshape(len(y), -1)
    each = model._by_target(model._forward(X))
    errors = y - each[:, :, each.shape[2] // 2]
    w = np.ones(len(y)) if weights is None else np.asarray(weights, np.float64)
    total = _total(y, weights)
    mean = w @ y / total if total else np.zeros(y.shape[1])
    return np.array([np.full(y.shape[1], total), mean, w @ (y - mean) ** 2, w @ errors**2])


def _merge(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the sums of squares of two sets of rows together.

    Source: Chan, Golub and LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample variances".
    """
    total = first[0] + second[0]
    share = np.divide(second[0], total, out=np.zeros_like(total), where=total != 0)
    apart = second[1] - first[1]
    spread = first[2] + second[2] + apart**2 * first[0] * share
    return np.array([total, first[1] + apart * share, spread, first[3] + second[3]])


def _compute(function: Any, model: Any, X: Any, y: Any, sample_weight: Any, client: Any) -> list[Any]:
    """Return what a function of a partition and the model says of each partition."""
    dask = import_dask()
    model = dask.delayed(model, pure=False)
    each = [dask.delayed(function)(partition, model) for partition in delayed_partitions(X, y, sample_weight)]
    found: list[Any] = client.gather(client.compute(each)) if client is not None else list(dask.compute(*each))
    return found


def accuracy(model: Any, X: Any, y: Any, sample_weight: Any, client: Any) -> float:
    """Return the weighted share of rows whose prediction is right."""
    right, total = np.sum(_compute(_sums_of_accuracy, model, X, y, sample_weight, client), axis=0)
    return float(right / total)


def r2(model: Any, X: Any, y: Any, sample_weight: Any, client: Any) -> float:
    """Return the coefficient of determination, the mean of that of each target, as scikit-learn's `r2_score`."""
    found = [each for each in _compute(_sums_of_squares, model, X, y, sample_weight, client) if each is not None]
    sums = found[0]
    for each in found[1:]:
        sums = _merge(sums, each)
    _, _, spread, errors = sums
    constant = np.where(errors == 0, 1.0, 0.0)
    return float(np.mean(np.where(spread == 0, constant, 1 - errors / np.where(spread == 0, 1.0, spread))))
