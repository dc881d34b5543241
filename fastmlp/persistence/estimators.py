"""`MLPClassifier` and `MLPRegressor` in files."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common.checks import counted
from ..engine.layout import Layout
from ..estimators.base import BaseMLP
from ..estimators.checks import check_hidden_layer_sizes, fitted_labels
from ..estimators.classifier import MLPClassifier
from ..estimators.parameters import hidden_activations
from ..estimators.regressor import MLPRegressor
from ..estimators.solver_parameters import adopt_optimizer
from ..optimizers import RunningOptimizer
from .decoding import Decoder
from .encoding import Encoder
from .trainings import (
    decode_dropout_keys,
    decode_history,
    decode_optimizer,
    encode_dropout_keys,
    encode_history,
    encode_optimizer,
)

ESTIMATORS: dict[str, type[BaseMLP]] = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}
#: Name in the file, attribute, its length, and what it is, for messages.
_TUPLES = (
    ("fitted output", "_fitted_output", 2, "loss and output_activation of the fit"),
    ("judge", "_judge", 3, "what early stopping judges by"),
)
_LABEL_KINDS = ("binary", "multiclass", "multilabel-indicator", "multilabel-sequences")


def encode_estimator(estimator: BaseMLP, encoder: Encoder) -> dict[str, Any]:
    """Return an estimator as JSON: its parameters and, if it was fitted, the rest.

    Raises
    ------
    ValueError
        If a parameter is not allowed, or something cannot be stored.
    """
    model, parameters = encode_parameters(estimator, encoder)
    return {"parameters": parameters, "fitted": _encode_fitted(model, encoder) if hasattr(model, "coefs_") else None}


def encode_parameters(estimator: Any, encoder: Encoder) -> tuple[Any, dict[str, Any]]:
    """Return an estimator's state as it is now, an estimator of its own, and its parameters as JSON."""
    model = object.__new__(type(estimator))
    model.__dict__ = dict(estimator.__dict__)  # one state, even if another thread fits the estimator
    model._validate_params()
    return model, {name: encoder.encode(value, name) for name, value in model.get_params(deep=False).items()}


def _encode_fitted(model: BaseMLP, encoder: Encoder) -> dict[str, Any]:
    model._check_coefs()
    arrays = {}
    for name in ("coefs_", "intercepts_"):
        each = [np.asarray(array) for array in getattr(model, name)]
        each = [
            array if array.dtype.kind in "biuf" and array.itemsize <= 8 else array.astype(np.float64) for array in each
        ]
        arrays[name] = [encoder.array(array, f"{name}[{number}]") for number, array in enumerate(each)]
    state = model.__dict__
    fitted = {
        **arrays,
        "n_features_in_": int(model.n_features_in_),
        "out_activation_": encoder.encode(model.out_activation_, "out_activation_"),
        "training": encode_history(state, encoder),
    }
    for name, attribute, _, what in _TUPLES:
        if attribute in state:
            fitted[name] = encoder.encode(tuple(state[attribute]), what)
    if "feature_names_in_" in state:
        fitted["feature_names_in_"] = encoder.encode(np.asarray(state["feature_names_in_"]), "feature_names_in_")
    if isinstance(model, MLPClassifier):
        fitted |= encode_classes(model.classes_, model._label_binarizer, encoder)
    running = state.get("_optimizer")
    if running is not None and not isinstance(running, RunningOptimizer):  # of a training by scikit-learn
        running = adopt_optimizer(model, _layout(model))
    fitted["optimizer"] = None if running is None else encode_optimizer(running, encoder)
    keys = state.get("_dropout_keys_")
    fitted["dropout"] = None if keys is None else encode_dropout_keys(keys)
    return fitted


def encode_classes(classes: Any, binarizer: Any, encoder: Encoder) -> dict[str, Any]:
    """Return class labels, and what kind of targets they are from, as JSON."""
    labels = {"kind": binarizer.y_type_, "sparse": bool(binarizer.sparse_input_)}
    return {"classes_": encoder.encode(np.asarray(classes), "classes_"), "labels": labels}


def decode_estimator(kind: type[BaseMLP], tree: dict[str, Any], decoder: Decoder) -> BaseMLP:
    """Return what `encode_estimator` has encoded."""
    estimator: BaseMLP
    estimator, fitted = decode_parameters(kind, tree, decoder)
    try:
        hidden = check_hidden_layer_sizes(estimator.hidden_layer_sizes)
        hidden_activations(estimator.activation, len(hidden))
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error
    if fitted is None:
        return estimator
    estimator.__dict__.update(_decode_arrays(fitted, decoder))
    estimator.__dict__.update(_decode_fitted(estimator, fitted, decoder))
    if isinstance(estimator, MLPClassifier):
        estimator.__dict__.update(_decode_classes(estimator, fitted, decoder))
    return estimator


