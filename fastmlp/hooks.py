"""What hooks into a training step beside forward, backward and update: written into a workspace's records.

Whoever asks for nothing gets nothing: the addresses stay 0, no unit is compiled, and no memory is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .dropout import Masks
from .kernels.records import BEHIND, COLUMN_TILE, FLAT_TILE, L1, LARGEST, N_HYPER, RULE, SCALE
from .regularisation import Regularisation
from .units import Unit, dropout, penalties, phases
from .workspace import Workspace


class Hooks:
    """Penalty, clipping, max-norm, dropout, and the later phases of an update rule, for one workspace.

    To be made once the tasks hold the update rule's unit and its state.

    Parameters
    ----------
    workspace : Workspace
        For training.
    regularisation : Regularisation
    rule_phases : sequence of Unit
        Phases in which the update rule goes on once it has run everywhere.
    masks : Masks, optional
        For dropout.

    Raises
    ------
    ValueError
        If there is dropout without masks, or not a rate for each hidden layer.
    """

    def __init__(
        self,
        workspace: Workspace,
        regularisation: Regularisation,
        rule_phases: Sequence[Unit] = (),
        masks: Masks | None = None,
    ) -> None:
        self.workspace, self.tasks = workspace, workspace.tasks
        self.dtype, self.layout = workspace.dtype, workspace.network.layout
        self.masks = masks if regularisation.drops else None
        self.tasks["rule"], self.tasks["moments"] = self.tasks["update"], self.tasks["state"]
        self.tasks["rule_hyper"] = self.tasks["hyper"]
        self._add_phases(regularisation, rule_phases)
        self._penalise(regularisation)
        self._drop_out(regularisation)

    def _penalise(self, settings: Regularisation) -> None:
        """L1, and clipping by value."""
        if settings.l1:
            tiles = sum(-(-fan_in * fan_out // FLAT_TILE) for fan_in, fan_out in self.layout.shapes)
            self.tasks["l1"], self.tasks["n_magnitudes"] = settings.l1, tiles
            self.tasks["magnitudes"] = self.workspace.buffer("magnitudes", tiles, np.float64)
            self.tasks["note_magnitudes"] = penalties.note_magnitudes.address(self.dtype)
            self.tasks["go_on"] = phases.go_on.address(self.dtype)
        if settings.l1 or settings.clip_value is not None:
            self._put_in_front(settings)

    def _put_in_front(self, settings: Regularisation) -> None:
        """`penalise` in front of what phase two calls, and its numbers in front of that rule's."""
        behind = int(self.tasks["update"][0])
        if int(float(behind)) != behind:  # the kernel calls the address that it finds there
            raise RuntimeError(f"The update rule lies at {behind:#x}, an address that float64 does not hold exactly.")
        hyper = np.zeros((2, 2, N_HYPER))
        hyper[0, 0, L1] = settings.l1
        hyper[0, :, LARGEST] = np.inf if settings.clip_value is None else settings.clip_value
        hyper[0, :, RULE] = behind
        for thread, task in enumerate(self.tasks):
            hyper[1] = self.workspace.buffers[f"hyper {thread}"]
            hyper[1, :, SCALE] = 1.0
            task["hyper"] = self.workspace.buffer(f"hyper {thread}", hyper.shape, np.float64)
            task["rule_hyper"] = task["hyper"] + 8 * BEHIND
            self.workspace.buffers[f"hyper {thread}"][...] = hyper
        self.tasks["update"] = penalties.penalise.address(self.dtype)

    def _add_phases(self, settings: Regularisation, rule_phases: Sequence[Unit]) -> None:
        """Those that need all of phase two, in their order."""
        units: list[Unit] = []
        if settings.clip_norm is not None:
            self.tasks["clip_norm"] = settings.clip_norm
            self.tasks["gradient"] = self.tasks["state"] = self.workspace.buffer("gradient", self.layout.size)
            self.tasks["update"] = phases.collect.address(self.dtype)
            units += [phases.note_norm, phases.apply_gradient]
        units += rule_phases
        if settings.max_norm is not None:
            self.tasks["max_norm"] = settings.max_norm
            for thread, task in enumerate(self.tasks):
                task["column_sums"] = self.workspace.buffer(f"column sums {thread}", COLUMN_TILE, np.float64)
            units.append(phases.limit_columns)
        if not units:
            return
        units.append(phases.transpose_all)
        most = 2 * sum(-(-fan_in * fan_out // FLAT_TILE) for fan_in, fan_out in self.layout.shapes)
        self.tasks["sums"] = self.workspace.buffer("sums", max(most, -(-self.layout.size // FLAT_TILE)), np.float64)
        self.tasks["phases"] = self.workspace.buffer("phases", len(units), np.int64)
        self.workspace.buffers["phases"][:] = [unit.address(self.dtype) for unit in units]
        self.tasks["n_phases"] = len(units)
        self.tasks["go_on"] = phases.go_on.address(self.dtype)

    def _drop_out(self, settings: Regularisation) -> None:
        """Dropout of what comes into each layer."""
        rates = settings.input_rates(len(self.layout.shapes) - 1)
        if not any(rates):
            return
        if self.masks is None:
            raise ValueError("Dropout needs masks, such as Masks.draw(random_state), that go on with the training.")
        for layer, rate in zip(self.workspace.layers, rates, strict=True):
            if rate:
                layer["mask"] = dropout.mask_rows.address(self.dtype)
                layer["kept_from"] = min(round(rate * 2**32), 2**32 - 1)
                layer["kept_as"] = 1.0 / (1.0 - rate)
        rows = self.workspace.rows
        if rows.sparse and rates[0]:
            self.workspace.layers[0]["mask"] = dropout.mask_entries.address(self.dtype)
            self.tasks["given_values"] = rows.values.ctypes.data
            self.tasks["values"] = self.workspace.buffer("masked values", rows.values.size)

    def before_epoch(self, steps: int) -> None:
        """The next `steps` steps are about to be made."""
        if self.masks is not None:
            self.keys = self.masks.keys(steps, len(self.layout.shapes))  # kept: the tasks hold its address
            self.tasks["mask_keys"] = self.keys.ctypes.data

    def advance(self, steps: int) -> None:
        """So many steps have been made."""
        if self.masks is not None:
            self.masks.advance(steps)
