"""`ValidationLoss`: the loss that is trained, of rows that are not, as often as somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..compiler.kernel import KernelModule
from ..engine.cores import Threads
from ..engine.dataset import Dataset
from ..engine.model import Model
from ..engine.slicing import Slicer
from ..engine.threads import Team, useful_threads
from ..engine.workspace import BLOCK_ROWS, Workspace

if TYPE_CHECKING:
    from ..kernels.loop import validation as _kernels
else:
    _kernels = KernelModule("loop.validation")


class ValidationLoss:
    """Σ wᵢ lossᵢ / Σ wᵢ over some rows, with the network's parameters as they are when it is called: no penalties.

    Everything is allocated once. The same bits for any number of threads.

    Parameters
    ----------
    network : Model
        Its loss is what is computed, by the kernel that trains.
    dataset : Dataset
        With targets.
    order : ndarray of int64
        Which of the rows. Their weights do not sum to zero.
    n_threads : int, default=1
        At the most.
    """

    def __init__(self, network: Model, dataset: Dataset, order: np.ndarray, n_threads: Threads = 1) -> None:
        self.dtype, self.n_rows = network.dtype, order.size
        self.team = Team(useful_threads(network, order.size, n_threads))
        self.parts = self.team.size
        self.share = -(-order.size // self.parts)
        self.order = np.require(order, np.int64, ["C", "A"])
        self.workspaces = [self._workspace(network, dataset) for _ in range(self.parts)]
        self.block = int(self.workspaces[0].task["block_rows"])
        self.losses = np.zeros((order.size, dataset.n_targets))
        weights = None if dataset.sample_weight is None else dataset.sample_weight[self.order]
        self.total = float(order.size if weights is None else weights.sum(dtype=np.float64))
        self.entry = _kernels.store_losses.entry(network.dtype)

    def __call__(self) -> float:
        """The loss now; infinite or NaN where that is what it comes to."""
        losses, like = self.losses.ctypes.data, self.workspaces[0].buffers["targets"].ctypes.data

        def blocks(start: int, stop: int) -> None:
            def rows_of(thread: int) -> None:
                for part in range(thread, self.parts, self.team.size):  # one, unless fewer threads could be started
                    first = part * self.share + start * self.block
                    last = min(part * self.share + stop * self.block, (part + 1) * self.share, self.n_rows)
                    self.entry(*self.workspaces[part].arguments(), first, last, losses, like)

            self.team.run(rows_of)

        with self.team:
            Slicer().run(blocks, -(-self.share // self.block))
        with np.errstate(over="ignore", invalid="ignore"):
            return float(self.losses.sum()) / self.total

    def _workspace(self, network: Model, dataset: Dataset) -> Workspace:
        """One thread's: a forward pass's, with what a loss reads and writes beside it."""
        workspace = Workspace(network, dataset, min(BLOCK_ROWS, self.share), training=False)
        workspace.prepare_losses(workspace.batch_rows)
        kernel = network.loss_function.judging_unit(network.output_activation)
        workspace.task["loss"] = kernel.address(self.dtype)
        workspace.use_order(self.order)
        return workspace
