"""What is known of all partitions before training begins: types, features, classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.multiclass import type_of_target

from .partitions import Partition, type_of_inputs

NUMBERS = "biuf"


@dataclass
class Description:
    """One partition in numbers.

    Parameters
    ----------
    n_rows : int
    n_features : int
    names : list or None
        The columns of a data frame.
    dtype : dtype
        The type of X, common to all columns.
    n_targets : int
        The columns of y; 0 if it has one dimension.
    kind : str or None
        scikit-learn's type of classification targets; None of a regressor's.
    classes, counts : ndarray or None
        The labels and their numbers of rows; of several labels in each row, which labels and how often.
    total_weight : float
        Σ |w| of the sample weights; the number of rows without them.
    head : Partition
        Its first row.
    """

    n_rows: int
    n_features: int
    names: list[Any] | None
    dtype: np.dtype
    n_targets: int
    kind: str | None
    classes: np.ndarray | None
    counts: np.ndarray | None
    total_weight: float
    head: Partition


def describe(partition: Partition, classifies: bool) -> Description:
    """Describe a partition, on the worker that holds it."""
    X, y, weights = partition
    names = list(X.columns) if hasattr(X, "columns") else None
    head = Partition(X.iloc[:1] if names is not None else X[:1], y[:1], None)
    kind = classes = counts = None
    if classifies and len(y):
        kind, classes, counts = _describe_labels(y)
    total = float(len(y)) if weights is None else float(np.abs(weights, dtype=np.float64).sum())
    n_targets = y.shape[1] if y.ndim == 2 else 0
    return Description(len(y), X.shape[1], names, type_of_inputs(X), n_targets, kind, classes, counts, total, head)


def _describe_labels(y: np.ndarray) -> tuple[str, np.ndarray, np.ndarray]:
    kind = type_of_target(y, input_name="y")
    if kind.startswith("multilabel"):
        return kind, np.arange(y.shape[1]), (y != 0).sum(axis=0)
    try:
        return kind, *np.unique(y, return_counts=True)
    except TypeError as error:
        raise TypeError(f"y must hold labels of one kind, strings or numbers: {error}.") from None


@dataclass
class Summary:
    """What all partitions have in common.

    Parameters
    ----------
    dtype : dtype
        float32 if all of X is, else float64.
    n_rows : int
    kind : str or None
        'binary', 'multiclass', 'multilabel-indicator'; None of a regressor's targets.
    classes, counts : ndarray or None
        All labels, and their numbers of rows.
    head : Partition
        The first row.
    """

    dtype: np.dtype
    n_rows: int
    kind: str | None
    classes: np.ndarray | None
    counts: np.ndarray | None
    head: Partition


def summarize(descriptions: list[Description]) -> Summary:
    """Put the partitions with rows together.

    Raises
    ------
    TypeError, ValueError
        If they differ in what must be the same, or there are no rows.
    """
    filled = [each for each in descriptions if each.n_rows]
    if not filled:
        raise ValueError(
            f"Found array with 0 sample(s) (in {len(descriptions)} partitions) while a minimum of 1 is required."
        )
    first = filled[0]
    for number, each in enumerate(descriptions):
        if each.n_rows and (each.n_features, each.names, each.n_targets) != (
            first.n_features, first.names, first.n_targets,
        ):  # fmt: skip
            raise ValueError(f"Partitions differ in their columns: {_columns(first)}, but partition {number} has "
                             f"{_columns(each)}.")  # fmt: skip
    all_single = all(each.dtype == np.float32 for each in filled)
    labels: tuple[Any, Any, Any] = (None, None, None) if first.kind is None else _all_labels(filled)
    dtype = np.dtype(np.float32 if all_single else np.float64)
    return Summary(dtype, sum(each.n_rows for each in filled), *labels, first.head)


def _columns(description: Description) -> str:
    names = "" if description.names is None else f" {description.names!r:.200}"
    return f"{description.n_features} features{names} and {description.n_targets or 1} column(s) of targets"


def _all_labels(descriptions: list[Description]) -> tuple[str, np.ndarray, np.ndarray]:
    """Return kind, labels and counts of all partitions together."""
    kinds = {str(each.kind) for each in descriptions}
    if wrong := sorted(kinds - {"binary", "multiclass", "multilabel-indicator"}):
        raise ValueError(
            f"Unknown label type: {wrong[0]}. Maybe you are trying to fit a classifier, which expects discrete classes "
            "on a regression target with continuous values."
        )
    if "multilabel-indicator" in kinds:
        if len(kinds) > 1:
            raise ValueError("y has several labels per row in some partitions, and one class per row in others.")
        counts = np.sum([np.asarray(each.counts) for each in descriptions], axis=0)
        return "multilabel-indicator", np.asarray(descriptions[0].classes), counts
    found = [np.asarray(each.classes) for each in descriptions]
    if len({each.dtype.kind in NUMBERS or not isinstance(each[0], str | bytes) for each in found}) > 1:
        raise TypeError(
            f"y must hold labels of one kind, strings or numbers, got {found[0][:3]} in one partition, and others in "
            "another."
        )
    classes, numbers = np.unique(np.concatenate(found), return_inverse=True)
    counts = np.bincount(numbers, np.concatenate([np.asarray(each.counts) for each in descriptions]))
    classes = classes.astype(classes.dtype.newbyteorder("="), copy=False)
    return "multiclass" if classes.size > 2 else "binary", classes, counts.astype(np.int64)
