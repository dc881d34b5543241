"""`EpochRunner`: one pass over the rows in compiled code."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..compiler.kernel import KernelModule
from ..engine.cores import Threads
from ..engine.dataset import Dataset
from ..engine.model import TrainableModel
from ..engine.slicing import Slicer
from ..engine.threads import Team, estimated_step_seconds, takes_long, useful_threads
from ..engine.training_workspace import TrainingWorkspace
from ..optimizers import Optimizer, RunningOptimizer
from ..regularization import Regularization
from ..schedules import Schedule
from .config import (
    NO_REGULARIZATION,
    TrainingConfig,
    TrainingState,
    begin_schedules,
    count_batches,
    warn_of_early_end,
)
from .dropout_keys import DropoutKeys
from .gradient_norms import GradientNorms
from .step_options import StepOptions
from .step_rates import RateBuffer

if TYPE_CHECKING:
    from ..kernels.loop import epoch as _kernels
else:
    _kernels = KernelModule("loop.epoch")


class EpochRunner:
    """Passes over the rows in compiled code, a few steps at a time, with everything allocated once.

    Parameters
    ----------
    network : TrainableModel
        What is trained.
    dataset : Dataset
        What it is trained on.
    optimizer : Optimizer or RunningOptimizer
        An `Optimizer` begins anew, a `RunningOptimizer` continues.
    order : ndarray of int64 of shape (n,)
        The rows to go through; permuted in place by the caller between passes.
    batch_size : int
    n_threads : int, default=1
        Maximum number of threads; the bits do not depend on it.
    regularization : Regularization
        What a step does beside the L2 penalty.
    dropout_keys : DropoutKeys, optional
        Where dropout's random bits come from.
    drop_last : bool, default=False
        Whether the last batch is left out if it is incomplete.
    epochs : float, default=inf
        How many passes will be made, as far as that is known: threads must gain more than their start costs.
    """

    def __init__(
        self,
        network: TrainableModel,
        dataset: Dataset,
        optimizer: Optimizer | RunningOptimizer,
        order: np.ndarray,
        batch_size: int,
        n_threads: Threads = 1,
        regularization: Regularization = NO_REGULARIZATION,
        dropout_keys: DropoutKeys | None = None,
        epochs: float = math.inf,
        drop_last: bool = False,
    ) -> None:
        self.network, self.optimizer, self.dataset = network, optimizer.begin(), dataset
        if dataset.weight_divisor != 1:
            regularization = replace(regularization, l1=regularization.l1 / dataset.weight_divisor)
        self.batch_size, self.drop_last, self.weight_divisor = batch_size, drop_last, dataset.weight_divisor
        self.steps = count_batches(order.size, batch_size, drop_last)
        threads = useful_threads(network, batch_size, n_threads, order.size, order.size * epochs)
        self.team = Team(threads, takes_long(network, batch_size))
        self.workspace = self._make_workspace()
        self.workspace.use_order(order, batch_size)
        self.team.attach(self.workspace.tasks)
        self.slicer = Slicer(estimated_step_seconds(network, batch_size))
        self.train_steps = _kernels.train_steps.entry(network.dtype)
        self.params = network.params.ctypes.data
        self.options = self._make_options(regularization, dropout_keys)
        self.step_rates = RateBuffer(self.optimizer, regularization.l1 > 0, self.options.groups)
        self.state, self.average = self.options.state, self.options.average
        if self.average is not None:
            self.average[...] = network.params
        self.gradient_norms: GradientNorms | None = None
        self.complete = True  # whether the last pass was not cut short
        self._is_over: Callable[[], bool] | None = None

    def _make_workspace(self) -> TrainingWorkspace:
        team, batch_size = self.team, self.batch_size
        return TrainingWorkspace(self.network, self.dataset, batch_size, n_threads=team.size, in_microbatches=True)

    def _make_options(self, regularization: Regularization, dropout_keys: DropoutKeys | None) -> StepOptions:
        return StepOptions(self.workspace, regularization, self.optimizer, dropout_keys)

    @classmethod
    def for_training(
        cls,
        network: TrainableModel,
        dataset: Dataset,
        config: TrainingConfig,
        state: TrainingState,
        n_threads: Threads = 1,
    ) -> EpochRunner:
        """Return the runner for `train`, with as many threads as reduce the time of all its epochs.

        Schedules that last as long as the training get its length. Warns if the schedule may end before the training
        does.

        Raises
        ------
        ValueError
            If a schedule needs the length of the training, which is not known, or has a value that is not allowed.
        """
        begin_schedules(state.optimizer, config, state.order.size)
        warn_of_early_end(state.optimizer, config, state.order.size)
        return cls(
            network, dataset, state.optimizer, state.order, config.batch_size, n_threads, config.regularization,
            state.dropout_keys, config.epochs, config.drop_last,
        )  # fmt: skip

    @contextlib.contextmanager
    def evaluated_params(self) -> Iterator[None]:
        """Within, the network has the parameters that are evaluated: their moving average, if there is one."""
        if self.average is None:
            yield
            return
        params = self.network.params
        trained = params.copy()
        params[...] = self.average
        try:
            yield
        finally:
            params[...] = trained

    def record_gradient_norms(self) -> GradientNorms:
        """Return the norms of each layer's gradients, which all further passes record."""
        if self.gradient_norms is None:
            self.gradient_norms = GradientNorms(self.workspace)
        return self.gradient_norms

    def rebind(self, dataset: Dataset, order: np.ndarray) -> None:
        """Continue with other rows of the same kind; the parameters may have been changed from outside meanwhile."""
        self.workspace.rebind(dataset)
        self.dataset = dataset
        self.workspace.use_order(order)
        self.steps = count_batches(order.size, self.batch_size, self.drop_last)

    def forget_rows(self) -> None:
        """Release the caller's arrays, until `rebind`."""
        self.__dict__.pop("dataset", None)
        self.workspace.forget_rows()

    @property
    def n_rows(self) -> int:
        """The number of rows of a pass: those of the batches that are dropped do not count."""
        return min(self.steps * self.batch_size, self.workspace.order.size)

    def check_schedules(self, l2: float | Schedule, n_rows: int) -> None:
        """Compute what changes from step to step, for a pass over `n_rows` rows: a custom schedule may raise."""
        steps = count_batches(n_rows, self.batch_size, self.drop_last)
        self.step_rates.addresses(steps, l2, self.weight_divisor)
        self.options.mask_numbers(steps)

    def run(self, l2: float | Schedule, is_over: Callable[[], bool] | None = None) -> float:
        """Make the steps of the pass, or some until `is_over`; the mean loss over the rows that counted."""
        task = self.workspace.task
        self._begin_pass(l2)
        if self.gradient_norms is not None:
            self.gradient_norms.reset()
        self._is_over = is_over
        try:
            self.complete = self.slicer.run(self._steps, self.steps, is_over)
        finally:  # an interrupt leaves the optimizer where the parameters are
            self.optimizer.advance(int(task["steps_made"]))
            self.options.advance(int(task["steps_made"]))
        return float(task["loss_sum"]) / max(int(task["rows_counted"]), 1)

    def losses_of_steps(self, l2: float | Schedule) -> Iterator[float]:
        """Make the steps of the pass one at a time; yield the loss of each batch that counted."""
        workspace, task = self.workspace, self.workspace.task
        self._begin_pass(l2)
        try:
            for step in range(self.steps):
                before = int(task["rows_counted"])
                workspace.tasks["loss_sum"] = 0.0
                self._steps(step, step + 1)
                if rows := int(task["rows_counted"]) - before:
                    yield float(task["loss_sum"]) / rows
        finally:
            self.optimizer.advance(int(task["steps_made"]))
            self.options.advance(int(task["steps_made"]))

    def _begin_pass(self, l2: float | Schedule) -> None:
        """Write what changes from pass to pass, and set what the kernels add up to zero."""
        rates = self.step_rates.addresses(self.steps, l2, self.weight_divisor)
        self.options.before_epoch(self.steps, rates, l2 if isinstance(l2, Schedule) else l2 / self.weight_divisor)
        self.workspace.reset_results()

    def _steps(self, start: int, stop: int) -> None:
        def steps_of(thread: int) -> None:
            self.train_steps(*self.workspace.arguments(thread), start, stop, self.params)

        self.team.run(steps_of, self._is_over)
