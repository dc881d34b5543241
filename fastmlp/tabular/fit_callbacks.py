"""`TableCallbacks`: the tasks of a fit of an estimator for tables, by scikit-learn's protocol."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..callbacks.base import Callback
from ..estimators.fit_callbacks import FitCallbacks
from .member import Member, ValidationRows
from .model import TableModel
from .results import add_epoch, begin_results, feature_scales
from .running import RunningEnsemble

if TYPE_CHECKING:
    from .base import BaseTabularMLP


class TableCallbacks(FitCallbacks):
    """Tell the callbacks of a fit, a task, and of each epoch of all members together, a task below it.

    During the training the estimator has the attributes of a draft, which they describe.

    Parameters
    ----------
    estimator : BaseTabularMLP
    X, y, sample_weight
        As they were passed to `fit`.
    of_epochs : list of Callback
        Those of them that are this package's.
    """

    ensemble: RunningEnsemble | None = None
    draft: BaseTabularMLP
    known: Sequence[TableModel] = ()  # the members of earlier fits

    @classmethod
    def of(cls, estimator: Any, X: Any, y: Any, sample_weight: Any) -> TableCallbacks | None:
        """Begin the task of a fit; None without callbacks.

        Raises
        ------
        ValueError
            If a callback needs a single network.
        """
        attributes = estimator.__dict__
        if "_skl_callbacks" not in attributes and "_parent_callback_ctx" not in attributes:
            return None
        of_epochs = [each for each in attributes.get("_skl_callbacks", ()) if isinstance(each, Callback)]
        for each in of_epochs:
            if each.needs_one_network:
                raise ValueError(
                    f"{each!r} follows the training of one network, but a {type(estimator).__name__} trains several "
                    f"together: remove it with set_callbacks(); {each.needs_one_network}."
                )
        return cls(estimator, X, y, sample_weight, of_epochs)

    def max_epochs(self) -> int:
        return int(self.estimator._recipe().max_iter)

    def begin_members(self, members: Sequence[Member], validation: ValidationRows | None) -> None:
        """Show the callbacks of epochs the training itself, and from now on the draft's attributes."""
        self.ensemble = ensemble = RunningEnsemble(members, validation)
        begin_results(self.draft, self.known, [each.model for each in members], validation)
        self.estimator.__dict__ = self.draft.__dict__
        with self.calling:
            for each in self.of_epochs:
                each.on_training_begin(self.estimator, ensemble)  # type: ignore[arg-type]

    def begin_epoch(self) -> None:
        super().begin_epoch()
        for each in self.ensemble.members if self.ensemble else ():
            each.runner.workspace.refresh_weight_copies()  # a callback may have changed the parameters

    def end_members(self, epoch: int) -> bool:
        """End the task of an epoch, counted from 1; True if a callback asks to end the fit."""
        ensemble = self.ensemble
        if ensemble is None:
            raise RuntimeError("no training has begun")
        ensemble.note_epochs()
        add_epoch(self.estimator, ensemble.members, epoch)
        ends = self._end()
        for each in ensemble.members:
            each.adopt_changes(epoch)
        return ends

    def end(self) -> None:
        """End the task of the fit."""
        ensemble, self.ensemble, estimator = self.ensemble, None, self.estimator
        super().end()
        if ensemble is not None:  # a callback may have restored an earlier epoch, or changed the parameters
            estimator.best_epochs_[-len(ensemble.members) :] = ensemble.kept_epochs.tolist()
            estimator.feature_scales_ = feature_scales(estimator)

    def _fitted(self) -> dict[str, Any]:
        """Return the attributes of a copy of the estimator as it is now, which training does not change."""
        estimator = self.estimator
        curves = ("loss_curve_", "validation_loss_curve_", "validation_scores_", "best_epochs_", "_encodings")
        copied = {name: list(values) for name in curves if (values := getattr(estimator, name, None)) is not None}
        trained = () if self.ensemble is None else self.ensemble.members
        models = [copy.copy(each) for each in estimator.members_[len(estimator.members_) - len(trained) :]]
        for model, member in zip(models, trained, strict=True):
            if member.diverged or member.lacks(estimator.n_iter_):
                model.params[...] = member.best
        return {**copied, "members_": [*estimator.members_[: len(estimator.members_) - len(trained)], *models]}
