"""`BaseTabularMLP`: fitting and predicting, shared by both estimators for tables."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer_names
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..activations import ACTIVATIONS, BaseActivation
from ..common.user_warnings import warn_user
from ..engine.cores import count_threads
from ..engine.dataset import Dataset
from ..estimators.checks import check_hidden_layer_sizes, check_sample_weight
from ..losses import BaseLoss
from .budget import fit_to_seconds
from .encoder import TableEncoder
from .encodings import features_read, make_layout, rows_for
from .ensemble import average_outputs, train_members
from .member import Member, ValidationRows
from .model import TableModel
from .recipes import RECIPES, Recipe, recipe_of
from .scores import ValidationScore
from .splits import positions, split_of

_POSITIVE = Interval(Real, 0, None, closed="neither")
_COUNT = Interval(Integral, 1, None, closed="left")
_RATE = Interval(Real, 0, 1, closed="left")

CONSTRAINTS: dict[str, list[Any]] = {
    "recipe": [StrOptions(set(RECIPES))],
    "n_members": [None, _COUNT],
    "hidden_layer_sizes": [None, "array-like", _COUNT],
    "activation": [None, StrOptions(set(ACTIVATIONS)), BaseActivation],
    "numeric_encoding": [None, StrOptions({"auto", "piecewise-linear", "periodic"})],
    "n_bins": [None, _COUNT],
    "categorical_features": [None, StrOptions({"from_dtype"}), "array-like"],
    "max_one_hot_categories": [None, StrOptions({"auto"}), Interval(Integral, 2, None, closed="left")],
    "max_iter": [None, _COUNT],
    "batch_size": [StrOptions({"auto"}), _COUNT],
    "learning_rate": [None, _POSITIVE],
    "weight_decay": [None, Interval(Real, 0, None, closed="left")],
    "dropout": [None, _RATE],
    "max_seconds": [None, _POSITIVE],
    "validation_fraction": [None, _RATE],
    "scoring": [StrOptions({"loss", *get_scorer_names()}), callable],
    "refit": ["boolean"],
    "n_jobs": [None, Integral],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
}

#: Parameters that replace a number of the recipe where they are not None, or 'auto'.
OF_RECIPE = (
    "n_members", "hidden_layer_sizes", "activation", "n_bins", "max_iter", "batch_size", "learning_rate",
    "weight_decay", "dropout", "validation_fraction",
)  # fmt: skip


class BaseTabularMLP(BaseEstimator):
    """Base class of `TabularMLPClassifier` and `TabularMLPRegressor`."""

    _parameter_constraints: dict[str, list[Any]] = CONSTRAINTS

    # Implemented by the two estimators.

    @abstractmethod
    def _encode_targets(self, y: Any, first: bool) -> np.ndarray:
        """Return targets as the loss reads them, (n, n_targets); with `first`, learn what they mean."""

    @abstractmethod
    def _choose_loss(self, recipe: Recipe) -> tuple[BaseLoss, str | BaseActivation, int]:
        """Return loss, output activation and number of outputs."""

    @abstractmethod
    def _weigh(self, encoded: np.ndarray, sample_weight: np.ndarray | None, reference: np.ndarray) -> Any:
        """Return the rows' weights, class weights included."""

    @abstractmethod
    def _codes(self, encoded: np.ndarray) -> np.ndarray | None:
        """Return what the split is stratified by."""

    @abstractmethod
    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return the predictions for outputs (n, n_outputs)."""

    # Public methods of both.

    def get_recipe(self) -> dict[str, Any]:
        """Return the numbers of the training: the recipe's, with those that parameters replace.

        After a fit they are those that were used, with what `max_seconds` has changed.

        Returns
        -------
        recipe : dict
        """
        return getattr(self, "recipe_", self._recipe()).as_dict()

    def _recipe(self) -> Recipe:
        recipe = recipe_of(self.recipe, is_classifier(self))
        given = {name: getattr(self, name) for name in OF_RECIPE}
        changes = {name: value for name, value in given.items() if value is not None and value != "auto"}
        if "hidden_layer_sizes" in changes:
            changes["hidden_layer_sizes"] = tuple(check_hidden_layer_sizes(changes["hidden_layer_sizes"]))
        if self.numeric_encoding != "auto":
            changes["numeric_encoding"] = self.numeric_encoding
        if self.max_one_hot_categories != "auto":
            changes["max_one_hot_categories"] = self.max_one_hot_categories
        return replace(recipe, **changes)

    def _fit(self, X: Any, y: Any, sample_weight: Any, given: tuple[Any, Any, Any]) -> Self:
        """Fit a copy, so that a refused fit leaves the model itself unchanged."""
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        draft = object.__new__(type(self))
        draft.__dict__.update(self.__dict__)
        draft._train(X, y, sample_weight, given)
        self.__dict__ = draft.__dict__
        return self

    def _train(self, X: Any, y: Any, sample_weight: Any, given: tuple[Any, Any, Any]) -> None:
        continues = self.warm_start and hasattr(self, "members_")
        recipe = self._recipe()
        n_threads = count_threads(self.n_jobs)
        encoded, targets = self._encode_rows(X, y, sample_weight, recipe, first=not continues)
        validation = self._given_rows(given)
        random_state = check_random_state(self.random_state)
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        loss, output, n_outputs = self._choose_loss(recipe)
        encoder = self.encoder_
        activations = [recipe.activation] * len(recipe.hidden_layer_sizes) + [output]
        places = None
        if validation is None and recipe.validation_fraction > 0:
            places = positions(self._codes(targets), encoded.n_rows, np.random.RandomState(seed))

        def member(number: int, of: Recipe = recipe) -> Member:
            encoding = of.encoding_of(number)
            layout = make_layout(encoder, of, encoding, n_outputs)
            model = TableModel(layout, activations, loss, encoded.dtype)
            dataset = rows_for(encoder, encoding, encoded)
            rows, judged = np.arange(encoded.n_rows), None
            if validation is not None:
                judged = replace(validation, dataset=rows_for(encoder, encoding, validation.dataset))
            if places is not None:
                rows, held_out = split_of(places, number, of.validation_fraction)
                if min(rows.size, held_out.size) == 0:
                    raise ValueError(
                        f"With n_samples={encoded.n_rows} and validation_fraction={of.validation_fraction} the "
                        "training or the validation set is empty: change validation_fraction, or give more rows."
                    )
                judged = ValidationRows(dataset, held_out, self._score(encoded, X))
            threads = max(1, n_threads // of.n_members)
            return Member(model, dataset, rows, of, _seed_of(seed, number), judged, threads)

        if self.max_seconds is not None:
            recipe = fit_to_seconds(recipe, self.max_seconds, n_threads, lambda of: member(0, of))
        known = list(self.members_) if continues else []
        members = [member(number, recipe) for number in range(len(known), recipe.n_members)]
        train_members(members, recipe.max_iter, n_threads, self._report(members))
        if all(each.diverged and each.best_epoch == 0 for each in members) and members:
            raise ValueError(
                "Parameters of all members became infinite or NaN in the first epoch: lower learning_rate "
                f"(it is {recipe.learning_rate})."
            )
        if any(each.diverged for each in members):
            warn_user("Training of some members diverged; their best finite parameters are kept.", ConvergenceWarning)
        if self.refit and (places is not None):
            members = self._refit(members, encoded, recipe, seed, len(known), n_threads)
        self.recipe_ = recipe
        self._store(known, members)

    def _refit(
        self, members: list[Member], dataset: Dataset, recipe: Recipe, seed: int, first: int, n_threads: int
    ) -> list[Member]:
        """Train each member again on all rows, to the epoch that was its best."""
        rows, again = np.arange(dataset.n_rows), []
        for number, former in enumerate(members, start=first):
            model = TableModel(former.model.layout, former.model.activations, former.model.loss_function, dataset.dtype)
            threads = max(1, n_threads // recipe.n_members)
            narrow = rows_for(self.encoder_, recipe.encoding_of(number), dataset)
            each = Member(model, narrow, rows, recipe, _seed_of(seed, number), None, threads)
            each.last_epoch = former.best_epoch
            again.append(each)
        train_members(again, recipe.max_iter, n_threads)
        for each, former in zip(again, members, strict=True):
            each.scores, each.validation_losses = former.scores, former.validation_losses
        return again

    def _encode_rows(
        self, X: Any, y: Any, sample_weight: Any, recipe: Recipe, first: bool
    ) -> tuple[Dataset, np.ndarray]:
        """Return the training rows as kernels read them, and their targets; with `first`, learn what both mean."""
        if first:
            self.encoder_ = TableEncoder(
                categorical_features=self.categorical_features,
                max_one_hot_categories=recipe.max_one_hot_categories,
                numeric_encoding="piecewise-linear" if recipe.has_bins else None,
                n_bins=recipe.n_bins,
            )
        targets = self._encode_targets(y, first)
        if first:
            self.encoder_.fit(X, targets, sample_weight, caller=self)
            self.n_features_in_ = self.encoder_.n_features_in_
            self.__dict__.pop("feature_names_in_", None)
            if hasattr(self.encoder_, "feature_names_in_"):
                self.feature_names_in_ = self.encoder_.feature_names_in_
        encoded = self.encoder_.transform(X, caller=self)
        if len(encoded) != len(targets):
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: [{len(encoded)}, {len(targets)}]"
            )
        weights = self._weigh(targets, check_sample_weight(sample_weight, encoded), targets)
        return Dataset(encoded, targets, weights, np.float32), targets

    def _given_rows(self, given: tuple[Any, Any, Any]) -> ValidationRows | None:
        """Return the validation rows that were passed to `fit`."""
        X, y, weights = given
        if X is None and y is None and weights is None:
            return None
        if X is None or y is None:
            raise ValueError("Validation rows need both X_val and y_val: pass both, or none.")
        targets = self._encode_targets(y, first=False)
        encoded = self.encoder_.transform(X, caller=self)
        dataset = Dataset(encoded, targets, check_sample_weight(weights, encoded), np.float32)
        return ValidationRows(dataset, np.arange(dataset.n_rows), self._score(dataset, X))

    def _score(self, dataset: Dataset, X: Any) -> Callable[[np.ndarray, np.ndarray], float] | None:
        """Return what judges an epoch; None for the loss."""
        return None if self.scoring == "loss" else ValidationScore(self, dataset)

    def _report(self, members: list[Member]) -> Callable[[int], bool] | None:
        """Return what is called after each epoch; it prints with `verbose`, and never ends the training."""
        if not self.verbose:
            return None

        def report(epoch: int) -> bool:
            losses = [each.loss_curve[-1] for each in members if not each.diverged]
            line = f"Epoch {epoch}, loss = {np.mean(losses):.6f}"
            judged = [each.validation_losses[-1] for each in members if each.validation_losses]
            print(f"{line}, validation loss = {np.mean(judged):.6f}" if judged else line)
            return False

        return report

    def _store(self, known: list[TableModel], members: list[Member]) -> None:
        """Set the fitted attributes."""
        self.members_ = [*known, *(each.end() for each in members)]
        self.n_outputs_ = self.members_[0].layout.layer_sizes[-1]
        self.best_epochs_ = [*(getattr(self, "best_epochs_", []) if known else []), *(e.best_epoch for e in members)]
        if members:
            self.loss_curve_ = _mean_curve([each.loss_curve for each in members])
            self.validation_loss_curve_ = _mean_curve([each.validation_losses for each in members]) or None
            self.validation_scores_ = _mean_curve([each.scores for each in members]) if self.scoring != "loss" else None
        self.n_iter_ = self.recipe_.max_iter
        self.feature_scales_ = self._scales()

    def _scales(self) -> np.ndarray:
        """Return the mean |s| over the inputs of each column of X, and over the members."""
        means = np.zeros(self.n_features_in_)
        for number, model in enumerate(self.members_):
            layout = model.layout
            feature_of = features_read(self.encoder_, self.recipe_.encoding_of(number))
            plain, codes = feature_of[: layout.n_plain], feature_of[layout.n_plain :]
            of_input = np.concatenate([plain, np.repeat(plain[: layout.n_periodic], 3), np.repeat(codes, 8)])
            counts = np.bincount(of_input, minlength=means.size)
            sums = np.bincount(of_input, np.abs(layout.scales(model.params)), minlength=means.size)
            means += sums / np.maximum(counts, 1) / len(self.members_)
        return means

    def _outputs(self, X: Any) -> np.ndarray:
        """Return the mean outputs of the members, (n, n_outputs) in float64."""
        check_is_fitted(self)
        dataset = Dataset(self.encoder_.transform(X, caller=self), dtype=np.float32)
        encodings = [self.recipe_.encoding_of(number) for number in range(len(self.members_))]
        datasets = {encoding: rows_for(self.encoder_, encoding, dataset) for encoding in set(encodings)}
        each = [datasets[encoding] for encoding in encodings]
        return average_outputs(self.members_, each, count_threads(self.n_jobs))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.target_tags.required = True
        return tags


def _seed_of(seed: int, member: int) -> int:
    """Return a member's seed, which does not depend on how many there are."""
    return int(np.random.SeedSequence([seed, member]).generate_state(1)[0])


def _mean_curve(curves: list[list[float]]) -> list[float]:
    """Return the mean over the members of each epoch."""
    epochs = max((len(curve) for curve in curves), default=0)
    return [float(np.mean([curve[epoch] for curve in curves if epoch < len(curve)])) for epoch in range(epochs)]
