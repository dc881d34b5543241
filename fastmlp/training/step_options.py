"""What hooks into a training step beside forward, backward and update: written into a workspace's records.

Unused options cost nothing: the addresses stay 0, no kernel is compiled, and no memory is allocated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..compiler.kernel import Kernel, KernelModule
from ..engine.workspace import Workspace
from ..kernels.lowlevel.records import (
    BEHIND,
    COLUMN_TILE,
    FLAT_TILE,
    KEPT,
    LARGEST,
    MOMENT,
    N_HYPERPARAMETERS,
    RULE,
    SCALE,
)
from ..optimizers import RunningOptimizer
from ..regularization import Regularization
from .dropout_keys import DropoutKeys

if TYPE_CHECKING:
    from ..kernels.loop import dropout
    from ..kernels.loop import global_phases as phases
    from ..kernels.optimizers import penalties
else:
    dropout = KernelModule("loop.dropout")
    phases = KernelModule("loop.global_phases")
    penalties = KernelModule("optimizers.penalties")


class StepOptions:
    """Clipping, L1, max-norm, dropout, and the later phases of an update rule, for one workspace.

    To be created once the tasks hold the update rule's kernel and its state.

    Parameters
    ----------
    workspace : Workspace
        For training.
    regularization : Regularization
    optimizer : RunningOptimizer
        May go on in phases once its rule has run everywhere, and knows how L1 shrinks weights beside it.
    masks : DropoutKeys, optional
        For dropout.

    Raises
    ------
    ValueError
        If there is dropout without masks, or not a rate for each hidden layer.
    """

    def __init__(
        self,
        workspace: Workspace,
        regularization: Regularization,
        optimizer: RunningOptimizer,
        dropout_keys: DropoutKeys | None = None,
    ) -> None:
        self.workspace, self.tasks, self.optimizer = workspace, workspace.tasks, optimizer
        self.dtype, self.layout = workspace.dtype, workspace.network.layout
        self.dropout_keys = dropout_keys if regularization.drops else None
        self.tasks["rule"], self.tasks["moments"] = self.tasks["update"], self.tasks["state"]
        self.tasks["rule_hyperparameters"] = self.tasks["hyperparameters"]
        self._store_penalty(regularization)
        self._add_phases(regularization, optimizer)
        if regularization.clip_value is not None:
            self._clip_by_value(regularization.clip_value)
        self._drop_out(regularization)

    def _store_penalty(self, settings: Regularization) -> None:
        """What L1 adds to the loss."""
        if settings.l1:
            tiles = sum(-(-fan_in * fan_out // FLAT_TILE) for fan_in, fan_out in self.layout.shapes)
            self.tasks["l1"], self.tasks["n_magnitudes"] = settings.l1, tiles
            self.tasks["magnitudes"] = self.workspace.buffer("magnitudes", tiles, np.float64)
            self.tasks["store_magnitudes"] = penalties.store_magnitudes.address(self.dtype)

    def _clip_by_value(self, largest: float) -> None:
        """A rule in front of what phase two calls, and its numbers in front of that rule's."""
        hyperparameters = np.zeros((2, 2, N_HYPERPARAMETERS))
        hyperparameters[0, :, LARGEST] = largest
        hyperparameters.view(np.int64)[0, :, RULE] = self.tasks["update"][0]
        for thread, task in enumerate(self.tasks):
            hyperparameters[1] = self.workspace.buffers[f"hyper {thread}"]
            hyperparameters[1, :, SCALE] = 1.0
            task["hyperparameters"] = self.workspace.buffer(f"hyper {thread}", hyperparameters.shape, np.float64)
            task["rule_hyperparameters"] = task["hyperparameters"] + 8 * BEHIND
            self.workspace.buffers[f"hyper {thread}"][...] = hyperparameters
        self.tasks["update"] = penalties.clip_by_value.address(self.dtype)

    def _shrink(self, optimizer: RunningOptimizer) -> Kernel:
        """The phase in which L1 shrinks the weights, and what it calls."""
        shrinking = optimizer.settings.shrinking
        if shrinking.kernel is not None:
            self.tasks["shrink"] = shrinking.kernel.address(self.dtype)
        self.tasks["mean_shrinkage"] = optimizer.mean_shrinkage
        for thread in range(len(self.tasks)):
            self.workspace.buffers[f"hyper {thread}"][0, [MOMENT, KEPT]] = shrinking.moment, shrinking.kept
        return shrinking.phase

    def _add_phases(self, settings: Regularization, optimizer: RunningOptimizer) -> None:
        """Those that need all of phase two, in their order."""
        kernels: list[Kernel] = []
        if settings.clip_norm is not None:
            self.tasks["clip_norm"] = settings.clip_norm
            self.tasks["gradient"] = self.tasks["state"] = self.workspace.buffer("gradient", self.layout.size)
            self.tasks["update"] = phases.collect.address(self.dtype)
            kernels += [phases.store_norm, phases.apply_gradient]
        kernels += optimizer.phases
        if settings.l1:
            kernels.append(self._shrink(optimizer))
        if settings.max_norm is not None:
            self.tasks["max_norm"] = settings.max_norm
            for thread, task in enumerate(self.tasks):
                task["column_sums"] = self.workspace.buffer(f"column sums {thread}", COLUMN_TILE, np.float64)
            kernels.append(phases.limit_columns)
        if not kernels:
            return
        kernels.append(phases.transpose_all)
        most = 2 * sum(-(-fan_in * fan_out // FLAT_TILE) for fan_in, fan_out in self.layout.shapes)
        self.tasks["sums"] = self.workspace.buffer("sums", max(most, -(-self.layout.size // FLAT_TILE)), np.float64)
        self.tasks["phases"] = self.workspace.buffer("phases", len(kernels), np.int64)
        self.workspace.buffers["phases"][:] = [kernel.address(self.dtype) for kernel in kernels]
        self.tasks["n_phases"] = len(kernels)
        self.tasks["run_global_phases"] = phases.run_global_phases.address(self.dtype)

    def _drop_out(self, settings: Regularization) -> None:
        """Dropout of what comes into each layer."""
        rates = settings.input_rates(len(self.layout.shapes) - 1)
        if not any(rates):
            return
        if self.dropout_keys is None:
            raise ValueError("Dropout needs masks, such as Masks.draw(random_state), that go on with the training.")
        for layer, rate in zip(self.workspace.layers, rates, strict=True):
            if rate:
                layer["mask"] = dropout.mask_rows.address(self.dtype)
                layer["keep_threshold"] = min(round(rate * 2**32), 2**32 - 1)
                layer["keep_scale"] = 1.0 / (1.0 - rate)
        dataset = self.workspace.dataset
        if dataset.sparse and rates[0]:
            self.workspace.layers[0]["mask"] = dropout.mask_entries.address(self.dtype)
            self.tasks["given_values"] = dataset.values.ctypes.data
            self.tasks["values"] = self.workspace.buffer("masked values", dataset.values.size)

    def before_epoch(self, steps: int) -> None:
        """The next `steps` steps are about to be made."""
        if self.dropout_keys is not None:
            self.keys = self.dropout_keys.keys(steps, len(self.layout.shapes))  # kept: the tasks hold its address
            self.tasks["mask_keys"] = self.keys.ctypes.data

    def advance(self, steps: int) -> None:
        """So many steps have been made."""
        self.optimizer.mean_shrinkage = float(self.workspace.task["mean_shrinkage"])
        if self.dropout_keys is not None:
            self.dropout_keys.advance(steps)
