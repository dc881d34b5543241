"""`ValidationLoss`: the training loss and the outputs of the validation rows, computed once an epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..compiler.kernel import KernelModule
from ..engine import blocking
from ..engine.cores import Threads
from ..engine.dataset import Dataset
from ..engine.model import Model
from ..engine.prediction_workspace import LossWorkspace
from ..engine.slicing import Slicer
from ..engine.threads import Team, useful_threads

if TYPE_CHECKING:
    from ..kernels.loop import validation as _kernels
else:
    _kernels = KernelModule("loop.validation")


class ValidationLoss:
    """Σ wᵢ lossᵢ / Σ wᵢ over some rows, with the network's parameters at the time of the call, without penalties.

    Everything is allocated once. The results have the same bits for any number of threads, and those of `predict`.

    Parameters
    ----------
    network : Model
        Its loss function is what is computed.
    dataset : Dataset
        With targets.
    order : ndarray of int64
        The validation rows. Their weights must not sum to zero.
    n_threads : int, default=1
        Maximum number of threads.

    Attributes
    ----------
    outputs : ndarray of shape (n_validation_rows, n_outputs)
        The network's outputs for these rows, overwritten by each call.
    """

    def __init__(self, network: Model, dataset: Dataset, order: np.ndarray, n_threads: Threads = 1) -> None:
        self.dataset, self.order, self.n_rows = dataset, order, order.size
        self.team = Team(useful_threads(network, order.size, n_threads))
        self.parts = self.team.size
        self.per_part = -(-order.size // self.parts)
        order = np.require(order, np.int64, ["C", "A"])
        block_rows = min(blocking.BLOCK_ROWS, self.per_part)
        kernel = network.loss_function.evaluation_kernel(network.output_activation)
        self.workspaces = [LossWorkspace(network, dataset, block_rows, order, kernel=kernel) for _ in range(self.parts)]
        self.block_rows = int(self.workspaces[0].task["block_rows"])
        self.losses = np.zeros((order.size, dataset.n_targets))
        self.outputs = np.zeros((order.size, network.layout.layer_sizes[-1]), network.dtype)
        weights = None if dataset.sample_weight is None else dataset.sample_weight[order]
        self.total = float(order.size if weights is None else weights.sum(dtype=np.float64))
        self.complete = True  # whether the last call was not ended early
        self.entry = _kernels.store_losses.entry(network.dtype)

    def __call__(self, is_over: Callable[[], bool] | None = None) -> float:
        """Compute the current loss; infinite or NaN if the losses of the rows add up to that, or `is_over` ends it."""
        losses, outputs = self.losses.ctypes.data, self.outputs.ctypes.data

        def blocks(start: int, stop: int) -> None:
            def rows_of(thread: int) -> None:
                for part in range(thread, self.parts, self.team.size):  # one, unless fewer threads could be started
                    at, end = part * self.per_part, min((part + 1) * self.per_part, self.n_rows)
                    first, last = at + start * self.block_rows, min(at + stop * self.block_rows, end)
                    self.entry(*self.workspaces[part].arguments(), first, last, losses, outputs)

            self.team.run(rows_of, is_over)

        with self.team:
            self.complete = Slicer().run(blocks, -(-self.per_part // self.block_rows), is_over)
        if not self.complete:
            return math.nan
        with np.errstate(over="ignore", invalid="ignore"):
            return float(self.losses.sum()) / self.total
