"""What both estimators share: scikit-learn's edge around a network. Everything below it is arrays and numbers."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import check_is_fitted, validate_data

from ._parameters import CONSTRAINTS, FULL_BATCH, build_optimizer, build_regularisation, hidden_activations
from ._validation import arithmetic_type, check_batch_size, check_hidden_layer_sizes, check_sample_weight, split_rows
from .activations import Activation, as_activation
from .base_loss import name_of
from .cores import ask_threads, most_threads
from .data import Rows
from .dropout import Masks
from .full_batch import lbfgs
from .initializers import as_initializer
from .levenberg_marquardt import levenberg_marquardt
from .losses import BaseLoss
from .model import BorrowedModel, TrainableModel
from .newton import newton_cg
from .prediction import FewRows, arrays_are_as_expected, predict
from .progress import Progress
from .regularisation import Regularisation
from .training import Diverged, History, Plan, train

_NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


def is_stochastic(estimator: BaseMLP) -> bool:
    """Whether the solver goes batch by batch, so that ``partial_fit`` makes sense; raises AttributeError if not."""
    if estimator.solver in FULL_BATCH:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers ('sgd', 'adam', …); "
            f"solver={estimator.solver!r} is not stochastic."
        )
    return True


class BaseMLP(BaseEstimator, ABC):
    """Fitting and forward passes behind scikit-learn's conventions. Use `MLPClassifier` or `MLPRegressor`."""

    _parameter_constraints: dict = CONSTRAINTS

    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]

    # What the two estimators say for themselves.

    @abstractmethod
    def _encode(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        """Validated X, and y as the loss's kernel reads it: (n, n_targets) in X's type."""

    @abstractmethod
    def _output(self, n_targets: int) -> tuple[int, str | Activation, BaseLoss]:
        """Number of outputs, output activation and loss, for encoded targets of so many columns."""

    @abstractmethod
    def _score_outputs(self, outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None) -> float:
        """The score of a forward pass against encoded targets."""

    # Fitting.

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> BaseMLP:
        hidden = check_hidden_layer_sizes(self.hidden_layer_sizes)
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True; use fit, or early_stopping=False.")
        X, y = self._encode(X, y, incremental, reset=first)
        sample_weight = check_sample_weight(sample_weight, X)
        regularisation = self._refuse_early(len(hidden))
        random_state = self._random_state = check_random_state(self.random_state)
        network = self._build_network([X.shape[1], *hidden], y.shape[1], X.dtype, first, random_state)
        rows = Rows(X, y, sample_weight, network.dtype)
        if self.solver in FULL_BATCH:
            self._fit_full_batch(network, rows)
        else:
            self._fit_stochastic(network, rows, regularisation, random_state, incremental)
        return self

    def _refuse_early(self, n_hidden: int) -> Regularisation:
        """Whatever parameters are refused is refused before anything of a former fit is overwritten."""
        regularisation = build_regularisation(self)
        regularisation.input_rates(n_hidden)
        ask_threads(self.n_jobs)
        if self.solver not in FULL_BATCH:
            build_optimizer(self)
        return regularisation

    def _build_network(
        self, units: list[int], n_targets: int, dtype: np.dtype, first: bool, random_state: np.random.RandomState
    ) -> TrainableModel:
        """A network with fresh parameters, or with those of the training that goes on."""
        n_outputs, out_activation, loss = self._output(n_targets)
        activations = [*hidden_activations(self.activation, len(units) - 1), as_activation(out_activation)]
        units = [*units, n_outputs]
        dtype = dtype if first else arithmetic_type(*self.coefs_)
        network = TrainableModel(units, activations, loss, dtype)
        if first:
            named = self.activation if not isinstance(self.activation, list | tuple) else (*self.activation, "relu")[0]
            initialise = as_initializer(self.initializer)
            initialise(network.layout, name_of(named), random_state, network.params)
            self._store_history(History.new(self.early_stopping))
        else:
            network.layout.fill(network.params, self.coefs_, self.intercepts_)
        self.n_layers_, self.n_outputs_, self.out_activation_ = len(units), n_outputs, out_activation
        self.coefs_, self.intercepts_ = list(network.coefs), list(network.intercepts)
        self._few_rows: dict[bool, FewRows] = {}
        return network

    def _fit_stochastic(
        self,
        network: TrainableModel,
        rows: Rows,
        regularisation: Regularisation,
        random_state: np.random.RandomState,
        incremental: bool,
    ) -> None:
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer = build_optimizer(self)
        order, validate = self._split(network, rows, random_state)
        plan = Plan(
            check_batch_size(self.batch_size, order.size), self.max_iter, self.shuffle, self.tol, self.n_iter_no_change,
            one_epoch=incremental, regularisation=regularisation,
        )  # fmt: skip
        masks = self._dropout_masks(regularisation, random_state, incremental)
        history = self._history()
        try:
            converged = train(
                network, rows, self._optimizer, plan, history, l2=self.alpha, order=order, random_state=random_state,
                progress=Progress(self.verbose), validate=validate, n_threads=ask_threads(self.n_jobs), masks=masks,
            )  # fmt: skip
        except Diverged as error:
            self._report_divergence(error.epoch)
            converged = True
        finally:
            self._store_history(history)
        if not converged:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization "
                "hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _dropout_masks(
        self, regularisation: Regularisation, random_state: np.random.RandomState, incremental: bool
    ) -> Masks | None:
        """Where dropout's bits come from; None, and nothing drawn, without dropout."""
        if not regularisation.drops:
            return None
        if not incremental or not hasattr(self, "_masks"):
            self._masks = Masks.draw(random_state)
        return self._masks

    def _split(
        self, network: TrainableModel, rows: Rows, random_state: np.random.RandomState
    ) -> tuple[np.ndarray, Callable[[], float] | None]:
        """The rows to train on, and with early stopping the score on the others."""
        if not self.early_stopping:
            return np.arange(rows.n_rows, dtype=np.int64), None
        assert rows.y is not None
        stratify = None
        if is_classifier(self) and self.n_outputs_ == 1:  # by words that scikit-learn's messages quote
            stratify = np.array(["False", "True"], object)[rows.y[:, 0].astype(np.intp)]
        order, validation = split_rows(rows.n_rows, self.validation_fraction, random_state, stratify)
        y = rows.y[validation]
        weights = None if rows.sample_weight is None else rows.sample_weight[validation]
        if weights is not None and weights.sum() == 0:
            raise ValueError(
                f"The sample weights of the {validation.size} validation rows sum to zero, so they cannot be "
                "scored. Increase 'validation_fraction', or give more rows a weight."
            )

        def validate() -> float:
            return self._score_outputs(predict(network, rows, validation, ask_threads(self.n_jobs)), y, weights)

        return order, validate

    def _report_divergence(self, epoch: int) -> None:
        cause = (
            f" They became infinite or NaN in epoch {epoch}, with solver={self.solver!r} and "
            f"learning_rate_init={self.learning_rate_init}: scale the inputs (and a regressor's targets), for "
            "instance with StandardScaler, or lower learning_rate_init."
        )
        if not self.early_stopping:
            raise ValueError(_NON_FINITE + cause)
        warnings.warn(
            "Training diverged and was stopped; the best finite weights are restored." + cause,
            ConvergenceWarning,
            stacklevel=6,
        )

    def _fit_full_batch(self, network: TrainableModel, rows: Rows) -> None:
        options: dict = {
            "l2": self.alpha, "max_iter": self.max_iter, "tol": self.tol,
            "progress": Progress(self.verbose), "n_threads": ask_threads(self.n_jobs),
        }  # fmt: skip
        if self.solver == "lbfgs":
            result = lbfgs(network, rows, max_fun=self.max_fun, **options)
        else:
            result = (newton_cg if self.solver == "newton-cg" else levenberg_marquardt)(network, rows, **options)
        self.loss_ = float(result.fun)
        if result.interrupted:
            self.n_iter_ = int(result.nit)
            return
        if self.solver == "lbfgs":
            self.n_iter_ = _check_optimize_result("lbfgs", result, self.max_iter)
        else:
            self.n_iter_ = int(result.nit)
            if not result.success:
                warnings.warn(f"{self.solver}: {result.message}", ConvergenceWarning, stacklevel=4)
        if not (np.isfinite(result.fun) and np.isfinite(network.params).all()):
            raise ValueError(
                f"{_NON_FINITE} They became infinite or NaN within {self.n_iter_} iterations of {self.solver}: scale "
                "the inputs (and a regressor's targets), for instance with StandardScaler."
            )

    # A training's history, as scikit-learn's attributes.

    def _history(self) -> History:
        return History(
            getattr(self, "loss_curve_", []), getattr(self, "best_loss_", np.inf),
            getattr(self, "validation_scores_", None), getattr(self, "best_validation_score_", None),
            getattr(self, "_no_improvement_count", 0), self.n_iter_, self.t_,
        )  # fmt: skip

    def _store_history(self, history: History) -> None:
        self.n_iter_, self.t_ = history.n_iter, history.rows_seen
        if self.solver in FULL_BATCH:
            return
        self.loss_curve_, self.best_loss_ = history.loss_curve, history.best_loss
        self.validation_scores_ = history.validation_scores
        self.best_validation_score_ = history.best_validation_score
        self._no_improvement_count = history.no_improvement_count
        if history.loss_curve:
            self.loss_ = history.loss_curve[-1]

    # The forward pass.

    def _forward(self, X: Any, both_classes: bool = False) -> np.ndarray:
        """The network's outputs for X, (n, n_outputs), from what `coefs_` and `intercepts_` hold now.

        With `both_classes` one output p becomes two, 1 − p and p.
        """
        few_rows = self.__dict__.get("_few_rows", {}).get(both_classes)
        if few_rows is not None and few_rows.serves(self.coefs_, self.intercepts_, self._answers_depend_on()):
            outputs = few_rows(X)
            if outputs is not None:
                return outputs
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        dtype = arithmetic_type(X.dtype, *self.coefs_)
        activations = [*hidden_activations(self.activation, len(self.coefs_) - 1), as_activation(self.out_activation_)]
        network = BorrowedModel(self.coefs_, self.intercepts_, activations, self.loss, dtype)
        if network.layout.units[0] != X.shape[1]:
            raise ValueError(
                f"X has {X.shape[1]} features, but coefs_[0] has {network.layout.units[0]} rows: "
                "put an array with a row for each feature into coefs_[0]."
            )
        self._prepare_few_rows(network, both_classes)
        return predict(network, Rows(X, dtype=dtype), None, ask_threads(self.n_jobs), both_classes)

    def _prepare_few_rows(self, network: BorrowedModel, both_classes: bool) -> None:
        """Let the next call with a few rows take the short way, where no names of columns must be compared."""
        borrowed = all(a is b for a, b in zip((*network.coefs, *network.intercepts), network.given, strict=True))
        if borrowed and not hasattr(self, "feature_names_in_") and arrays_are_as_expected():
            self._few_rows[both_classes] = FewRows(
                network, both_classes, self._answers_depend_on(), most_threads(self.n_jobs)
            )

    def _answers_depend_on(self) -> tuple:
        """The parameters that may change between two predictions of one model."""
        activation = tuple(self.activation) if isinstance(self.activation, list) else self.activation
        return activation, self.out_activation_, self.n_jobs

    def __getstate__(self):
        """Without what holds addresses; the next prediction makes it again."""
        state = super().__getstate__().copy()
        if "_few_rows" in state:
            state["_few_rows"] = {}
        return state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
