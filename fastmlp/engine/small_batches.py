"""Predictions without scikit-learn's validation: of a few rows in microseconds, of many without a second pass."""

from __future__ import annotations

import ctypes
import functools
import platform
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..kernels.lowlevel.records import DATA_AT, SHAPE_AT
from .cores import Threads
from .csc_input import rows_to_predict
from .model import ModelView
from .small_batch_engine import SmallBatchEngine


@functools.cache
def arrays_are_as_expected() -> bool:
    """Whether this interpreter's arrays keep their data and shape where `predict_few` reads them."""
    if platform.python_implementation() != "CPython":
        return False
    probe = np.zeros((3, 5))
    data = ctypes.c_void_p.from_address(id(probe) + DATA_AT).value
    shape = ctypes.POINTER(ctypes.c_ssize_t).from_address(id(probe) + SHAPE_AT)
    return data == probe.ctypes.data and bool(shape) and (shape[0], shape[1]) == probe.shape


class SmallBatchPredictor:
    """Outputs without scikit-learn's validation, which would read every number once more.

    Accepts arrays of real numbers in any memory order, lists of them, and DataFrames whose columns are those of the
    training; of CSR and CSC matrices as many rows as one thread predicts at once. It returns None for everything else,
    and wherever validation would warn or raise: the caller then validates, predicts by `prediction.predict`, and so
    reports what is wrong. The bits are the same.

    Parameters
    ----------
    coefs, intercepts : sequence of ndarray
        The user's own arrays; edits in place count from the next call on.
    make_model : callable
        dtype ↦ `ModelView` on these arrays, for arithmetic in that type.
    arithmetic_type : callable
        dtype of the rows ↦ type of the arithmetic.
    both_classes : bool
        Whether the one output p becomes two, 1 − p and p.
    feature_names : ndarray of str or None
        The columns' names in training, None if it had none.
    depends_on : tuple
        The estimator's parameters that the outputs depend on beside the arrays.
    n_threads : int
        Maximum number of threads of `prediction.predict`.
    threads : int or callable, optional
        Number of threads that it may start now; `n_threads` if left out.
    """

    def __init__(
        self,
        coefs: Sequence[np.ndarray],
        intercepts: Sequence[np.ndarray],
        make_model: Callable[[np.dtype], ModelView],
        arithmetic_type: Callable[[np.dtype], np.dtype],
        both_classes: bool,
        feature_names: np.ndarray | None,
        depends_on: tuple[Any, ...],
        n_threads: int,
        threads: Threads | None = None,
    ) -> None:
        self.arrays = (*coefs, *intercepts)
        self.facts = [(array, array.shape, array.strides, array.dtype) for array in self.arrays]
        # NumPy refuses to resize an array that has weak references: its memory stays where the records say.
        self.pins = [weakref.ref(array) for array in self.arrays]
        self.make_model, self.arithmetic_type = make_model, arithmetic_type
        self.both_classes, self.depends_on, self.n_threads = both_classes, depends_on, n_threads
        self.threads = n_threads if threads is None else threads
        self.n_features = self.arrays[0].shape[0]
        self.feature_names = None if feature_names is None else feature_names.tolist()
        self.known_columns: Any = None
        self.engines: dict[tuple[np.dtype, str], SmallBatchEngine | None] = {}

    @staticmethod
    def supports(coefs: Sequence[np.ndarray], intercepts: Sequence[np.ndarray]) -> bool:
        """Whether these are plain arrays, on an interpreter that keeps them as expected."""
        return arrays_are_as_expected() and all(type(array) is np.ndarray for array in (*coefs, *intercepts))

    def is_valid_for(self, coefs: list[np.ndarray], intercepts: list[np.ndarray], depends_on: tuple[Any, ...]) -> bool:
        """Whether these are still the arrays and the parameters that this was made for."""
        arrays = (*coefs, *intercepts)
        if len(arrays) != len(self.facts):
            return False
        # One loop that builds nothing: it is part of the time of a single row's prediction.
        for array, (known, shape, strides, dtype) in zip(arrays, self.facts, strict=True):
            if array is not known or array.shape != shape or array.strides != strides or array.dtype is not dtype:
                return False
        return depends_on == self.depends_on

    def has_names(self, feature_names: np.ndarray | None) -> bool:
        """Whether the columns still have the same names."""
        return self.feature_names == (None if feature_names is None else feature_names.tolist())

    def __call__(self, X: Any) -> np.ndarray | None:
        """Return outputs for rows that were not validated; None if validation would warn or raise."""
        if type(X) is np.ndarray or sp.issparse(X):
            return self.predict(X) if self.feature_names is None else None
        array = self._to_array(X)
        return None if array is None else self.predict(array)

    def predict(self, X: Any) -> np.ndarray | None:
        """Return outputs for an array or a sparse matrix, whatever its column names; None as `__call__` does."""
        if X.ndim != 2:
            return None
        rows, columns = X.shape
        sparse = not isinstance(X, np.ndarray)
        if sparse and X.format not in ("csr", "csc"):
            return None
        engine = self._engine(X.dtype, X.format if sparse else "")
        if engine is None or columns != self.n_features or not rows:
            return None
        if sparse:
            return self._predict_sparse(X, engine) if rows <= engine.max_rows else None
        if X.dtype != engine.dtype or not X.flags.aligned:
            return engine.predict_converted(X)
        return engine.predict(X)

    @staticmethod
    def _predict_sparse(X: Any, engine: SmallBatchEngine) -> np.ndarray | None:
        rows = rows_to_predict(X, engine.model.layout.layer_sizes[1], engine.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(rows.values.sum())  # a sum beyond the type's range returns None, too
        return engine.predict_sparse(rows) if finite else None

    def _to_array(self, X: Any) -> np.ndarray | None:
        if isinstance(X, list):
            if self.feature_names is not None:
                return None
            try:
                return np.asarray(X)
            except ValueError:  # rows of different lengths
                return None
        pandas = sys.modules.get("pandas")
        if self.feature_names is None or pandas is None or type(X) is not pandas.DataFrame:
            return None
        columns = X.columns
        if columns is not self.known_columns:
            if columns.tolist() != self.feature_names:
                return None
            self.known_columns = columns
        if not all(isinstance(dtype, np.dtype) for dtype in X.dtypes.tolist()):
            return None
        array: np.ndarray = X.to_numpy()
        return array

    def _engine(self, dtype: np.dtype, sparse_format: str) -> SmallBatchEngine | None:
        """Return the engine for rows of this type; None unless they are real numbers of at most eight bytes."""
        key = dtype, sparse_format
        if key not in self.engines:
            self.engines[key] = None
            if dtype.kind in "fiub" and dtype.itemsize <= 8:
                model = self.make_model(self.arithmetic_type(dtype))
                self.engines[key] = SmallBatchEngine(
                    model, self.both_classes, sparse_format, self.n_threads, self.threads
                )
        return self.engines[key]
