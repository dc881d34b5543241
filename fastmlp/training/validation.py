"""`Validation`: what is computed on the validation rows after each epoch, and whether it stops the training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .validation_loss import ValidationLoss


@dataclass(frozen=True)
class Validation:
    """The validation loss and score of each epoch.

    Parameters
    ----------
    loss : ValidationLoss
    metric : str, default='neg_loss'
        What the score is: 'accuracy', 'r2', 'neg_loss', or the name of a scorer.
    score : callable, optional
        (outputs of the validation rows) ↦ score; the greater the better. Left out, it is the negative loss.
    early_stopping : bool, default=True
        Whether the score decides when to stop and which weights are kept; else the training loss decides.
    ties : {'first', 'last'}, default='first'
        Which of several epochs with the best score is kept.
    """

    loss: ValidationLoss
    metric: str = "neg_loss"
    score: Callable[[np.ndarray], float] | None = None
    early_stopping: bool = True
    ties: str = "first"

    @property
    def name(self) -> str:
        """Its name in messages."""
        return "validation loss" if self.score is None else "validation score"

    @property
    def keeps_scores(self) -> bool:
        """Whether the scores are recorded; those that repeat the loss are not, unless they decide."""
        return self.early_stopping or self.score is not None

    def measure(self, is_over: Callable[[], bool] | None = None) -> tuple[float, float]:
        """Return the loss and the score of the network as it is; NaN for both if `is_over` ends the measurement."""
        loss = self.loss(is_over)
        if not self.loss.complete:
            return math.nan, math.nan
        return loss, -loss if self.score is None else self.score(self.loss.outputs)
