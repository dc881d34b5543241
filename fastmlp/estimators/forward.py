"""The estimators' forward pass: scikit-learn's validation, and a fast path for a few rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import check_is_fitted

from ..activations import BaseActivation
from ..engine.cores import ask_threads, most_threads
from ..engine.csc_input import rows_to_predict
from ..engine.matmul_precision import check_precision_name
from ..engine.model import ModelView
from ..engine.prediction import predict
from ..engine.small_batches import SmallBatchPredictor
from ..engine.sparse_input import check_sparse
from ..losses import BaseLoss
from .checks import arithmetic_type, check_arrays
from .inputs import validate_inputs
from .parameters import check_output_activation, hidden_activations

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class _Arrays:
    """Weights, biases, activations and loss of a fitted model, from which networks for any input type are made.

    It holds no reference to the estimator, and does not change when the estimator is fitted again.
    """

    coefs: tuple[np.ndarray, ...]
    intercepts: tuple[np.ndarray, ...]
    activations: tuple[BaseActivation, ...]
    loss: str | BaseLoss
    matmul_precision: str

    def arithmetic_type(self, dtype: np.dtype) -> np.dtype:
        """Return the type of arithmetic for inputs of this type: float32 for products in a lower precision."""
        return np.dtype(np.float32) if self.matmul_precision != "float32" else arithmetic_type(dtype, *self.coefs)

    def view(self, dtype: np.dtype) -> ModelView:
        """Return a network on these arrays, for inputs of this type."""
        model = ModelView(self.coefs, self.intercepts, self.activations, self.loss, self.arithmetic_type(dtype))
        model.matmul_precision = self.matmul_precision
        return model


def _to_single(X: Any) -> Any:
    """Return rows in float32.

    Raises
    ------
    ValueError
        If a number is beyond its range.
    """
    with np.errstate(over="ignore"):
        single = X.astype(np.float32)
    assert_all_finite(single, input_name="X")
    return single


def _is_same(value: Any, other: Any) -> bool:
    try:
        return bool(value is other or value == other)
    except (TypeError, ValueError):  # an array, which has no single answer
        return False


class ForwardPass(BaseEstimator):
    """Predictions, shared by both estimators."""

    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]
    out_activation_: str | BaseActivation
    matmul_precision: str

    def _from_one_state(self, answer: Callable[[Any, Any], _Answer], X: Any) -> _Answer:
        """Return ``answer(model, X)`` for one set of attributes, even if another thread fits the model meanwhile.

        A fit replaces `__dict__` as a whole; mini-batch solvers then train the new arrays, so that an answer during
        their epochs may be of any step. Without one in between, which is the usual case, this costs a comparison;
        with one, the answer is computed again from the state at the start.
        """
        state = self.__dict__
        try:
            found = answer(self, X)
        except Exception:  # of any kind: between two states an answer may fail anywhere, and is computed again
            if self.__dict__ is state:
                raise
        else:
            if self.__dict__ is state:
                return found
        model = object.__new__(type(self))
        model.__dict__ = state
        return answer(model, X)

    def _forward(self, X: Any, both_classes: bool = False) -> np.ndarray:
        """Return the network's outputs for X, (n, n_outputs), with the current `coefs_` and `intercepts_`.

        With `both_classes` a single output p becomes two, 1 − p and p.
        """
        predictor = self._small_batch_predictor(both_classes)
        outputs = None if predictor is None else predictor(X)
        if outputs is not None:
            return outputs
        check_is_fitted(self)
        self._check_output_unchanged()
        check_sparse(X)
        X = validate_inputs(self, X, accept_sparse=["csr", "csc"])
        names = getattr(self, "feature_names_in_", None)
        if predictor is not None and not predictor.has_names(names):
            predictor = None
        if predictor is not None and (outputs := predictor.predict(X)) is not None:
            return outputs
        arrays = self._arrays()
        network = arrays.view(X.dtype)
        if network.layout.layer_sizes[0] != X.shape[1]:
            raise ValueError(
                f"X has {X.shape[1]} features, but coefs_[0] has {network.layout.layer_sizes[0]} rows: set coefs_[0] "
                "to an array with one row for each feature."
            )
        if network.matmul_precision != "float32" and X.dtype != np.float32:
            X = _to_single(X)
        if predictor is None and SmallBatchPredictor.supports(arrays.coefs, arrays.intercepts):
            self.__dict__.setdefault("_small_batches", {})[both_classes] = SmallBatchPredictor(
                arrays.coefs, arrays.intercepts, arrays.view, arrays.arithmetic_type, both_classes, names,
                self._answers_depend_on(), most_threads(self.n_jobs), ask_threads(self.n_jobs),
            )  # fmt: skip
        rows = rows_to_predict(X, network.layout.layer_sizes[1], network.dtype, checked=True)
        return predict(network, rows, None, ask_threads(self.n_jobs), both_classes)

    def _small_batch_predictor(self, both_classes: bool) -> SmallBatchPredictor | None:
        """Return the fast path that an earlier prediction prepared, if the model is unchanged since then."""
        predictor = self.__dict__.get("_small_batches", {}).get(both_classes)
        if predictor is None:
            return None
        try:
            valid = predictor.is_valid_for(self.coefs_, self.intercepts_, self._answers_depend_on())
        except (TypeError, ValueError):  # no list of arrays, or an array in place of a name
            return None
        return predictor if valid else None

    def _arrays(self) -> _Arrays:
        """Return the current arrays and functions that predictions are computed from."""
        self._check_coefs()
        coefs, intercepts = tuple(self.coefs_), tuple(self.intercepts_)
        activations = *hidden_activations(self.activation, len(coefs) - 1), check_output_activation(self)
        return _Arrays(coefs, intercepts, activations, self.loss, check_precision_name(self.matmul_precision))

    def _check_coefs(self) -> None:
        """Check that `coefs_` and `intercepts_`, which a user may have set, are lists of arrays; not their shapes.

        Raises
        ------
        TypeError
            If one of them is not a list of arrays of real numbers.
        ValueError
            If one is empty, or an array has another number of dimensions.
        """
        check_arrays("coefs_", self.coefs_, "weights, (fan_in, fan_out)")
        check_arrays("intercepts_", self.intercepts_, "biases, (fan_out,)")

    def _answers_depend_on(self) -> tuple[Any, ...]:
        """Return the parameters that predictions depend on and that may change between two of them."""
        activation = tuple(self.activation) if isinstance(self.activation, list) else self.activation
        return activation, self.out_activation_, self.n_jobs, self.loss, self.output_activation, self.matmul_precision

    def _check_output_unchanged(self) -> None:
        """Check that `loss` and `output_activation` are those of the fit, which give the outputs their meaning.

        Raises
        ------
        ValueError
            If one of them was changed after the fit.
        """
        fitted = self.__dict__.get("_fitted_output")
        for name, before in zip(("loss", "output_activation"), fitted or (), strict=False):
            if not _is_same(getattr(self, name), before):
                raise ValueError(
                    f"{name}={getattr(self, name)!r} was set after the model was fitted with {name}={before!r}, which "
                    f"changes the meaning of its outputs: fit it again, or set {name} back."
                )

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without objects that hold memory addresses, which the next call prepares again."""
        state: dict[str, Any] = super().__getstate__().copy()
        state.pop("_small_batches", None)
        state.pop("_continuation", None)
        state.pop("_accepted_parameters", None)
        if state.pop("_callback_fit_ctx", None) is not None:  # of a fit that goes on while a callback copies the model
            state.pop("_skl_callbacks_to_teardown", None)
            state.pop("_parent_callback_ctx", None)
            if state.get("_optimizer", self) is None:
                del state["_optimizer"]
        return state
