"""A fit between its checks and its first step; and what ``partial_fit`` keeps for its next call."""

from __future__ import annotations

import operator
import threading
import weakref
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import check_random_state

from ..engine.cores import count_threads
from ..engine.dataset import Dataset
from ..training.config import TrainingConfig, TrainingState, Validation, warn_of_early_end
from ..training.epoch import EpochRunner
from ..training.shuffling import shuffle
from .parameters import CONSTRAINTS
from .validation import check_batch_size, clip_batch_size

if TYPE_CHECKING:
    from ..engine.model import TrainableModel
    from .base import BaseMLP

#: The constructors' parameters: each may be set between two calls.
PARAMETERS = (*CONSTRAINTS, "loss")
_parameters_of, _LISTS = operator.attrgetter(*PARAMETERS), {list, np.ndarray}
_in_place = operator.attrgetter("shape", "strides", "dtype", "flags.writeable")


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
    dataset: Dataset
    random_state: np.random.RandomState


@dataclass
class MinibatchFitting(Fitting):
    """That of a training batch by batch, with what `training.train` takes."""

    plan: TrainingConfig
    state: TrainingState
    epoch: EpochRunner
    validate: Validation | None = None


def current_parameters(estimator: BaseMLP) -> tuple:
    """What all parameters of an estimator hold, comparable with what they hold later."""
    try:
        values = _parameters_of(estimator)
    except AttributeError:  # a subclass may leave out what it has no use for
        values = tuple(getattr(estimator, name, None) for name in PARAMETERS)
    return tuple([tuple(value) if type(value) in _LISTS else value for value in values])


def _describe(arrays: tuple) -> list[tuple]:
    """Shapes, strides and types of arrays, and whether they may be written: all of that may change in place."""
    return list(map(_in_place, arrays))


class Continuation:
    """A training that ``partial_fit`` goes on with: network, workspace and optimizer stay from call to call.

    To make them anew costs many times what a small batch does. One call at a time holds it: another thread's call on
    the same model prepares everything anew. Between two calls it refers to nothing that the caller gave.

    Parameters
    ----------
    estimator : BaseMLP
        Just after its fitting.
    fitting : MinibatchFitting
        The call's that makes it, and holds it until `give_back`.
    """

    def __init__(self, estimator: BaseMLP, fitting: MinibatchFitting) -> None:
        self.network, self.plan, self.epoch, self.dropout_keys = (
            fitting.network,
            fitting.plan,
            fitting.epoch,
            fitting.state.dropout_keys,
        )
        self.optimizer = estimator._optimizer
        self.arrays = (*estimator.coefs_, *estimator.intercepts_)
        self.described = _describe(self.arrays)
        self.pin = weakref.ref(self.network.params.base)  # NumPy resizes no array that has weak references
        self.out_activation = estimator.out_activation_
        self.parameters = current_parameters(estimator)
        dataset = fitting.dataset
        self.sparse, self.weighted, self.weight_divisor = (
            dataset.sparse,
            dataset.sample_weight is not None,
            dataset.weight_divisor,
        )
        # Dropout of sparse inputs keeps a copy of the very values that it was prepared for.
        self.masks_values = dataset.sparse and bool(fitting.plan.regularization.input_dropout)
        self.batch_size = fitting.plan.batch_size
        # The rows' order that a seed draws for their number, and the state of the generator behind it.
        self.drawn: tuple[np.ndarray, np.random.RandomState] | None = None
        self.lock = threading.Lock()
        self.lock.acquire()

    @classmethod
    def take(cls, estimator: BaseMLP) -> Continuation | None:
        """What the last call left, for this call alone; None where it is of no use or another call holds it."""
        kept = estimator.__dict__.get("_continuation")
        if kept is None or not kept.lock.acquire(blocking=False):
            return None
        if kept.is_valid_for(estimator):
            return kept
        kept.lock.release()
        return None

    def give_back(self) -> None:
        """The call is over, however it went."""
        self.epoch.forget_rows()
        self.lock.release()

    def is_valid_for(self, estimator: BaseMLP) -> bool:
        """Whether the model is still as the last call left it, but for edits within its arrays."""
        try:
            arrays = (*estimator.coefs_, *estimator.intercepts_)
            return (
                len(arrays) == len(self.arrays)
                and all(one is other for one, other in zip(arrays, self.arrays, strict=True))
                and _describe(arrays) == self.described
                and estimator.__dict__.get("_optimizer") is self.optimizer
                and bool(estimator.out_activation_ == self.out_activation)
                and current_parameters(estimator) == self.parameters
            )
        except Exception:  # what cannot be compared (an array in place of a number) is looked at anew
            return False

    def suits(self, estimator: BaseMLP, n_rows: int, sparse: bool, weighted: bool) -> bool:
        """Whether its workspace is the one for so many rows of this kind."""
        if weighted != self.weighted or sparse != self.sparse or self.masks_values:
            return False
        team = self.epoch.team
        if team.size > 1 and count_threads(estimator.n_jobs) < team.size:  # what limits threads has changed
            return False
        return clip_batch_size(estimator.batch_size, n_rows) == self.batch_size

    def resume(self, estimator: BaseMLP, dataset: Dataset) -> MinibatchFitting | None:
        """The fitting for rows that it suits; None if they, or their weights, turned out to be of another kind."""
        if dataset.weight_divisor != self.weight_divisor or not self.epoch.workspace.accepts(dataset):
            return None
        order, random_state, shuffled = self._draw(estimator, dataset.n_rows)
        plan = replace(self.plan, shuffle=False) if shuffled else self.plan
        check_batch_size(estimator.batch_size, dataset.n_rows)  # warns
        warn_of_early_end(self.optimizer, plan, dataset.n_rows)
        self.epoch.step_rates.address(-(-dataset.n_rows // self.batch_size))  # a schedule of the user's own may raise
        self.epoch.rebind(dataset, order)
        state = TrainingState(self.optimizer, order, random_state, self.dropout_keys)
        return MinibatchFitting(self.network, dataset, random_state, plan, state, self.epoch)

    def _draw(self, estimator: BaseMLP, n_rows: int) -> tuple[np.ndarray, np.random.RandomState, bool]:
        """The rows' order, what it was or will be drawn from, and whether it is shuffled already.

        A seed draws the same order in each call, as in scikit-learn.
        """
        order = np.arange(n_rows, dtype=np.int64)
        if not isinstance(estimator.random_state, Integral) or not self.plan.shuffle:
            return order, check_random_state(estimator.random_state), False
        if self.drawn is None or self.drawn[0].size != n_rows:
            random_state = check_random_state(estimator.random_state)
            shuffle(order, random_state)
            self.drawn = order, random_state
        return (*self.drawn, True)
