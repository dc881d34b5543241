"""Outputs for many rows: the forward pass in blocks, with no temporary larger than a block.

`small_batches` has the short way for a few rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..compiler.kernel import KernelModule
from .cores import Threads
from .csc_input import Columns
from .dataset import Dataset
from .model import Model
from .slicing import Slicer
from .threads import Team, estimated_step_seconds, useful_for_prediction
from .workspace import Workspace, group_rows, prediction_rows

if TYPE_CHECKING:
    from ..kernels.loop import predict as _kernels
else:
    _kernels = KernelModule("loop.predict")


def predict(
    network: Model,
    dataset: Dataset,
    order: np.ndarray | None = None,
    n_threads: Threads = 1,
    both_classes: bool = False,
    not_finite: np.ndarray | None = None,
) -> np.ndarray:
    """The network's outputs, (n, n_outputs), for all rows or for those that `order` names.

    A row's bits depend neither on the rows beside it nor on the number of threads. With `both_classes` the one output
    p becomes two, 1 − p and p. `not_finite`, one integer, is overwritten: above zero if a dense row holds an infinity
    or a NaN, and then the outputs are of no use.
    """
    n_rows = dataset.n_rows if order is None else order.size
    out = np.empty((n_rows, 2 if both_classes else network.layout.layer_sizes[-1]), network.dtype)
    if not n_rows:
        return out
    team = Team(useful_for_prediction(network, dataset, n_rows, n_threads))
    parts, share = team.size, -(-n_rows // team.size)
    together = prediction_rows(network.layout, network.dtype, share)
    in_groups = False
    if isinstance(dataset, Columns):
        in_groups = parts > 1 or n_rows > group_rows(network.layout, network.dtype, together)
        if order is not None or (in_groups and not dataset.ascend()):
            dataset, in_groups = dataset.as_rows(), False
    workspaces = [Workspace(network, dataset, together, training=False) for _ in range(parts)]
    for part, workspace in enumerate(workspaces):
        last_row = min((part + 1) * share, n_rows)
        _prepare(workspace, order, both_classes, last_row if in_groups else None)
    counts = [] if not_finite is None else [workspace.count_not_finite() for workspace in workspaces]
    if not_finite is not None:
        not_finite[0] = 0
    entry = _kernels.predict_rows.entry(network.dtype)
    block = int(workspaces[0].task["block_rows"])
    x, row_stride = int(workspaces[0].task["x"]), int(workspaces[0].task["x_row_stride"])

    def blocks(start: int, stop: int) -> None:
        if not_finite is not None and not_finite[0]:
            return

        def rows_of(thread: int) -> None:
            for part in range(thread, parts, team.size):  # one, unless fewer threads could be started
                first, last = part * share + start * block, min((part + 1) * share, part * share + stop * block)
                arguments = workspaces[part].arguments()
                entry(*arguments, x, row_stride, first, min(last, n_rows), out.ctypes.data)

        team.run(rows_of)
        if not_finite is not None:
            not_finite[0] = sum(count[0] for count in counts)

    with team:
        Slicer(estimated_step_seconds(network, block)).run(blocks, -(-share // block))
    return out


def _prepare(workspace: Workspace, order: np.ndarray | None, both_classes: bool, last_row: int | None) -> None:
    """Say which rows are asked for, and in how many outputs; `last_row` ends a part that goes in groups of rows."""
    if last_row is not None:
        workspace.use_groups(last_row)
    workspace.task["both_classes"] = both_classes
    if order is not None:
        workspace.use_order(order)
