"""Predictions past scikit-learn's validation: a few rows in microseconds, and many that need no second look."""

from __future__ import annotations

import ctypes
import functools
import platform
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from ..compiler.kernel import KernelModule
from ..kernels.lowlevel.records import DATA_AT, SHAPE_AT
from .cores import Threads
from .csc_input import rows_to_predict
from .dataset import Dataset
from .model import ModelView
from .prediction import predict
from .threads import rows_of_one_thread
from .workspace import BLOCK_ROWS, Workspace, group_rows, has_large_layers, prediction_rows

if TYPE_CHECKING:
    from ..kernels.loop import predict as _kernels
else:
    _kernels = KernelModule("loop.predict")

#: Multiplications and additions of some milliseconds: a call without a look at Ctrl-C may take no longer.
SHORT_OPERATIONS = 1_000_000_000
#: Numbers of another type that are converted at a time: they stay in the near caches until they are read.
CONVERTED_AT_ONCE = 1 << 15


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
    """Outputs past scikit-learn's validation, which would look at every number once more.

    Serves arrays of real numbers in any memory order, lists of them, and DataFrames whose columns are those of the
    training; of CSR and CSC matrices as many rows as one thread answers at once. It returns None for everything else,
    and wherever validation would warn or raise: the caller then takes the long way, which says what is wrong. The bits
    are those of the long way.

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
        The estimator's parameters that the answers depend on beside the arrays.
    n_threads : int
        Threads that the long way may use, at the most.
    threads : int or callable, optional
        As many as it is worth to start now; `n_threads` if it is not given.
    """

    def __init__(
        self,
        coefs: Sequence[np.ndarray],
        intercepts: Sequence[np.ndarray],
        make_model: Callable[[np.dtype], ModelView],
        arithmetic_type: Callable[[np.dtype], np.dtype],
        both_classes: bool,
        feature_names: np.ndarray | None,
        depends_on: tuple,
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
        self.engines: dict[tuple[np.dtype, str], _Engine | None] = {}

    @staticmethod
    def supports(coefs: Sequence[np.ndarray], intercepts: Sequence[np.ndarray]) -> bool:
        """Whether these are plain arrays, on an interpreter that keeps them as expected."""
        return arrays_are_as_expected() and all(type(array) is np.ndarray for array in (*coefs, *intercepts))

    def is_valid_for(self, coefs: list, intercepts: list, depends_on: tuple) -> bool:
        """Whether these are still the arrays and the parameters that it was made for."""
        arrays = (*coefs, *intercepts)
        if len(arrays) != len(self.facts):
            return False
        # One loop that builds nothing: a single row's prediction waits for it.
        for array, (known, shape, strides, dtype) in zip(arrays, self.facts, strict=True):
            if array is not known or array.shape != shape or array.strides != strides or array.dtype is not dtype:
                return False
        return depends_on == self.depends_on

    def has_names(self, feature_names: np.ndarray | None) -> bool:
        """Whether the columns are still called what they were."""
        return self.feature_names == (None if feature_names is None else feature_names.tolist())

    def __call__(self, X: Any) -> np.ndarray | None:
        """Outputs for the rows of X, which nobody has validated; None if validation would say anything about them."""
        if type(X) is np.ndarray or sp.issparse(X):
            return self.predict(X) if self.feature_names is None else None
        array = self._to_array(X)
        return None if array is None else self.predict(array)

    def predict(self, X: Any) -> np.ndarray | None:
        """Outputs for an array or a sparse matrix, whatever its columns are called; None as above."""
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
    def _predict_sparse(X: Any, engine: _Engine) -> np.ndarray | None:
        rows = rows_to_predict(X, engine.model.layout.layer_sizes[1], engine.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(rows.values.sum())  # a sum beyond the type's range takes the long way, too
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
        return X.to_numpy()

    def _engine(self, dtype: np.dtype, sparse_format: str) -> _Engine | None:
        """What computes for rows of this type; None if they are no real numbers of a common size."""
        key = dtype, sparse_format
        if key not in self.engines:
            self.engines[key] = None
            if dtype.kind in "fiub" and dtype.itemsize <= 8:
                model = self.make_model(self.arithmetic_type(dtype))
                self.engines[key] = _Engine(model, self.both_classes, sparse_format, self.n_threads, self.threads)
        return self.engines[key]


class _Engine:
    """The forward pass in one type, from dense, CSR or CSC input, with everything prepared that can be.

    Of dense rows, more than one thread answers at once (or, of a large layer, more than a block of them) take
    `prediction.predict`, which prepares itself anew; numbers that are not finite are noticed there as well.
    """

    def __init__(
        self, model: ModelView, both_classes: bool, sparse_format: str, n_threads: int, threads: Threads
    ) -> None:
        self.model, self.dtype, self.both_classes = model, model.dtype, both_classes
        self.sparse, self.sparse_format, self.first_width = (
            sparse_format != "",
            sparse_format,
            model.layout.layer_sizes[1],
        )
        self.n_threads, self.threads = n_threads, threads
        used = (*model.coefs, *model.intercepts)
        # Arrays of another type or order are copies, which follow the user's at each call.
        self.copies = [(copy, given) for copy, given in zip(used, model.given, strict=True) if copy is not given]
        quickly = SHORT_OPERATIONS // (2 * model.layout.size)
        self.max_rows = max(BLOCK_ROWS, min(quickly, rows_of_one_thread(model)) if n_threads > 1 else quickly)
        self.block_rows, self.large = BLOCK_ROWS, not self.sparse and has_large_layers(model.layout, self.dtype)
        if sparse_format == "csc":  # all rows go through the columns together
            self.max_rows = min(self.max_rows, group_rows(model.layout, self.dtype, BLOCK_ROWS))
        elif self.large:
            self.max_rows = BLOCK_ROWS  # more of them go through such a layer together
        elif not self.sparse:
            self.block_rows = prediction_rows(model.layout, self.dtype, self.max_rows)
        self.width = 2 if both_classes else model.layout.layer_sizes[-1]
        self.predict_few = _kernels.predict_few.entry(self.dtype)
        self.predict_rows = _kernels.predict_rows.entry(self.dtype)
        self.pointer = model.coefs[0].ctypes.data
        # A workspace with its addresses, for each thread that ever predicted at the same time as others.
        self.idle: list[tuple[int, int, np.ndarray, Workspace]] = []

    def predict(self, X: np.ndarray) -> np.ndarray | None:
        """Outputs for aligned rows of the engine's type; None if a number is not finite."""
        for copy, given in self.copies:
            copy[...] = given
        rows = X.shape[0]
        if rows > self.max_rows:
            damaged = np.zeros(1, np.int64)
            out = predict(self.model, Dataset(X), None, self.threads, self.both_classes, damaged)
            return None if damaged[0] else out
        out = np.empty((rows, self.width), self.dtype)
        workspace = self._take_workspace()
        finite = self._predict_into(out, X, workspace)
        self.idle.append(workspace)
        return out if finite else None

    def predict_converted(self, X: np.ndarray) -> np.ndarray | None:
        """Outputs for rows of another type, or misaligned ones; None if a number is not finite.

        One thread converts some rows at a time, into memory that stays in the near caches where it is not large layers
        that want many rows together.
        """
        rows, columns = X.shape
        together = max(CONVERTED_AT_ONCE // columns, BLOCK_ROWS)
        if self.large:
            together = prediction_rows(self.model.layout, self.dtype, rows)
        if rows <= together or (rows > self.max_rows and self.n_threads > 1):
            return self.predict(X.astype(self.dtype, order="K"))
        for copy, given in self.copies:
            copy[...] = given
        out = np.empty((rows, self.width), self.dtype)
        some = np.empty((together, columns), self.dtype, "F" if abs(X.strides[0]) < abs(X.strides[1]) else "C")
        workspace = self._make_workspace(together) if self.large else self._take_workspace()
        finite = True
        for first in range(0, rows, together):
            converted = some[: rows - first]
            np.copyto(converted, X[first : first + together], casting="unsafe")
            finite = finite and self._predict_into(out[first : first + together], converted, workspace)
        if not self.large:
            self.idle.append(workspace)
        return out if finite else None

    def _take_workspace(self) -> tuple[int, int, np.ndarray, Workspace]:
        try:
            return self.idle.pop()
        except IndexError:
            return self._make_workspace(self.block_rows)

    def _predict_into(self, out: np.ndarray, X: np.ndarray, workspace: tuple) -> bool:
        """Overwrite out with the outputs for aligned rows; False if a number is not finite (then out is of no use)."""
        task, layers, not_finite, whole = workspace
        if X.flags.c_contiguous:
            self.predict_few(task, layers, id(X), id(out), self.pointer)
        else:
            if X.strides[0] < X.strides[1]:
                whole.use_fortran_order()
            strides = whole.task["x_row_stride"], whole.task["x_column_stride"]
            whole.task["x_row_stride"], whole.task["x_column_stride"] = X.strides
            self.predict_few(task, layers, id(X), id(out), self.pointer)
            whole.task["x_row_stride"], whole.task["x_column_stride"] = strides
        return not not_finite[0]

    def predict_sparse(self, dataset: Dataset) -> np.ndarray:
        """Outputs for rows in CSR or CSC whose values are finite."""
        for copy, given in self.copies:
            copy[...] = given
        workspace = self._take_workspace()
        task, layers, _, whole = workspace
        dataset.describe(whole.task)
        out = np.empty((dataset.n_rows, self.width), self.dtype)
        self.predict_rows(task, layers, 0, 0, 0, dataset.n_rows, out.ctypes.data)
        self.idle.append(workspace)
        return out

    def _make_workspace(self, block_rows: int) -> tuple[int, int, np.ndarray, Workspace]:
        row = np.zeros((1, self.model.layout.layer_sizes[0]), self.dtype)
        rows = rows_to_predict(sp.coo_array(row).asformat(self.sparse_format) if self.sparse else row, self.first_width)
        workspace = Workspace(self.model, rows, block_rows, training=False)
        workspace.task["both_classes"] = self.both_classes
        not_finite = np.zeros(1, np.int64)
        if not self.sparse:
            workspace.task["predict_rows"] = _kernels.predict_rows.address(self.dtype)
            not_finite = workspace.count_not_finite()
        return *workspace.arguments(), not_finite, workspace
