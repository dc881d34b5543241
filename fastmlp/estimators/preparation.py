"""Preparation of a fit, shared by both estimators: it validates the input, and builds network and workspace."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ..activations import BaseActivation, as_activation
from ..engine.cores import ask_threads
from ..engine.dataset import Dataset
from ..engine.matmul_precision import check_matmul_precision
from ..engine.model import TrainableModel
from ..engine.sample_weights import check_penalties
from ..engine.small_batches import SmallBatchPredictor
from ..engine.sparse_input import check_sparse
from ..initializers import as_initializer
from ..losses import BaseLoss
from ..losses.outputs import name_of
from ..optimizers import RunningOptimizer
from ..regularization import Regularization
from ..schedules import Schedule
from ..training.config import TrainingConfig, TrainingState, check_length_is_known
from ..training.dropout_keys import DropoutKeys
from ..training.epoch import EpochRunner
from ..training.history import TrainingHistory
from .checks import (
    arithmetic_type,
    check_batch_size,
    check_hidden_layer_sizes,
    check_sample_weight,
    is_plain_matrix,
)
from .fitting import Fitting, MinibatchFitting
from .parameters import FULL_BATCH, choose_output, hidden_activations, resume_output
from .solver_parameters import adopt_optimizer, build_optimizer, build_regularization, check_full_batch, check_used
from .validation_rows import NOT_GIVEN, CheckedRows, GivenRows, ValidationRows


class Preparation(ValidationRows):
    """Turn a user's arguments and parameters into a `Fitting`; invalid ones are refused here."""

    # Implemented by the two estimators.

    @abstractmethod
    def _encode(self, X: Any, y: Any, incremental: bool, first: bool, classes: Any) -> tuple[Any, np.ndarray]:
        """Return validated X, and y as the loss's kernel reads it, (n, n_targets) in X's type."""

    @abstractmethod
    def _encode_plain(self, X: np.ndarray, y: Any, classes: Any) -> np.ndarray | None:
        """Return the same y for a plain X and a fitted model; None if scikit-learn's validation is needed."""

    def _output(self, n_targets: int, first: bool) -> tuple[int, str | BaseActivation, BaseLoss]:
        """Return number of outputs, output activation and loss, for `n_targets` columns of targets.

        A training that continues keeps `out_activation_`, unless `loss` or `output_activation` has changed.
        """
        task, width = self._task(n_targets)
        asked = self.loss, self.output_activation
        if first or not hasattr(self, "out_activation_") or self.__dict__.get("_fitted_output", asked) != asked:
            return choose_output(self.loss, self.output_activation, task, width)
        return resume_output(self, task, width)

    def _plain_rows(
        self, X: Any, y: Any, sample_weight: Any, classes: Any, network: TrainableModel
    ) -> CheckedRows | None:
        """Return what `_check_rows` returns if scikit-learn's validation would not change X and y, else None."""
        if hasattr(self, "feature_names_in_") or not is_plain_matrix(X, network.layout.layer_sizes[0]):
            return None
        encoded = self._encode_plain(X, y, classes)
        if encoded is None:
            return None
        network.loss_function.check(network.output_activation, network.layout.layer_sizes[-1], encoded)
        return X, encoded, self._weigh(encoded, check_sample_weight(sample_weight, X), encoded)

    def _check_rows(
        self, X: Any, y: Any, sample_weight: Any, incremental: bool, first: bool, classes: Any
    ) -> CheckedRows:
        """Return validated X, encoded y and sample weights, by scikit-learn's rules."""
        check_sparse(X)
        check_sparse(y, "y")
        X, y = self._encode(X, y, incremental, first, classes)
        return X, y, self._weigh(y, check_sample_weight(sample_weight, X), y)

    def _prepare(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        incremental: bool,
        classes: Any,
        checked: CheckedRows | None = None,
        given: GivenRows = NOT_GIVEN,
    ) -> Fitting:
        """Check all arguments and parameters, and build everything that the first step needs.

        `checked` is what `_check_rows` has returned for these rows, if it was called already; `given` are the
        validation rows.
        """
        hidden = check_hidden_layer_sizes(self.hidden_layer_sizes)
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True; use fit, or early_stopping=False.")
        if incremental and self.ema is not None:
            raise ValueError("partial_fit does not support ema, since each call would begin a new average; use fit.")
        regularization = build_regularization(self)
        regularization.input_rates(len(hidden))
        ask_threads(self.n_jobs)
        check_used(self)
        optimizer = None if self.solver in FULL_BATCH else build_optimizer(self)
        if optimizer is not None and incremental:
            check_length_is_known(optimizer, self.alpha, regularization)
        X, y, sample_weight = checked or self._check_rows(X, y, sample_weight, incremental, first, classes)
        self._random_state = random_state = check_random_state(self.random_state)
        network = self._build_network([X.shape[1], *hidden], y.shape[1], X.dtype, first, random_state)
        held = self._check_given(given, y)
        dataset = Dataset(X, y, sample_weight, network.dtype)
        check_penalties(dataset, alpha=self.alpha, l1=regularization.l1)
        if optimizer is None:
            check_full_batch(self.solver, network, dataset)
            return Fitting(network, dataset, random_state)
        order, validation = self._choose_validation(network, X, dataset, held, random_state)
        self._choose_optimizer(optimizer, network, incremental)
        fitting = self._prepare_stochastic(network, dataset, order, regularization, random_state, incremental)
        fitting.validation = validation
        return fitting

    def _build_network(
        self, layer_sizes: list[int], n_targets: int, dtype: np.dtype, first: bool, random_state: np.random.RandomState
    ) -> TrainableModel:
        """Return a network with new parameters, or with those of a training that continues."""
        n_outputs, out_activation, loss = self._output(n_targets, first)
        activations = [*hidden_activations(self.activation, len(layer_sizes) - 1), as_activation(out_activation)]
        layer_sizes = [*layer_sizes, n_outputs]
        if not first:
            self._check_coefs()
        dtype = dtype if first else arithmetic_type(*self.coefs_)
        anew = "" if first else " anew, with warm_start=False"
        precision = check_matmul_precision(self.matmul_precision, dtype, f"fit on X.astype(numpy.float32){anew}")
        network = TrainableModel(layer_sizes, activations, loss, dtype)
        network.matmul_precision = precision
        if first:
            one = not isinstance(self.activation, list | tuple)
            names = name_of(self.activation) if one else [name_of(each) for each in self.activation]
            as_initializer(self.initializer)(network.layout, names, random_state, network.params)
            self._store_history(TrainingHistory.new(self.early_stopping))
        else:
            network.layout.fill(network.params, self.coefs_, self.intercepts_)
        self.n_layers_, self.n_outputs_, self.out_activation_ = len(layer_sizes), n_outputs, out_activation
        self._fitted_output = self.loss, self.output_activation
        self.coefs_, self.intercepts_ = list(network.coefs), list(network.intercepts)
        self._small_batches: dict[bool, SmallBatchPredictor] = {}
        return network

    def _choose_optimizer(self, new: RunningOptimizer, network: TrainableModel, incremental: bool) -> None:
        """Set the optimizer: a new one, or that of the training that continues."""
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer = new
        elif not isinstance(self._optimizer, RunningOptimizer):
            self._optimizer = adopt_optimizer(self, network.layout)
        else:  # a shallow copy of the model, or another thread, may use the original
            self._optimizer = self._optimizer.copy()

    def _prepare_stochastic(
        self,
        network: TrainableModel,
        dataset: Dataset,
        order: np.ndarray,
        regularization: Regularization,
        random_state: np.random.RandomState,
        incremental: bool,
    ) -> MinibatchFitting:
        l2 = self.alpha if isinstance(self.alpha, Schedule) else float(self.alpha)
        config = TrainingConfig(
            check_batch_size(self.batch_size, order.size), self.max_iter, self.shuffle, float(self.tol),
            self.n_iter_no_change, one_epoch=incremental, l2=l2, regularization=regularization,
            drop_last=bool(self.drop_last),
        )  # fmt: skip
        dropout_keys = self._dropout_keys(regularization, random_state, incremental)
        state = TrainingState(self._optimizer.begin(), order, random_state, dropout_keys)
        runner = EpochRunner.for_training(network, dataset, config, state, ask_threads(self.n_jobs))
        runner.check_schedules(config.l2, order.size)
        return MinibatchFitting(network, dataset, random_state, config, state, runner)

    def _dropout_keys(
        self, regularization: Regularization, random_state: np.random.RandomState, incremental: bool
    ) -> DropoutKeys | None:
        """Return the keys of dropout's random bits; without dropout None, and nothing is drawn."""
        if not regularization.drops:
            return None
        if not incremental or not hasattr(self, "_dropout_keys_"):
            self._dropout_keys_ = DropoutKeys.draw(random_state)
        else:
            self._dropout_keys_ = replace(self._dropout_keys_)
        return self._dropout_keys_

    # The training's history as scikit-learn's attributes.

    def _history(self) -> TrainingHistory:
        curve = getattr(self, "loss_curve_", None)
        curve = curve if isinstance(curve, list) else [] if curve is None else list(curve)  # a user may have set it
        return TrainingHistory(
            curve, getattr(self, "best_loss_", np.inf),
            getattr(self, "validation_scores_", None), getattr(self, "best_validation_score_", None),
            getattr(self, "_no_improvement_count", 0), getattr(self, "n_iter_", 0), getattr(self, "t_", 0),
            validation_losses=getattr(self, "validation_loss_curve_", None),
        )  # fmt: skip

    def _store_history(self, history: TrainingHistory) -> None:
        self.n_iter_, self.t_ = history.n_iter, history.rows_seen
        if self.solver in FULL_BATCH:
            return
        self.loss_curve_, self.best_loss_ = history.loss_curve, history.best_loss
        self.validation_loss_curve_ = history.validation_losses
        self.validation_scores_ = history.validation_scores
        self.best_epoch_ = history.best_epoch if self.early_stopping else None
        self.best_validation_score_ = history.best_validation_score
        self._no_improvement_count = history.no_improvement_count
        if history.loss_curve:
            self.loss_ = history.loss_curve[-1]
