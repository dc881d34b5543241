"""Mini-batch training: the one place that loops over epochs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from ..common.user_warnings import warn_user
from ..compiler.kernel import KernelModule
from ..engine.cores import Threads
from ..engine.dataset import Dataset
from ..engine.model import TrainableModel
from ..engine.slicing import Slicer
from ..engine.threads import Team, estimated_step_seconds, takes_long, useful_threads
from ..engine.workspace import Workspace
from ..kernels.lowlevel.records import N_STEP_RATES
from ..optimizers import Optimizer, RunningOptimizer
from ..regularization import Regularization
from ..schedules import Adaptive, Schedule
from .dropout_keys import DropoutKeys
from .progress import Progress
from .shuffling import shuffle
from .step_options import StepOptions

if TYPE_CHECKING:
    from ..kernels.loop import epoch as _epoch_kernels
    from ..kernels.loop import update as _update_kernels
else:
    _epoch_kernels = KernelModule("loop.epoch")
    _update_kernels = KernelModule("loop.update")

_PLAIN = Regularization()
#: Steps whose rates are computed together: those of many epochs, where an epoch is one step or a few.
STEPS_AHEAD = 256


@dataclass
class History:
    """What a training has seen so far; it goes on under warm start and ``partial_fit``."""

    loss_curve: list[float] = field(default_factory=list)
    best_loss: float | None = np.inf
    validation_scores: list[float] | None = None
    best_validation_score: float | None = None
    no_improvement_count: int = 0
    n_iter: int = 0
    rows_seen: int = 0
    #: Of this training alone: the epoch whose weights scored best (0: those that it began with); what first came out
    #: infinite or NaN while the weights were finite, with its value and its epoch.
    best_epoch: int = 0
    not_finite: tuple[str, float, int] | None = None

    @classmethod
    def new(cls, early_stopping: bool) -> History:
        """Before the first epoch; with early stopping the score counts and not the loss."""
        if early_stopping:
            return cls(best_loss=None, validation_scores=[], best_validation_score=-np.inf)
        return cls()

    def note_epoch(self, loss: float, rows: int) -> None:
        """One more epoch over so many rows."""
        self.n_iter += 1
        self.rows_seen += rows
        self.loss_curve.append(loss)

    def note_finite(self, what: str, value: float) -> None:
        """A loss or a score of weights that are finite."""
        if self.not_finite is None and not math.isfinite(value):
            self.not_finite = what, value, self.n_iter

    def store_loss(self, loss: float, tol: float) -> None:
        """An epoch's training loss decides whether there is improvement."""
        best = np.inf if self.best_loss is None else self.best_loss
        self.no_improvement_count = self.no_improvement_count + 1 if loss > best - tol else 0
        self.best_loss = min(loss, best) if not math.isnan(loss) else best

    def note_score(self, score: float, tol: float) -> bool:
        """An epoch's validation score decides; True if it is the best so far."""
        best = -np.inf if self.best_validation_score is None else self.best_validation_score
        self.validation_scores = [] if self.validation_scores is None else self.validation_scores
        self.validation_scores.append(score)
        self.no_improvement_count = self.no_improvement_count + 1 if score < best + tol else 0
        self.best_validation_score = max(score, best) if not math.isnan(score) else best
        return score > best


@dataclass(frozen=True)
class TrainingConfig:
    """How to train: the estimator's parameters of the same names."""

    batch_size: int
    max_iter: int
    shuffle: bool = True
    tol: float = 1e-4
    n_iter_no_change: float = 10
    one_epoch: bool = False
    regularization: Regularization = _PLAIN


@dataclass(frozen=True)
class Validation:
    """What early stopping judges by.

    Parameters
    ----------
    score : callable
        () ↦ the score of the network as it is; the greater the better.
    metric : {'accuracy', 'r2', 'neg_loss'}
        What that is.
    """

    score: Callable[[], float]
    metric: str

    @property
    def what(self) -> str:
        """What it is called."""
        return "validation loss" if self.metric == "neg_loss" else "validation score"


class DivergenceError(ArithmeticError):
    """Parameters became infinite or NaN in this epoch; those put back are of `best_epoch`, or the first (0)."""

    def __init__(self, epoch: int, best_epoch: int = 0) -> None:
        super().__init__(epoch, best_epoch)
        self.epoch, self.best_epoch = epoch, best_epoch


