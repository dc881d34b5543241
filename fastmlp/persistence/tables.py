"""`TabularMLPClassifier` and `TabularMLPRegressor` in files."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..activations import BaseActivation, as_hidden_activation
from ..losses import BaseLoss
from ..tabular.base import BaseTabularMLP
from ..tabular.classifier import TabularMLPClassifier
from ..tabular.encodings import PERIODIC, PIECEWISE_LINEAR, make_layout
from ..tabular.model import TableModel
from ..tabular.recipes import SCHEDULES, Recipe, recipe_of
from ..tabular.regressor import TabularMLPRegressor
from ..tabular.results import feature_scales
from .decoding import Decoder
from .encoding import Encoder
from .estimators import check_outputs, decode_classes, decode_parameters, encode_classes, encode_parameters
from .table_encoders import decode_table_encoder, encode_table_encoder
from .trainings import decode_history, encode_history

ESTIMATORS: dict[str, type[BaseTabularMLP]] = {
    "TabularMLPClassifier": TabularMLPClassifier, "TabularMLPRegressor": TabularMLPRegressor,
}  # fmt: skip


def encode_table_estimator(estimator: BaseTabularMLP, encoder: Encoder) -> dict[str, Any]:
    """Return an estimator for tables as JSON: its parameters and, if it was fitted, the rest.

    Raises
    ------
    ValueError
        If a parameter is not allowed, or something cannot be stored.
    """
    model, parameters = encode_parameters(estimator, encoder)
    return {"parameters": parameters, "fitted": _encode_fitted(model, encoder) if hasattr(model, "members_") else None}


def _encode_fitted(model: Any, encoder: Encoder) -> dict[str, Any]:
    members = [
        _encode_member(member, encoding, number, encoder)
        for number, (member, encoding) in enumerate(zip(model.members_, model._encodings, strict=True))
    ]
    fitted = {
        "encoder": encode_table_encoder(model.encoder_, encoder),
        "recipe": {name: encoder.encode(value, f"recipe_.{name}") for name, value in model.recipe_.as_dict().items()},
        "loss": encoder.encode(model.members_[0].loss_function, "loss"),
        "n_outputs_": int(model.n_outputs_),
        "members": members,
        "best_epochs_": [int(epoch) for epoch in model.best_epochs_],
        "training": encode_history(vars(model), encoder),
    }
    if isinstance(model, TabularMLPClassifier):
        classes = encode_classes(model.classes_, model._binarizer, encoder)
        return {**fitted, **classes, "label_smoothing_": float(model.label_smoothing_)}
    fitted["one_column"] = bool(model._one_column)
    for name in ("target_mean_", "target_scale_", "target_range_"):
        fitted[name] = encoder.array(np.asarray(getattr(model, name), np.float64), name)
    return fitted


def _encode_member(member: TableModel, encoding: str | None, number: int, encoder: Encoder) -> dict[str, Any]:
    member.check_memory()
    sizes, place = member.layout.layer_sizes, f"members_[{number}]"
    return {
        "numeric_encoding": encoding,
        "hidden_layer_sizes": list(sizes[1:-1]),
        "activation": encoder.encode(member.activations[0], f"{place}.activation") if len(sizes) > 2 else None,
        "learn_slopes": bool(member.layout.slope_offsets),
        "params": encoder.array(member.params, f"{place}.params"),
    }


def decode_table_estimator(kind: type[BaseTabularMLP], tree: dict[str, Any], decoder: Decoder) -> BaseTabularMLP:
    """Return what `encode_table_estimator` has encoded."""
    estimator: BaseTabularMLP
    estimator, fitted = decode_parameters(kind, tree, decoder)
    try:
        estimator._recipe()
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error
    if fitted is None:
        return estimator
    estimator.encoder_ = table = decode_table_encoder(fitted.get("encoder"), decoder)
    estimator.n_features_in_ = table.n_features_in_
    if hasattr(table, "feature_names_in_"):
        estimator.feature_names_in_ = table.feature_names_in_
    estimator.recipe_ = _decode_recipe(estimator, fitted.get("recipe"), decoder)
    loss, n_outputs = decoder.decode(fitted.get("loss"), "loss"), fitted.get("n_outputs_")
    if not isinstance(loss, BaseLoss) or type(n_outputs) is not int or n_outputs < 1:
        raise ValueError(f"the loss is {loss!r:.80}, with {n_outputs!r:.80} outputs")
    decode_targets = _decode_classes if isinstance(estimator, TabularMLPClassifier) else _decode_numbers
    task = decode_targets(estimator, fitted, loss, n_outputs, decoder)
    output = loss.default_output_activation(task)
    loss.check(output, n_outputs, task=task)
    _decode_members(estimator, fitted, loss, output, n_outputs, decoder)
    estimator.__dict__.update(decode_history(fitted.get("training"), decoder))
    estimator.feature_scales_ = feature_scales(estimator)
    return estimator


def _decode_members(
    estimator: Any, fitted: dict[str, Any], loss: BaseLoss, output: Any, n_outputs: int, decoder: Decoder
) -> None:
    members: Any = fitted.get("members")
    epochs: Any = fitted.get("best_epochs_")
    if not isinstance(members, list) or not members or not all(isinstance(each, dict) for each in members):
        raise ValueError("members_ are missing")
    valid = isinstance(epochs, list) and all(type(epoch) is int and epoch >= 0 for epoch in epochs)
    if not valid or len(epochs) != len(members):
        raise ValueError(f"best_epochs_ are not the epochs of {len(members)} members")
    estimator._encodings = [each.get("numeric_encoding") for each in members]
    if any(encoding not in (None, PERIODIC, PIECEWISE_LINEAR) for encoding in estimator._encodings):
        raise ValueError(f"members_ have the encodings {estimator._encodings!r:.80}")
    estimator.members_ = [
        _decode_member(estimator, each, number, (loss, output, n_outputs), decoder)
        for number, each in enumerate(members)
    ]
    estimator.best_epochs_, estimator.n_outputs_ = epochs, n_outputs


def _decode_member(
    estimator: Any, tree: dict[str, Any], number: int, ends: tuple[BaseLoss, Any, int], decoder: Decoder
) -> TableModel:
    """Return a network whose parameters fit its layers."""
    place, sizes, slopes = f"members_[{number}]", tree.get("hidden_layer_sizes"), tree.get("learn_slopes")
    if not isinstance(sizes, list) or not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError(f"{place} has the hidden layers {sizes!r:.80}")
    if not isinstance(slopes, bool):
        raise ValueError(f"{place} has the slopes {slopes!r:.80}")
    loss, output, n_outputs = ends
    recipe = replace(estimator.recipe_, hidden_layer_sizes=tuple(sizes), learn_slopes=slopes)
    layout = make_layout(estimator.encoder_, recipe, estimator._encodings[number], n_outputs)
    params = decoder.decode(tree.get("params"), f"{place}.params")
    if not isinstance(params, np.ndarray) or params.dtype != np.float32 or params.shape != (layout.size,):
        raise ValueError(f"{place}.params are not the {layout.size} parameters of layers {layout.layer_sizes!r:.80}")
    activation = decoder.decode(tree.get("activation"), f"{place}.activation")
    if sizes:
        _check_activation(activation, place)
    model = TableModel(layout, [activation] * len(sizes) + [output], loss, np.float32)
    model.params[...], model.matmul_precision = params, estimator.matmul_precision
    return model


def _check_activation(activation: Any, place: str) -> None:
    if not isinstance(activation, str | BaseActivation):
        raise ValueError(f"{place}.activation is {activation!r:.80}")
    as_hidden_activation(activation)


def _decode_classes(estimator: Any, fitted: dict[str, Any], loss: BaseLoss, n_outputs: int, decoder: Decoder) -> str:
    """Set classes and label smoothing; return the task."""
    estimator.classes_, estimator._binarizer = classes, binarizer = decode_classes(fitted, decoder)
    multilabel = binarizer.y_type_.startswith("multilabel")
    check_outputs(classes, n_outputs, {classes.size if multilabel else max(2, classes.size)})
    smoothing: Any = fitted.get("label_smoothing_")
    if type(smoothing) not in (int, float) or not 0 <= smoothing < 1:
        raise ValueError(f"label_smoothing_ is {smoothing!r:.80}")
    estimator.label_smoothing_ = float(smoothing)
    return "multi-label" if multilabel else "multi-class"


def _decode_numbers(estimator: Any, fitted: dict[str, Any], loss: BaseLoss, n_outputs: int, decoder: Decoder) -> str:
    """Set what scales the targets; return the task."""
    arrays = {
        name: decoder.decode(fitted.get(name), name) for name in ("target_mean_", "target_scale_", "target_range_")
    }
    n_targets = np.size(arrays["target_mean_"])
    for name, array in arrays.items():
        shape = (2, n_targets) if name == "target_range_" else (n_targets,)
        if not isinstance(array, np.ndarray) or array.dtype != np.float64 or array.shape != shape or not n_targets:
            raise ValueError(f"{name} is no array of {shape} numbers")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds infinite numbers or NaN")
    if loss.n_outputs("regression", n_targets) != n_outputs:
        raise ValueError(f"there are {n_targets} targets, but {n_outputs} outputs")
    if not isinstance(fitted.get("one_column"), bool):
        raise ValueError(f"one_column is {fitted.get('one_column')!r:.80}")
    vars(estimator).update(arrays, n_targets_=int(n_targets), _one_column=fitted["one_column"], _loss=loss)
    return "regression"


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_rate(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def _is_encoding(value: Any) -> bool:
    each = value if isinstance(value, tuple) and value else (value,)
    return all(one in (None, PERIODIC, PIECEWISE_LINEAR) for one in each)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


#: What each number of a recipe may be.
_RECIPE: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("n_members", "n_bins", "max_iter", "batch_size"), _is_count),
    **dict.fromkeys(("max_one_hot_categories", "small_batch_size"), lambda value: value is None or _is_count(value)),
    **dict.fromkeys(("learning_rate", "beta_2", "weight_decay", "dropout"), _is_rate),
    **dict.fromkeys(("label_smoothing", "validation_fraction", "scale_decay"), _is_rate),
    **dict.fromkeys(("learn_slopes", "initialize_from_data", "clip_predictions"), _is_bool),
    "hidden_layer_sizes": lambda value: isinstance(value, tuple) and all(map(_is_count, value)),
    "activation": lambda value: isinstance(value, str | BaseActivation),
    "numeric_encoding": _is_encoding,
    "learning_rate_schedule": lambda value: isinstance(value, str) and value in SCHEDULES,
}


def _decode_recipe(estimator: Any, tree: Any, decoder: Decoder) -> Recipe:
    """Return the numbers that were used; those that a file does not have are the recipe's."""
    if not isinstance(tree, dict):
        raise ValueError(f"recipe_ is {tree!r:.80}")
    values = {name: decoder.decode(value, f"recipe_.{name:.80}") for name, value in tree.items()}
    for name, value in values.items():
        if name not in _RECIPE or not _RECIPE[name](value):
            raise ValueError(f"recipe_ has the number {name:.80}={value!r:.80}, which this version does not know")
    return replace(recipe_of(estimator.recipe, isinstance(estimator, TabularMLPClassifier)), **values)
