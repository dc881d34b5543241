"""`DaskMLP`: what makes an estimator train on the workers of a Dask cluster."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, NoReturn, Self

import numpy as np
from sklearn.base import _clone_parametrized
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..callbacks import Checkpoint, History, LearningRateFinder
from ..engine.cores import ask_threads
from ..engine.dataset import Dataset
from ..estimators.base import BaseMLP
from ..estimators.checks import check_batch_size, check_hidden_layer_sizes, clip_batch_size
from ..estimators.fitting import MinibatchFitting
from ..estimators.parameters import FULL_BATCH
from ..estimators.solver_parameters import build_optimizer, build_regularization, check_used
from ..estimators.validation_rows import NOT_GIVEN, GivenRows
from ..training.config import TrainingConfig, TrainingState, begin_schedules, warn_of_early_end
from .libraries import find_client, is_collection
from .outer import OuterStep
from .parameters import DASK_PARAMETERS
from .predicting import predict_lazily
from .rounds import Rounds
from .shards import Shards, describe_partitions, make_shards
from .summary import Summary

#: Callbacks that look into the training of this process.
REFUSED_CALLBACKS = (Checkpoint, History, LearningRateFinder)


class DaskMLP(BaseMLP):
    """Base class of `DaskMLPClassifier` and `DaskMLPRegressor`."""

    warm_start: bool
    client: Any
    sync: str | int
    outer_learning_rate: float
    outer_momentum: float
    _plain: type[BaseMLP]

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Fit the model to the rows of Dask's collections, on the workers that hold them.

        Parameters
        ----------
        X : dask Array or DataFrame of shape (n_samples, n_features)
            The input data; blocks of an array may be sparse. Chunk sizes may be unknown.
        y : dask Array, Series or DataFrame of shape (n_samples,) or (n_samples, n_targets)
            The targets, with the partitions of X.
        sample_weight : dask Array or Series of shape (n_samples,), default=None
            Sample weights, with the partitions of X.
        X_val, y_val, sample_weight_val : dask Array or DataFrame, or array-like, default=None
            Validation data, which are collected in this process, and whose loss is computed here after each epoch.

        Returns
        -------
        self : DaskMLPClassifier or DaskMLPRegressor
            The fitted model.
        """
        given = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
        super().fit(X, y, sample_weight, **given)
        return self

    def to_local(self) -> Any:
        """Return the plain estimator, with the parameters and attributes of this one.

        Returns
        -------
        model : MLPClassifier or MLPRegressor
            It shares arrays with this model, and needs no Dask.
        """
        return _as_plain(self)

    def _fitted_plain(self) -> Any:
        check_is_fitted(self)
        return _as_plain(self)

    def _each(self, X: Any, method: str) -> Any:
        """Return what a method of the plain estimator says of X, lazily for Dask's collections."""
        plain = self._fitted_plain()
        return predict_lazily(plain, method, X) if is_collection(X) else getattr(plain, method)(X)

    @property
    def partial_fit(self) -> NoReturn:
        """Not available: `dask_ml.wrappers.Incremental` calls that of the plain estimator."""
        raise AttributeError(
            f"{type(self).__name__} has no partial_fit: use {self._plain.__name__}, with "
            f"dask_ml.wrappers.Incremental({self._plain.__name__}()) for Dask's arrays."
        )

    def _prepare(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        incremental: bool,
        classes: Any,
        checked: Any = None,
        given: GivenRows = NOT_GIVEN,
    ) -> MinibatchFitting:
        """Check all arguments, parameters and rows, and place the rows on the workers."""
        self._check_supported(given)
        check_used(self)
        regularization = build_regularization(self)
        regularization.input_rates(len(check_hidden_layer_sizes(self.hidden_layer_sizes)))
        ask_threads(self.n_jobs)
        self._optimizer = build_optimizer(self)
        client = find_client(self)
        with describe_partitions(client, X, y, sample_weight, self._classifies) as (partitions, summary):
            fitting, model = self._prepare_here(summary, given)
            shards = make_shards(client, partitions, model, copy.deepcopy(fitting.random_state))
            self._prepare_rounds(fitting, client, shards)
        return fitting

    def _check_supported(self, given: GivenRows) -> None:
        """Refuse what needs all rows on one machine."""
        name = type(self).__name__
        if isinstance(self.solver, str) and self.solver in FULL_BATCH:
            raise ValueError(
                f"solver={self.solver!r} has all rows in each step, which {name} does not support: use a solver with "
                "mini-batches such as 'adam'."
            )
        if self.early_stopping and given[0] is None and given[1] is None:
            raise ValueError(
                f"early_stopping=True sets rows of X aside, which {name} does not support: pass X_val and y_val, by "
                "which it then stops, or use early_stopping=False."
            )
        if self.ema is not None and not self._outer().is_plain:
            raise ValueError(
                f"ema={self.ema!r} has no meaning with outer_learning_rate={self.outer_learning_rate!r} and "
                f"outer_momentum={self.outer_momentum!r}, which move the parameters between rounds: use one of them."
            )
        for callback in self.__dict__.get("_skl_callbacks", ()):
            if isinstance(callback, REFUSED_CALLBACKS):
                raise ValueError(
                    f"{callback!r} needs the training's rows or gradients, which are on the workers of {name}: remove "
                    "it with set_callbacks()."
                )

    def _outer(self) -> OuterStep:
        return OuterStep(self.outer_learning_rate, self.outer_momentum)

    def _prepare_here(self, summary: Summary, given: GivenRows) -> tuple[MinibatchFitting, BaseMLP]:
        """Return everything but the rounds, and the model that workers train, from what all partitions have in common.

        The random numbers are drawn in the order of a fit of the plain estimator.
        """
        first = not hasattr(self, "coefs_") or not self.warm_start
        self._adopt_labels(summary, first)
        X, y = self._encode_head(summary, first)
        self._random_state = random_state = check_random_state(self.random_state)
        hidden = check_hidden_layer_sizes(self.hidden_layer_sizes)
        network = self._build_network([X.shape[1], *hidden], y.shape[1], summary.dtype, first, random_state)
        network.compile_custom()
        model = _as_plain(self)
        self._set_class_weight(model, summary)
        held = model._check_given(_collected(given), y)
        dataset = Dataset(X, y, None, network.dtype)
        _, validation = self._choose_validation(network, X, dataset, held, random_state)
        config = TrainingConfig(
            self.batch_size, self.max_iter, False, self.tol, self.n_iter_no_change, l2=self.alpha,
            regularization=build_regularization(self), drop_last=bool(self.drop_last),
        )  # fmt: skip
        state = TrainingState(self._optimizer.begin(), np.arange(0), random_state)
        runner: Any = None
        fitting = MinibatchFitting(network, dataset, random_state, config, state, runner, validation)
        model.warm_start, model.coefs_, model.intercepts_ = False, list(network.coefs), list(network.intercepts)
        return fitting, model

    def _encode_head(self, summary: Summary, first: bool) -> tuple[Any, np.ndarray]:
        """Return the first row, validated and encoded; a warm start does not expect all classes in it."""
        warm_start, self.warm_start = self.warm_start, False
        try:
            return self._encode(summary.head.X, summary.head.y, True, first, None)
        finally:
            self.warm_start = warm_start

    def _prepare_rounds(self, fitting: MinibatchFitting, client: Any, shards: Shards) -> None:
        """Complete a fitting by the rounds on these shards."""
        largest = max(shards.n_rows)
        check_batch_size(self.batch_size, min(shards.n_rows))  # for its warning
        config = replace(fitting.config, batch_size=clip_batch_size(self.batch_size, largest))
        begin_schedules(self._optimizer, config, largest)
        warn_of_early_end(self._optimizer, config, largest)
        outer = self._outer()
        alone = len(shards.n_rows) == 1 and outer.is_plain  # nothing is averaged
        sync = None if alone or isinstance(self.sync, str) else int(self.sync)
        runner: Any = Rounds(client, fitting.network, fitting.state.optimizer, shards, config, sync, outer)
        fitting.config, fitting.runner = config, runner

    # Implemented by the two estimators.

    _classifies = False

    def _adopt_labels(self, summary: Summary, first: bool) -> None:
        """Set the classes of all partitions."""

    def _set_class_weight(self, model: Any, summary: Summary) -> None:
        """Give the workers' model the class weights of all partitions."""

    # Copies.

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "client": None}

    def __sklearn_clone__(self) -> Any:
        made = _clone_parametrized(copy.copy(self))  # which has no client: it cannot be copied
        made.client = self.client
        return made


def _as_plain(model: Any) -> Any:
    """Return a plain estimator that shares the attributes of one for Dask."""
    plain = object.__new__(model._plain)
    plain.__dict__.update({name: value for name, value in model.__getstate__().items() if name not in DASK_PARAMETERS})
    return plain


def _collected(given: GivenRows) -> GivenRows:
    """Return validation rows in the memory of this process."""
    return tuple(each.compute() if is_collection(each) else each for each in given)
