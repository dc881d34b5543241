"""What both estimators share: scikit-learn's edge around a network. Everything below it is arrays and numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.optimize import _check_optimize_result

from ._fitting import Continuation, Fitting
from ._forward import ForwardPass
from ._parameters import (
    CONSTRAINTS,
    FULL_BATCH,
    adopt_optimizer,
    build_optimizer,
    build_regularisation,
    check_full_batch,
    check_used,
    choose_output,
    hidden_activations,
    keep_output,
)
from ._validation import (
    arithmetic_type,
    check_batch_size,
    check_hidden_layer_sizes,
    check_sample_weight,
    is_plain_matrix,
    split_rows,
)
from ._warnings import warn_user
from .activations import Activation, as_activation
from .base_loss import name_of
from .cores import ask_threads
from .data import Rows
from .dropout import Masks
from .full_batch import lbfgs
from .initializers import as_initializer
from .levenberg_marquardt import levenberg_marquardt
from .losses import BaseLoss, Loss
from .model import TrainableModel
from .newton import newton_cg
from .optimizers import RunningOptimizer
from .prediction import predict
from .progress import Progress
from .regularisation import Regularisation
from .sparse_input import check_sparse
from .training import Diverged, Epoch, History, Plan, Validation, train
from .validation_loss import ValidationLoss

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


class BaseMLP(ForwardPass, ABC):
    """Fitting and forward passes behind scikit-learn's conventions. Use `MLPClassifier` or `MLPRegressor`."""

    _parameter_constraints: dict = CONSTRAINTS

    validation_scores_: list[float] | None
    best_validation_score_: float | None
    validation_metric_: str | None

    # What the two estimators say for themselves.

    @abstractmethod
    def _encode(self, X: Any, y: Any, incremental: bool, first: bool, classes: Any) -> tuple[Any, np.ndarray]:
        """Validated X, and y as the loss's kernel reads it: (n, n_targets) in X's type."""

    @abstractmethod
    def _encode_plain(self, X: np.ndarray, y: Any, classes: Any) -> np.ndarray | None:
        """The same y for a plain X and a model that is fitted; None where scikit-learn should look at it first."""

    @abstractmethod
    def _task(self, n_targets: int) -> tuple[str, int]:
        """The kind of task, one of `losses.TASKS`, and its width, for encoded targets of so many columns."""

    @abstractmethod
    def _score_outputs(self, outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None) -> float:
        """The score of a forward pass against encoded targets."""

    def _output(self, n_targets: int, first: bool) -> tuple[int, str | Activation, BaseLoss]:
        """Number of outputs, output activation and loss, for encoded targets of so many columns.

        A training that goes on keeps what stands in `out_activation_`, unless other parameters ask for another.
        """
        task, width = self._task(n_targets)
        asked = self.loss, self.output_activation
        if first or not hasattr(self, "out_activation_") or self.__dict__.get("_fitted_output", asked) != asked:
            return choose_output(self.loss, self.output_activation, task, width)
        return keep_output(self, task, width)

    # Fitting.

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool, classes: Any = None) -> BaseMLP:
        """Check everything on a draft of the model; only a fit that is not refused changes the model itself."""
        fitting = self._continue(X, y, sample_weight, classes) if incremental else None
        if fitting is None:
            draft = object.__new__(type(self))
            draft.__dict__.update(self.__dict__)
            fitting = draft._prepare(X, y, sample_weight, incremental, classes)
            self.__dict__ = draft.__dict__  # at once: another thread sees the former model or this one
            self._continuation = Continuation(self, fitting) if incremental else None
        self._random_state = fitting.random_state
        if self.solver in FULL_BATCH:
            self._fit_full_batch(fitting)
        else:
            self._fit_stochastic(fitting)
        return self

    def _continue(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> Fitting | None:
        """What the last ``partial_fit`` left ready, for plain rows; None where everything is to be checked anew."""
        continuation = self.__dict__.get("_continuation")
        if continuation is None or not continuation.is_valid_for(self):
            return None
        rows = self._plain_rows(X, y, sample_weight, classes, continuation.fitting.network)
        return None if rows is None else continuation.go_on(self, rows)

    def _plain_rows(
        self, X: Any, y: Any, sample_weight: Any, classes: Any, network: TrainableModel
    ) -> Rows | None:
        """The rows as kernels read them, where scikit-learn's validation would return them as they are; else None."""
        if hasattr(self, "feature_names_in_") or not is_plain_matrix(X, network.layout.units[0]):
            return None
        encoded = self._encode_plain(X, y, classes)
        if encoded is None:
            return None
        network.loss_function.check(network.output_activation, network.layout.units[-1], encoded)
        return Rows(X, encoded, check_sample_weight(sample_weight, X), network.dtype)

    def _prepare(self, X: Any, y: Any, sample_weight: Any, incremental: bool, classes: Any) -> Fitting:
        """Everything before the first step, on a draft: whatever is refused is refused here."""
        check_sparse(X)
        check_sparse(y, "y")
        hidden = check_hidden_layer_sizes(self.hidden_layer_sizes)
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True; use fit, or early_stopping=False.")
        regularisation = build_regularisation(self)
        regularisation.input_rates(len(hidden))
        ask_threads(self.n_jobs)
        check_used(self)
        if self.solver not in FULL_BATCH:
            build_optimizer(self)
        X, y = self._encode(X, y, incremental, first, classes)
        sample_weight = check_sample_weight(sample_weight, X)
        random_state = check_random_state(self.random_state)
        # A generator of the user's own goes on drawing only if the fit does.
        before = random_state.get_state() if random_state is self.random_state else None
        try:
            network = self._build_network([X.shape[1], *hidden], y.shape[1], X.dtype, first, random_state)
            rows = Rows(X, y, sample_weight, network.dtype)
            if self.solver in FULL_BATCH:
                check_full_batch(self.solver, network, rows)
                return Fitting(network, rows, random_state)
            return self._prepare_stochastic(network, rows, regularisation, random_state, incremental)
        except BaseException:
            if before is not None:
                random_state.set_state(before)
            raise

    def _build_network(
        self, units: list[int], n_targets: int, dtype: np.dtype, first: bool, random_state: np.random.RandomState
    ) -> TrainableModel:
        """A network with fresh parameters, or with those of the training that goes on."""
        n_outputs, out_activation, loss = self._output(n_targets, first)
        activations = [*hidden_activations(self.activation, len(units) - 1), as_activation(out_activation)]
        units = [*units, n_outputs]
        if not first:
            self._check_coefs()
        dtype = dtype if first else arithmetic_type(*self.coefs_)
        network = TrainableModel(units, activations, loss, dtype)
        if first:
            one = not isinstance(self.activation, list | tuple)
            names = name_of(self.activation) if one else [name_of(each) for each in self.activation]
            as_initializer(self.initializer)(network.layout, names, random_state, network.params)
            self._store_history(History.new(self.early_stopping))
        else:
            network.layout.fill(network.params, self.coefs_, self.intercepts_)
        self.n_layers_, self.n_outputs_, self.out_activation_ = len(units), n_outputs, out_activation
        self._fitted_output = self.loss, self.output_activation
        self.coefs_, self.intercepts_ = list(network.coefs), list(network.intercepts)
        self._small_batches: dict = {}
        return network

    def _prepare_stochastic(
        self,
        network: TrainableModel,
        rows: Rows,
        regularisation: Regularisation,
        random_state: np.random.RandomState,
        incremental: bool,
    ) -> Fitting:
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer = build_optimizer(self)
        elif not isinstance(self._optimizer, RunningOptimizer):
            self._optimizer = adopt_optimizer(self, network.layout)
        order, validate = self._split(network, rows, random_state)
        plan = Plan(
            check_batch_size(self.batch_size, order.size), self.max_iter, self.shuffle, self.tol, self.n_iter_no_change,
            one_epoch=incremental, regularisation=regularisation,
        )  # fmt: skip
        masks = self._dropout_masks(regularisation, random_state, incremental)
        epoch = Epoch(
            network, rows, self._optimizer, order, plan.batch_size, ask_threads(self.n_jobs), regularisation, masks
        )
        return Fitting(network, rows, random_state, regularisation, plan, order, validate, masks, epoch)

    def _fit_stochastic(self, fitting: Fitting) -> None:
        history = self._history()
        assert fitting.plan is not None and fitting.order is not None
        try:
            converged = train(
                fitting.network, fitting.rows, self._optimizer, fitting.plan, history, l2=self.alpha,
                order=fitting.order, random_state=fitting.random_state, progress=Progress(self.verbose),
                validate=fitting.validate, masks=fitting.masks, epoch=fitting.epoch,
            )  # fmt: skip
        except Diverged as error:
            self._report_divergence(error.epoch, error.best_epoch)
            converged, history.not_finite = True, None  # which came before it
        finally:
            self._store_history(history)
        if history.not_finite is not None:
            what, value, epoch = history.not_finite
            self._report_loss(what, value, f"epoch {epoch}", fitting.network.loss_function)
        if not converged:
            warn_user(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization "
                "hasn't converged yet.",
                ConvergenceWarning,
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
    ) -> tuple[np.ndarray, Validation | None]:
        """The rows to train on, and with early stopping the score on the others, or the negative of their loss."""
        if not self.early_stopping:
            self.validation_metric_ = None
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

        n_threads = ask_threads(self.n_jobs)
        metric = network.loss_function.validation_metric(network.output_activation, self._task(rows.n_targets)[0])
        self._judge_by(metric, network.loss_function)
        if metric == "neg_loss":
            loss = ValidationLoss(network, rows, validation, n_threads)
            return order, Validation(lambda: -loss(), metric)

        def score() -> float:
            return self._score_outputs(predict(network, rows, validation, n_threads), y, weights)

        return order, Validation(score, metric)

    def _judge_by(self, metric: str, loss: BaseLoss) -> None:
        """Scores of another kind, of the training that goes on, are no measure for those that come."""
        judge = metric, loss if metric == "neg_loss" else None
        if getattr(self, "_judge", judge) != judge:
            self.validation_scores_, self.best_validation_score_, self._no_improvement_count = [], -np.inf, 0
        self._judge, self.validation_metric_ = judge, metric

    def _report_loss(self, what: str, value: float, when: str, loss: BaseLoss) -> None:
        """A loss or a score that is no number, of weights that are: said once a fit, and the model stays."""
        dtype = arithmetic_type(*self.coefs_)
        if isinstance(loss, Loss):
            advice = f"make {loss!r} finite for every output and target."
        else:
            advice = (
                f"scale y{' or give X as float64' if dtype == np.float32 else ''}, scale X, for instance with "
                "StandardScaler, or lower the learning rate."
            )
        warn_user(
            f"The {what} came out {'NaN' if np.isnan(value) else 'infinite'} in {when}, with loss={self.loss!r} in "
            f"{dtype}, while the weights stayed finite: from there on it says nothing of whether training improves. "
            f"{advice[0].upper()}{advice[1:]}",
            ConvergenceWarning,
        )

    def _report_divergence(self, epoch: int, best_epoch: int) -> None:
        cause = (
            f" They became infinite or NaN in epoch {epoch}, with solver={self.solver!r} and "
            f"learning_rate_init={self.learning_rate_init}: scale the inputs (and a regressor's targets), for "
            "instance with StandardScaler, or lower learning_rate_init."
        )
        if not self.early_stopping:
            raise ValueError(_NON_FINITE + cause)
        if best_epoch:
            restored = f"the best finite weights, of epoch {best_epoch}, are restored."
        else:
            restored = "no epoch before had a score to keep, so the weights that it began with are restored."
        warn_user(
            f"Training diverged and was stopped; {restored}{cause}",
            ConvergenceWarning,
        )

    def _fit_full_batch(self, fitting: Fitting) -> None:
        network, rows = fitting.network, fitting.rows
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
        if self.solver != "lbfgs" and not np.isfinite(result.fun):
            raise ValueError(
                f"{self.solver} has made no step: with loss={self.loss!r} the loss is {result.fun} at the weights that "
                "it begins with, which are finite. Scale y and X, for instance with StandardScaler, or mend a loss of "
                "your own."
            )
        if self.solver == "lbfgs":
            self.n_iter_ = _check_optimize_result("lbfgs", result, self.max_iter)
        else:
            self.n_iter_ = int(result.nit)
            if not result.success:
                warn_user(f"{self.solver}: {result.message}", ConvergenceWarning)
        if not np.isfinite(network.params).all():
            raise ValueError(
                f"{_NON_FINITE} They became infinite or NaN within {self.n_iter_} iterations of {self.solver}: scale "
                "the inputs (and a regressor's targets), for instance with StandardScaler."
            )
        if not np.isfinite(result.fun):
            self._report_loss("loss", self.loss_, f"iteration {self.n_iter_} of {self.solver}", network.loss_function)

    # A training's history, as scikit-learn's attributes.

    def _history(self) -> History:
        return History(
            getattr(self, "loss_curve_", []), getattr(self, "best_loss_", np.inf),
            getattr(self, "validation_scores_", None), getattr(self, "best_validation_score_", None),
            getattr(self, "_no_improvement_count", 0), getattr(self, "n_iter_", 0), getattr(self, "t_", 0),
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
