"""The estimators' parameters: the values that each may have, and the objects that they stand for."""

from __future__ import annotations

from copy import copy
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import Interval, Options, StrOptions, make_constraint

from ..activations import ACTIVATIONS, BaseActivation, as_activation, as_hidden_activation, as_written
from ..common.checks import one_per_layer
from ..common.lookup import look_up
from ..engine.matmul_precision import KERNELS as PRECISIONS
from ..initializers import INITIALIZERS, Initializer
from ..losses import BaseLoss, Poisson, as_loss
from ..losses.margin import MarginLoss
from ..losses.outputs import is_elementwise, is_probability, name_of
from ..losses.regression import SquaredError, SquaredErrorByHand
from ..optimizers import OPTIMIZERS, Optimizer
from ..schedules import Schedule

if TYPE_CHECKING:
    from .base import BaseMLP
    from .forward import ForwardPass

#: Solvers that use all rows in each step; all others use mini-batches.
FULL_BATCH = ("lbfgs", "newton-cg", "levenberg-marquardt")
SOLVERS = {*FULL_BATCH, *OPTIMIZERS}

_POSITIVE = Interval(Real, 0, None, closed="neither")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_RATE = Interval(Real, 0, 1, closed="left")

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS)), BaseActivation, list, tuple],
    "solver": [StrOptions(SOLVERS), Optimizer],
    "alpha": [_NOT_NEGATIVE, Schedule],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"}), Schedule],
    "learning_rate_init": [_POSITIVE],
    "power_t": [_NOT_NEGATIVE],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_NOT_NEGATIVE],
    "verbose": ["verbose", StrOptions({"progress"})],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_RATE],
    "beta_1": [_RATE],
    "beta_2": [_RATE],
    "epsilon": [_POSITIVE],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "n_jobs": [None, Integral],
    "output_activation": [None, StrOptions(set(ACTIVATIONS)), BaseActivation],
    "initializer": [StrOptions(set(INITIALIZERS)), Initializer],
    "weight_decay": [None, _NOT_NEGATIVE, Schedule],
    "l1": [_NOT_NEGATIVE],
    "dropout": [_RATE, list, tuple, Schedule],
    "input_dropout": [_RATE, Schedule],
    "max_norm": [None, _POSITIVE],
    "clip_norm": [None, _POSITIVE],
    "clip_value": [None, _POSITIVE],
    "ema": [None, _RATE],
    "scoring": [None, StrOptions({"loss", *get_scorer_names()}), callable],
    "validation_ties": [StrOptions({"first", "last"})],
    "drop_last": ["boolean"],
    "matmul_precision": [StrOptions(set(PRECISIONS))],
}


_Checks = list[tuple[str, list[Any]]]
#: For each class a copy of its constraints, and what `_checks` has made of them.
_MADE: WeakKeyDictionary[type[BaseMLP], tuple[dict[str, Any], _Checks]] = WeakKeyDictionary()


def _checks(estimator: BaseMLP) -> _Checks:
    """Return the parameters with their constraints, as scikit-learn makes them anew for each fit.

    A class, or an object, may have been given others since the last fit.
    """
    kind, allowed = type(estimator), estimator._parameter_constraints
    made = _MADE.get(kind)
    if made is None or made[0] != allowed:
        names = [name for name in kind._get_param_names() if allowed.get(name, "no_validation") != "no_validation"]
        checks = [(name, [make_constraint(each) for each in allowed[name]]) for name in names]
        made = _MADE[kind] = {name: copy(each) for name, each in allowed.items()}, checks
    return made[1]


def all_allowed(estimator: BaseMLP) -> bool:
    """Return whether each parameter satisfies one of its constraints, faster than scikit-learn, which says why not."""
    return all(
        any(constraint.is_satisfied_by(getattr(estimator, name)) for constraint in constraints)
        for name, constraints in _checks(estimator)
    )


def hidden_activations(activation: Any, n_hidden: int) -> list[BaseActivation]:
    """Return one activation for each hidden layer, from a list of them or from one for all.

    Raises
    ------
    ValueError
        If a list has another length, a name is unknown, or an activation is for output layers only.
    """
    return [as_hidden_activation(each) for each in one_per_layer("activation", activation, n_hidden)]


