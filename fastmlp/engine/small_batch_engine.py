"""`SmallBatchEngine`: the forward pass of a few rows, prepared once for one type of number and one kind of input."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse as sp

from ..compiler.kernel import KernelModule
from . import blocking
from .cores import Threads
from .csc_input import rows_to_predict
from .dataset import Dataset
from .model import ModelView
from .prediction import predict
from .prediction_workspace import PredictionWorkspace
from .threads import rows_of_one_thread

if TYPE_CHECKING:
    from ..kernels.loop import predict as _kernels
else:
    _kernels = KernelModule("loop.predict")

#: Multiplications and additions of some milliseconds: a call that does not check for Ctrl-C may make no more.
SHORT_OPERATIONS = 1_000_000_000
#: Numbers of another type that are converted at a time: they stay in the near caches until they are read.
CONVERTED_AT_ONCE = 1 << 15


class _Prepared(NamedTuple):
    """A workspace with the addresses of its records, and the word that says whether a number was not finite."""

    task: int
    layers: int
    not_finite: np.ndarray
    workspace: PredictionWorkspace


class SmallBatchEngine:
    """The forward pass in one type, from dense, CSR or CSC input, with everything prepared that can be.

    Dense rows that are worth more than one thread (or, of a large layer, more than a block of rows) take
    `prediction.predict`, which prepares its workspaces anew; it notices numbers that are not finite as well.

    Parameters
    ----------
    model : ModelView
    both_classes : bool
        Whether the one output p becomes two, 1 − p and p.
    sparse_format : {'', 'csr', 'csc'}
        Of the input; '' for dense rows.
    n_threads : int
        Maximum number of threads of `prediction.predict`.
    threads : int or callable
        Number of threads that it may start now.
    """

    def __init__(
        self, model: ModelView, both_classes: bool, sparse_format: str, n_threads: int, threads: Threads
    ) -> None:
        self.model, self.dtype, self.both_classes = model, model.dtype, both_classes
        self.sparse_format, self.n_threads, self.threads = sparse_format, n_threads, threads
        used = (*model.coefs, *model.intercepts)
        # Arrays of another type or order are copies, which are refreshed from the user's at each call.
        self.copies = [(copy, given) for copy, given in zip(used, model.given, strict=True) if copy is not given]
        self._choose_rows()
        self.width = 2 if both_classes else model.layout.layer_sizes[-1]
        self.predict_few = _kernels.predict_few.entry(self.dtype)
        self.predict_rows = _kernels.predict_rows.entry(self.dtype)
        self.pointer = model.coefs[0].ctypes.data
        # One for each thread that ever predicted at the same time as others.
        self.idle: list[_Prepared] = []

    def _choose_rows(self) -> None:
        """Choose how many rows this engine predicts at most, and how many of them go through the layers together."""
        layout, block_rows = self.model.layout, blocking.BLOCK_ROWS
        quickly = SHORT_OPERATIONS // (2 * layout.size)
        most = min(quickly, rows_of_one_thread(self.model)) if self.n_threads > 1 else quickly
        self.max_rows, self.block_rows = max(block_rows, most), block_rows
        self.large = not self.sparse_format and any(blocking.is_large(*shape, self.dtype) for shape in layout.shapes)
        if self.sparse_format == "csc":  # all rows go through the columns together
            self.max_rows = min(self.max_rows, blocking.group_rows(layout, self.dtype, block_rows))
        elif self.large:
            self.max_rows = block_rows  # more of them go through such a layer together
        elif not self.sparse_format:
            self.block_rows = blocking.prediction_rows(layout, self.dtype, self.max_rows, self.model.matmul_precision)

    def predict(self, X: np.ndarray) -> np.ndarray | None:
        """Return outputs for aligned rows of the engine's type; None if a number is not finite."""
        self._refresh_copies()
        rows = X.shape[0]
        if rows > self.max_rows:
            not_finite = np.zeros(1, np.int64)
            out = predict(self.model, Dataset(X), None, self.threads, self.both_classes, not_finite)
            return None if not_finite[0] else out
        out = np.empty((rows, self.width), self.dtype)
        prepared = self._take()
        finite = self._predict_into(out, X, prepared)
        self.idle.append(prepared)
        return out if finite else None

    def predict_converted(self, X: np.ndarray) -> np.ndarray | None:
        """Return outputs for rows of another type, or misaligned ones; None if a number is not finite.

        One thread converts some rows at a time, into memory that stays in the near caches; large layers read many rows
        together.
        """
        rows, columns = X.shape
        together = max(CONVERTED_AT_ONCE // columns, blocking.BLOCK_ROWS)
        if self.large:
            together = blocking.prediction_rows(self.model.layout, self.dtype, rows, self.model.matmul_precision)
        if rows <= together or (rows > self.max_rows and self.n_threads > 1):
            return self.predict(X.astype(self.dtype, order="K"))
        self._refresh_copies()
        out = np.empty((rows, self.width), self.dtype)
        some = np.empty((together, columns), self.dtype, "F" if abs(X.strides[0]) < abs(X.strides[1]) else "C")
        prepared = self._prepare(together) if self.large else self._take()
        finite = True
        for first in range(0, rows, together):
            converted = some[: rows - first]
            np.copyto(converted, X[first : first + together], casting="unsafe")
            finite = finite and self._predict_into(out[first : first + together], converted, prepared)
        if not self.large:
            self.idle.append(prepared)
        return out if finite else None

    def predict_sparse(self, dataset: Dataset) -> np.ndarray:
        """Return outputs for rows in CSR or CSC whose values are finite."""
        self._refresh_copies()
        prepared = self._take()
        dataset.describe(prepared.workspace.task)
        out = np.empty((dataset.n_rows, self.width), self.dtype)
        self.predict_rows(prepared.task, prepared.layers, 0, 0, 0, dataset.n_rows, out.ctypes.data)
        self.idle.append(prepared)
        return out

    def _refresh_copies(self) -> None:
        for copy, given in self.copies:
            copy[...] = given

    def _predict_into(self, out: np.ndarray, X: np.ndarray, prepared: _Prepared) -> bool:
        """Overwrite `out` with the outputs for aligned rows; False, and `out` is invalid, if a number is not finite."""
        task, layers, not_finite, workspace = prepared
        if X.flags.c_contiguous:
            self.predict_few(task, layers, id(X), id(out), self.pointer)
        else:
            if X.strides[0] < X.strides[1]:
                workspace.use_fortran_order()
            before = workspace.use_strides((X.strides[0], X.strides[1]))
            self.predict_few(task, layers, id(X), id(out), self.pointer)
            workspace.use_strides(before)
        return not not_finite[0]

    def _take(self) -> _Prepared:
        """Return a workspace that no other thread uses now."""
        try:
            return self.idle.pop()
        except IndexError:
            return self._prepare(self.block_rows)

    def _prepare(self, block_rows: int) -> _Prepared:
        widths = self.model.layout.layer_sizes
        row = np.zeros((1, widths[0]), self.dtype)
        one = sp.coo_array(row).asformat(self.sparse_format) if self.sparse_format else row
        dataset = rows_to_predict(one, widths[1])
        workspace = PredictionWorkspace(self.model, dataset, block_rows, both_classes=self.both_classes)
        not_finite = np.zeros(1, np.int64) if self.sparse_format else workspace.prepare_few_rows()
        return _Prepared(*workspace.arguments(), not_finite, workspace)
