"""The estimators' parameters: what each may be, and what it stands for in the library's own objects."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from .activations import ACTIVATIONS, Activation, as_hidden_activation
from .base_loss import PROBABILITIES, name_of
from .data import Rows
from .hessian import check_twice_differentiable
from .initializers import INITIALIZERS, Initializer
from .layout import Layout
from .levenberg_marquardt import check_least_squares
from .losses import BaseLoss, as_loss
from .margin_losses import MarginLoss
from .model import TrainableModel
from .optimizers import OPTIMIZERS, SGD, Adam, Optimizer, RunningOptimizer, as_optimizer
from .regression_losses import SquaredError, SquaredErrorByHand
from .regularisation import Regularisation
from .schedules import Schedule, schedule_by_name

if TYPE_CHECKING:
    from ._estimator import BaseMLP

#: Solvers on the whole gradient; all others go batch by batch.
FULL_BATCH = ("lbfgs", "newton-cg", "levenberg-marquardt")
SOLVERS = {*FULL_BATCH, *OPTIMIZERS}

_POSITIVE = Interval(Real, 0, None, closed="neither")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_RATE = Interval(Real, 0, 1, closed="left")

CONSTRAINTS: dict = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS)), Activation, list, tuple],
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
    "output_activation": [None, StrOptions(set(ACTIVATIONS)), Activation],
    "initializer": [StrOptions(set(INITIALIZERS)), Initializer],
    "weight_decay": [None, _NOT_NEGATIVE],
    "l1": [_NOT_NEGATIVE],
    "dropout": [_RATE, list, tuple],
    "input_dropout": [_RATE],
    "max_norm": [None, _POSITIVE],
    "clip_norm": [None, _POSITIVE],
    "clip_value": [None, _POSITIVE],
}


def hidden_activations(activation: Any, n_hidden: int) -> list[Activation]:
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
    loss: str | BaseLoss, output_activation: str | Activation | None, task: str, width: int
) -> tuple[int, str | Activation, BaseLoss]:
    """Number of outputs, output activation and loss for a kind of task, one of `losses.TASKS`.

    `width` is the number of classes of a multi-class task, the columns of the targets else. Two classes may stand
    behind softmax, which has an output for each.

    Raises
    ------
    ValueError
        If loss, output activation and task do not fit together, with a message that says what does.
    """
    chosen = as_loss(loss)
    output = chosen.natural_output(task) if output_activation is None else output_activation
    if task == "binary" and name_of(output) == "softmax":
        task, width = "multi-class", 2
    chosen.natural_output(task)
    if task == "multi-label" and name_of(output) == "softmax":
        raise ValueError(
            "output_activation='softmax' makes one class of several: its outputs add up to one, and several labels a "
            "row need an output each. Use output_activation=None or 'logistic', or give y one class a row."
        )
    n_outputs = chosen.n_outputs(task, width)
    apart = name_of(output) in PROBABILITIES - {"softmax"}
    if task == "multi-class" and apart and chosen.n_targets(output, n_outputs) > 1:
        raise ValueError(
            f"several classes need output_activation='softmax' with loss={chosen.name!r}, so that their probabilities "
            f"add up to one; {name_of(output)!r} is for two classes, or for several labels."
        )
    chosen.check(output, n_outputs)
    return n_outputs, output, chosen


def keep_output(estimator: BaseMLP, task: str, width: int) -> tuple[int, str | Activation, BaseLoss]:
    """The same for a training that goes on, with what stands in `out_activation_`.

    Where that was set by hand, training takes it as scikit-learn's does: several classes may stand behind 'logistic',
    each against all others, and the delta of squared errors is a − y behind any activation.

    Raises
    ------
    ValueError
        If the loss serves no such task, or does not go with the output activation.
    """
    output, chosen = estimator.out_activation_, as_loss(estimator.loss)
    by_hand = name_of(output) != name_of(estimator.output_activation or chosen.natural_output(task))
    if not by_hand or name_of(output) == "softmax":
        return choose_output(estimator.loss, output, task, width)
    if chosen == SquaredError():
        chosen = SquaredErrorByHand()
    n_outputs = chosen.n_outputs(task, width)
    chosen.check(output, n_outputs)
    return n_outputs, output, chosen


def build_optimizer(estimator: BaseMLP) -> RunningOptimizer:
    """The solver before its first step.

    By name, 'adam' and 'sgd' take scikit-learn's parameters (`momentum`, `beta_1`, …), and every other one the learning
    rate and the numbers of its paper. An object has numbers of its own.

    Raises
    ------
    ValueError
        If a schedule, a weight decay or another number is given that the solver has no use for.
    """
    check_used(estimator)
    solver = estimator.solver
    settings = solver if isinstance(solver, Optimizer) else _by_name(estimator, solver)
    return _with_decay(settings, estimator.weight_decay).begin()


def adopt_optimizer(estimator: BaseMLP, layout: Layout) -> RunningOptimizer:
    """The solver in the middle of a training that scikit-learn began, whose optimizer was copied with its model."""
    theirs, running = estimator._optimizer, build_optimizer(estimator)
    moments = [getattr(theirs, name) for name in ("ms", "vs", "velocities") if hasattr(theirs, name)]
    if len(moments) == running.settings.n_moments and moments:
        running.state = np.concatenate([_flatten(layout, arrays) for arrays in moments])
        running.advance(getattr(theirs, "t", 0))
    return running


def _flatten(layout: Layout, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays in scikit-learn's order, all weights and then all biases, in one vector of ours."""
    vector = np.zeros(layout.size, arrays[0].dtype)
    layout.fill(vector, arrays[: len(layout.shapes)], arrays[len(layout.shapes) :])
    return vector


