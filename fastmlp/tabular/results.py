"""What a fit says of itself: curves, best epochs, scales of columns; after it, and epoch by epoch for callbacks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.lowlevel.records import CODE_WIDTH, PERIODIC_OUTPUTS
from .encodings import features_read
from .member import Member, ValidationRows
from .model import TableModel
from .parameters import is_loss

if TYPE_CHECKING:
    from .base import BaseTabularMLP


def set_results(estimator: BaseTabularMLP, known: Sequence[TableModel], members: Sequence[Member]) -> None:
    """Set the attributes of a fit that has ended, with the members that there were before and those of the fit."""
    set_models(estimator, known, [each.end() for each in members])
    estimator.best_epochs_ = [*estimator.best_epochs_[: len(known)], *(each.best_epoch for each in members)]
    estimator.loss_curve_ = mean_curve([each.loss_curve for each in members])
    estimator.validation_loss_curve_ = mean_curve([each.validation_losses for each in members]) or None
    judged = estimator.validation_loss_curve_ is not None and not is_loss(estimator.scoring)
    estimator.validation_scores_ = mean_curve([each.scores for each in members]) if judged else None
    estimator.validation_metric_ = metric_of(estimator.scoring) if judged else None
    estimator.n_iter_ = len(estimator.loss_curve_)
    estimator.loss_ = estimator.loss_curve_[-1] if estimator.loss_curve_ else math.nan
    estimator.feature_scales_ = feature_scales(estimator)


def set_models(estimator: BaseTabularMLP, known: Sequence[TableModel], models: Sequence[TableModel]) -> None:
    """Set what predictions need of the members."""
    if not known:
        estimator.best_epochs_, estimator._encodings = [], []
    made = [estimator.recipe_.encoding_of(len(known) + number) for number in range(len(models))]
    estimator.members_ = [*known, *models]
    estimator._encodings = [*estimator._encodings[: len(known)], *made]
    estimator.n_outputs_ = estimator.members_[0].layout.layer_sizes[-1]


def begin_results(
    estimator: BaseTabularMLP,
    known: Sequence[TableModel],
    models: Sequence[TableModel],
    validation: ValidationRows | None,
) -> None:
    """Set the attributes of a fit before its first epoch, for callbacks."""
    set_models(estimator, known, models)
    estimator.best_epochs_ = [*estimator.best_epochs_[: len(known)], *(0 for _ in models)]
    estimator.n_iter_, estimator.loss_, estimator.loss_curve_ = 0, math.nan, []
    estimator.validation_loss_curve_ = None if validation is None else []
    keeps_scores = validation is not None and validation.keeps_scores
    estimator.validation_scores_ = [] if keeps_scores else None
    estimator.validation_metric_ = metric_of(estimator.scoring) if keeps_scores else None


def add_epoch(estimator: BaseTabularMLP, members: Sequence[Member], epoch: int) -> None:
    """Describe an epoch, counted from 1, which a member at least has made."""
    curves = (
        (estimator.loss_curve_, [each.loss_curve for each in members]),
        (estimator.validation_loss_curve_, [each.validation_losses for each in members]),
        (estimator.validation_scores_, [each.scores for each in members]),
    )
    for means, each in curves:
        if means is not None and any(len(curve) >= epoch for curve in each):
            means.append(_mean_at(each, epoch - 1))
    estimator.n_iter_, estimator.loss_ = epoch, estimator.loss_curve_[-1]
    estimator.best_epochs_[-len(members) :] = [each.best_epoch for each in members]


def metric_of(scoring: Any) -> str | None:
    """Return what `validation_scores_` measures; None for the loss alone.

    Examples
    --------
    >>> metric_of("accuracy"), metric_of(len), metric_of("loss")
    ('accuracy', 'len', None)
    """
    if is_loss(scoring):
        return None
    return scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")


def mean_curve(curves: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean over the members of each epoch, of those that have made it.

    Examples
    --------
    >>> mean_curve([[1.0, 2.0], [3.0]])
    [2.0, 2.0]
    """
    return [_mean_at(curves, epoch) for epoch in range(max(map(len, curves), default=0))]


def _mean_at(curves: Sequence[Sequence[float]], epoch: int) -> float:
    column = [curve[epoch] for curve in curves if epoch < len(curve)]
    return math.fsum(column) / len(column)


def feature_scales(estimator: BaseTabularMLP) -> np.ndarray:
    """Return the mean |s| over the inputs of each column of X, and over the members, (n_features_in_,)."""
    mean: np.ndarray = scales_of_members(estimator).mean(axis=0)
    return mean


def scales_of_members(estimator: BaseTabularMLP) -> np.ndarray:
    """Return the mean |s| over the inputs of each column of X in each member, (n_members, n_features_in_)."""
    means, n_features = [], estimator.n_features_in_
    for encoding, model in zip(estimator._encodings, estimator.members_, strict=True):
        layout, feature_of = model.layout, features_read(estimator.encoder_, encoding)
        plain, codes = feature_of[: layout.n_plain], feature_of[layout.n_plain :]
        periodic = np.repeat(plain[: layout.n_periodic], PERIODIC_OUTPUTS)
        of_input = np.concatenate([plain, periodic, np.repeat(codes, CODE_WIDTH)])
        counts = np.bincount(of_input, minlength=n_features)
        scales = np.abs(layout.scales(model.params), dtype=np.float64)
        means.append(np.bincount(of_input, scales, n_features) / np.maximum(counts, 1))
    return np.array(means)
