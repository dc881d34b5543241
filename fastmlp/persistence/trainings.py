"""The state of a training, in files: losses and scores so far, the running optimizer, dropout's keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..optimizers import Optimizer, RunningOptimizer
from ..schedules import Schedule
from ..training.dropout_keys import DropoutKeys
from .decoding import Decoder
from .encoding import Encoder

_COUNTS = 1 << 63


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _COUNTS


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _or_none(allows: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or allows(value)


#: What describes a training, with the check of each; in the estimators and in `Network`.
NUMBERS: dict[str, Callable[[Any], bool]] = {
    "n_iter_": _is_count,
    "t_": _is_count,
    "_no_improvement_count": _is_count,
    "loss_": _is_number,
    "best_loss_": _or_none(_is_number),
    "best_validation_score_": _or_none(_is_number),
    "validation_metric_": _or_none(lambda value: isinstance(value, str)),
    "best_epoch_": _or_none(_is_count),
}
#: Numbers of each epoch: lists of floats, or None.
CURVES = ("loss_curve_", "validation_loss_curve_", "validation_scores_")


def encode_history(state: dict[str, Any], encoder: Encoder) -> dict[str, Any]:
    """Return what is there of `NUMBERS` and `CURVES` as JSON."""
    encoded = {}
    for name, allows in NUMBERS.items():
        if name in state:
            value = state[name].item() if isinstance(state[name], np.generic) else state[name]
            if not allows(value):
                raise ValueError(f"{name}={value!r:.80} cannot be stored: it is not what a fit sets.")
            encoded[name] = encoder.encode(value, name)
    for name in CURVES:
        if name in state:
            curve = state[name]
            try:
                encoded[name] = None if curve is None else encoder.array(np.array(curve, np.float64).ravel(), name)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name} cannot be stored: it is no list of numbers ({error}).") from None
    return encoded


def decode_history(tree: Any, decoder: Decoder) -> dict[str, Any]:
    """Return what `encode_history` has encoded."""
    if not isinstance(tree, dict):
        raise ValueError(f"the training is {tree!r:.80}")
    state: dict[str, Any] = {}
    for name, allows in NUMBERS.items():
        if name in tree:
            state[name] = decoder.decode(tree[name], name)
            if not allows(state[name]):
                raise ValueError(f"{name} is {state[name]!r:.80}, which no training has")
    for name in CURVES:
        if name in tree:
            curve = decoder.decode(tree[name], name)
            if curve is not None and not (
                isinstance(curve, np.ndarray) and curve.dtype == np.float64 and curve.ndim == 1
            ):
                raise ValueError(f"{name} is no list of numbers")
            state[name] = None if curve is None else curve.tolist()
    return state


def encode_optimizer(running: RunningOptimizer, encoder: Encoder) -> dict[str, Any]:
    """Return an optimizer in the middle of a training as JSON."""
    numbers = {"t": running.t, "exchanged": running._exchanged, "length": running.length}
    return {
        "optimizer": encoder.encode(running.optimizer, "optimizer"),
        "schedule": encoder.encode(running.schedule, "schedule"),
        **{name: None if value is None else int(value) for name, value in numbers.items()},
        "mean shrinkage": encoder.encode(float(running.mean_shrinkage), "mean shrinkage"),
        "moments": None if running.state is None else encoder.array(running.state, "moments"),
    }


def decode_optimizer(tree: Any, decoder: Decoder, n_params: int | None = None) -> RunningOptimizer:
    """Return what `encode_optimizer` has encoded; its moments must be those of `n_params` parameters, if given."""
    if not isinstance(tree, dict):
        raise ValueError("the optimizer's state is missing")
    optimizer, schedule = (decoder.decode(tree.get(name), name) for name in ("optimizer", "schedule"))
    if not isinstance(optimizer, Optimizer) or not isinstance(schedule, Schedule):
        raise ValueError(f"the optimizer is {optimizer!r:.80}, with the schedule {schedule!r:.80}")
    running = RunningOptimizer(optimizer)
    running.schedule = schedule
    numbers: dict[str, Any] = {name: tree.get(name) for name in ("t", "exchanged", "length")}
    mean_shrinkage = decoder.decode(tree.get("mean shrinkage"), "mean shrinkage")
    counts = all(_is_count(value) or (value is None and name == "length") for name, value in numbers.items())
    if not counts or not _is_number(mean_shrinkage):
        raise ValueError(f"the optimizer's state holds {numbers!r:.120}, which no training has")
    running.t, running._exchanged, running.length = numbers["t"], numbers["exchanged"], numbers["length"]
    running.mean_shrinkage = float(mean_shrinkage)
    if tree.get("moments") is not None:
        running.state = _check_moments(decoder.decode(tree["moments"], "moments"), optimizer.n_moments, n_params)
    return running


def _check_moments(moments: Any, n_moments: int, n_params: int | None) -> np.ndarray:
    if not isinstance(moments, np.ndarray) or moments.dtype not in (np.float32, np.float64) or moments.ndim != 1:
        raise ValueError("the optimizer's moments are no vector of floats")
    fits = moments.size % max(n_moments, 1) == 0 if n_params is None else moments.size == n_moments * n_params
    if not fits:
        raise ValueError(
            f"the optimizer has {moments.size} moments, but a rule with {n_moments} for each parameter needs "
            f"{'a multiple' if n_params is None else n_moments * n_params}"
        )
    return moments


def encode_dropout_keys(keys: DropoutKeys) -> dict[str, int]:
    """Return the source of dropout's random bits as JSON."""
    return {"seed": int(keys.seed), "step": int(keys.step)}


def decode_dropout_keys(tree: Any) -> DropoutKeys:
    """Return what `encode_dropout_keys` has encoded."""
    seed, step = (tree.get("seed"), tree.get("step")) if isinstance(tree, dict) else (None, None)
    if type(step) is not int or type(seed) is not int or not 0 <= seed < 1 << 64 or not _is_count(step):
        raise ValueError(f"dropout has the seed {seed!r:.80} and the step {step!r:.80}")
    return DropoutKeys(seed, step)