def decode_parameters(kind: Any, tree: dict[str, Any], decoder: Decoder) -> tuple[Any, dict[str, Any] | None]:
    """Return an estimator with its parameters, and the JSON of its fitted part, or None."""
    parameters, fitted = tree.get("parameters"), tree.get("fitted")
    if not isinstance(parameters, dict):
        raise ValueError("the parameters are missing")
    values = {name: decoder.decode(value, f"{name:.80}") for name, value in parameters.items()}
    unknown = sorted(values.keys() - set(kind._get_param_names()))
    if unknown:
        raise ValueError(f"{kind.__name__} has no parameter {', '.join(unknown):.80} in this version")
    estimator = kind(**values)
    try:
        estimator._validate_params()
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error
    if fitted is not None and not isinstance(fitted, dict):
        raise ValueError("the fitted part is damaged")
    return estimator, fitted


def _decode_arrays(fitted: dict[str, Any], decoder: Decoder) -> dict[str, Any]:
    """Return weights and biases whose shapes fit together."""
    arrays: dict[str, Any] = {}
    for name, n_dims in (("coefs_", 2), ("intercepts_", 1)):
        arrays[name] = decoder.decode(fitted.get(name), name)
        valid = isinstance(arrays[name], list) and all(isinstance(array, np.ndarray) for array in arrays[name])
        if not valid or not arrays[name] or any(array.ndim != n_dims or not array.size for array in arrays[name]):
            raise ValueError(f"{name} is no list of arrays with {n_dims} dimensions")
        if any(array.dtype.kind not in "biuf" for array in arrays[name]):
            raise ValueError(f"{name} holds no numbers")
    coefs = arrays["coefs_"]
    widths = [coefs[0].shape[0], *(coef.shape[1] for coef in coefs)]
    Layout(widths).check(coefs, arrays["intercepts_"])
    if fitted.get("n_features_in_") != widths[0]:
        raise ValueError(f"n_features_in_ is {fitted.get('n_features_in_')!r:.80}, but coefs_[0] has {widths[0]} rows")
    return {**arrays, "n_features_in_": widths[0], "n_layers_": len(widths), "n_outputs_": widths[-1]}


def _layout(estimator: BaseMLP) -> Layout:
    return Layout([np.shape(estimator.coefs_[0])[0], *(np.shape(coef)[1] for coef in estimator.coefs_)])


def _decode_fitted(estimator: BaseMLP, fitted: dict[str, Any], decoder: Decoder) -> dict[str, Any]:
    """Return everything but arrays and classes."""
    state: dict[str, Any] = {"out_activation_": decoder.decode(fitted.get("out_activation_"), "out_activation_")}
    estimator.out_activation_ = state["out_activation_"]
    try:
        estimator._arrays()  # activations and their number
    except TypeError as error:
        raise ValueError(str(error)) from error
    for name, attribute, length, what in _TUPLES:
        if name in fitted:
            state[attribute] = decoder.decode(fitted[name], what)
            if not isinstance(state[attribute], tuple) or len(state[attribute]) != length:
                raise ValueError(f"{what} must be {length} values")
    if "feature_names_in_" in fitted:
        state["feature_names_in_"] = decode_names(fitted["feature_names_in_"], estimator.n_features_in_, decoder)
    state |= decode_history(fitted.get("training"), decoder)
    if fitted.get("optimizer") is not None:
        state["_optimizer"] = decode_optimizer(fitted["optimizer"], decoder, _layout(estimator).size)
    if fitted.get("dropout") is not None:
        state["_dropout_keys_"] = decode_dropout_keys(fitted["dropout"])
    return state


def decode_names(tree: Any, n_features: int, decoder: Decoder) -> np.ndarray:
    """Return the names of the features."""
    names = decoder.decode(tree, "feature_names_in_")
    if not isinstance(names, np.ndarray) or names.shape != (n_features,) or names.dtype != object:
        raise ValueError(f"feature_names_in_ are not the names of {n_features} features")
    return names


def _decode_classes(estimator: MLPClassifier, fitted: dict[str, Any], decoder: Decoder) -> dict[str, Any]:
    """Return the classes, whose number fits the outputs."""
    classes, binarizer = decode_classes(fitted, decoder)
    one_output = classes.size <= 2 and not binarizer.y_type_.startswith("multilabel")
    check_outputs(classes, estimator.n_outputs_, {1, 2} if one_output else {classes.size})
    return {"classes_": classes, "_label_binarizer": binarizer}


def check_outputs(classes: np.ndarray, n_outputs: int, allowed: set[int]) -> None:
    """Refuse a number of outputs that does not fit the classes."""
    if n_outputs not in allowed:
        raise ValueError(f"classes_ has {counted(classes.size, 'label')}, but there are {n_outputs} outputs")


def decode_classes(fitted: dict[str, Any], decoder: Decoder) -> tuple[np.ndarray, Any]:
    """Return class labels, and a binarizer that was fitted to them."""
    classes, labels = decoder.decode(fitted.get("classes_"), "classes_"), fitted.get("labels")
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or not classes.size:
        raise ValueError("classes_ is no vector of labels")
    kind, sparse = (labels.get("kind"), labels.get("sparse")) if isinstance(labels, dict) else (None, None)
    if kind not in _LABEL_KINDS or not isinstance(sparse, bool):
        raise ValueError(f"the labels are of the kind {kind!r:.80}, but it is one of {', '.join(_LABEL_KINDS)}")
    return classes, fitted_labels(classes, kind, sparse)
