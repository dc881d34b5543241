"""`NetworkCallbacks`: tell callbacks of the training of a `Network`, and keep what it has seen as attributes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from ..callbacks.base import EPOCH, FIT, Callback
from ..callbacks.nesting import CallingCallbacks
from ..training.config import TrainingState
from ..training.history import TrainingHistory
from ..training.running import RunningTraining
from ..training.validation import Validation

if TYPE_CHECKING:
    from .training import NetworkTraining

#: Attributes that estimators have always and a network during a training alone: callbacks read them.
MEANWHILE = ("_optimizer", "early_stopping")
#: What a training leaves behind: the estimators' names.
_RECORD = (
    "n_iter_", "loss_", "best_loss_", "loss_curve_", "validation_loss_curve_", "validation_scores_",
    "best_validation_score_", "validation_metric_", "best_epoch_",
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """What callbacks are told of: the training, or one of its epochs, by the names of scikit-learn's contexts.

    Attributes
    ----------
    task_name : {'fit', 'epoch'}
    task_id : int
        The number of the epoch, from 0.
    max_subtasks : int
        Maximum number of epochs; 0 for an epoch.
    parent : Task or None
    estimator_name : str
        The name of the network's class.
    """

    task_name: str
    task_id: int
    max_subtasks: int
    parent: Task | None
    estimator_name: str


def check_callbacks(callbacks: Any) -> tuple[Callback, ...]:
    """Return a tuple of callbacks.

    Raises
    ------
    TypeError
        If one is not a subclass of this package's `Callback`.
    """
    one = isinstance(callbacks, Callback | str) or not isinstance(callbacks, Sequence)
    given = [callbacks] if one else list(callbacks)
    for each in given:
        if isinstance(each, Callback):
            continue
        hint = ": make an object of it" if isinstance(each, type) else ""
        if not hint and hasattr(each, "on_fit_task_begin"):
            hint = (
                ". Those of scikit-learn need an estimator to copy and to score: use them with MLPClassifier or "
                "MLPRegressor; here verbose='progress' draws a bar, and History records each epoch"
            )
        raise TypeError(
            f"callbacks must be callbacks of fastmlp.callbacks, or of your own subclasses of Callback, got "
            f"{each!r}{hint}."
        )
    return tuple(given)


class NetworkCallbacks:
    """Call callbacks during one training, in the order of an estimator's `fit`; a context, in which they are set up.

    Parameters
    ----------
    network : Network
        What is trained. Its attributes are those of the last epoch.
    callbacks : sequence of Callback
    epochs : int
        Maximum number of epochs.
    """

    def __init__(self, network: NetworkTraining, callbacks: Any, epochs: int) -> None:
        self.network, self.callbacks = network, check_callbacks(callbacks)
        self.task = Task(FIT, 0, epochs, None, type(network).__name__)
        self.set_up: list[Callback] = []
        self.calling = CallingCallbacks(network)
        self.n_epochs, self.refused = 0, False
        self.undo: Callable[[], None] = _nothing
        self.asked_within_epochs = [each for each in self.callbacks if type(each).is_over is not Callback.is_over]

    def __enter__(self) -> Self:
        try:
            for each in self.callbacks:
                self.set_up.append(each)
                each.setup(self.network, self.task)
        except BaseException:
            self._tear_down()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._tear_down()
        finally:
            for name in MEANWHILE:
                self.network.__dict__.pop(name, None)

    def _tear_down(self) -> None:
        errors: list[Exception] = []
        for each in self.set_up:
            try:
                each.teardown(self.network, self.task)
            except Exception as error:
                errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ExceptionGroup("Several callbacks have failed at the end of the training.", errors)

    def _call(self, method: str, task: Task) -> bool:
        with self.calling:
            return bool(sum([bool(getattr(each, method)(self.network, task)) for each in self.callbacks]))

    def begin(self, early_stopping: bool) -> None:
        """Tell that the training begins, before anything is checked."""
        self.network.__dict__["early_stopping"] = early_stopping
        self._call("on_fit_task_begin", self.task)

    def end(self) -> None:
        """Tell that the training has ended."""
        self._call("on_fit_task_end", self.task)

    def prepare(self, state: TrainingState, validation: Validation | None, give_back: Callable[[], None]) -> None:
        """Begin the record of a training; `give_back` undoes what its preparation has changed, if it is refused."""
        network, optimizer = self.network, state.optimizer
        former = {name: value for name, value in vars(network).items() if name in _RECORD}
        if self.callbacks:
            params, running = network.params.copy(), optimizer.copy()

            def undo() -> None:
                network.params[...] = params
                vars(optimizer).update(vars(running))
                for name in _RECORD:
                    network.__dict__.pop(name, None)
                network.__dict__.update(former)
                give_back()

            self.undo = undo
        network.__dict__.pop("loss_", None)
        network.__dict__["_optimizer"] = optimizer
        network.validation_metric_ = None if validation is None else validation.metric
        self.store(state.history)

    def store(self, history: TrainingHistory) -> None:
        """Keep what the training has seen as attributes of the network; nothing of a training that was refused."""
        if self.refused:
            return
        network = self.network
        network.n_iter_ = history.n_iter
        network.loss_curve_, network.best_loss_ = history.loss_curve, history.best_loss
        network.validation_loss_curve_ = history.validation_losses
        network.validation_scores_ = history.validation_scores
        network.best_validation_score_ = history.best_validation_score
        network.best_epoch_ = None if history.validation_scores is None else history.best_epoch
        if history.loss_curve:
            network.loss_ = history.loss_curve[-1]

    # As `train` calls them.

    def begin_training(self, training: RunningTraining) -> None:
        """Show the callbacks the training itself; what one of them refuses has changed nothing."""
        try:
            with self.calling:
                for each in self.callbacks:
                    each.on_training_begin(self.network, training)
        except BaseException:
            self.refused = True
            self.undo()
            raise
        self.undo = _nothing
        self.store(training.state.history)

    def begin_epoch(self) -> None:
        """Begin an epoch."""
        task = self.task
        self.epoch = Task(EPOCH, self.n_epochs, 0, task, task.estimator_name)
        self.n_epochs += 1
        self._call("on_fit_task_begin", self.epoch)

    def is_over(self) -> bool:
        """Whether a callback asks to end the training within an epoch."""
        with self.calling:
            return any(each.is_over(self.network) for each in self.asked_within_epochs)

    def end_epoch(self, history: TrainingHistory) -> bool:
        """End an epoch; True if a callback asks to end the training."""
        self.store(history)
        return self._call("on_fit_task_end", self.epoch)


def _nothing() -> None:
    """Nothing is to be undone."""
