"""Members with different encodings of numbers, on one encoded table.

The table has the columns of all of them; a member without bins reads the table without their columns.
"""

from __future__ import annotations

import numpy as np

from ..engine.dataset import Dataset
from .encoder import TableEncoder
from .layout import TableLayout
from .recipes import Recipe

PERIODIC, PIECEWISE_LINEAR = "periodic", "piecewise-linear"


def make_layout(encoder: TableEncoder, recipe: Recipe, encoding: str | None, n_outputs: int) -> TableLayout:
    """Return where the parameters of a member with this encoding are."""
    with_bins = encoding == PIECEWISE_LINEAR
    n_plain = encoder.n_plain if with_bins else encoder.n_plain - encoder.n_bin_columns
    n_periodic = encoder.n_numeric if encoding == PERIODIC else 0
    return TableLayout(
        n_plain, recipe.hidden_layer_sizes, n_outputs, n_periodic, encoder.table_sizes, recipe.learn_slopes,
        encoder.look_ups(with_bins),
    )  # fmt: skip


def features_read(encoder: TableEncoder, encoding: str | None) -> np.ndarray:
    """Return the column of the user's table from which each column comes of which a member's inputs are made."""
    features: np.ndarray = encoder.feature_of[_columns_read(encoder, encoding, encoder.feature_of.size)]
    return features


def rows_for(encoder: TableEncoder, encoding: str | None, dataset: Dataset) -> Dataset:
    """Return the dataset with the columns that a member with this encoding reads: the same one if it reads all."""
    columns = _columns_read(encoder, encoding, encoder.n_encoded)
    if columns.size == dataset.n_features:
        return dataset
    narrow = Dataset(np.ascontiguousarray(dataset.X[:, columns]), dataset.y, None, dataset.dtype)
    narrow.sample_weight, narrow.weight_divisor = dataset.sample_weight, dataset.weight_divisor
    return narrow


def _columns_read(encoder: TableEncoder, encoding: str | None, n_columns: int) -> np.ndarray:
    """Return which of the encoded columns a member reads: all but bins, which stand before all that is looked up."""
    columns = np.arange(n_columns)
    if encoding == PIECEWISE_LINEAR:
        return columns
    return np.delete(columns, slice(encoder.n_numeric, encoder.n_numeric + encoder.n_bin_columns))