def choose_output(
    loss: str | BaseLoss, output_activation: str | BaseActivation | None, task: str, width: int
) -> tuple[int, str | BaseActivation, BaseLoss]:
    """Return number of outputs, output activation and loss for a kind of task.

    Parameters
    ----------
    loss : str or BaseLoss
    output_activation : str, Activation or None
        None is the loss's default for the task.
    task : str
        One of `losses.base.TASKS`. A binary task with softmax becomes a multi-class task with two classes.
    width : int
        Number of classes of a multi-class task, else the number of columns of the targets.

    Raises
    ------
    ValueError
        If loss, output activation and task do not fit together; the message names combinations that do.
    """
    chosen = as_loss(loss)
    output = chosen.default_output_activation(task) if output_activation is None else output_activation
    if task == "binary" and not is_elementwise(output):
        task, width = "multi-class", 2
    chosen.default_output_activation(task)
    if task == "multi-label" and not chosen.suits(output, task, width):
        raise ValueError(
            f"output_activation={as_written(output)} is for one class per row, since its outputs sum to one, but y has "
            "several labels per row. Use output_activation=None or 'logistic', or a y with one class per row."
        )
    n_outputs = chosen.n_outputs(task, width)
    if not chosen.suits(output, task, n_outputs):
        raise ValueError(
            f"output_activation={as_written(output)} is for two classes, or for several labels per row, but y has "
            f"{width} classes: with loss={chosen.as_written()} use output_activation=None or 'softmax', whose "
            "probabilities sum to one."
        )
    chosen.check(output, n_outputs, task=task)
    return n_outputs, output, chosen


def check_output_activation(estimator: ForwardPass) -> BaseActivation:
    """Return the activation that `out_activation_` stands for, which a user may have set.

    Raises
    ------
    UnknownNameError
        A ValueError and a KeyError, if there is no such activation.
    """
    output = estimator.out_activation_
    if isinstance(output, BaseActivation):
        return output
    return look_up("out_activation_", output, ACTIVATIONS, "an Activation of your own, made of two functions")


def resume_output(estimator: BaseMLP, task: str, width: int) -> tuple[int, str | BaseActivation, BaseLoss]:
    """Return number of outputs, output activation and loss for a training that continues.

    The output activation is `out_activation_`. After an edit of it training continues as in scikit-learn: the delta of
    squared errors is a − y, without the activation's derivative, and several classes may use 'logistic', one against
    the rest.

    Raises
    ------
    ValueError
        If loss, output activation and task do not fit together; or if scikit-learn would train with another delta,
        which it does after such an edit with a Poisson loss, and in regression with softmax.
    """
    check_output_activation(estimator)
    output, loss = estimator.out_activation_, as_loss(estimator.loss)
    expected = estimator.output_activation or loss.default_output_activation(task)
    couples = not is_elementwise(output)
    if name_of(output) == name_of(expected) or (couples and task != "regression"):
        return choose_output(loss, output, task, width)
    if couples or isinstance(loss, Poisson):
        raise ValueError(
            f"out_activation_ was set to {as_written(output)}, with which training with loss={loss.as_written()} "
            f"cannot continue as in scikit-learn: set it back to {as_written(expected)}, or fit again with "
            f"output_activation={as_written(output)}, which uses its derivative."
        )
    if loss == SquaredError():
        loss = SquaredErrorByHand()
    n_outputs = loss.n_outputs(task, width)
    loss.check(output, n_outputs)
    return n_outputs, output, loss


def gives_probabilities(estimator: BaseMLP) -> bool:
    """Return True if the outputs are probabilities; raise AttributeError if not."""
    given = estimator.output_activation
    if given is None and isinstance(estimator.loss, str) and estimator.loss == "log_loss":
        return True  # the default case first: the prediction of a single row takes microseconds
    loss = as_loss(estimator.loss)
    output = as_activation(loss.default_output_activation("binary") if given is None else given)
    if isinstance(loss, MarginLoss) or not is_probability(output):
        raise AttributeError(
            f"predict_proba needs outputs that are probabilities, but those of loss={estimator.loss!r} with output "
            f"activation {as_written(output)} are not: use loss='log_loss' or 'focal', or CalibratedClassifierCV."
        )
    return True


def gives_margins(estimator: BaseMLP) -> bool:
    """Return True if the outputs are signed distances; raise AttributeError if not."""
    if not isinstance(as_loss(estimator.loss), MarginLoss):
        raise AttributeError(
            f"decision_function is for margin losses such as 'hinge', not for loss={estimator.loss!r}: use "
            "predict_proba, or a margin loss."
        )
    return True
