"""The state of a fit between its checks and its first step, and what `partial_fit` keeps for its next call."""

from __future__ import annotations

import operator
import threading
import weakref
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

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

#: The constructors' parameters; each may be changed between two calls.
PARAMETERS = (*CONSTRAINTS, "loss")
_parameters_of, _LISTS = operator.attrgetter(*PARAMETERS), {list, np.ndarray}
_in_place = operator.attrgetter("shape", "strides", "dtype", "flags.writeable")


@dataclass
class Fitting:
    """Everything that a fit needs, checked: later errors come from the training itself.

    Attributes
    ----------
    network : TrainableModel
    dataset : Dataset
    random_state : RandomState
        Generator of the row order.
    """

    network: TrainableModel
    dataset: Dataset
    random_state: np.random.RandomState


@dataclass
class MinibatchFitting(Fitting):
    """A `Fitting` for mini-batches, with the arguments of `training.minibatch.train`."""

    plan: TrainingConfig
    state: TrainingState
    epoch: EpochRunner
    validate: Validation | None = None


def current_parameters(estimator: BaseMLP) -> tuple[Any, ...]:
    """Return the values of all parameters of an estimator, to compare them with later ones."""
    try:
        values = _parameters_of(estimator)
    except AttributeError:  # a subclass may have fewer parameters
        values = tuple(getattr(estimator, name, None) for name in PARAMETERS)
    return tuple([tuple(value) if type(value) in _LISTS else value for value in values])


def _describe(arrays: tuple[np.ndarray, ...]) -> list[tuple[Any, ...]]:
    """Return shape, strides, dtype and writeability of each array, which can be changed in place."""
    return list(map(_in_place, arrays))


class Continuation:
    """Network, workspace and optimizer that one `partial_fit` keeps for the next call.

    Preparing them again takes many times as long as the step of a small batch. Only one call at a time holds a
    continuation; a call by another thread on the same model prepares its own. Between two calls it holds no reference
    to the caller's arrays.

    Parameters
    ----------
    estimator : BaseMLP
        The model, just prepared.
    fitting : MinibatchFitting
        The preparation of the current call, which holds the continuation until `give_back`.
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
        # Dropout of sparse inputs copies the values of one dataset.
        self.masks_values = dataset.sparse and bool(fitting.plan.regularization.input_dropout)
        self.batch_size = fitting.plan.batch_size
        # The row order that a seed draws for this number of rows, and the generator after it.
        self.drawn: tuple[np.ndarray, np.random.RandomState] | None = None
        self.lock = threading.Lock()
        self.lock.acquire()

    @classmethod
    def take(cls, estimator: BaseMLP) -> Continuation | None:
        """Acquire the last call's continuation; None if it is not valid any more or another call holds it."""
        kept: Continuation | None = estimator.__dict__.get("_continuation")
        if kept is None or not kept.lock.acquire(blocking=False):
            return None
        if kept.is_valid_for(estimator):
            return kept
        kept.lock.release()
        return None

    def give_back(self) -> None:
        """Release the continuation at the end of the call, also after an error."""
        self.epoch.forget_rows()
        self.lock.release()

    def is_valid_for(self, estimator: BaseMLP) -> bool:
        """Whether the model is unchanged since the last call, apart from the values in its arrays."""
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
        except Exception:  # values that cannot be compared (an array instead of a number) are prepared again
            return False

    def suits(self, estimator: BaseMLP, n_rows: int, sparse: bool, weighted: bool) -> bool:
        """Whether its workspace fits `n_rows` rows of this kind."""
        if weighted != self.weighted or sparse != self.sparse or self.masks_values:
            return False
        team = self.epoch.team
        if team.size > 1 and count_threads(estimator.n_jobs) < team.size:  # the limit of threads has changed
            return False
        return clip_batch_size(estimator.batch_size, n_rows) == self.batch_size

    def resume(self, estimator: BaseMLP, dataset: Dataset) -> MinibatchFitting | None:
        """Return the preparation for rows that it suits; None if the dataset needs another workspace."""
        if dataset.weight_divisor != self.weight_divisor or not self.epoch.workspace.accepts(dataset):
            return None
        order, random_state, shuffled = self._draw(estimator, dataset.n_rows)
        plan = replace(self.plan, shuffle=False) if shuffled else self.plan
        check_batch_size(estimator.batch_size, dataset.n_rows)  # for its warning
        warn_of_early_end(self.optimizer, plan, dataset.n_rows)
        self.epoch.step_rates.address(-(-dataset.n_rows // self.batch_size))  # a custom schedule may raise
        self.epoch.rebind(dataset, order)
        state = TrainingState(self.optimizer, order, random_state, self.dropout_keys)
        return MinibatchFitting(self.network, dataset, random_state, plan, state, self.epoch)

    def _draw(self, estimator: BaseMLP, n_rows: int) -> tuple[np.ndarray, np.random.RandomState, bool]:
        """Return the row order, its generator, and whether it is shuffled already.

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
