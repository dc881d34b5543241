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
    KEEP_SCALE,
    KEEP_THRESHOLD,
    KEPT,
    LARGEST,
    MASK_KEY,
    MEAN_FACTOR,
    MOMENT,
    N_HYPERPARAMETERS,
    N_MASK_NUMBERS,
    RULE,
    SCALE,
)
from ..optimizers import RunningOptimizer
from ..regularization import DROPOUT_RATE, Regularization
from ..schedules import Schedule, values_at
from .dropout_keys import DropoutKeys
from .parameter_groups import ParameterGroups
from .sparse_gradient import scatter_batches

if TYPE_CHECKING:
    from ..kernels.loop import dropout, sparse_update
    from ..kernels.loop import global_phases as phases
    from ..kernels.loop import parameter_groups as group_kernels
    from ..kernels.loop import update as update_kernels
    from ..kernels.optimizers import penalties
else:
    dropout = KernelModule("loop.dropout")
    phases = KernelModule("loop.global_phases")
    group_kernels = KernelModule("loop.parameter_groups")
    sparse_update = KernelModule("loop.sparse_update")
    update_kernels = KernelModule("loop.update")
    penalties = KernelModule("optimizers.penalties")


class StepOptions:
    """The update rule, parameter groups, clipping, L1, max-norm, dropout, and the rule's later phases, for a workspace.

    The only writer of their fields in the task records, and of those of masks and groups in the layer records. For
    sparse input, how the first layer's gradient is put together is chosen as well (see `sparse_gradient`).

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
        If there is dropout without keys, not a rate for each hidden layer, or not a factor for each layer.
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
        self.groups = ParameterGroups(optimizer, self.layout.shapes, regularization.l1 > 0)
        self.group_size = 2 * N_HYPERPARAMETERS  # more with `clip_by_value`
        self._store_rule()
        self._store_penalty(regularization)
        if not self.groups.decays_evenly:
            self._store_penalties_by_group()
        self._add_phases(regularization)
        if regularization.clip_value is not None:
            self._clip_by_value(regularization.clip_value)
        if self.groups.layer_wise:
            self._place_groups()
        self._drop_out(regularization)

    def _store_rule(self) -> None:
        """Write the update rule's kernel, its moments and its numbers, a copy of these for each thread."""
        tasks = self.tasks
        tasks["update_layer"] = update_kernels.update_layer.address(self.dtype)
        if self.workspace.dataset.sparse:
            tasks["update_sparse_weights"] = sparse_update.update_sparse_weights.address(self.dtype)
            scatter_batches(self.workspace)
        tasks["rule"] = tasks["update"] = self.optimizer.kernel().address(self.dtype)
        self.state = self.optimizer.prepare(self.layout.size, self.dtype)  # kept: the tasks hold its address
        tasks["moments"] = tasks["state"] = self.state.ctypes.data
        hyperparameters = np.tile(self.optimizer.hyperparameters(), (len(self.groups), 1))
        for thread in range(len(tasks)):
            tasks["hyperparameters"][thread] = self._copy_hyperparameters(thread, hyperparameters)
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
            self.tasks["before_step"] = self.tasks["store_magnitudes"] = penalties.store_magnitudes.address(self.dtype)

    def _store_penalties_by_group(self) -> None:
        """Have L2's part of the loss stored before each step, and its sum in place of Σ w²."""
        tiles = sum(-(-fan_in * fan_out // FLAT_TILE) + 1 for fan_in, fan_out in self.layout.shapes)
        self.tasks["penalties"] = self.workspace.buffer("penalties", tiles, np.float64)
        self.tasks["squares"] = self.workspace.buffer("sum of penalties", 1, np.float64)
        self.tasks["n_penalties"], self.tasks["n_squares"] = tiles, 1
        self.tasks["before_step"] = group_kernels.store_penalties.address(self.dtype)

    def _place_groups(self) -> None:
        """Give each layer hyperparameters of its own."""
        layers = self.workspace.layers
        layers["rule_offset"] = np.arange(len(layers)) * self.group_size
        layers["frozen_weights"], layers["frozen_biases"] = self.groups.frozen[: len(layers)].T

    def _clip_by_value(self, largest: float) -> None:
        """Put a rule in front of the one that phase two calls, and its numbers in front of that rule's."""
        hyperparameters = np.zeros((len(self.groups), 2, 2, N_HYPERPARAMETERS))
        hyperparameters[:, 0, :, LARGEST] = largest
        hyperparameters.view(np.int64)[:, 0, :, RULE] = self.tasks["update"][0]
        self.group_size = BEHIND + 2 * N_HYPERPARAMETERS
        for thread, task in enumerate(self.tasks):
            hyperparameters[:, 1] = self.workspace.buffers[f"hyper {thread}"].reshape(-1, 2, N_HYPERPARAMETERS)
            hyperparameters[:, 1, :, SCALE] = 1.0
            task["hyperparameters"] = self._copy_hyperparameters(thread, hyperparameters)
            task["rule_hyperparameters"] = task["hyperparameters"] + 8 * BEHIND
        self.tasks["update"] = penalties.clip_by_value.address(self.dtype)

    def _shrink(self) -> Kernel:
        """Set what the phase calls in which L1 shrinks the weights; return that phase."""
        shrinking = self.optimizer.shrinking
        if shrinking.kernel is not None:
            self.tasks["shrink"] = shrinking.kernel.address(self.dtype)
        self.tasks["mean_shrinkage"] = self.optimizer.mean_shrinkage
        factors = self.groups.factors[:, 0, 0] if shrinking.given is None else 1.0
        for thread in range(len(self.tasks)):
            of_weights = self.workspace.buffers[f"hyper {thread}"][::2]
            of_weights[:, [MOMENT, KEPT]], of_weights[:, MEAN_FACTOR] = (shrinking.moment, shrinking.kept), factors
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
        self.dropout_rates = rates = regularization.input_rates(len(self.layout.shapes) - 1)
        if not any(rates):
            return
        if self.dropout_keys is None:
            raise ValueError("Dropout needs keys: pass dropout_keys=DropoutKeys.draw(random_state).")
        for layer, rate in zip(self.workspace.layers, rates, strict=True):
            if rate:
                layer["mask"] = dropout.mask_rows.address(self.dtype)
        dataset = self.workspace.dataset
        if dataset.sparse and rates[0]:
            self.workspace.layers[0]["mask"] = dropout.mask_entries.address(self.dtype)
            self.tasks["given_values"] = dataset.values.ctypes.data
            self.tasks["values"] = self.workspace.buffer("masked values", dataset.values.size)

    def mask_numbers(self, steps: int) -> np.ndarray | None:
        """Return the numbers of the masks of the next `steps` steps, (steps, n_layers, N_MASK_NUMBERS) in int64.

        None without dropout.

        Raises
        ------
        ValueError
            If a schedule has a value that is not allowed.
        """
        if self.dropout_keys is None:
            return None
        numbers = np.zeros((steps, len(self.dropout_rates), N_MASK_NUMBERS), np.int64)
        numbers[:, :, MASK_KEY] = self.dropout_keys.keys(steps, len(self.dropout_rates))
        t = np.arange(self.optimizer.t, self.optimizer.t + steps, dtype=np.float64)
        for layer, rate in enumerate(self.dropout_rates):
            name = "dropout" if layer else "input_dropout"
            rates = values_at(rate, t, self.optimizer.length, name, DROPOUT_RATE)
            numbers[:, layer, KEEP_THRESHOLD] = np.minimum(np.round(rates * 2.0**32), 2.0**32 - 1)
            numbers.view(np.float64)[:, layer, KEEP_SCALE] = 1.0 / (1.0 - rates)
        return numbers

    def before_epoch(self, steps: int, rates: tuple[int, int], l2: float | Schedule) -> None:
        """Write what changes from epoch to epoch, for `steps` steps.

        `rates` are the addresses of the step rates and of the groups' rates, or 0; only without these is `l2` used.
        """
        self.tasks["step_rates"], self.tasks["group_rates"] = rates
        if rates[1]:
            self.tasks["set_groups"] = group_kernels.set_groups.address(self.dtype)
            self.tasks["n_groups"], self.tasks["group_size"] = len(self.groups), self.group_size
            l2 = 1.0  # if penalties are stored by group, else overwritten in each step
        self.tasks["l2"] = l2
        numbers = self.mask_numbers(steps)
        if numbers is not None:
            self.masks = numbers  # kept: the tasks hold its address
            self.tasks["masks"] = numbers.ctypes.data

    def advance(self, steps: int) -> None:
        """Store that `steps` steps have been made."""
        self.optimizer.mean_shrinkage = float(self.workspace.task["mean_shrinkage"])
        if self.dropout_keys is not None:
            self.dropout_keys.advance(steps)
