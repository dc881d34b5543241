"""What a training step does with a gradient: the update rule, and the options beside it, in a workspace's records.

Unused options cost nothing: the addresses stay 0, no kernel is compiled, and no memory is allocated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..compiler.kernel import Kernel, KernelModule
from ..engine.training_workspace import TrainingWorkspace
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
    from ..kernels.loop import update as update_kernels
    from ..kernels.optimizers import penalties
else:
    dropout = KernelModule("loop.dropout")
    phases = KernelModule("loop.global_phases")
    update_kernels = KernelModule("loop.update")
    penalties = KernelModule("optimizers.penalties")


class StepOptions:
    """The update rule, clipping, L1, max-norm, dropout, and the rule's later phases, for one workspace.

    The only writer of their fields in the task records; the mask fields of the layer records are its, too.

    Parameters
    ----------
    workspace : TrainingWorkspace
    regularization : Regularization
    optimizer : RunningOptimizer
        The update rule: its kernels, its numbers, and how L1 shrinks weights beside it.
    dropout_keys : DropoutKeys, optional
        For dropout.

    Raises
    ------
    ValueError
        If there is dropout without keys, or not a rate for each hidden layer.
    """

    def __init__(
        self,
        workspace: TrainingWorkspace,
        regularization: Regularization,
        optimizer: RunningOptimizer,
        dropout_keys: DropoutKeys | None = None,
    ) -> None:
        self.workspace, self.tasks, self.optimizer = workspace, workspace.tasks, optimizer
        self.dtype, self.layout = workspace.dtype, workspace.network.layout
        self.dropout_keys = dropout_keys if regularization.drops else None
        self.average: np.ndarray | None = None
        self._store_rule()
        self._store_penalty(regularization)
        self._add_phases(regularization)
        if regularization.clip_value is not None:
            self._clip_by_value(regularization.clip_value)
        self._drop_out(regularization)

    def _store_rule(self) -> None:
        """Write the update rule's kernel, its moments and its numbers, a copy of these for each thread."""
        tasks = self.tasks
        tasks["update_layer"] = update_kernels.update_layer.address(self.dtype)
        tasks["rule"] = tasks["update"] = self.optimizer.kernel().address(self.dtype)
        self.state = self.optimizer.prepare(self.layout.size, self.dtype)  # kept: the tasks hold its address
        tasks["moments"] = tasks["state"] = self.state.ctypes.data
        for thread in range(len(tasks)):
            tasks["hyperparameters"][thread] = self._copy_hyperparameters(thread, self.optimizer.hyperparameters())
        tasks["rule_hyperparameters"] = tasks["hyperparameters"]

    def _copy_hyperparameters(self, thread: int, hyperparameters: np.ndarray) -> int:
        """Copy the hyperparameters for a thread; return the copy's address."""
        address = self.workspace.buffer(f"hyper {thread}", hyperparameters.shape, np.float64)
        self.workspace.buffers[f"hyper {thread}"][...] = hyperparameters
        return address

    def _store_penalty(self, regularization: Regularization) -> None:
        """Set what the kernels need to add the L1 penalty to the loss."""
        if regularization.l1:
            tiles = sum(-(-fan_in * fan_out // FLAT_TILE) for fan_in, fan_out in self.layout.shapes)
            self.tasks["l1"], self.tasks["n_magnitudes"] = regularization.l1, tiles
            self.tasks["magnitudes"] = self.workspace.buffer("magnitudes", tiles, np.float64)
            self.tasks["store_magnitudes"] = penalties.store_magnitudes.address(self.dtype)

    def _clip_by_value(self, largest: float) -> None:
        """Put a rule in front of the one that phase two calls, and its numbers in front of that rule's."""
        hyperparameters = np.zeros((2, 2, N_HYPERPARAMETERS))
        hyperparameters[0, :, LARGEST] = largest
        hyperparameters.view(np.int64)[0, :, RULE] = self.tasks["update"][0]
        for thread, task in enumerate(self.tasks):
            hyperparameters[1] = self.workspace.buffers[f"hyper {thread}"]
            hyperparameters[1, :, SCALE] = 1.0
            task["hyperparameters"] = self._copy_hyperparameters(thread, hyperparameters)
            task["rule_hyperparameters"] = task["hyperparameters"] + 8 * BEHIND
        self.tasks["update"] = penalties.clip_by_value.address(self.dtype)

    def _shrink(self) -> Kernel:
        """Set what the phase calls in which L1 shrinks the weights; return that phase."""
        shrinking = self.optimizer.shrinking
        if shrinking.kernel is not None:
            self.tasks["shrink"] = shrinking.kernel.address(self.dtype)
        self.tasks["mean_shrinkage"] = self.optimizer.mean_shrinkage
        for thread in range(len(self.tasks)):
            self.workspace.buffers[f"hyper {thread}"][0, [MOMENT, KEPT]] = shrinking.moment, shrinking.kept
        return shrinking.phase

    def _average(self, decay: float) -> Kernel:
        """Keep a moving average of the parameters, which the caller sets to these at first; return its phase."""
        self.tasks["average"] = self.workspace.buffer("average", self.layout.size)
        self.tasks["average_share"] = 1.0 - decay
        self.average = self.workspace.buffers["average"]
        return phases.average_params

    def _add_phases(self, regularization: Regularization) -> None:
        """Add the phases that need all of phase two, in their order."""
        kernels: list[Kernel] = []
        if regularization.clip_norm is not None:
            self.tasks["clip_norm"] = regularization.clip_norm
            self.tasks["gradient"] = self.tasks["state"] = self.workspace.buffer("gradient", self.layout.size)
            self.tasks["update"] = phases.collect.address(self.dtype)
            kernels += [phases.store_norm, phases.apply_gradient]
        kernels += self.optimizer.phases
        if regularization.l1:
            kernels.append(self._shrink())
        if regularization.max_norm is not None:
            self.tasks["max_norm"] = regularization.max_norm
            for thread, task in enumerate(self.tasks):
                task["column_sums"] = self.workspace.buffer(f"column sums {thread}", COLUMN_TILE, np.float64)
            kernels.append(phases.limit_columns)
        if regularization.ema is not None:
            kernels.append(self._average(regularization.ema))
        if not kernels:
            return
        kernels.append(phases.transpose_all)  # phase two leaves the copies to it
        most = 2 * sum(-(-fan_in * fan_out // FLAT_TILE) for fan_in, fan_out in self.layout.shapes)
        self.tasks["sums"] = self.workspace.buffer("sums", max(most, -(-self.layout.size // FLAT_TILE)), np.float64)
        self.tasks["phases"] = self.workspace.buffer("phases", len(kernels), np.int64)
        self.workspace.buffers["phases"][:] = [kernel.address(self.dtype) for kernel in kernels]
        self.tasks["n_phases"] = len(kernels)
        self.tasks["run_global_phases"] = phases.run_global_phases.address(self.dtype)

    def _drop_out(self, regularization: Regularization) -> None:
        """Dropout of what comes into each layer."""
        rates = regularization.input_rates(len(self.layout.shapes) - 1)
        if not any(rates):
            return
        if self.dropout_keys is None:
            raise ValueError("Dropout needs keys: pass dropout_keys=DropoutKeys.draw(random_state).")
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

    def before_epoch(self, steps: int, step_rates: int, l2: float) -> None:
        """Write what changes from epoch to epoch: for `steps` steps, whose rates are at the address `step_rates`."""
        self.tasks["step_rates"], self.tasks["l2"] = step_rates, l2
        if self.dropout_keys is not None:
            self.keys = self.dropout_keys.keys(steps, len(self.layout.shapes))  # kept: the tasks hold its address
            self.tasks["mask_keys"] = self.keys.ctypes.data

    def advance(self, steps: int) -> None:
        """Store that `steps` steps have been made."""
        self.optimizer.mean_shrinkage = float(self.workspace.task["mean_shrinkage"])
        if self.dropout_keys is not None:
            self.dropout_keys.advance(steps)
