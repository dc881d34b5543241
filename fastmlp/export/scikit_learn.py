"""`to_sklearn` and `from_sklearn`: the same model in the other library."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from ..activations import BaseActivation
from ..engine.layout import Layout
from ..estimators.base import BaseMLP
from ..estimators.checks import arithmetic_type
from ..estimators.classifier import MLPClassifier
from ..estimators.regressor import MLPRegressor
from ..estimators.solver_parameters import adopt_optimizer
from ..losses.outputs import name_of
from ..optimizers import RunningOptimizer
from ..tabular.base import BaseTabularMLP
from .description import describe

_ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
_SOLVERS = ("lbfgs", "sgd", "adam")
_SCHEDULES = ("constant", "invscaling", "adaptive")
_LOSSES: dict[Any, tuple[str, ...]] = {MLPClassifier: ("log_loss",), MLPRegressor: ("squared_error", "poisson")}
#: Parameters of ours alone that scikit-learn's training has in one value only, which is the default.
_OURS = (
    "output_activation", "initializer", "weight_decay", "l1", "dropout", "input_dropout", "max_norm", "clip_norm",
    "clip_value", "ema", "scoring", "validation_ties", "drop_last", "class_weight",
    "matmul_precision",
)  # fmt: skip
_ATTRIBUTES = (
    "n_features_in_", "feature_names_in_", "n_layers_", "n_outputs_", "out_activation_", "loss_", "loss_curve_",
    "best_loss_", "validation_scores_", "best_validation_score_", "n_iter_", "t_", "_no_improvement_count", "classes_",
    "_label_binarizer", "_random_state",
)  # fmt: skip


def to_sklearn(model: BaseMLP, *, for_prediction: bool = False) -> Any:
    """Return the same model of scikit-learn: parameters, weights, losses, and the state of the optimizer.

    It predicts the same up to rounding, and ``partial_fit`` and warm start continue as they would here.

    Parameters
    ----------
    model : MLPClassifier or MLPRegressor
        Fitted or not.
    for_prediction : bool, default=False
        Whether parameters of the training that scikit-learn does not have, such as ``solver=AdamW()``, `dropout` or
        ``loss="huber"``, are left out, so that the result predicts the same, but trains otherwise.

    Returns
    -------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        With copies of all arrays.

    Raises
    ------
    TypeError
        If it is another kind of model, such as a `TabularMLPClassifier`.
    ValueError
        If scikit-learn cannot express it; the message names every parameter that is in the way.

    Examples
    --------
    >>> from fastmlp import MLPRegressor
    >>> from fastmlp.export import to_sklearn
    >>> to_sklearn(MLPRegressor(hidden_layer_sizes=(20,), activation="tanh"))
    MLPRegressor(activation='tanh', hidden_layer_sizes=(20,))
    >>> to_sklearn(MLPRegressor(activation="gelu", dropout=0.1))
    Traceback (most recent call last):
    ...
    ValueError: scikit-learn's MLPRegressor has no activation='gelu', dropout=0.1.
    """
    kind = next((kind for kind in _LOSSES if isinstance(model, kind)), None)
    if isinstance(model, BaseTabularMLP):
        raise TypeError(
            f"scikit-learn has no networks for tables, such as {type(model).__name__}, with encoding, embeddings and "
            "several members: use to_onnx or to_c, or to_torch behind model.encoder_; or an MLPClassifier or "
            "MLPRegressor, which can be moved."
        )
    if kind is None:
        raise TypeError(f"an MLPClassifier or MLPRegressor of fastmlp must be given, got {model!r:.80}.")
    theirs = getattr(neural_network, kind.__name__)
    parameters, missing = _translate_parameters(model, kind, theirs, for_prediction)
    if hasattr(model, "coefs_"):
        if for_prediction and kind is MLPRegressor:  # which has this loss's output, if it has it at all
            parameters["loss"] = "poisson" if name_of(model.out_activation_) == "exp" else "squared_error"
        missing += _missing_outputs(model, parameters.get("loss"), missing)
    if missing:
        cure = "" if for_prediction or not _only_training(missing) else " (with for_prediction=True it is left out)"
        raise ValueError(f"scikit-learn's {kind.__name__} has no {', '.join(missing)}{cure}.")
    estimator = theirs(**parameters)
    if hasattr(model, "coefs_"):
        _copy_fitted(model, estimator)
    return estimator


def _only_training(missing: list[str]) -> bool:
    return not any(
        each.startswith(("activation=", "loss=", "output_activation=", "out_activation_")) for each in missing
    )


def _translate_parameters(
    model: BaseMLP, kind: Any, theirs: Any, for_prediction: bool
) -> tuple[dict[str, Any], list[str]]:
    """Return scikit-learn's parameters, and those that it does not have, as they are written."""
    ours, usual = model.get_params(deep=False), kind().get_params(deep=False)
    names = theirs._get_param_names()
    parameters, missing = {name: ours[name] for name in names if name in ours}, []

    def cannot(name: str, default: Any = None) -> None:
        if for_prediction and name != "activation":
            parameters.pop(name, None)
        else:
            missing.append(f"{name}={ours[name]!r}")

    activation = _one_activation(ours["activation"])
    if activation is None:
        cannot("activation")
    parameters["activation"] = activation
    if ours["loss"] not in _LOSSES[kind]:
        cannot("loss")
    if not isinstance(ours["solver"], str) or ours["solver"] not in _SOLVERS:
        cannot("solver")
    if not isinstance(ours["learning_rate"], str):
        cannot("learning_rate")
    if not isinstance(ours["alpha"], int | float | np.number):
        cannot("alpha")
    if isinstance(ours["verbose"], str):
        parameters["verbose"] = False
    for name in _OURS:
        if name in ours and not _is_usual(ours[name], usual[name]):
            cannot(name)
    return parameters, missing


