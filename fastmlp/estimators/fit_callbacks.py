"""`FitCallbacks`: a fit's tasks for callbacks, by scikit-learn's protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..callbacks.base import EPOCH, Callback
from ..training.history import TrainingHistory
from ..training.running import RunningTraining
from .parameters import FULL_BATCH

if TYPE_CHECKING:
    from .base import BaseMLP


class FitCallbacks:
    """Tell the callbacks of an estimator of its fit, a task, and of each epoch, a task below it.

    Parameters
    ----------
    estimator : BaseMLP
    X, y, sample_weight
        As they were passed to `fit`.
    of_epochs : list of Callback
        Those of them that are this package's.
    """

    def __init__(self, estimator: BaseMLP, X: Any, y: Any, sample_weight: Any, of_epochs: list[Callback]) -> None:
        self.estimator = estimator
        self.training: RunningTraining | None = None
        self.refuse = False  # whether a callback has raised before the first step: nothing is to be changed then
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.rows = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.context = estimator._init_callback_context(max_subtasks=estimator.max_iter)
        self.context.call_on_fit_task_begin(**self.rows)
        self.of_epochs = of_epochs
        self.asked_within_epochs = [each for each in of_epochs if type(each).is_over is not Callback.is_over]

    @classmethod
    def of(cls, estimator: BaseMLP, X: Any, y: Any, sample_weight: Any) -> FitCallbacks | None:
        """Begin the task of a fit; None without callbacks.

        Raises
        ------
        ValueError
            If a callback of this package, which follows epochs, is set with a solver that has none.
        """
        attributes = estimator.__dict__
        if "_skl_callbacks" not in attributes and "_parent_callback_ctx" not in attributes:
            return None
        of_epochs = [each for each in attributes.get("_skl_callbacks", ()) if isinstance(each, Callback)]
        if of_epochs and estimator.solver in FULL_BATCH:
            raise ValueError(
                f"{of_epochs[0]!r} has no effect with solver={estimator.solver!r}, which has no epochs: remove it with "
                "set_callbacks(), or use a solver with mini-batches."
            )
        return cls(estimator, X, y, sample_weight, of_epochs)

    def begin_training(self, training: RunningTraining) -> None:
        """Show the callbacks of epochs the training itself."""
        self.training, self.refuse = training, True
        for each in self.of_epochs:
            each.on_training_begin(self.estimator, training)
        self.refuse = False

    def begin_epoch(self) -> None:
        """Begin the task of an epoch."""
        self.epoch = self.context.subcontext(task_name=EPOCH)
        self.epoch.call_on_fit_task_begin(**self.rows)

    def is_over(self) -> bool:
        """Whether a callback asks to end the fit within an epoch."""
        return any(each.is_over(self.estimator) for each in self.asked_within_epochs)

    def end_epoch(self, history: TrainingHistory) -> bool:
        """End the task of an epoch; True if a callback asks to end the fit."""
        self.estimator._store_history(history)
        return bool(self.epoch.call_on_fit_task_end(**self.rows, reconstruction_attributes=self._fitted))

    def end(self) -> None:
        """End the task of the fit."""
        self.training = None
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
