"""Outputs for many rows: the forward pass in blocks, with no temporary larger than a block."""

from __future__ import annotations

import ctypes
import functools
import operator
import platform
from typing import Any

import numpy as np

from .cores import Threads
from .data import Rows
from .interruptible import Slicer
from .kernels.records import DATA_AT, SHAPE_AT
from .model import BorrowedModel, Model
from .team import Team, rows_of_one_thread, slow_seconds, useful_for_prediction
from .units import predict as _kernels
from .workspace import Workspace

#: Multiplications and additions of some milliseconds: no longer may a call go without looking at Ctrl-C.
SHORT_OPERATIONS = 1_000_000_000
#: Rows that go through all layers together.
BLOCK_ROWS = 64


def predict(
    network: Model,
    rows: Rows,
    order: np.ndarray | None = None,
    n_threads: Threads = 1,
    both_classes: bool = False,
) -> np.ndarray:
    """The network's outputs, (n, n_outputs), for all rows or for those that `order` names.

    A row's bits depend neither on the rows beside it nor on the number of threads. With `both_classes` the one output
    p becomes two, 1 − p and p.
    """
    n_rows = rows.n_rows if order is None else order.size
    out = np.empty((n_rows, 2 if both_classes else network.layout.units[-1]), network.dtype)
    if not n_rows:
        return out
    team = Team(useful_for_prediction(network, rows, n_rows, n_threads))
    parts = team.size
    share = -(-n_rows // parts)
    workspaces = [Workspace(network, rows, min(BLOCK_ROWS, share), training=False) for _ in range(parts)]
    for workspace in workspaces:
        workspace.task["both_classes"] = both_classes
        if order is not None:
            workspace.use_order(order)
    entry = _kernels.predict_rows.entry(network.dtype)
    block = int(workspaces[0].task["block_rows"])
    x, row_stride = int(workspaces[0].task["x"]), int(workspaces[0].task["x_row_stride"])

    def blocks(start: int, stop: int) -> None:
        def rows_of(thread: int) -> None:
            for part in range(thread, parts, team.size):  # one, unless fewer threads could be started
                first, last = part * share + start * block, min((part + 1) * share, part * share + stop * block)
                arguments = workspaces[part].arguments()
                entry(*arguments, x, row_stride, first, min(last, n_rows), out.ctypes.data)

        team.run(rows_of)

    with team:
        Slicer(slow_seconds(network, block)).run(blocks, -(-share // block))
    return out


@functools.cache
def arrays_are_as_expected() -> bool:
    """Whether this interpreter's arrays keep their data and shape where `predict_few` reads them."""
    if platform.python_implementation() != "CPython":
        return False
    probe = np.zeros((3, 5))
    data = ctypes.c_void_p.from_address(id(probe) + DATA_AT).value
    shape = ctypes.POINTER(ctypes.c_ssize_t).from_address(id(probe) + SHAPE_AT)
    return data == probe.ctypes.data and bool(shape) and (shape[0], shape[1]) == probe.shape


class FewRows:
    """Predictions for a few rows in microseconds: everything that can be prepared is, and validation is compiled.

    Serves plain contiguous arrays of the network's own type, so many rows as one thread answers at once; says None to
    everything else.

    Parameters
    ----------
    network : BorrowedModel
        On the user's own arrays, so that edits in place count.
    both_classes : bool
        Whether the one output p becomes two, 1 − p and p.
    made_from : tuple
        The estimator's parameters that the answers depend on beside the arrays.
    n_threads : int, default=1
        Threads that the long way may use.
    """

    def __init__(self, network: BorrowedModel, both_classes: bool, made_from: tuple, n_threads: int = 1) -> None:
        self.made_from = made_from
        quickly = SHORT_OPERATIONS // (2 * network.layout.size)
        self.most_rows = max(BLOCK_ROWS, min(quickly, rows_of_one_thread(network)) if n_threads > 1 else quickly)
        self.network, self.dtype = network, network.dtype
        self.width = 2 if both_classes else network.layout.units[-1]
        self.n_features = network.layout.units[0]
        self.both_classes = both_classes
        self.entry = _kernels.predict_few.entry(network.dtype)
        self.like = network.coefs[0].ctypes.data
        # A workspace with its addresses, for each thread that ever predicted at the same time as others.
        self.idle: list[tuple[int, int, np.ndarray, Workspace]] = []

    def serves(self, coefs: list, intercepts: list, made_from: tuple) -> bool:
        """Whether these are still the arrays and the parameters that it was made for."""
        network = self.network
        return (
            len(network.given) == len(coefs) + len(intercepts)
            and all(map(operator.is_, network.given, (*coefs, *intercepts)))
            and made_from == self.made_from
        )

    def __call__(self, X: Any) -> np.ndarray | None:
        """Outputs for the rows of X, or None where it takes the long way (which also says what is wrong with X)."""
        if type(X) is not np.ndarray or X.ndim != 2 or X.dtype != self.dtype:
            return None
        rows, columns = X.shape
        flags = X.flags
        if not 0 < rows <= self.most_rows or columns != self.n_features or not (flags.c_contiguous and flags.aligned):
            return None
        try:
            workspace = self.idle.pop()
        except IndexError:
            workspace = self._workspace(X)
        task, layers, not_finite, _ = workspace
        out = np.empty((rows, self.width), self.dtype)
        self.entry(task, layers, id(X), id(out), self.like)
        finite = not not_finite[0]
        self.idle.append(workspace)
        return out if finite else None

    def _workspace(self, X: np.ndarray) -> tuple[int, int, np.ndarray, Workspace]:
        workspace = Workspace(self.network, Rows(np.zeros_like(X[:1])), BLOCK_ROWS, training=False)
        workspace.task["both_classes"] = self.both_classes
        workspace.task["x_row_stride"] = self.n_features * self.dtype.itemsize
        workspace.task["predict_rows"] = _kernels.predict_rows.address(self.dtype)
        workspace.task["not_finite"] = workspace.buffer("not finite", 1, np.int64)
        return *workspace.arguments(), workspace.buffers["not finite"], workspace