def _is_usual(value: Any, usual: Any) -> bool:
    try:
        return bool(value is usual or value == usual or (usual == 0 and list(value) == [0] * len(value)))
    except (TypeError, ValueError):
        return False


def _one_activation(activation: Any) -> str | None:
    """Return the name of the activation of all hidden layers, if scikit-learn has it."""
    each = activation if isinstance(activation, list | tuple) else [activation]
    names = {name_of(one) for one in each if isinstance(one, str | BaseActivation)}
    if not names:
        return "relu"  # there is no hidden layer
    (name, *others) = names
    return name if not others and name in _ACTIVATIONS else None


def _missing_outputs(model: BaseMLP, loss: str | None, missing: list[str]) -> list[str]:
    """Return what scikit-learn does not have of the outputs of a fitted model, trained there with this loss."""
    d, written = describe(model), f"loss={model.loss!r}"
    if d.kind == "regressor":
        expected = "exp" if loss == "poisson" else "identity"
    else:
        expected = "softmax" if model._label_binarizer.y_type_ == "multiclass" else "logistic"
    if (d.kind == "classifier" and not d.has_probabilities) or d.n_sorted or len(d.shape) > 1:
        return [] if written in missing else [f"{written} with its predictions"]
    if name_of(model.out_activation_) == expected or written in missing:
        return []
    return [f"out_activation_={model.out_activation_!r} for this task"]


def _copy_fitted(model: BaseMLP, estimator: Any) -> None:
    for name in _ATTRIBUTES:
        if name in model.__dict__:
            setattr(estimator, name, copy.deepcopy(model.__dict__[name]))
    estimator.out_activation_ = name_of(model.out_activation_)
    dtype = arithmetic_type(*model.coefs_)
    for name in ("coefs_", "intercepts_"):
        setattr(estimator, name, [np.array(array, dtype, order="C") for array in getattr(model, name)])
    if estimator.early_stopping:  # what scikit-learn's warm start restores if no epoch is better
        for name in ("coefs", "intercepts"):
            setattr(estimator, f"_best_{name}", [array.copy() for array in getattr(estimator, f"{name}_")])
    running = model.__dict__.get("_optimizer")
    if isinstance(running, RunningOptimizer) and estimator.solver in ("sgd", "adam"):
        estimator._optimizer = _their_optimizer(running, estimator)


def _their_optimizer(running: RunningOptimizer, estimator: Any) -> Any:
    """Return scikit-learn's optimizer in the same state."""
    e, params = estimator, estimator.coefs_ + estimator.intercepts_
    if e.solver == "sgd":
        optimizer = SGDOptimizer(
            params, e.learning_rate_init, e.learning_rate, e.momentum, e.nesterovs_momentum, e.power_t
        )
        optimizer.learning_rate = float(running.schedule(running.t))
        names = ["velocities"]
    else:
        optimizer = AdamOptimizer(params, e.learning_rate_init, e.beta_1, e.beta_2, e.epsilon)
        optimizer.t, optimizer.learning_rate = running.t, running.learning_rate
        names = ["ms", "vs"]
    if running.state is None or running.optimizer.n_moments != len(names):
        return optimizer
    layout = Layout([len(e.coefs_[0]), *(coef.shape[1] for coef in e.coefs_)])
    for name, moments in zip(names, running.state.reshape(len(names), -1), strict=True):
        setattr(optimizer, name, [array.copy() for array in (*layout.coefs(moments), *layout.intercepts(moments))])
    return optimizer


def from_sklearn(estimator: Any) -> Any:
    """Return the same model of fastmlp: parameters, weights, losses, and the state of the optimizer.

    It predicts the same up to rounding, and ``partial_fit`` and warm start continue as they would there.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        Fitted or not.

    Returns
    -------
    model : MLPClassifier or MLPRegressor
        With copies of all arrays.

    Raises
    ------
    TypeError
        If it is another kind of estimator.

    Examples
    --------
    >>> import sklearn.neural_network
    >>> from fastmlp.export import from_sklearn
    >>> from_sklearn(sklearn.neural_network.MLPClassifier((20,), solver="sgd"))
    MLPClassifier(hidden_layer_sizes=(20,), solver='sgd')
    """
    ours: dict[Any, Any] = {neural_network.MLPClassifier: MLPClassifier, neural_network.MLPRegressor: MLPRegressor}
    kind = next((ours[kind] for kind in ours if isinstance(estimator, kind)), None)
    if kind is None:
        raise TypeError(f"an MLPClassifier or MLPRegressor of scikit-learn must be given, got {estimator!r:.80}.")
    names = set(kind._get_param_names())
    model = kind(**{name: value for name, value in estimator.get_params(deep=False).items() if name in names})
    if not hasattr(estimator, "coefs_"):
        return model
    for name in (*_ATTRIBUTES, "coefs_", "intercepts_"):
        if name in vars(estimator):
            model.__dict__[name] = copy.deepcopy(vars(estimator)[name])
    layout = Layout([len(model.coefs_[0]), *(coef.shape[1] for coef in model.coefs_)])
    model.__dict__["_fitted_output"] = model.loss, model.output_activation
    if hasattr(estimator, "_optimizer"):
        model._optimizer = copy.deepcopy(estimator._optimizer)
        model._optimizer = adopt_optimizer(model, layout)
    return model
