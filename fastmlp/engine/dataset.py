"""`Dataset`: inputs, targets and weights in the form in which kernels read them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..activations import BaseActivation
from ..losses.base import BaseLoss, ClassLoss
from .sparse_input import check_sparse

#: Sample weights are divided by a power of two where the largest is beyond this one, or below its inverse.
LARGEST_WEIGHT = 2.0**40


class Dataset:
    """Inputs without conversion (any strides, read-only or not, dense or CSR), targets and weights contiguous.

    Arrays are copied only if their type or order is not the right one: dense inputs only if they are misaligned or of
    another type.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n, n_features)
    y : ndarray of shape (n, n_targets), optional
    sample_weight : ndarray of shape (n,), optional
    dtype : numpy type
        float32 or float64, the type of the arithmetic.
    checked : bool, default=False
        Whether `check_sparse` has just accepted X, or the sparse matrix that X was made from.

    Attributes
    ----------
    sample_weight : ndarray of shape (n,), or None
        The weights divided by `weight_divisor`, a power of two that is 1 unless they are huge or tiny (see `balance`).
        The caller divides a penalty by it, too, so that it counts against the sum of the weights as given.

    Raises
    ------
    ValueError
        If a sparse X is not a valid matrix, or the shapes do not fit together: kernels would read foreign memory.
    """

    #: Whether a sparse X is in CSC (`Columns`).
    by_column = False

    def __init__(
        self,
        X: Any,
        y: np.ndarray | None = None,
        sample_weight: np.ndarray | None = None,
        dtype: Any = None,
        checked: bool = False,
    ) -> None:
        self.dtype = np.dtype(dtype or X.dtype)
        self.sparse = sp.issparse(X)
        if not checked:
            check_sparse(X)
        self.n_rows, self.n_features = X.shape
        if self.sparse:
            X = self._compress(X)
            self.indptr = np.require(X.indptr, np.int64, ["C", "A"])
            self.indices = np.require(X.indices, np.int32, ["C", "A"])
            self.values = np.require(X.data, self.dtype, ["C", "A"])
        else:
            self.X = np.require(X, self.dtype, ["A"])
        self.y = None if y is None else np.require(y, self.dtype, ["C", "A"])
        if self.y is not None and (self.y.ndim != 2 or len(self.y) != self.n_rows):
            raise ValueError(f"y must have shape ({self.n_rows}, n_targets), a row for each of X, got {self.y.shape}.")
        self.n_targets = 0 if self.y is None else self.y.shape[1]
        self.sample_weight, self.weight_divisor = None, 1.0
        if sample_weight is not None:
            weights, self.weight_divisor = balance(np.asarray(sample_weight))
            self.sample_weight = np.require(weights, self.dtype, ["C", "A"])
            if self.sample_weight.shape != (self.n_rows,):
                raise ValueError(f"sample_weight must have shape ({self.n_rows},), got {self.sample_weight.shape}.")

    def _compress(self, X: Any) -> Any:
        """Return a sparse matrix in the format that the kernels read."""
        return X.tocsr()

    def matrix(self) -> Any:
        """Return the inputs, (n, n_features): the array, or a CSR matrix on the same memory."""
        if self.sparse:
            return sp.csr_matrix((self.values, self.indices, self.indptr), (self.n_rows, self.n_features), copy=False)
        return self.X

    def most_entries(self, rows: int) -> int:
        """Return the largest number of stored entries that any `rows` rows of a sparse X can have together."""
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


def require_targets(loss: BaseLoss, output: BaseActivation, n_outputs: int, y: np.ndarray | None) -> None:
    """Refuse targets (n, n_targets) whose width or class numbers would make a loss's kernel leave its arrays.

    Raises
    ------
    ValueError
        If there are none, they have another number of columns, or a class that has no output.
    """
    expected = loss.n_targets(output, n_outputs)
    if y is None or y.shape[1] != expected:
        raise ValueError(
            f"loss={loss.as_written()} with {n_outputs} outputs behind {output.name!r} reads targets of shape "
            f"(n, {expected}), got {None if y is None else y.shape}."
        )
    classes = isinstance(loss, ClassLoss) and loss._reads_classes(output, n_outputs)
    if classes and y.size and not 0 <= y.min() <= y.max() <= n_outputs - 1:  # NaN neither
        raise ValueError(
            f"loss={loss.as_written()} with {n_outputs} outputs behind {output.name!r} reads class numbers "
            f"0 … {n_outputs - 1}, but y holds values from {y.min():g} to {y.max():g}."
        )


def balance(weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Divide huge or tiny weights by a power of two, so that sums of losses and gradients stay in float32's range.

    A loss is a weighted mean, so only the ratios of the weights matter, and the ratio to a penalty, which the caller
    divides by the same number. Nothing is rounded, and weights of ordinary size are not changed.

    Parameters
    ----------
    weights : ndarray of shape (n,)
        Finite.

    Returns
    -------
    weights : ndarray of shape (n,)
        The largest magnitude is between 2⁻⁴⁰ and 2⁴⁰, if it is not zero.
    divisor : float
        1.0 if the weights were within these bounds.

    Examples
    --------
    >>> import numpy as np
    >>> balance(np.array([1.0, 3.0]))
    (array([1., 3.]), 1.0)
    >>> weights, divisor = balance(np.array([2.0**1000, 2.0**999]))
    >>> weights / weights[1], divisor == 2.0**961
    (array([2., 1.]), True)
    """
    largest = max(float(weights.max(initial=0)), -float(weights.min(initial=0)))
    if 1 / LARGEST_WEIGHT <= largest <= LARGEST_WEIGHT or not 0 < largest < np.inf:
        return weights, 1.0
    exponent = max(math.frexp(largest)[1] - 40, -1022)  # the divisor must not be a subnormal number
    return np.ldexp(weights, -exponent), math.ldexp(1.0, exponent)
