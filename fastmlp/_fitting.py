"""A fit between its checks and its first step; and what ``partial_fit`` keeps for its next call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import check_random_state

from ._parameters import CONSTRAINTS
from ._validation import check_batch_size
from .cores import count_threads
from .data import Rows
from .dropout import Masks
from .shuffling import shuffle
from .training import Epoch, Plan, Validation

if TYPE_CHECKING:
    from ._estimator import BaseMLP
    from .model import TrainableModel


@dataclass
class Fitting:
    """Everything that a fit needs, checked: what raises from here on is the training itself.

    Attributes
    ----------
    network, rows
        What is trained, on what.
    random_state : RandomState
        What the order of the rows is drawn from.
    """

    network: TrainableModel
    rows: Rows
    random_state: np.random.RandomState


@dataclass
class MinibatchFitting(Fitting):
    """That of a training batch by batch, with what `training.train` takes."""

    plan: Plan
    order: np.ndarray
    epoch: Epoch
    validate: Validation | None = None
    masks: Masks | None = None


def current_parameters(estimator: BaseMLP) -> tuple:
    """What all parameters of an estimator hold, comparable with what they hold later."""
    values = map(vars(estimator).get, CONSTRAINTS)
    return tuple(tuple(value) if isinstance(value, (list, np.ndarray)) else value for value in values)


class Continuation:
    """A training that ``partial_fit`` goes on with: network, workspace and optimizer stay from call to call.

    To make them anew costs many times what a small batch does.

    Parameters
    ----------
    estimator : BaseMLP
        Just after its fitting.
    fitting : MinibatchFitting
    """

    def __init__(self, estimator: BaseMLP, fitting: MinibatchFitting) -> None:
        self.fitting = fitting
        self.optimizer = estimator._optimizer
        self.arrays = (*estimator.coefs_, *estimator.intercepts_)
        self.out_activation = estimator.out_activation_
        self.parameters = current_parameters(estimator)
        # Dropout of sparse inputs keeps a copy of the very values that it was prepared for.
        self.masks_values = fitting.rows.sparse and bool(fitting.plan.regularisation.input_dropout)
        self.batch_size = fitting.plan.batch_size
        # The rows' order that a seed draws for their number, and the state of the generator behind it.
        self.drawn: tuple[np.ndarray, np.random.RandomState] | None = None

    def is_valid_for(self, estimator: BaseMLP) -> bool:
        """Whether the model is still as the last call left it, but for edits within its arrays."""
        try:
            arrays = (*estimator.coefs_, *estimator.intercepts_)
        except (AttributeError, TypeError):
            return False
        return (
            len(arrays) == len(self.arrays)
            and all(one is other for one, other in zip(arrays, self.arrays, strict=True))
            and estimator.__dict__.get("_optimizer") is self.optimizer
            and estimator.out_activation_ == self.out_activation
            and current_parameters(estimator) == self.parameters
        )

    def suits(self, estimator: BaseMLP, n_rows: int, sparse: bool, weighted: bool) -> bool:
        """Whether its workspace is the one for so many rows of this kind."""
        first = self.fitting.rows
        if weighted != (first.sample_weight is not None) or sparse != first.sparse or self.masks_values:
            return False
        if min(n_rows, 200) < self.batch_size and estimator.batch_size == "auto":
            return False
        team = self.fitting.epoch.team
        if team.size > 1 and count_threads(estimator.n_jobs) < team.size:  # what limits threads has changed
            return False
        return check_batch_size(estimator.batch_size, n_rows) == self.batch_size

    def go_on(self, estimator: BaseMLP, rows: Rows) -> MinibatchFitting | None:
        """The fitting for rows that it suits; None if their weights are of another scale."""
        if rows.weight_divisor != self.fitting.rows.weight_divisor:
            return None
        order, random_state, shuffled = self._draw(estimator, rows.n_rows)
        plan = replace(self.fitting.plan, shuffle=False) if shuffled else self.fitting.plan
        self.fitting.epoch.rebind(rows, order)
        return replace(self.fitting, rows=rows, order=order, random_state=random_state, plan=plan)

    def _draw(self, estimator: BaseMLP, n_rows: int) -> tuple[np.ndarray, np.random.RandomState, bool]:
        """The rows' order, what it was or will be drawn from, and whether it is shuffled already.

        A seed draws the same order in each call, as in scikit-learn.
        """
        order = np.arange(n_rows, dtype=np.int64)
        if not isinstance(estimator.random_state, Integral) or not self.fitting.plan.shuffle:
            return order, check_random_state(estimator.random_state), False
        if self.drawn is None or self.drawn[0].size != n_rows:
            random_state = check_random_state(estimator.random_state)
            shuffle(order, random_state)
            self.drawn = order, random_state
        return (*self.drawn, True)