class EpochRunner:
    """One pass over the rows in compiled code, a few steps at a time.

    Parameters
    ----------
    network, rows
        What is trained, on what.
    optimizer : Optimizer or RunningOptimizer
        By what: settings begin anew, an optimizer that runs already goes on.
    order : ndarray of int64 of shape (n,)
        The rows to go through; permuted in place by the caller between passes.
    batch_size : int
    n_threads : int
        Threads at the most; the bits do not depend on it.
    regularization : Regularization
        What a step does beside the L2 penalty.
    masks : DropoutKeys, optional
        Where dropout's random bits come from.
    epochs : float, default=inf
        How many passes will be made, as far as that is known: threads must pay for their start.
    """

    def __init__(
        self,
        network: TrainableModel,
        dataset: Dataset,
        optimizer: Optimizer | RunningOptimizer,
        order: np.ndarray,
        batch_size: int,
        n_threads: Threads = 1,
        regularization: Regularization = _PLAIN,
        dropout_keys: DropoutKeys | None = None,
        epochs: float = math.inf,
    ) -> None:
        self.network, self.optimizer, self.dataset = network, optimizer.begin(), dataset
        if dataset.weight_divisor != 1:
            regularization = replace(regularization, l1=regularization.l1 / dataset.weight_divisor)
        self.batch_size = batch_size
        self.steps = -(-order.size // batch_size)
        threads = useful_threads(network, batch_size, n_threads, order.size, order.size * epochs)
        self.team = Team(threads, takes_long(network, batch_size))
        self.workspace = Workspace(
            network, dataset, batch_size, training=True, n_threads=self.team.size, in_microbatches=True
        )
        self.workspace.use_order(order)
        self.slicer = Slicer(estimated_step_seconds(network, batch_size))
        self.train_steps = _epoch_kernels.train_steps.entry(network.dtype)
        self.params = network.params.ctypes.data
        self.step_rates = RateBuffer(self.optimizer, regularization.l1 > 0)
        self.state = self.optimizer.prepare(network.layout.size, network.dtype)
        tasks = self.workspace.tasks
        self.results = tasks[["steps_made", "rows_counted", "loss_sum"]]
        self.team.attach(tasks)
        tasks["batch_size"] = batch_size
        tasks["state"] = self.state.ctypes.data
        tasks["update_layer"] = _update_kernels.update_layer.address(network.dtype)
        tasks["update"] = self.optimizer.kernel().address(network.dtype)
        self.workspace.set_hyper(self.optimizer.hyperparameters())
        self.hooks = StepOptions(self.workspace, regularization, self.optimizer, dropout_keys)

    @classmethod
    def planned(
        cls,
        network: TrainableModel,
        dataset: Dataset,
        optimizer: Optimizer | RunningOptimizer,
        order: np.ndarray,
        plan: TrainingConfig,
        n_threads: Threads = 1,
        dropout_keys: DropoutKeys | None = None,
    ) -> EpochRunner:
        """The one that a training by this plan runs, with as many threads as pay for all its epochs.

        A schedule that may end before the training does is warned of.
        """
        epochs, running = 1 if plan.one_epoch else plan.max_iter, optimizer.begin()
        warn_of_early_end(running, plan, order.size)
        return cls(
            network, dataset, running, order, plan.batch_size, n_threads, plan.regularization, dropout_keys, epochs
        )

    def rebind(self, dataset: Dataset, order: np.ndarray) -> None:
        """Go on with other rows of the same kind, after the parameters may have been changed from outside."""
        self.workspace.rebind(dataset)
        self.dataset = dataset
        self.workspace.use_order(order)
        self.steps = -(-order.size // self.batch_size)

    def forget_rows(self) -> None:
        """Let go of the caller's arrays, until `rebind`."""
        self.__dict__.pop("dataset", None)
        self.workspace.forget_rows()

    def run(self, l2: float) -> float:
        """Make every step of the pass; the mean loss over the rows that counted."""
        tasks, task = self.workspace.tasks, self.workspace.task
        tasks["step_rates"], tasks["l2"] = self.step_rates.address(self.steps), l2 / self.dataset.weight_divisor
        self.hooks.before_epoch(self.steps)
        self.results[...] = 0
        try:
            self.slicer.run(self._steps, self.steps)
        finally:  # an interrupt leaves the optimizer where the parameters are
            self.optimizer.advance(int(task["steps_made"]))
            self.hooks.advance(int(task["steps_made"]))
        return float(task["loss_sum"]) / max(int(task["rows_counted"]), 1)

    def _steps(self, start: int, stop: int) -> None:
        def steps_of(thread: int) -> None:
            self.train_steps(*self.workspace.arguments(thread), start, stop, self.params)

        self.team.run(steps_of)


class RateBuffer:
    """What changes from step to step (`RunningOptimizer.step_rates`), computed for many steps at a time.

    `shrinks` says whether weights are shrunk after each step (L1).
    """

    def __init__(self, optimizer: RunningOptimizer, shrinks: bool = False) -> None:
        self.optimizer, self.shrinks = optimizer, shrinks
        self.schedule: Schedule | None = None
        self.first = 0
        self.step_rates = np.zeros((0, N_STEP_RATES))

    def address(self, steps: int) -> int:
        """Where those of the next `steps` steps lie, until it is asked again."""
        optimizer = self.optimizer
        at = optimizer.t - self.first
        if optimizer.schedule is not self.schedule or not 0 <= at <= len(self.step_rates) - steps:
            self.step_rates = optimizer.step_rates(max(steps, STEPS_AHEAD), self.shrinks)
            self.schedule, self.first, at = optimizer.schedule, optimizer.t, 0
            self.start = self.step_rates.ctypes.data
        return self.start + at * self.step_rates.strides[0]


def train(
    network: TrainableModel,
    dataset: Dataset,
    optimizer: Optimizer | RunningOptimizer,
    plan: TrainingConfig,
    history: History,
    *,
    l2: float,
    order: np.ndarray,
    random_state: np.random.RandomState,
    progress: Progress,
    validate: Validation | None = None,
    n_threads: Threads = 1,
    dropout_keys: DropoutKeys | None = None,
    epoch: EpochRunner | None = None,
) -> bool:
    """Train `network` in place until nothing improves or every epoch is used up.

    With `validate` the parameters with the best score are put back in the end. `dropout_keys` is where dropout's random
    bits come from; it goes on with the training. `epoch` is one that was made from these arguments before, as
    `EpochRunner.planned` does.

    Returns
    -------
    converged : bool
        False if every epoch was used up.

    Raises
    ------
    Diverged
        If the parameters became infinite or NaN. With `validate` the best finite ones were put back, or those that
        the training began with, if no epoch scored better.
    """
    best = network.params.copy() if validate else None
    optimizer = optimizer.begin()
    if epoch is None:
        epoch = EpochRunner.planned(network, dataset, optimizer, order, plan, n_threads, dropout_keys)
    history.n_iter = 0
    try:
        with epoch.team:
            for _ in range(plan.max_iter):
                if plan.shuffle:
                    shuffle(order, random_state)
                history.note_epoch(epoch.run(l2), order.size)
                progress.epoch(history.n_iter, history.loss_curve[-1])
                _judge(network, history, plan.tol, progress, validate, best)
                optimizer.after_epoch(history.rows_seen)
                if history.no_improvement_count > plan.n_iter_no_change and _plateau(
                    optimizer, plan, history, progress, validate.metric if validate else None
                ):
                    return True
                if plan.one_epoch:
                    return True
    except KeyboardInterrupt:
        warn_user("Training interrupted by user.")
        return True
    finally:
        if best is not None:
            network.params[...] = best
    return False


def warn_of_early_end(optimizer: RunningOptimizer, plan: TrainingConfig, rows: int) -> None:
    """Warn of a schedule whose end these epochs may pass; not where it was passed before.

    Raises
    ------
    ValueError
        If a schedule of the user's own ends at what is no number.
    """
    end = optimizer.schedule.ends_at
    if end is None:
        return
    if not isinstance(end, Real) or math.isnan(end):
        raise ValueError(
            f"{optimizer.schedule!r} has ends_at={end!r}, but it must be the step from which on the rate stays what "
            "it is, or None."
        )
    epochs, steps = 1 if plan.one_epoch else plan.max_iter, -(-rows // plan.batch_size)
    made = optimizer.t + epochs * steps
    if not optimizer.t <= end < made:
        return
    end = math.ceil(end)
    before = f"after {optimizer.t} before them, " if optimizer.t else ""
    rate = float(optimizer.schedule(end))
    warn_user(
        f"{optimizer.schedule!r} ends after {end} steps, but training may make {made} ({before}{epochs} epochs of "
        f"{steps}): from step {end} on the learning rate stays at {rate:g}. Give the schedule as many steps as there "
        f"are, for instance count_steps({epochs}, rows={rows}, batch_size={plan.batch_size}) of fastmlp.schedules, or "
        "train for fewer epochs."
    )


def _judge(
    network: TrainableModel,
    history: History,
    tol: float,
    progress: Progress,
    validate: Validation | None,
    best: np.ndarray | None,
) -> None:
    """Whether the epoch brought improvement; the best parameters are kept, and divergence is raised."""
    finite = bool(np.isfinite(network.params).all())
    if finite:
        history.note_finite("training loss", history.loss_curve[-1])
    if validate is None:
        history.store_loss(history.loss_curve[-1], tol)
    else:
        score = validate.score() if finite else math.nan
        if finite:
            history.note_finite(validate.what, score)
        if history.note_score(score, tol) and best is not None:
            best[...] = network.params
            history.best_epoch = history.n_iter
        progress.validation(score, validate.metric)
    if not finite:
        raise DivergenceError(history.n_iter, history.best_epoch)


def _plateau(
    optimizer: RunningOptimizer, plan: TrainingConfig, history: History, progress: Progress, metric: str | None
) -> bool:
    """Nothing improves: lower the learning rate if the schedule does, else stop (True)."""
    going_on = optimizer.after_plateau()
    outcome = "Stopping."
    if going_on:
        outcome = f"Setting learning rate to {optimizer.learning_rate:f}"
        history.no_improvement_count = 0
    elif isinstance(optimizer.schedule, Adaptive):
        outcome = "Learning rate too small. Stopping."
    progress.plateau(metric, plan.tol, plan.n_iter_no_change, outcome)
    return not going_on
