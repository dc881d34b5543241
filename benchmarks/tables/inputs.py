"""The rows of a set as methods are given them."""

from importlib.util import find_spec
from typing import Any

import numpy as np

from .sets import TableSet


def make_inputs(table: TableSet, medians: np.ndarray | None = None) -> Any:
    """Return all rows: a pandas DataFrame with category columns, or without pandas an array; missing is NaN.

    Numbers come first, then categories; where `medians` (n_numbers,) are given, they replace missing numbers.
    """
    numbers = table.numbers if medians is None else np.where(np.isnan(table.numbers), medians, table.numbers)
    if find_spec("pandas") is None:
        codes = np.where(table.categories < 0, np.nan, table.categories)
        return np.hstack([numbers, codes])
    import pandas as pd

    frame = pd.DataFrame(numbers, columns=table.number_names)
    for (name, categories), codes in zip(table.category_names.items(), table.categories.T, strict=True):
        frame[name] = pd.Categorical.from_codes(codes, categories=categories)
    return frame


def take_rows(X: Any, rows: np.ndarray) -> Any:
    """Return some rows of what `make_inputs` returned."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def category_columns(table: TableSet) -> list[int]:
    """Return the positions of the category columns."""
    first = table.numbers.shape[1]
    return list(range(first, first + table.categories.shape[1]))


def few_rows(table: TableSet, train: np.ndarray, n_rows: int = 400, n_each: int = 20) -> np.ndarray:
    """Return some training rows: the first of each class, and the first of all."""
    if table.is_regression:
        return train[:n_rows]
    y = table.y[train]
    first = [train[y == label][:n_each] for label in np.unique(y)]
    return np.union1d(np.concatenate(first), train[:n_rows])
