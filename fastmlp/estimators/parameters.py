"""The estimators' parameters: what each may be, and what it stands for in the library's own objects."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from ..activations import ACTIVATIONS, BaseActivation, as_hidden_activation
from ..initializers import INITIALIZERS, Initializer
from ..losses import BaseLoss, Poisson, as_loss
from ..losses.base import is_elementwise, is_probability, name_of
from ..losses.margin import MarginLoss
from ..losses.regression import SquaredError, SquaredErrorByHand
from ..optimizers import OPTIMIZERS, Optimizer
from ..schedules import Schedule

if TYPE_CHECKING:
    from .base import BaseMLP

#: Solvers on the whole gradient; all others go batch by batch.
FULL_BATCH = ("lbfgs", "newton-cg", "levenberg-marquardt")
SOLVERS = {*FULL_BATCH, *OPTIMIZERS}

_POSITIVE = Interval(Real, 0, None, closed="neither")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_RATE = Interval(Real, 0, 1, closed="left")

CONSTRAINTS: dict = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS)), BaseActivation, list, tuple],
    "solver": [StrOptions(SOLVERS), Optimizer],
    "alpha": [_NOT_NEGATIVE],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"}), Schedule],
    "learning_rate_init": [_POSITIVE],
    "power_t": [_NOT_NEGATIVE],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_NOT_NEGATIVE],
    "verbose": ["verbose"],
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
    "weight_decay": [None, _NOT_NEGATIVE],
    "l1": [_NOT_NEGATIVE],
    "dropout": [_RATE, list, tuple],
    "input_dropout": [_RATE],
    "max_norm": [None, _POSITIVE],
    "clip_norm": [None, _POSITIVE],
    "clip_value": [None, _POSITIVE],
}


def hidden_activations(activation: Any, n_hidden: int) -> list[BaseActivation]:
    """One for each hidden layer, from one for all of them or from a list.

    Raises
    ------
    ValueError
        If a list has another length, or one serves outputs alone.
    """
    if not isinstance(activation, list | tuple):
        return [as_hidden_activation(activation)] * n_hidden
    if len(activation) != n_hidden:
        raise ValueError(
            f"activation has {len(activation)} entries, but there are {n_hidden} hidden layers: give one name for all "
            "of them, or a list with one for each."
        )
    return [as_hidden_activation(each) for each in activation]


def choose_output(
    loss: str | BaseLoss, output_activation: str | BaseActivation | None, task: str, width: int
) -> tuple[int, str | BaseActivation, BaseLoss]:
    """Number of outputs, output activation and loss for a kind of task, one of `losses.TASKS`.

    `width` is the number of classes of a multi-class task, the columns of the targets else. Two classes may stand
    behind softmax, which has an output for each.

    Raises
    ------
    ValueError
        If loss, output activation and task do not fit together, with a message that says what does.
    """
    chosen = as_loss(loss)
    output = chosen.default_output_activation(task) if output_activation is None else output_activation
    if task == "binary" and not is_elementwise(output):
        task, width = "multi-class", 2
    chosen.default_output_activation(task)
    if task == "multi-label" and not is_elementwise(output):
        raise ValueError(
            "output_activation='softmax' makes one class of several: its outputs add up to one, and several labels a "
            "row need an output each. Use output_activation=None or 'logistic', or give y one class a row."
        )
    n_outputs = chosen.n_outputs(task, width)
    apart = is_probability(output) and is_elementwise(output)
    if task == "multi-class" and apart and chosen.n_targets(output, n_outputs) > 1:
        raise ValueError(
            f"several classes need output_activation='softmax' with loss={chosen.name!r}, so that their probabilities "
            f"add up to one; {name_of(output)!r} is for two classes, or for several labels."
        )
    chosen.check(output, n_outputs)
    return n_outputs, output, chosen


def keep_output(estimator: BaseMLP, task: str, width: int) -> tuple[int, str | BaseActivation, BaseLoss]:
    """The same for a training that goes on, with what stands in `out_activation_`.

    Where that was set by hand, training takes it as scikit-learn's does: several classes may stand behind 'logistic',
    each against all others, and the delta of squared errors is a − y behind any activation.

    Raises
    ------
    ValueError
        If the loss serves no such task, or does not go with the output activation; or if scikit-learn would train
        otherwise: with a Poisson loss, and where targets stand behind softmax.
    """
    output, chosen = estimator.out_activation_, as_loss(estimator.loss)
    by_hand = name_of(output) != name_of(estimator.output_activation or chosen.default_output_activation(task))
    if by_hand and (isinstance(chosen, Poisson) or (task == "regression" and not is_elementwise(output))):
        raise ValueError(
            f"out_activation_={name_of(output)!r} was set by hand, behind which loss={chosen.name!r} cannot go on "
            f"training as scikit-learn would: set it back to {chosen.default_output_activation(task)!r}, or fit anew "
            f"with output_activation={name_of(output)!r}, which trains with its derivative."
        )
    if not by_hand or not is_elementwise(output):
        return choose_output(estimator.loss, output, task, width)
    if chosen == SquaredError():
        chosen = SquaredErrorByHand()
    n_outputs = chosen.n_outputs(task, width)
    chosen.check(output, n_outputs)
    return n_outputs, output, chosen


def gives_probabilities(estimator: BaseMLP) -> bool:
    """Whether outputs are probabilities; raises AttributeError if not."""
    if estimator.loss == "log_loss" and estimator.output_activation is None:
        return True  # what a single row's prediction should not wait for
    loss = as_loss(estimator.loss)
    output = estimator.output_activation or loss.natural["binary"]
    if isinstance(loss, MarginLoss) or not is_probability(output):
        raise AttributeError(
            f"predict_proba needs outputs that are probabilities, but loss={estimator.loss!r} with output activation "
            f"{name_of(output)!r} has none: use loss='log_loss' or 'focal', or CalibratedClassifierCV."
        )
    return True


def gives_margins(estimator: BaseMLP) -> bool:
    """Whether outputs are signed distances; raises AttributeError if not."""
    if not isinstance(as_loss(estimator.loss), MarginLoss):
        raise AttributeError(f"decision_function is for losses of margins, such as 'hinge', not {estimator.loss!r}.")
    return True
