"""Conversion of the estimators' parameters to an optimizer and a regularization, with checks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.frozen_params import with_values
from ..derivatives.hessian import check_twice_differentiable
from ..engine.dataset import Dataset
from ..engine.layout import Layout
from ..engine.model import TrainableModel
from ..optimizers import OPTIMIZERS, SGD, Adam, Optimizer, RunningOptimizer, as_optimizer
from ..regularization import Regularization
from ..schedules import Adaptive, Schedule, schedule_by_name
from ..training.levenberg_marquardt import check_least_squares

if TYPE_CHECKING:
    from .base import BaseMLP

from .parameters import FULL_BATCH


def build_optimizer(estimator: BaseMLP) -> RunningOptimizer:
    """Return the optimizer before its first step.

    By name, 'adam' and 'sgd' use scikit-learn's parameters (`momentum`, `beta_1`, …), and all others the learning rate
    and the defaults of their papers. An object has its own parameters.

    Raises
    ------
    ValueError
        If a schedule, a weight decay or another parameter is given that the solver does not use.
    """
    check_used(estimator)
    solver = estimator.solver
    optimizer = solver if isinstance(solver, Optimizer) else _by_name(estimator, solver)
    return _with_decay(optimizer, estimator).begin()


def adopt_optimizer(estimator: BaseMLP, layout: Layout) -> RunningOptimizer:
    """Return the optimizer that continues a training by scikit-learn, whose state was copied into this estimator."""
    theirs, running = estimator._optimizer, build_optimizer(estimator)
    moments = [getattr(theirs, name) for name in ("ms", "vs", "velocities") if hasattr(theirs, name)]
    if len(moments) == running.optimizer.n_moments and moments:
        running.state = np.concatenate([_flatten(layout, arrays) for arrays in moments])
        running.advance(getattr(theirs, "t", 0))
    if isinstance(running.schedule, Adaptive):
        running.schedule = with_values(running.schedule, learning_rate=float(theirs.learning_rate))
    running.after_epoch(getattr(estimator, "t_", 0))
    return running


def _flatten(layout: Layout, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return scikit-learn's list, all weights and then all biases, as one parameter vector."""
    vector = np.zeros(layout.size, arrays[0].dtype)
    layout.fill(vector, arrays[: len(layout.shapes)], arrays[len(layout.shapes) :])
    return vector


def _by_name(estimator: BaseMLP, solver: str) -> Optimizer:
    e = estimator
    schedule = e.learning_rate
    if isinstance(schedule, str):  # scikit-learn ignores the name for 'adam'
        word = "constant" if solver == "adam" else schedule
        schedule = schedule_by_name(word, e.learning_rate_init, e.power_t)
    if solver == "adam":
        return Adam(schedule, e.beta_1, e.beta_2, e.epsilon)
    if solver == "sgd":
        return SGD(schedule, e.momentum, e.nesterovs_momentum)
    return replace(as_optimizer(solver), learning_rate=schedule)


def _with_decay(optimizer: Optimizer, estimator: BaseMLP) -> Optimizer:
    weight_decay = estimator.weight_decay
    if weight_decay is None:
        return optimizer
    if not hasattr(optimizer, "weight_decay"):
        with_decay = ", ".join(repr(name) for name, other in OPTIMIZERS.items() if hasattr(other, "weight_decay"))
        raise ValueError(
            f"weight_decay={weight_decay!r} was given, but solver={estimator.solver!r} has no decoupled weight decay: "
            f"use one of {with_decay}, or alpha, the L2 penalty of every solver."
        )
    return optimizer.with_weight_decay(weight_decay)


#: Solvers that compute in float64, whatever the type of the model.
IN_FLOAT64 = ("newton-cg", "levenberg-marquardt")
#: Parameters of 'sgd' and 'adam' only.
_NUMBERS = ("momentum", "nesterovs_momentum", "beta_1", "beta_2", "epsilon")
_RATES = ("learning_rate_init", "power_t")


def check_used(estimator: BaseMLP) -> None:
    """Refuse parameters that the solver does not use; scikit-learn's with scikit-learn's solvers are accepted.

    Raises
    ------
    ValueError
        If a parameter without effect was given.
    """
    e, scheduled = estimator, isinstance(estimator.learning_rate, Schedule)
    if e.solver in IN_FLOAT64 and e.matmul_precision != "float32":
        raise ValueError(
            f"solver={e.solver!r} computes in float64, where products have no matmul_precision={e.matmul_precision!r}: "
            "use 'float32', the default, for the fit (for predictions it may be set after it), or another solver."
        )
    unused: tuple[str, ...]
    if isinstance(e.solver, Optimizer):
        unused, use = ("learning_rate", *_RATES, *_NUMBERS), "pass these values to the solver object"
    elif e.solver in FULL_BATCH:
        unused = ("learning_rate", "drop_last") if scheduled else ("drop_last",)
        use = "omit it, or choose a solver with mini-batches"
    else:
        unused = _RATES if scheduled else ()
        use = f"pass them to an object such as {as_optimizer(e.solver)!r}"
        if scheduled:
            use = "pass the rates to the schedule"
        if e.solver not in ("sgd", "adam"):
            unused += _NUMBERS
    usual = _usual(type(e))
    given = {name: getattr(e, name) for name in unused if name in usual and getattr(e, name) != usual[name]}
    if given:
        named = ", ".join(f"{name}={value!r}" for name, value in given.items())
        beside = f"solver={e.solver!r}" + (f" and learning_rate={e.learning_rate!r}" if scheduled else "")
        raise ValueError(f"{named} has no effect with {beside}: {use}.")


@functools.cache
def _usual(kind: type) -> dict[str, Any]:
    """Return the default values of an estimator's parameters."""
    own = next(base for base in kind.__mro__ if base.__module__.startswith("fastmlp."))
    return {name: one.default for name, one in inspect.signature(own.__init__).parameters.items()}  # type: ignore[misc]


def check_full_batch(solver: str, network: TrainableModel, dataset: Dataset) -> None:
    """Check that a solver with all rows in each step can train this network on this dataset.

    Raises
    ------
    ValueError
        If it cannot, or a custom function cannot be compiled.
    """
    if solver == "newton-cg":
        check_twice_differentiable(network)
    elif solver == "levenberg-marquardt":
        check_least_squares(network, dataset)
    network.compile_custom(network.dtype if solver == "lbfgs" else np.float64)


def build_regularization(estimator: BaseMLP) -> Regularization:
    """Return L1 penalty, dropout, max-norm, gradient clipping and the decay of the average.

    Raises
    ------
    ValueError
        If a value is not allowed, or the solver does not support it.
    """
    e = estimator
    dropout: Any = tuple(e.dropout) if isinstance(e.dropout, list | tuple) else e.dropout
    chosen = Regularization(e.l1, dropout, e.input_dropout, e.max_norm, e.clip_norm, e.clip_value, e.ema)
    if e.solver in FULL_BATCH:
        chosen.check_full_batch(e.solver)
        if isinstance(e.alpha, Schedule):
            raise ValueError(
                f"alpha={e.alpha!r} is a function of mini-batch steps, which solver={e.solver!r} does not make: give a "
                "number, or use a solver with mini-batches such as 'adam'."
            )
        if e.weight_decay is not None:
            raise ValueError(
                f"weight_decay={e.weight_decay!r} was given, but solver={e.solver!r} has no weight decay: use alpha."
            )
    return chosen
