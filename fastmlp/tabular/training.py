"""`EnsembleTraining`: from training rows to the trained members of an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..activations import BaseActivation
from ..common.user_warnings import warn_user
from ..engine.dataset import Dataset
from ..engine.sample_weights import check_sum_of_weights
from ..losses import BaseLoss
from .budget import fit_to_seconds
from .encoder import TableEncoder
from .encodings import PIECEWISE_LINEAR, make_layout, rows_for
from .ensemble import Ending, train_members
from .member import Member, ValidationRows
from .model import TableModel
from .recipes import Recipe
from .splits import split_of

if TYPE_CHECKING:
    from .fit_callbacks import TableCallbacks
    from .progress import Report

INTERRUPTED = "Training interrupted by user."


@dataclass
class EnsembleTraining:
    """What the members of an ensemble have in common while they are trained.

    Parameters
    ----------
    encoder : TableEncoder
        That of the dataset.
    n_outputs : int
    activations : list of (str or BaseActivation)
    loss : BaseLoss
    dataset : Dataset
    seed : int
        Each member's own seed is made of it and of the member's number.
    n_threads : int
    validation : ValidationRows or None
        The same rows for all members.
    places : ndarray of shape (n_rows,) or None
        Where each row is in [0, 1), if members set rows of the dataset aside; see `splits.split_of`.
    score_of : callable, default=None
        Numbers of the rows that a member sets aside ↦ what judges its outputs for them; None for the loss.
    matmul_precision : str, default='float32'

    Attributes
    ----------
    ending : Ending
        How the last training has ended.
    """

    encoder: TableEncoder
    n_outputs: int
    activations: list[str | BaseActivation]
    loss: BaseLoss
    dataset: Dataset
    seed: int
    n_threads: int
    validation: ValidationRows | None = None
    places: np.ndarray | None = None
    score_of: Callable[[np.ndarray], Callable[[np.ndarray, np.ndarray], float] | None] | None = None
    ending: Ending = field(default=Ending.REGULAR, init=False)
    matmul_precision: str = "float32"
    _narrow: dict[tuple[int, bool], Dataset] = field(default_factory=dict, init=False, repr=False)

    def run(
        self,
        recipe: Recipe,
        first: int,
        seconds: float | None,
        report: Report | None = None,
        callbacks: TableCallbacks | None = None,
    ) -> tuple[list[Member], Recipe]:
        """Train members number `first` to recipe.n_members − 1; return them, and the recipe that was used.

        Ctrl-C ends the training with a warning, if each member has made an epoch.

        Parameters
        ----------
        recipe : Recipe
        first : int
        seconds : float or None
            The recipe's epochs and members are reduced to what fits.
        report : Report or None
            Told of the members and of each epoch.
        callbacks : TableCallbacks or None

        Raises
        ------
        ValueError
            If the training or validation rows of a member are none, or weigh nothing; or training diverges.
        KeyboardInterrupt
            If it comes in the first epoch.
        """
        recipe = replace(recipe, n_members=recipe.n_members - first)
        if seconds is not None:
            recipe = fit_to_seconds(recipe, float(seconds), self.n_threads, lambda of: self._member(first, of))
        members = [self._member(number, recipe) for number in range(first, first + recipe.n_members)]
        self.ending = self._train(members, recipe, report, callbacks)
        if self.ending is Ending.INTERRUPTED:
            warn_user(INTERRUPTED)
        self._check_divergence(members, recipe, first)
        return members, replace(recipe, n_members=first + recipe.n_members)

    def _train(
        self, members: list[Member], recipe: Recipe, report: Report | None, callbacks: TableCallbacks | None
    ) -> Ending:
        def after_epoch(epoch: int) -> bool:
            if report is not None:
                report.epoch(epoch)
            return callbacks is not None and callbacks.end_members(epoch)

        if report is not None:
            report.begin(members, recipe.max_iter)
        try:
            if callbacks is None:
                return train_members(members, recipe.max_iter, self.n_threads, after_epoch)
            callbacks.begin_members(members, self.validation or members[0].validation)
            before, is_over = callbacks.begin_epoch, callbacks.is_over
            return train_members(members, recipe.max_iter, self.n_threads, after_epoch, before, is_over)
        finally:
            if report is not None:
                report.end()

    def refit(
        self, members: Sequence[Member], recipe: Recipe, first: int, is_over: Callable[[], bool] | None = None
    ) -> list[Member]:
        """Train each member again on all rows, to the epoch that was its best; Ctrl-C keeps those that there are.

        So does `is_over`, which may end it.
        """
        rows, again = np.arange(self.dataset.n_rows), []
        for number, former in enumerate(members, start=first):
            each = self._new(number, rows, replace(recipe, n_members=len(members)), None)
            each.last_epoch = former.best_epoch
            again.append(each)
        try:
            ending = train_members(again, recipe.max_iter, self.n_threads, is_over=is_over)
        except KeyboardInterrupt:
            ending = Ending.INTERRUPTED
        if ending is Ending.INTERRUPTED:
            warn_user(f"{INTERRUPTED} The members that were trained without the validation rows are kept.")
        if ending is Ending.INTERRUPTED or any(each.lacks(recipe.max_iter) for each in again):
            return list(members)  # `is_over` may end it within an epoch, and between two
        self._check_divergence(again, recipe, first)
        for each, former in zip(again, members, strict=True):
            each.scores, each.validation_losses = former.scores, former.validation_losses
        return again

    def _member(self, number: int, recipe: Recipe) -> Member:
        """Return a member with its training and validation rows."""
        if self.places is None:
            return self._new(number, np.arange(self.dataset.n_rows), recipe, self.validation)
        rows, held_out = split_of(self.places, number, recipe.validation_fraction)
        if min(rows.size, held_out.size) == 0:
            raise ValueError(
                f"With n_samples={self.dataset.n_rows} and validation_fraction={recipe.validation_fraction} the "
                "training or the validation set is empty: change validation_fraction, or give more rows."
            )
        weights = self.dataset.sample_weight
        for part, chosen in (("training", rows), ("validation", held_out)):
            if weights is not None:
                check_sum_of_weights(weights[chosen], weights.dtype, f"The sample_weight of the {part} rows")
        score = None if self.score_of is None else self.score_of(held_out)
        return self._new(number, rows, recipe, ValidationRows(self.dataset, held_out, score))

    def _new(self, number: int, rows: np.ndarray, recipe: Recipe, validation: ValidationRows | None) -> Member:
        encoding = recipe.encoding_of(number)
        layout = make_layout(self.encoder, recipe, encoding, self.n_outputs)
        model = TableModel(layout, self.activations, self.loss, self.dataset.dtype)
        model.matmul_precision = self.matmul_precision
        dataset = self._rows_for(encoding, self.dataset)
        if validation is not None:
            validation = replace(validation, dataset=self._rows_for(encoding, validation.dataset))
        threads = max(1, self.n_threads // recipe.n_members)
        return Member(model, dataset, rows, recipe, seed_of(self.seed, number), validation, threads)

    def _rows_for(self, encoding: str | None, dataset: Dataset) -> Dataset:
        """Return the columns that a member reads; members that read the same ones share them."""
        key = id(dataset), encoding == PIECEWISE_LINEAR
        if key not in self._narrow:
            self._narrow[key] = rows_for(self.encoder, encoding, dataset)
        return self._narrow[key]

    @staticmethod
    def _check_divergence(members: Sequence[Member], recipe: Recipe, first: int) -> None:
        """Refuse members without finite parameters that validation rows have judged; warn of others that diverged."""
        lower = f"Lower learning_rate (it is {recipe.learning_rate:g})"
        if recipe.weight_decay > Recipe.weight_decay:  # the scaling layer's is a multiple of it, and diverges first
            lower += f" or weight_decay (it is {recipe.weight_decay:g})"
        for number, each in enumerate(members, start=first):
            if each.diverged and (each.best_epoch == 0 or each.validation is None):
                raise ValueError(
                    f"Training of member {number} diverged: parameters or loss became infinite or NaN in epoch "
                    f"{max(len(each.loss_curve), 1)}. {lower}."
                )
        if any(each.diverged for each in members):
            warn_user(
                f"Training of some members diverged; the parameters of their best epoch are kept. {lower}.",
                ConvergenceWarning,
            )


def seed_of(seed: int, member: int) -> int:
    """Return a member's seed, which does not depend on how many there are."""
    return int(np.random.SeedSequence([seed, member]).generate_state(1)[0])
