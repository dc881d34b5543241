"""`TrainingHistory`: what a training has seen so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np


@dataclass
class TrainingHistory:
    """Losses, scores and counts of a training; warm start and ``partial_fit`` continue with them.

    Attributes
    ----------
    loss_curve : list of float
        The mean loss of each epoch.
    best_loss : float or None
        The least of them; None with early stopping.
    validation_losses : list of float or None
        With validation rows, their loss after each epoch.
    validation_scores : list of float or None
        With early stopping or a scorer, the score after each epoch.
    best_validation_score : float or None
    no_improvement_count : int
        Epochs since the last improvement.
    n_iter : int
        Epochs of this training.
    rows_seen : int
        Rows of all epochs of all trainings.
    best_epoch : int
        Of this training alone: the epoch whose weights scored best, 0 for those that it began with.
    not_finite : tuple or None
        Of this training alone: what first became infinite or NaN while the weights were finite, its value, its epoch.
    """

    loss_curve: list[float] = field(default_factory=list)
    best_loss: float | None = np.inf
    validation_scores: list[float] | None = None
    best_validation_score: float | None = None
    no_improvement_count: int = 0
    n_iter: int = 0
    rows_seen: int = 0
    best_epoch: int = 0
    not_finite: tuple[str, float, int] | None = None
    validation_losses: list[float] | None = None

    @classmethod
    def new(cls, early_stopping: bool) -> TrainingHistory:
        """Before the first epoch; with early stopping the score decides and not the loss."""
        if early_stopping:
            return cls(best_loss=None, validation_scores=[], best_validation_score=-np.inf)
        return cls()

    def add_epoch(self, loss: float, rows: int) -> None:
        """Store the loss of an epoch over `rows` rows."""
        self.n_iter += 1
        self.rows_seen += rows
        self.loss_curve.append(loss)

    def check_finite(self, what: str, value: float) -> None:
        """Store the first loss or score that is not finite although the weights are."""
        if self.not_finite is None and not math.isfinite(value):
            self.not_finite = what, value, self.n_iter

    def judge_loss(self, loss: float, tol: float) -> None:
        """Decide by an epoch's training loss whether there is improvement."""
        best = np.inf if self.best_loss is None else self.best_loss
        self.no_improvement_count = self.no_improvement_count + 1 if loss > best - tol else 0
        self.best_loss = min(loss, best) if not math.isnan(loss) else best

    def add_validation(self, loss: float, score: float | None) -> None:
        """Store an epoch's validation loss, and its score unless that is None."""
        self.validation_losses = [] if self.validation_losses is None else self.validation_losses
        self.validation_losses.append(loss)
        if score is not None:
            self.validation_scores = [] if self.validation_scores is None else self.validation_scores
            self.validation_scores.append(score)

    def judge_score(self, score: float, tol: float, ties: str = "first") -> bool:
        """Decide by an epoch's validation score; True if its parameters are to be kept."""
        best = -np.inf if self.best_validation_score is None else self.best_validation_score
        self.no_improvement_count = self.no_improvement_count + 1 if score < best + tol else 0
        self.best_validation_score = max(score, best) if not math.isnan(score) else best
        return score > best or (ties == "last" and score == best)
