"""Which values the parameters of the estimators for tables may have."""

from __future__ import annotations

import sys
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import Interval, StrOptions

from ..activations import ACTIVATIONS, BaseActivation
from ..common.checks import MOST_BINS, MOST_MEMBERS
from ..engine.matmul_precision import KERNELS
from .recipes import RECIPES

_LARGEST = sys.float_info.max  # integers beyond it are no floats
_POSITIVE = Interval(Real, 0, _LARGEST, closed="right")
_COUNT = Interval(Integral, 1, None, closed="left")
RATE = Interval(Real, 0, 1, closed="left")

CONSTRAINTS: dict[str, list[Any]] = {
    "recipe": [StrOptions(set(RECIPES))],
    "n_members": [None, Interval(Integral, 1, MOST_MEMBERS, closed="both")],
    "hidden_layer_sizes": [None, "array-like", _COUNT],
    "activation": [None, StrOptions(set(ACTIVATIONS)), BaseActivation],
    "numeric_encoding": [None, StrOptions({"auto", "piecewise-linear", "periodic"})],
    "n_bins": [None, Interval(Integral, 1, MOST_BINS, closed="both")],
    "categorical_features": [None, StrOptions({"from_dtype"}), "array-like"],
    "max_one_hot_categories": [None, StrOptions({"auto"}), Interval(Integral, 2, None, closed="left")],
    "max_iter": [None, _COUNT],
    "batch_size": [StrOptions({"auto"}), _COUNT],
    "learning_rate": [None, _POSITIVE],
    "weight_decay": [None, Interval(Real, 0, _LARGEST, closed="both")],
    "dropout": [None, RATE],
    "max_seconds": [None, _POSITIVE],
    "validation_fraction": [None, RATE],
    "scoring": [StrOptions({"loss", *get_scorer_names()}), callable],
    "refit": ["boolean"],
    "n_jobs": [None, Integral],
    "random_state": ["random_state"],
    "verbose": ["verbose", StrOptions({"progress"})],
    "warm_start": ["boolean"],
    "matmul_precision": [StrOptions(set(KERNELS))],
}

#: Parameters that replace a number of the recipe where they are not None, or 'auto'.
OF_RECIPE = (
    "n_members", "hidden_layer_sizes", "activation", "n_bins", "max_iter", "batch_size", "learning_rate",
    "weight_decay", "dropout", "validation_fraction",
)  # fmt: skip


def is_auto(value: Any) -> bool:
    """Whether a parameter is 'auto'; it may be an array."""
    return isinstance(value, str) and value == "auto"


def is_loss(scoring: Any) -> bool:
    """Whether the validation rows are judged by the loss."""
    return isinstance(scoring, str) and scoring == "loss"


def is_same(one: Any, other: Any) -> bool:
    """Whether two parameters are equal; they may be arrays."""
    return bool(np.array_equal(np.asarray(one, object), np.asarray(other, object)))
