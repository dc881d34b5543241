"""Outputs for many rows: the forward pass in blocks, with no temporary array larger than a block.

For a few rows see `small_batches`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..compiler.kernel import KernelModule
from . import blocking
from .cores import Threads
from .csc_input import Columns
from .dataset import Dataset
from .model import Model
from .prediction_workspace import PredictionWorkspace
from .slicing import Slicer
from .threads import Team, estimated_step_seconds, useful_for_prediction

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
    """Compute the network's outputs, (n, n_outputs), for all rows or for those in `order`.

    The bits of a row depend neither on the rows beside it nor on the number of threads. With `both_classes` the one
    output p becomes two, 1 − p and p. `not_finite`, one integer, is overwritten: above zero if a dense row holds an
    infinity or a NaN; the outputs are then invalid.
    """
    n_rows = dataset.n_rows if order is None else order.size
    out = np.empty((n_rows, 2 if both_classes else network.layout.layer_sizes[-1]), network.dtype)
    if not n_rows:
        return out
    team = Team(useful_for_prediction(network, dataset, n_rows, n_threads))
    parts, per_part = team.size, -(-n_rows // team.size)
    together = blocking.prediction_rows(network.layout, network.dtype, per_part, network.matmul_precision)
    in_groups = False
    if isinstance(dataset, Columns):
        in_groups = parts > 1 or n_rows > blocking.group_rows(network.layout, network.dtype, together)
        if order is not None or (in_groups and not dataset.ascend()):
            dataset, in_groups = dataset.as_rows(), False
    workspaces = [PredictionWorkspace(network, dataset, together, both_classes=both_classes) for _ in range(parts)]
    for part, workspace in enumerate(workspaces):
        if in_groups:
            workspace.use_groups(min((part + 1) * per_part, n_rows))
        if order is not None:
            workspace.use_order(order)
    forward = _Forward(network, workspaces, out, n_rows, per_part, not_finite)
    with team:
        seconds = estimated_step_seconds(network, forward.block_rows)
        Slicer(seconds).run(lambda start, stop: forward.run(team, start, stop), -(-per_part // forward.block_rows))
    return out


class _Forward:
    """Forward passes in blocks of rows: each of `workspaces` has its part of the rows."""

    def __init__(
        self,
        network: Model,
        workspaces: list[PredictionWorkspace],
        out: np.ndarray,
        n_rows: int,
        per_part: int,
        not_finite: np.ndarray | None,
    ) -> None:
        self.workspaces, self.out, self.n_rows, self.per_part = workspaces, out, n_rows, per_part
        self.not_finite = not_finite
        self.counts = [] if not_finite is None else [workspace.count_not_finite() for workspace in workspaces]
        if not_finite is not None:
            not_finite[0] = 0
        self.entry = _kernels.predict_rows.entry(network.dtype)
        task = workspaces[0].task
        self.block_rows, self.x, self.row_stride = int(task["block_rows"]), int(task["x"]), int(task["x_row_stride"])

    def run(self, team: Team, start: int, stop: int) -> None:
        """Blocks start … stop of each part; nothing once a number was not finite."""
        if self.not_finite is not None and self.not_finite[0]:
            return

        def rows_of(thread: int) -> None:
            for part in range(thread, len(self.workspaces), team.size):  # one, unless fewer threads could be started
                at, end = part * self.per_part, min((part + 1) * self.per_part, self.n_rows)
                first, last = at + start * self.block_rows, min(end, at + stop * self.block_rows)
                arguments = self.workspaces[part].arguments()
                self.entry(*arguments, self.x, self.row_stride, first, last, self.out.ctypes.data)

        team.run(rows_of)
        if self.not_finite is not None:
            self.not_finite[0] = sum(count[0] for count in self.counts)
