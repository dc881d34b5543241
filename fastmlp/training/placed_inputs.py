"""Dense inputs of a full-batch gradient, placed once: rows are read where they lie, evaluation after evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..compiler.kernel import KernelModule
from ..engine.buffers import aligned, padded
from ..engine.training_workspace import TrainingWorkspace
from ..kernels.lowlevel.records import ROW_TILE

if TYPE_CHECKING:
    from ..kernels.linalg import dense
else:
    dense = KernelModule("linalg.dense")

#: Maximum bytes of inputs in another order that are copied once; larger ones are gathered for each evaluation.
COPY_BYTES = 1 << 30
#: Rows at multiples of this number of bytes fall into a few sets of the caches: they are gathered, and padded.
CROWDED = 1 << 10

#: Rows and columns that are copied from Fortran order together: the lines that are written stay in the second cache
#: until they are full.
BLOCK_ROWS, BLOCK_COLUMNS = 256, 128


def place_inputs(workspace: TrainingWorkspace, chunk: int) -> np.ndarray | None:
    """Say where the rows of each chunk are read, if they need not be gathered; what is returned must be kept.

    All chunks but the last one are read in X itself, if its rows lie one after the other, else in a copy. The last
    chunk's rows are copied, once: tiles of the products read beyond its end, unless rows and features fill them.

    Parameters
    ----------
    workspace : TrainingWorkspace
        Of a training, its rows in the order that they have in X.
    chunk : int
        Rows of a chunk.
    """
    dataset, tasks = workspace.dataset, workspace.tasks
    if dataset.sparse:
        return None
    X: np.ndarray = dataset.X
    last = (dataset.n_rows - 1) // chunk * chunk
    left = dataset.n_rows - last
    if left % ROW_TILE == 0 and dataset.n_features % ROW_TILE == 0 and _lie_in_order(X):
        return _read_in_place(tasks, X, last // chunk + 1)
    if last and (left < -chunk % ROW_TILE or left * dataset.n_features < ROW_TILE):
        return None  # tiles of the last but one chunk would read beyond X
    if last and not _lie_in_order(X):
        if X.nbytes > COPY_BYTES or _crowded(X):
            return None
        X = _in_order(X)
    workspace.buffers["inputs"][:left, : dataset.n_features] = X[last:]
    return _read_in_place(tasks, X, last // chunk)


def _read_in_place(tasks: np.ndarray, X: np.ndarray, steps: int) -> np.ndarray:
    """Have the first chunks read in X."""
    tasks["x"], tasks["x_row_stride"] = X.ctypes.data, X.strides[0]
    tasks["placed"], tasks["placed_steps"] = 1, steps
    return X


def _contiguous_rows(X: np.ndarray) -> bool:
    """Whether each row is contiguous, and the rows follow one another in memory."""
    item = X.itemsize
    return X.strides[1] == item and X.strides[0] % item == 0 and X.strides[0] >= X.shape[1] * item


def _crowded(X: np.ndarray) -> bool:
    """Whether the rows can be read in place, but not well."""
    return _contiguous_rows(X) and X.strides[0] % CROWDED == 0


def _lie_in_order(X: np.ndarray) -> bool:
    """Whether the rows are read best where they are."""
    return _contiguous_rows(X) and not _crowded(X)


def _in_order(X: np.ndarray) -> np.ndarray:
    """Return a copy in C order, (n, n_features), whose rows begin on cache lines."""
    n_rows, n_features = X.shape
    copy = aligned((n_rows, padded(n_features, X.dtype)), X.dtype)[:, :n_features]
    item = X.itemsize
    if X.strides[0] == item and X.strides[1] % item == 0 and X.strides[1] >= item:
        transpose = dense.transpose.entry(X.dtype)
        out, out_stride, inp, inp_stride = copy.ctypes.data, copy.strides[0], X.ctypes.data, X.strides[1]
        for column in range(0, n_features, BLOCK_COLUMNS):
            columns = min(BLOCK_COLUMNS, n_features - column)
            for row in range(0, n_rows, BLOCK_ROWS):
                to, source = out + row * out_stride + column * item, inp + column * inp_stride + row * item
                rows = min(BLOCK_ROWS, n_rows - row)
                transpose(to, out_stride // item, source, inp_stride // item, columns, rows)
    else:
        copy[...] = X
    return copy