def _by_name(estimator: BaseMLP, solver: str) -> Optimizer:
    e = estimator
    schedule = e.learning_rate
    if isinstance(schedule, str):  # for 'adam' scikit-learn's word has no meaning
        word = "constant" if solver == "adam" else schedule
        schedule = schedule_by_name(word, e.learning_rate_init, e.power_t)
    if solver == "adam":
        return Adam(schedule, e.beta_1, e.beta_2, e.epsilon)
    if solver == "sgd":
        return SGD(schedule, e.momentum, e.nesterovs_momentum)
    return replace(as_optimizer(solver), learning_rate=schedule)


def _with_decay(settings: Optimizer, weight_decay: float | None) -> Optimizer:
    if weight_decay is None:
        return settings
    if not hasattr(settings, "weight_decay"):
        with_decay = ", ".join(repr(name) for name, other in OPTIMIZERS.items() if hasattr(other, "weight_decay"))
        raise ValueError(
            f"weight_decay={weight_decay!r}, but {settings!r} has no decay apart from the gradient: take one of "
            f"{with_decay}, or alpha, the L2 penalty, which goes with every solver."
        )
    return replace(settings, weight_decay=weight_decay)  # type: ignore[call-arg]


#: What 'sgd' and 'adam' read, and nothing else does.
_NUMBERS = ("momentum", "nesterovs_momentum", "beta_1", "beta_2", "epsilon")
_RATES = ("learning_rate_init", "power_t")


def check_used(estimator: BaseMLP) -> None:
    """Refuse what the solver would leave unused, except among scikit-learn's own names, where its habits hold.

    Raises
    ------
    ValueError
        If a parameter was given that has no effect.
    """
    e, scheduled = estimator, isinstance(estimator.learning_rate, Schedule)
    unused: tuple[str, ...]
    if isinstance(e.solver, Optimizer):
        unused, use = ("learning_rate", *_RATES, *_NUMBERS), "give these numbers to the solver object"
    elif e.solver in FULL_BATCH:
        unused, use = ("learning_rate",) if scheduled else (), "leave it out, or choose a solver that makes steps"
    else:
        unused = _RATES if scheduled else ()
        use = f"give them to an object such as {as_optimizer(e.solver)!r}"
        if scheduled:
            use = "give the schedule its rates"
        if e.solver not in ("sgd", "adam"):
            unused += _NUMBERS
    usual = _usual(type(e))
    given = {name: getattr(e, name) for name in unused if name in usual and getattr(e, name) != usual[name]}
    if given:
        named = ", ".join(f"{name}={value!r}" for name, value in given.items())
        beside = f"solver={e.solver!r}" + (f" and learning_rate={e.learning_rate!r}" if scheduled else "")
        raise ValueError(f"{named} has no effect beside {beside}: {use}.")


@functools.cache
def _usual(kind: type) -> dict[str, Any]:
    """The estimator's parameters as they are when nothing is said."""
    own = next(base for base in kind.__mro__ if base.__module__.startswith(f"{__package__}."))
    return {name: one.default for name, one in inspect.signature(own.__init__).parameters.items()}  # type: ignore[misc]


def check_full_batch(solver: str, network: TrainableModel, rows: Rows) -> None:
    """Whether a solver on all rows can train this network on these rows.

    Raises
    ------
    ValueError
        If it cannot, or a function of the user's own cannot be compiled.
    """
    if solver == "newton-cg":
        check_twice_differentiable(network)
    elif solver == "levenberg-marquardt":
        check_least_squares(network, rows)
    network.compile_custom(network.dtype if solver == "lbfgs" else np.float64)


def build_regularisation(estimator: BaseMLP) -> Regularisation:
    """Penalties, dropout and limits beside `alpha`.

    Raises
    ------
    ValueError
        If a number is not what it may be, or the solver takes none of it.
    """
    e = estimator
    dropout: float | Sequence[float] = tuple(e.dropout) if isinstance(e.dropout, list | tuple) else e.dropout
    chosen = Regularisation(e.l1, dropout, e.input_dropout, e.max_norm, e.clip_norm, e.clip_value)
    if e.solver in FULL_BATCH:
        chosen.check_full_batch(e.solver)
        if e.weight_decay is not None:
            raise ValueError(f"weight_decay={e.weight_decay!r}, but solver={e.solver!r} has no decay: use alpha.")
    return chosen


def gives_probabilities(estimator: BaseMLP) -> bool:
    """Whether outputs are probabilities; raises AttributeError if not."""
    if estimator.loss == "log_loss" and estimator.output_activation is None:
        return True  # what a single row's prediction should not wait for
    loss = as_loss(estimator.loss)
    output = estimator.output_activation or loss.natural["binary"]
    if isinstance(loss, MarginLoss) or name_of(output) not in PROBABILITIES:
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
