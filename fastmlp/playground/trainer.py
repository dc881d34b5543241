"""`Trainer`: a network that is trained by whole epochs or single steps, and may be changed in between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..common.frozen_params import with_values
from ..engine.dataset import Dataset
from ..network import Network
from ..optimizers import RunningOptimizer, as_optimizer
from ..regularization import Regularization
from ..training.dropout_keys import DropoutKeys
from ..training.epoch import EpochRunner
from ..training.shuffling import shuffle
from .choices import Choices
from .data_sets import PlaneData


class WeightsNotFiniteError(ArithmeticError):
    """Raised where a step made a weight infinite or NaN; the weights before it have been put back."""


@dataclass(frozen=True)
class Batch:
    """The rows of a step, and whether the epoch ends with it."""

    rows: np.ndarray
    is_last: bool


class Trainer:
    """Trains a network on a data set, as `Network.train` does, a step or an epoch at a time.

    Parameters
    ----------
    data : PlaneData
    choices : Choices

    Attributes
    ----------
    network : Network
        Its parameters may be changed at any time between two calls.
    optimizer : RunningOptimizer
    epochs, steps : int
        Made so far.
    """

    def __init__(self, data: PlaneData, choices: Choices) -> None:
        self.data, self.choices = data, choices
        output, loss = ("identity", "half_squared_error") if data.is_regression else ("logistic", "log_loss")
        self.network = Network([2, *choices.hidden, 1], [choices.activation] * len(choices.hidden) + [output], loss)
        self.X = np.ascontiguousarray(data.X_train)
        self.y = np.ascontiguousarray(data.y_train[:, np.newaxis])
        self.dataset = Dataset(self.X, self.y)
        self.restart()

    def restart(self) -> None:
        """Draw the first weights again, and forget all steps."""
        self.network.initialize(random_state=self.choices.seed)
        self.random_state = np.random.RandomState(self.choices.seed)
        self.optimizer = self._new_optimizer()
        self.dropout_keys = DropoutKeys.draw(self.random_state)
        self.order = np.arange(len(self.y), dtype=np.int64)
        self.epochs = self.steps = 0
        self._runner: EpochRunner | None = None  # for whole epochs; made when it is needed
        self._begin_epoch()

    @property
    def progress(self) -> float:
        """Epochs made so far, parts of an epoch included."""
        return self.epochs + self._position / self.order.size

    def choose(self, choices: Choices) -> None:
        """Continue with another solver, rate, batch size or regularization."""
        before, self.choices = self.choices, choices
        self._runner = None
        if choices.solver != before.solver:
            self.optimizer = self._new_optimizer()
        elif choices.learning_rate != before.learning_rate:
            self.optimizer.optimizer = with_values(self.optimizer.optimizer, learning_rate=choices.learning_rate)
            self.optimizer.schedule = self.optimizer.optimizer.schedule

    def next_batch(self) -> Batch:
        """Return the rows that the next step is made on."""
        stop = self._position + self.choices.batch_size
        return Batch(self.order[self._position : stop].copy(), stop >= self.order.size)

    def step(self) -> None:
        """Make the next step of the epoch.

        Raises
        ------
        WeightsNotFiniteError
            If a weight became infinite or NaN.
        """
        batch = self.next_batch()
        self.step_on(batch.rows)
        self._position += len(batch.rows)
        if batch.is_last:
            self.epochs += 1
            self._begin_epoch()

    def epoch(self) -> None:
        """Make the steps of an epoch, or those that are left of it.

        Raises
        ------
        WeightsNotFiniteError
            If a weight became infinite or NaN.
        """
        if self._position:
            self._run(self._make_runner(self.order[self._position :].copy(), self.choices.batch_size))
            self._runner = None
        else:
            if self._runner is None:
                self._runner = self._make_runner(self.order, self.choices.batch_size)
            self._run(self._runner)
        self.epochs += 1
        self._begin_epoch()

    def step_on(self, rows: np.ndarray) -> None:
        """Make a step on these rows, which does not count for the epoch.

        Raises
        ------
        WeightsNotFiniteError
            If a weight became infinite or NaN.
        """
        self._run(self._make_runner(np.array(rows, np.int64), len(rows)))
        self._runner = None

    def copy(self) -> Trainer:
        """Return a trainer with a network, an optimizer and dropout keys of its own, for steps on trial."""
        copied = Trainer(self.data, self.choices)
        copied.network.params[...] = self.network.params
        copied.optimizer = self.optimizer.copy()
        copied.dropout_keys = DropoutKeys(self.dropout_keys.seed, self.dropout_keys.step)
        return copied

    def _new_optimizer(self) -> RunningOptimizer:
        return as_optimizer(self.choices.solver, self.choices.learning_rate).begin()

    def _begin_epoch(self) -> None:
        shuffle(self.order, self.random_state)
        self._position = 0

    def _make_runner(self, order: np.ndarray, batch_size: int) -> EpochRunner:
        choices = self.choices
        regularization = Regularization(l1=choices.l1, dropout=choices.dropout if choices.hidden else 0.0)
        return EpochRunner(
            self.network, self.dataset, self.optimizer, order, min(batch_size, order.size),
            regularization=regularization, dropout_keys=self.dropout_keys,
        )  # fmt: skip

    def _run(self, runner: EpochRunner) -> None:
        before = self.network.params.copy()
        runner.workspace.refresh_weight_copies()  # parameters may have been changed by hand
        runner.run(self.choices.l2)
        if not np.isfinite(self.network.params).all():
            self.network.params[...] = before
            raise WeightsNotFiniteError
        self.steps += runner.steps
