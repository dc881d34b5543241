"""`Columns`: CSC input for predictions, without conversion; and whether it can be cut into groups of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from .dataset import Dataset
from .sparse_input import MOST_COLUMNS

#: Number of indices that are compared with their neighbours at a time.
COMPARED = 1 << 16
#: Maximum number of outputs of a first layer that reads column by column.
WIDEST = 32


def rows_to_predict(X: Any, fan_out: int, dtype: Any = None, checked: bool = False) -> Dataset:
    """Return the inputs of a prediction: CSC as `Columns` if the first layer is narrow, everything else as `Dataset`.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n, n_features)
    fan_out : int
        Width of the first layer. The products of a wide one leave the near caches between two columns: converting to
        CSR is then at least as fast.
    dtype : numpy type, optional
    checked : bool, default=False
        Whether `check_sparse` has just accepted this matrix, or the one that it was made from.
    """
    by_column = sp.issparse(X) and X.format == "csc" and fan_out <= WIDEST
    if by_column and X.shape[0] <= MOST_COLUMNS:  # kernels read row numbers as int32
        return Columns(X, dtype=dtype, checked=checked)
    return Dataset(X, dtype=dtype, checked=checked)


class Columns(Dataset):
    """A CSC matrix without targets. Arrays that have the right type are not copied.

    indptr (n_features + 1,) says where each column's values are, and indices the rows of the values.

    Parameters
    ----------
    X : CSC matrix of shape (n, n_features)
        At most 2**31 - 1 rows.
    dtype, checked
        As for `rows_to_predict`.
    """

    by_column = True

    def _compress(self, X: Any) -> Any:
        return X

    def matrix(self) -> Any:
        """Return the inputs, (n, n_features), on the same memory."""
        return sp.csc_matrix((self.values, self.indices, self.indptr), (self.n_rows, self.n_features), copy=False)

    def as_rows(self) -> Dataset:
        """Return the same matrix in CSR, where the order of the indices does not matter."""
        return Dataset(self.matrix(), dtype=self.dtype, checked=True)

    def ascend(self) -> bool:
        """Whether the row numbers of each column ascend, equal ones allowed.

        SciPy's flag (`has_sorted_indices`) cannot be used: the indices may have changed since it was set.
        """
        stored = int(self.indptr[-1])
        starts = self.indptr[1:-1]
        starts = starts[(starts > 0) & (starts < stored)]
        if starts.size > 1:
            starts = starts[np.append(True, starts[1:] != starts[:-1])]  # columns without entries begin there, too
        between = np.count_nonzero(self.indices[starts] < self.indices[starts - 1])
        for first in range(0, stored - 1, COMPARED):
            piece = self.indices[first : min(first + COMPARED + 1, stored)]
            between -= np.count_nonzero(piece[1:] < piece[:-1])
        return bool(between == 0)

    def describe(self, task: Any) -> None:
        """Write the addresses into a task record, and that no group of rows has been computed."""
        super().describe(task)
        task["sparse"] = False  # the first layer has a kernel of its own
        task["last_row"], task["product_first"], task["product_stop"] = self.n_rows, 0, -1
