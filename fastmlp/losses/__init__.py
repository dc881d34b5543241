"""Losses by name, and all their classes: what users write → what training minimizes."""

from __future__ import annotations

from ..common.lookup import look_up
from .base import TASKS, BaseLoss, second_derivative_times
from .classification import Focal, LogLoss
from .custom import Loss
from .deviance import Gamma, Poisson, Tweedie
from .margin import Hinge, Perceptron, SquaredHinge
from .regression import AbsoluteError, HalfSquaredError, Huber, LogCosh, Quantile, SquaredError, SumSquaredError

__all__ = [
    "LOSSES",
    "TASKS",
    "AbsoluteError",
    "BaseLoss",
    "Focal",
    "Gamma",
    "HalfSquaredError",
    "Hinge",
    "Huber",
    "LogCosh",
    "LogLoss",
    "Loss",
    "Perceptron",
    "Poisson",
    "Quantile",
    "SquaredError",
    "SquaredHinge",
    "SumSquaredError",
    "Tweedie",
    "as_loss",
    "names_for",
    "second_derivative_times",
]  # fmt: skip

#: Every loss that can be had by name, with its usual numbers.
LOSSES: dict[str, BaseLoss] = {
    loss.name: loss
    for loss in (
        LogLoss(), Focal(), Hinge(), SquaredHinge(), Perceptron(),
        SquaredError(), HalfSquaredError(), SumSquaredError(), AbsoluteError(), Huber(), LogCosh(), Quantile(),
        Poisson(), Gamma(), Tweedie(),
    )
}  # fmt: skip


def names_for(kind: str) -> list[str]:
    """Return the names of all losses of this kind of estimator, 'classifier' or 'regressor'.

    Examples
    --------
    >>> "hinge" in names_for("classifier"), "hinge" in names_for("regressor")
    (True, False)
    """
    return [name for name, loss in LOSSES.items() if kind in loss.kinds]


def as_loss(loss: str | BaseLoss) -> BaseLoss:
    """Return the loss of this name, or the object itself.

    Raises
    ------
    UnknownNameError
        A ValueError and a KeyError, if there is no such loss.

    Examples
    --------
    >>> as_loss("huber")
    Huber(delta=1.0)
    """
    if isinstance(loss, BaseLoss):
        return loss
    return look_up("loss", loss, LOSSES, "an object such as Huber(delta=2.0)")
