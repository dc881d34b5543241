"""`FitCallbacks`: a fit's tasks for callbacks, by scikit-learn's protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..callbacks import nesting
from ..callbacks.base import EPOCH, ITERATION, Callback
from ..training.history import TrainingHistory
from ..training.running import RunningTraining
from .finished_tasks import FinishedTasks
from .parameters import FULL_BATCH

if TYPE_CHECKING:
    from .base import BaseMLP

#: What scikit-learn keeps in an estimator during a fit.
OF_THE_FIT = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")


def check_not_nested(estimator: Any, method: str) -> None:
    """Refuse a fit that is begun by a callback of the same estimator's fit, which is not disturbed.

    Raises
    ------
    RuntimeError
        If it is one.
    """
    if nesting.is_called_by_own_callback(estimator):
        for name in OF_THE_FIT:  # else scikit-learn ends the outer fit's callbacks with the inner one
            estimator.__dict__.pop(name, None)
        nesting.check_not_nested(estimator, method)


class FitCallbacks:
    """Tell the callbacks of an estimator of its fit, a task, and of each epoch or iteration, a task below it.

    Parameters
    ----------
    estimator : BaseMLP or BaseTabularMLP
    X, y, sample_weight
        As they were passed to `fit`.
    of_epochs : list of Callback
        Those of them that are this package's.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any, of_epochs: list[Callback]) -> None:
        self.estimator = estimator
        self.training: RunningTraining | None = None
        self.refuse = False  # whether a callback has raised before the first step: nothing is to be changed then
        self.attributes: dict[str, Any] | None = None
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.rows = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.context = estimator._init_callback_context(max_subtasks=self.max_epochs())
        self.calling = nesting.CallingCallbacks(estimator, {name: estimator.__dict__[name] for name in OF_THE_FIT})
        self.finished = FinishedTasks(self.context)
        #: False in a search or pipeline, whose task this fit is, without callbacks: epochs are no tasks then.
        self.listening = bool(estimator.__dict__.get("_skl_callbacks"))
        self.of_epochs = of_epochs
        self.asked_within_epochs = [each for each in of_epochs if type(each).is_over is not Callback.is_over]
        #: Where nothing but methods of `Callback` would be told of the tasks of epochs, these are called without tasks.
        self.direct = all(map(needs_no_tasks, estimator.__dict__.get("_skl_callbacks", ())))
        with self.calling:
            self.context.call_on_fit_task_begin(**self.rows)

    @classmethod
    def of(cls, estimator: BaseMLP, X: Any, y: Any, sample_weight: Any) -> FitCallbacks | None:
        """Begin the task of a fit; None without callbacks.

        Raises
        ------
        ValueError
            If a callback needs mini-batches, but the solver has none.
        """
        attributes = estimator.__dict__
        if "_skl_callbacks" not in attributes and "_parent_callback_ctx" not in attributes:
            return None
        of_epochs = [each for each in attributes.get("_skl_callbacks", ()) if isinstance(each, Callback)]
        needing = [each for each in of_epochs if each.needs_minibatches]
        if needing and estimator.solver in FULL_BATCH:
            raise ValueError(
                f"{needing[0]!r} needs mini-batches, but solver={estimator.solver!r} has all rows in each step: remove "
                "it with set_callbacks(), or use a solver with mini-batches."
            )
        return cls(estimator, X, y, sample_weight, of_epochs)

    def max_epochs(self) -> int:
        """Return how many tasks of epochs or iterations there may be."""
        return int(self.estimator.max_iter)

    # Mini-batches.

    def begin_training(self, training: RunningTraining) -> None:
        """Show the callbacks of epochs the training itself."""
        self.training, self.refuse = training, True
        with self.calling:
            for each in self.of_epochs:
                each.on_training_begin(self.estimator, training)
        self.refuse = False

    def begin_epoch(self) -> None:
        """Begin the task of an epoch."""
        self._begin(EPOCH)

    def end_epoch(self, history: TrainingHistory) -> bool:
        """End the task of an epoch; True if a callback asks to end the fit."""
        self.estimator._store_history(history)
        return self._end()

    # All rows in each step.

    def begin_solving(self) -> None:
        """Give the estimator what callbacks read in a fit by mini-batches, until `forget`."""
        self.refuse, self.attributes = True, self.estimator.__dict__
        meanwhile: dict[str, Any] = {
            "loss_curve_": [], "validation_loss_curve_": None, "validation_scores_": None, "validation_metric_": None,
            "_optimizer": None,
        }  # fmt: skip
        self.former = {name: self.attributes[name] for name in meanwhile if name in self.attributes}
        self.meanwhile = list(meanwhile)
        self.attributes.update(meanwhile, n_iter_=0)

    def begin_iteration(self) -> None:
        """Begin the task of an iteration."""
        self._begin(ITERATION)

    def end_iteration(self, number: int, loss: float) -> bool:
        """End the task of an iteration; True if a callback asks to end the fit."""
        self.refuse = False
        self.estimator.n_iter_, self.estimator.loss_ = number, float(loss)
        self.estimator.loss_curve_.append(float(loss))
        return self._end()

    def forget(self) -> None:
        """Take back what `begin_solving` has given."""
        if self.attributes is not None:
            for name in self.meanwhile:
                self.attributes.pop(name, None)
            self.attributes.update(self.former)

    # Both.

    def is_over(self) -> bool:
        """Whether a callback asks to end the fit within an epoch or iteration."""
        if not self.asked_within_epochs:
            return False
        with self.calling:
            return any(each.is_over(self.estimator) for each in self.asked_within_epochs)

    def _begin(self, name: str) -> None:
        if self.direct:
            with self.calling:
                for each in self.of_epochs:
                    each.on_epoch_begin(self.estimator)
            return
        self.epoch = self.context.subcontext(task_name=name)
        with self.calling:
            self.epoch.call_on_fit_task_begin(**self.rows)

    def _end(self) -> bool:
        if self.direct:
            with self.calling:
                return max(map(self._asks_to_end, self.of_epochs), default=False)
        with self.calling:
            asked = bool(self.epoch.call_on_fit_task_end(**self.rows, reconstruction_attributes=self._fitted))
        self.finished.drop(self.epoch)
        return asked

    def _asks_to_end(self, callback: Callback) -> bool:
        return bool(callback.on_epoch_end(self.estimator))

    def end(self) -> None:
        """End the task of the fit."""
        self.training, self.refuse = None, False
        with self.calling:
            self.context.call_on_fit_task_end(**self.rows, reconstruction_attributes=self._fitted)

    def _fitted(self) -> dict[str, Any]:
        """Return the attributes of a copy of the estimator as it is now, which training does not change."""
        estimator = self.estimator
        curves = ("loss_curve_", "validation_loss_curve_", "validation_scores_")
        copied = {name: list(values) for name in curves if (values := getattr(estimator, name, None)) is not None}
        if self.training is None:
            for name in ("coefs_", "intercepts_"):
                copied[name] = [array.copy() for array in getattr(estimator, name)]
        else:
            params, layout = self.training.evaluated.copy(), self.training.runner.network.layout
            copied["coefs_"], copied["intercepts_"] = layout.coefs(params), layout.intercepts(params)
        return {**copied, "_small_batches": {}, "_continuation": None}


def needs_no_tasks(callback: Any) -> bool:
    """Whether a callback is told of an epoch by `Callback.on_epoch_begin` and `on_epoch_end`, and in no other way."""
    kind = type(callback)
    hooks = ("on_fit_task_begin", "on_fit_task_end")
    return isinstance(callback, Callback) and all(getattr(kind, hook) is getattr(Callback, hook) for hook in hooks)
