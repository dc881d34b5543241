"""`Columns`: CSC input for predictions, as it is; and whether it can be cut into groups of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from .dataset import Dataset
from .sparse_input import MOST_COLUMNS

#: Indices that are compared with their neighbours at a time.
COMPARED = 1 << 16
#: Outputs of a first layer that reads column by column.
WIDEST = 32


def rows_to_predict(X: Any, fan_out: int, dtype: Any = None, checked: bool = False) -> Dataset:
    """Inputs of a prediction: a CSC matrix as `Columns` for a narrow first layer, everything else as `Dataset`.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n, n_features)
    fan_out : int
        Width of the first layer. The products of a wide one leave the near caches between two columns: there it is
        as fast, or faster, to put the rows together.
    dtype : numpy type, optional
    checked : bool, default=False
        Whether `check_sparse` has just passed this matrix, or the one that it was made from.
    """
    by_column = sp.issparse(X) and X.format == "csc" and fan_out <= WIDEST
    if by_column and X.shape[0] <= MOST_COLUMNS:  # kernels read row numbers as int32
        return Columns(X, dtype=dtype, checked=checked)
    return Dataset(X, dtype=dtype, checked=checked)


class Columns(Dataset):
    """A CSC matrix without targets, of which nothing is copied whose type serves.

    indptr (n_features + 1,) says which of the values are a column's, and indices which rows they are in.

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
        """The inputs, (n, n_features), on the same memory."""
        return sp.csc_matrix((self.values, self.indices, self.indptr), (self.n_rows, self.n_features), copy=False)

    def as_rows(self) -> Dataset:
        """The same in CSR, for which no order of the indices matters."""
        return Dataset(self.matrix(), dtype=self.dtype, checked=True)

    def ascend(self) -> bool:
        """Whether the row numbers of each column ascend, equal ones allowed.

        They may change after SciPy has looked at them, so its own note on that (`has_sorted_indices`) does not serve.
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
        return between == 0

    def describe(self, task: Any) -> None:
        """Write the addresses into a task record, and that no group of rows has been computed."""
        super().describe(task)
        task["sparse"] = False  # the first layer is a unit of its own
        task["last_row"], task["product_first"], task["product_stop"] = self.n_rows, 0, -1
