"""Which columns are categories: the parameter `categorical_features`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .columns import Column


def find_categories(columns: Sequence[Column], names: Sequence[Any] | None, categorical_features: Any) -> np.ndarray:
    """Return which columns are categories, (n_features,), all others being numbers.

    Parameters
    ----------
    columns : sequence of Column
    names : sequence or None
        The names of the columns, if they have any.
    categorical_features : 'from_dtype', None, or array-like of bool, int or str
        As in scikit-learn's `HistGradientBoostingClassifier`, with its errors. 'from_dtype' finds categories in arrays
        as well, and columns of strings, booleans and objects other than numbers are categories, too.

    Returns
    -------
    is_category : ndarray of bool of shape (n_features,)
    """
    if categorical_features is None:
        return np.zeros(len(columns), bool)
    if isinstance(categorical_features, str) and categorical_features == "from_dtype":
        return np.array([column.is_category for column in columns], bool)
    given = np.asarray(categorical_features)
    if given.size == 0:
        return np.zeros(len(columns), bool)
    if given.dtype.kind not in "ibUOT":
        raise ValueError(f"categorical_features must be an array-like of bool, int or str, got: {given.dtype.name}.")
    if given.dtype.kind == "O" and {type(each) for each in given.flat} != {str}:
        types = ", ".join(sorted({type(each).__name__ for each in given.flat}))
        raise ValueError(f"categorical_features must be an array-like of bool, int or str, got: {types}.")
    if given.dtype.kind == "b":
        return _from_mask(len(columns), given)
    return _from_indices(len(columns), given if given.dtype.kind == "i" else _positions(names, given))


def _from_mask(n_columns: int, mask: np.ndarray) -> np.ndarray:
    if mask.shape != (n_columns,):
        raise ValueError(f"categorical_features set as a boolean mask must have shape (n_features,), got: {mask.shape}")
    return mask.copy()


def _positions(names: Sequence[Any] | None, given: np.ndarray) -> np.ndarray:
    if names is None:
        raise ValueError(
            "categorical_features should be passed as an array of integers or as a boolean mask when the model is "
            "fitted on data without feature names."
        )
    for name in given.flat:
        if name not in names:
            raise ValueError(
                f"categorical_features has an item value '{name}' which is not a valid feature name of the training "
                f"data. Observed feature names: {list(names)}"
            )
    return np.array([list(names).index(name) for name in given.flat])


def _from_indices(n_columns: int, indices: np.ndarray) -> np.ndarray:
    if indices.max() >= n_columns or indices.min() < 0:
        raise ValueError("categorical_features set as integer indices must be in [0, n_features - 1]")
    is_category = np.zeros(n_columns, bool)
    is_category[indices] = True
    return is_category
