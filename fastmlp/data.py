"""Rows that kernels can read: inputs, targets and weights in the one form that each has."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from .sparse_input import check_sparse


class Rows:
    """Inputs as they are (any strides, read-only or not, dense or CSR), targets and weights contiguous.

    Nothing is copied whose type and order serve: dense inputs never, unless they are misaligned or of another type.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n, n_features)
    y : ndarray of shape (n, n_targets), optional
    sample_weight : ndarray of shape (n,), optional
    dtype : numpy type
        float32 or float64, the type of the arithmetic.
    """

    def __init__(
        self, X: Any, y: np.ndarray | None = None, sample_weight: np.ndarray | None = None, dtype: Any = None
    ) -> None:
        self.dtype = np.dtype(dtype or X.dtype)
        self.sparse = sp.issparse(X)
        check_sparse(X)
        self.n_rows, self.n_features = X.shape
        if self.sparse:
            X = X.tocsr()
            self.indptr = np.require(X.indptr, np.int64, ["C", "A"])
            self.indices = np.require(X.indices, np.int32, ["C", "A"])
            self.values = np.require(X.data, self.dtype, ["C", "A"])
        else:
            self.X = np.require(X, self.dtype, ["A"])
        self.y = None if y is None else np.require(y, self.dtype, ["C", "A"])
        self.n_targets = 0 if self.y is None else self.y.shape[1]
        self.sample_weight = None if sample_weight is None else np.require(sample_weight, self.dtype, ["C", "A"])

    def matrix(self) -> Any:
        """The inputs, (n, n_features): the array, or a CSR matrix on the same memory."""
        if self.sparse:
            return sp.csr_matrix((self.values, self.indices, self.indptr), (self.n_rows, self.n_features), copy=False)
        return self.X

    def most_entries(self, rows: int) -> int:
        """The most stored entries that any `rows` rows of a sparse X can have together."""
        lengths = np.diff(self.indptr)
        if rows < lengths.size:
            lengths = np.partition(lengths, lengths.size - rows)[lengths.size - rows :]
        return int(lengths.sum())

    def describe(self, task: Any) -> None:
        """Write the addresses and strides into a task record."""
        task["sparse"], task["n_features"], task["n_targets"] = self.sparse, self.n_features, self.n_targets
        if self.sparse:
            task["indptr"], task["indices"] = self.indptr.ctypes.data, self.indices.ctypes.data
            task["values"] = self.values.ctypes.data
        else:
            task["x"] = self.X.ctypes.data
            task["x_row_stride"], task["x_column_stride"] = self.X.strides
        task["y"] = 0 if self.y is None else self.y.ctypes.data
        task["weights"] = 0 if self.sample_weight is None else self.sample_weight.ctypes.data
