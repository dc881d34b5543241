"""`Member`: one network of an ensemble, while it is trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..engine.dataset import Dataset
from ..regularization import Regularization
from ..schedules import FlatCosine
from ..training.config import count_batches
from ..training.dropout_keys import DropoutKeys
from ..training.shuffling import shuffle
from .epoch import TableRunner
from .initial import initialize
from .model import TableModel
from .rates import TableRates
from .recipes import Recipe
from .workspace import TablePrediction


@dataclass
class ValidationRows:
    """The rows that a member is judged by, and how.

    Parameters
    ----------
    dataset : Dataset
        With targets.
    rows : ndarray of int64
    score : callable, optional
        (outputs, rows) ↦ score, the greater the better. Left out, it is the negative loss.
    """

    dataset: Dataset
    rows: np.ndarray
    score: Callable[[np.ndarray, np.ndarray], float] | None = None

    @property
    def keeps_scores(self) -> bool:
        """Whether there is a score beside the loss, for callbacks."""
        return self.score is not None


class Member:
    """A network, its steps, and the parameters of its best epoch.

    A member draws from a generator of its own, so its bits depend neither on the other members nor on threads.

    Parameters
    ----------
    model : TableModel
        Its parameters are overwritten, unless `continues`.
    dataset : Dataset
    rows : ndarray of int64
        The training rows; kept as they are.
    recipe : Recipe
    seed : int
    validation : ValidationRows or None
        None keeps the parameters of the last epoch.
    n_threads : int, default=1
        For the rows of a batch.
    continues : bool, default=False
        Whether it begins with the parameters as they are.

    Attributes
    ----------
    loss_curve, scores, validation_losses : list of float
        One for each epoch.
    best_epoch : int
        0 before the first.
    last_epoch : int
        After which no more are made; the recipe's by default.
    diverged : bool
        Whether parameters, the loss or that of the validation rows have become infinite or NaN, which ends the
        training of this member.

    Raises
    ------
    ValueError
        If all rows that it would be judged by have weight 0.
    """

    def __init__(
        self,
        model: TableModel,
        dataset: Dataset,
        rows: np.ndarray,
        recipe: Recipe,
        seed: int,
        validation: ValidationRows | None,
        n_threads: int = 1,
        continues: bool = False,
    ) -> None:
        self.model, self.validation = model, validation
        weights = None if validation is None else validation.dataset.sample_weight
        if weights is not None and validation is not None and not weights[validation.rows].any():
            raise ValueError(
                "All validation rows of a member have sample_weight 0: change validation_fraction, or give rows "
                "with weights as X_val, y_val and sample_weight_val."
            )
        self.random_state = np.random.RandomState(seed)
        if not continues:
            weights = dataset.sample_weight
            counted = rows if weights is None else rows[weights[rows] != 0]
            initialize(model, dataset.X, counted, self.random_state, recipe.initialize_from_data)
        self.order = np.array(rows, np.int64)
        batch_size = min(recipe.batch_size, rows.size)
        steps = recipe.max_iter * count_batches(rows.size, batch_size, drop_last=True)
        optimizer = TableRates(
            recipe.learning_rates(steps),
            beta_2=recipe.beta_2,
            weight_decay=FlatCosine(recipe.weight_decay, steps) if recipe.weight_decay else 0.0,
            scale_decay=recipe.scale_decay,
        )
        dropout = FlatCosine(recipe.dropout, steps) if recipe.dropout else 0.0
        self.runner = TableRunner(
            model,
            dataset, optimizer, self.order, batch_size, n_threads, Regularization(dropout=dropout),
            DropoutKeys.draw(self.random_state), recipe.max_iter, drop_last=True,
        )  # fmt: skip
        self.judge = None if validation is None else TablePrediction(model, validation.dataset, validation.rows)
        if self.judge is not None:
            self.judge.prepare_losses()
        self.best = model.params.copy()
        self.best_score, self.best_epoch, self.diverged = -math.inf, 0, False
        self.last_epoch = recipe.max_iter
        self.loss_curve: list[float] = []
        self.scores: list[float] = []
        self.validation_losses: list[float] = []

    def run_epoch(self, is_over: Callable[[], bool] | None = None) -> None:
        """Make the steps of one epoch, and judge it; nothing after a divergence. It does not count if cut short."""
        if self.diverged or len(self.loss_curve) == self.last_epoch:
            return
        shuffle(self.order, self.random_state)
        loss = self.runner.run(0.0, is_over)
        if not self.runner.complete:
            return
        self.loss_curve.append(loss)
        if not (math.isfinite(loss) and np.isfinite(self.model.params).all()):
            self.diverged = True
            return
        score = self._measure()
        if self.validation_losses and not math.isfinite(self.validation_losses[-1]):
            self.diverged = True
            return
        self.scores.append(score)
        score = -math.inf if math.isnan(score) else score
        if score >= self.best_score:  # the last of equals: later epochs have seen more
            self.best_score, self.best_epoch = score, len(self.loss_curve)
            self.best[...] = self.model.params

    def _measure(self) -> float:
        """Return the score of the parameters as they are; without validation rows the last epoch is the best."""
        if self.judge is None or self.validation is None:
            return float(len(self.loss_curve))
        self.judge.refresh_scaled()
        losses, weights = self.judge.losses(), self.validation.dataset.sample_weight
        total = losses.shape[0] if weights is None else float(weights[self.judge.order].sum(dtype=np.float64))
        self.validation_losses.append(float(losses.sum()) / total)
        if self.validation.score is None:
            return -self.validation_losses[-1]
        return self.validation.score(self.judge.outputs, self.judge.order)

    def lacks(self, epoch: int) -> bool:
        """Whether the member should have made this epoch, counted from 1, but was cut short."""
        return len(self.loss_curve) < min(epoch, self.last_epoch) and not self.diverged

    def adopt_changes(self, epoch: int) -> None:
        """Keep what a callback has made of the parameters after an epoch, unless validation rows decide."""
        if self.judge is None and len(self.loss_curve) == epoch and not self.diverged:
            self.best[...] = self.model.params

    def keep_present(self) -> None:
        """Keep the parameters as they are, whatever validation rows say; note a divergence."""
        self.diverged = not np.isfinite(self.model.params).all()
        if not self.diverged:
            self.best[...] = self.model.params

    def end(self) -> TableModel:
        """Put the parameters of the best epoch into the model, and return it."""
        self.model.params[...] = self.best
        return self.model
