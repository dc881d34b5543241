"""`TableRunner`: passes over the rows for a network for tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..compiler.kernel import KernelModule
from ..kernels.lowlevel.records import N_HYPERPARAMETERS
from ..regularization import Regularization
from ..training.dropout_keys import DropoutKeys
from ..training.epoch import EpochRunner
from ..training.step_options import StepOptions
from .model import TableModel
from .rates import PERIODIC, SCALES, SLOPES, TABLES
from .workspace import TableWorkspace

if TYPE_CHECKING:
    from ..kernels.tabular import slopes
    from ..kernels.tabular import update as update_kernels
else:
    slopes = KernelModule("tabular.slopes")
    update_kernels = KernelModule("tabular.update")


class TableOptions(StepOptions):
    """The update rule and the options beside it, with a group of parameters for each kind that tables need."""

    def _store_rule(self) -> None:
        super()._store_rule()
        self.tasks["update_plain_layer"] = self.tasks["update_layer"]
        self.tasks["update_layer"] = update_kernels.update_table_layer.address(self.dtype)
        first = len(self.workspace.layers)
        for name, group in (("scale", SCALES), ("slope", SLOPES), ("periodic", PERIODIC), ("table", TABLES)):
            self.tasks[f"{name}_rule"] = (first + group) * 2 * N_HYPERPARAMETERS

    def _store_penalties_by_group(self) -> None:
        """Store none: tables have decoupled decay alone."""

    def _drop_out(self, regularization: Regularization) -> None:
        super()._drop_out(regularization)
        for below, layer in zip(self.workspace.layers, self.workspace.layers[1:], strict=False):
            if layer["mask"] and below["slopes"]:
                layer["mask"] = slopes.mask_with_excess.address(self.dtype)


class TableRunner(EpochRunner):
    """`EpochRunner` for a `TableModel`, whose optimizer is a `TableRates`."""

    network: TableModel
    workspace: TableWorkspace

    def _make_workspace(self) -> TableWorkspace:
        return TableWorkspace(self.network, self.dataset, self.batch_size, n_threads=self.team.size)

    def _make_options(self, regularization: Regularization, dropout_keys: DropoutKeys | None) -> StepOptions:
        return TableOptions(self.workspace, regularization, self.optimizer, dropout_keys)
