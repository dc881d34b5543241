"""What workers exchange: the state that a round begins with, and what it has become."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..schedules import Schedule


@dataclass
class RoundState:
    """Everything that a round begins with, beside the rows: the same on all workers.

    Parameters
    ----------
    params : ndarray of shape (n_params,)
    moments : ndarray of shape (n_moments * n_params,)
    average : ndarray of shape (n_params,), or None
        The moving average of the parameters, if there is one.
    t : int
        Steps made.
    schedule : Schedule
    length : int or None
        The steps of the training, as in `RunningOptimizer`.
    mean_shrinkage : float
        As in `RunningOptimizer`.
    """

    params: np.ndarray
    moments: np.ndarray
    average: np.ndarray | None
    t: int
    schedule: Schedule
    length: int | None
    mean_shrinkage: float


@dataclass
class Update:
    """What a round of some workers has led to.

    Parameters
    ----------
    weight : float
        Σ w of the rows of these workers.
    params, moments, average, mean_shrinkage
        As in `RoundState`, the mean of these workers.
    loss_sum : float
        The sum of the losses of the rows that counted.
    rows : int
        Their number.
    """

    weight: float
    params: np.ndarray
    moments: np.ndarray
    average: np.ndarray | None
    mean_shrinkage: float
    loss_sum: float
    rows: int


def mean_of(updates: list[Update]) -> Update:
    """Return the mean, Σ weight · x / Σ weight, of parameters and moments; losses and rows are added up.

    Parameters
    ----------
    updates : list of Update
        A single one is returned as it is.

    Examples
    --------
    >>> import numpy as np
    >>> first, second = (
    ...     Update(weight, np.array([value]), np.array([0.0]), None, 0.0, loss_sum=1.0, rows=10)
    ...     for weight, value in ((1.0, 4.0), (3.0, 8.0))
    ... )
    >>> mean = mean_of([first, second])
    >>> mean.params, mean.weight, mean.rows
    (array([7.]), 4.0, 20)
    """
    if len(updates) == 1:
        return updates[0]
    total = sum(each.weight for each in updates)
    shares = [each.weight / total for each in updates]

    def mean(name: str) -> np.ndarray:
        result = shares[0] * np.asarray(getattr(updates[0], name))
        for share, each in zip(shares[1:], updates[1:], strict=True):
            result += share * getattr(each, name)
        return result

    return Update(
        total,
        mean("params"),
        mean("moments"),
        None if updates[0].average is None else mean("average"),
        sum(share * each.mean_shrinkage for share, each in zip(shares, updates, strict=True)),
        sum(each.loss_sum for each in updates),
        sum(each.rows for each in updates),
    )
