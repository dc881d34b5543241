"""`BaseTabularMLP`: fitting and predicting, shared by both estimators for tables."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from ..activations import BaseActivation, as_hidden_activation
from ..common.user_warnings import warn_user
from ..engine.cores import count_threads
from ..engine.dataset import Dataset
from ..engine.matmul_precision import check_precision_name
from ..estimators.checks import check_hidden_layer_sizes, check_sample_weight
from ..estimators.fit_callbacks import check_not_nested
from ..losses import BaseLoss
from .encoder import TableEncoder
from .encodings import PIECEWISE_LINEAR, rows_for
from .ensemble import Ending, average_outputs
from .fit_callbacks import TableCallbacks
from .member import Member, ValidationRows
from .model import TableModel
from .parameters import CONSTRAINTS, OF_RECIPE, is_auto, is_loss, is_same
from .progress import report_of
from .recipes import Recipe, recipe_of
from .results import set_results
from .scores import ValidationScore
from .splits import positions
from .training import EnsembleTraining


class BaseTabularMLP(CallbackSupportMixin, BaseEstimator):
    """Base class of `TabularMLPClassifier` and `TabularMLPRegressor`."""

    _parameter_constraints: dict[str, list[Any]] = CONSTRAINTS
    has_epochs = has_minibatches = True  # for callbacks
    matmul_precision: str = "float32"  # models pickled by earlier versions have none
    best_epochs_: list[int]
    loss_curve_: list[float]
    validation_loss_curve_: list[float] | None
    validation_scores_: list[float] | None
    _encodings: list[str | None]

    # Implemented by the two estimators.

    @abstractmethod
    def _plain_targets(self, y: Any) -> np.ndarray:
        """Return targets as an array of what the user has: labels or numbers, one or several a row."""

    @abstractmethod
    def _learn_targets(self, y: np.ndarray, weights: np.ndarray | None, first: bool) -> None:
        """Learn what plain targets mean; rows of weight zero do not count.

        Without `first` there are members already, and what their outputs mean stays.
        """

    @abstractmethod
    def _encode_targets(self, y: np.ndarray) -> np.ndarray:
        """Return plain targets as the loss reads them, (n, n_targets) in float32."""

    @abstractmethod
    def _choose_loss(self, recipe: Recipe) -> tuple[BaseLoss, str | BaseActivation, int]:
        """Return loss, output activation and number of outputs."""

    @abstractmethod
    def _unlearnt_outputs(self, n_outputs: int) -> np.ndarray:
        """Return outputs of a row, (n_outputs,), that say no more than the mean of the targets."""

    @abstractmethod
    def _weigh(self, encoded: np.ndarray, sample_weight: np.ndarray | None, reference: np.ndarray) -> Any:
        """Return the rows' weights, class weights included; `reference` are the encoded targets of the training."""

    @abstractmethod
    def _codes(self, encoded: np.ndarray) -> np.ndarray | None:
        """Return what the split is stratified by."""

    @abstractmethod
    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return the predictions for outputs (n, n_outputs)."""

    # Public methods of both.

    def get_recipe(self) -> dict[str, Any]:
        """Return the numbers of the training: the recipe's, with those that parameters replace.

        Returns
        -------
        recipe : dict
            After a fit the numbers that were used, with what `max_seconds` has changed.
        """
        if hasattr(self, "recipe_"):
            return self.recipe_.as_dict()
        self._validate_params()
        return self._recipe().as_dict()

    def _recipe(self) -> Recipe:
        recipe = recipe_of(self.recipe, is_classifier(self))
        given = {name: getattr(self, name) for name in OF_RECIPE}
        changes = {name: each for name, each in given.items() if not (each is None or is_auto(each))}
        if "hidden_layer_sizes" in changes:
            changes["hidden_layer_sizes"] = tuple(check_hidden_layer_sizes(changes["hidden_layer_sizes"]))
        for name in ("numeric_encoding", "max_one_hot_categories"):
            if not is_auto(getattr(self, name)):
                changes[name] = getattr(self, name)
        as_hidden_activation(changes.get("activation", recipe.activation))
        return replace(recipe, **changes)

    def _as_used(self, recipe: Recipe, n_rows: int) -> Recipe:
        """Return the recipe with what rows and targets change."""
        return recipe.for_rows(n_rows) if is_auto(self.batch_size) else recipe

    def _fit(self, X: Any, y: Any, sample_weight: Any, given: tuple[Any, Any, Any]) -> Self:
        """Fit a copy, so that a fit that fails leaves the model and its generator unchanged."""
        check_not_nested(self, "fit")
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        generator = check_random_state(self.random_state)
        before = generator.get_state()
        callbacks = TableCallbacks.of(self, X, y, sample_weight)
        former, draft = self.__dict__, object.__new__(type(self))
        draft.__dict__.update(former)
        try:
            told = callbacks if callbacks is not None and callbacks.listening else None
            draft._train(X, y, sample_weight, given, generator, told)
            self.__dict__ = draft.__dict__
            if callbacks is not None:
                callbacks.end()
        except BaseException:
            self.__dict__ = former
            generator.set_state(before)
            raise
        return self

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        given: tuple[Any, Any, Any],
        generator: np.random.RandomState,
        callbacks: TableCallbacks | None,
    ) -> None:
        known: list[TableModel] = list(self.members_) if self.warm_start and hasattr(self, "members_") else []
        n_threads, before = count_threads(self.n_jobs), dict(self.__dict__)
        recipe = self._recipe()
        dataset, plain = self._encode_rows(X, y, sample_weight, recipe, first=not known)
        loss, output, n_outputs = self._choose_loss(recipe)
        if known:
            self._check_continued(known, recipe, loss)
            if recipe.n_members == len(known):
                self.__dict__ = before
                return
        activations = [recipe.activation] * len(recipe.hidden_layer_sizes) + [output]
        seed = int(generator.randint(np.iinfo(np.int32).max))
        training = EnsembleTraining(self.encoder_, n_outputs, activations, loss, dataset, seed, n_threads)
        training.matmul_precision = self.matmul_precision
        self.recipe_ = recipe = self._as_used(recipe, dataset.n_rows)  # scorers' predictions depend on it
        self._choose_validation(training, X, plain, given, recipe)
        if callbacks is not None:
            callbacks.draft, callbacks.known = self, known
        report = report_of(self.verbose)
        members, recipe = training.run(recipe, len(known), self.max_seconds, report, callbacks)
        if self.refit and training.places is not None and not _was_cut(training, members, recipe):
            is_over = None if callbacks is None else callbacks.is_over
            members = training.refit(members, recipe, len(known), is_over)
        self.recipe_ = recipe
        set_results(self, known, members)

    def _check_continued(self, known: list[TableModel], recipe: Recipe, loss: BaseLoss) -> None:
        """Refuse to add members to those that there are if they would not fit together."""
        if recipe.n_members < len(known):
            raise ValueError(
                f"n_members={recipe.n_members} must be larger or equal to len(members_)={len(known)} when "
                "warm_start==True."
            )
        if loss != known[0].loss_function:
            raise ValueError(
                f"warm_start=True adds members with the loss of the first ones, {known[0].loss_function!r}, but the "
                f"parameters give {loss!r}: leave loss and label smoothing as they were, or set warm_start=False."
            )
        wanted, made = self._make_encoder(recipe).get_params(), self.encoder_.get_params()
        changed = [name for name in wanted if not is_same(wanted[name], made[name])]
        if changed:
            raise ValueError(
                f"warm_start=True adds members to a table that is encoded as before, but {', '.join(changed)} changed: "
                "leave the parameters of the encoding as they were, or set warm_start=False."
            )
        if recipe.n_members == len(known):
            warn_user("Warm-start fitting without increasing n_members does not train new members.")

    def _make_encoder(self, recipe: Recipe) -> TableEncoder:
        """Return an encoder for the encodings of all members; with `warm_start` also for those that may be added."""
        encodings = recipe.numeric_encoding
        more = self.warm_start and isinstance(encodings, tuple) and PIECEWISE_LINEAR in encodings
        has_bins = recipe.has_bins or more
        return TableEncoder(
            categorical_features=self.categorical_features,
            max_one_hot_categories=recipe.max_one_hot_categories,
            numeric_encoding=PIECEWISE_LINEAR if has_bins else None,
            n_bins=recipe.n_bins,
        )

    def _encode_rows(
        self, X: Any, y: Any, sample_weight: Any, recipe: Recipe, first: bool
    ) -> tuple[Dataset, np.ndarray]:
        """Return the training rows as kernels read them, and plain targets; with `first`, learn what both mean."""
        plain = self._plain_targets(y)
        check_consistent_length(X, plain)
        weights = check_sample_weight(sample_weight, np.empty((len(plain), 0), np.float32))
        self._learn_targets(plain, weights, first)
        targets = self._encode_targets(plain)
        if first:
            self.encoder_ = self._make_encoder(recipe).fit(X, targets, weights, caller=self)
            self.n_features_in_ = self.encoder_.n_features_in_
            self.__dict__.pop("feature_names_in_", None)
            if hasattr(self.encoder_, "feature_names_in_"):
                self.feature_names_in_ = self.encoder_.feature_names_in_
        encoded = self.encoder_.encode(X, caller=self)
        return Dataset(encoded, targets, self._weigh(targets, weights, targets), np.float32), plain

    def _choose_validation(
        self, training: EnsembleTraining, X: Any, y: np.ndarray, given: tuple[Any, Any, Any], recipe: Recipe
    ) -> None:
        """Set the validation rows of the training: those that were passed to `fit`, or places for a split."""
        outputs = self._unlearnt_outputs(training.n_outputs)

        def score(X: Any, y: Any, weights: np.ndarray | None) -> ValidationScore | None:
            return None if is_loss(self.scoring) else ValidationScore(self, X, y, weights, outputs)

        if any(each is not None for each in given):
            dataset, plain = self._given_rows(given, training.dataset.y)
            score_of_all = score(given[0], plain, dataset.sample_weight)
            training.validation = ValidationRows(dataset, np.arange(dataset.n_rows), score_of_all)
        elif recipe.validation_fraction > 0:
            dataset, random_state = training.dataset, np.random.RandomState(training.seed)
            codes = None if dataset.y is None else self._codes(dataset.y)
            training.places = positions(codes, dataset.n_rows, random_state)
            weights = dataset.sample_weight
            training.score_of = lambda rows: score(
                _safe_indexing(X, rows), y[rows], None if weights is None else weights[rows]
            )
        elif not is_loss(self.scoring):
            raise ValueError(
                f"scoring={self.scoring!r} has no effect without validation rows: set validation_fraction, to 0.2 "
                "say, or pass X_val and y_val to fit; or leave scoring out."
            )

    def _given_rows(self, given: tuple[Any, Any, Any], reference: Any) -> tuple[Dataset, np.ndarray]:
        """Return the validation rows that were passed to `fit`, and their plain targets."""
        X, y, weights = given
        if X is None or y is None:
            missing = " and ".join(name for name, value in (("X_val", X), ("y_val", y)) if value is None)
            raise ValueError(f"Validation rows need both X_val and y_val, but fit was called without {missing}.")
        try:
            plain = self._plain_targets(y)
            check_consistent_length(X, plain)
            targets = self._encode_targets(plain)
            weights = check_sample_weight(weights, np.empty((len(plain), 0), np.float32))
            encoded = self.encoder_.encode(X, caller=self)
        except ValueError as error:
            raise ValueError(f"In the validation data X_val (X) and y_val (y): {error}") from error
        return Dataset(encoded, targets, self._weigh(targets, weights, reference), np.float32), plain

    def _now(self) -> Self:
        """Return a shallow copy, whose state is one even if another thread, or a callback, fits the model meanwhile."""
        check_is_fitted(self)
        model = object.__new__(type(self))
        model.__dict__.update(self.__dict__)
        return model

    def _outputs(self, X: Any) -> np.ndarray:
        """Return the mean outputs of the members, (n, n_outputs) in float64."""
        dataset = Dataset(self.encoder_.encode(X, caller=self), dtype=np.float32)
        datasets = {encoding: rows_for(self.encoder_, encoding, dataset) for encoding in set(self._encodings)}
        each = [datasets[encoding] for encoding in self._encodings]
        precision = check_precision_name(self.matmul_precision)
        for model in self.members_:
            model.matmul_precision = precision
        return average_outputs(self.members_, each, count_threads(self.n_jobs))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.target_tags.required = True
        return tags


def _was_cut(training: EnsembleTraining, members: Sequence[Member], recipe: Recipe) -> bool:
    """Whether the training has ended within an epoch that the members have not made."""
    return training.ending is not Ending.REGULAR and any(each.lacks(recipe.max_iter) for each in members)
