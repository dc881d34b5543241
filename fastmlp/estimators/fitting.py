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
from sklearn.utils.validation import _is_fitted

from ..engine.cores import count_threads
from ..engine.dataset import Dataset
from ..training.config import TrainingConfig, TrainingState, warn_of_early_end
from ..training.epoch import EpochRunner
from ..training.shuffling import shuffle
from ..training.validation import Validation
from .checks import check_batch_size, clip_batch_size
from .parameters import CONSTRAINTS

if TYPE_CHECKING:
    from ..engine.model import TrainableModel
    from .base import BaseMLP

#: The constructors' parameters; each may be changed between two calls.
PARAMETERS = (*CONSTRAINTS, "loss", "class_weight")
_parameters_of, _LISTS = operator.attrgetter(*PARAMETERS), {tuple, list, np.ndarray}
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

    config: TrainingConfig
    state: TrainingState
    runner: EpochRunner
    validation: Validation | None = None


def current_parameters(estimator: BaseMLP) -> tuple[Any, ...]:
    """Return the values of all parameters of an estimator, with their types, to compare them with later ones.

    The types tell True from 1, which is equal to it but not allowed for each parameter.
    """
    try:
        values = _parameters_of(estimator)
    except AttributeError:  # a subclass may have fewer parameters
        values = tuple(getattr(estimator, name, None) for name in PARAMETERS)
    parts = [_parts(value) if type(value) in _LISTS else value for value in values]
    return (*parts, *map(type, values))


def _parts(values: Any) -> Any:
    """Return the entries of a list with their types; an array with several dimensions, or none, as it is."""
    return values if isinstance(values, np.ndarray) and values.ndim != 1 else (*values, *map(type, values))


def are_accepted(estimator: BaseMLP) -> bool:
    """Return whether the parameters are those of the last call that was not refused."""
    try:
        return bool(estimator.__dict__.get("_accepted_parameters") == current_parameters(estimator))
    except (TypeError, ValueError):  # an array, which has no single answer
        return False


def check_parameters(estimator: BaseMLP) -> None:
    """Validate the parameters where scikit-learn's `_fit_context` does not: in later calls of `partial_fit`.

    Parameters that have not changed since the last call are not validated again.

    Raises
    ------
    InvalidParameterError
        If one of them is not allowed; it is a ValueError and a TypeError.
    """
    if _is_fitted(estimator) and not are_accepted(estimator):
        estimator._validate_params()


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
        self.network, self.config, self.runner, self.dropout_keys = (
            fitting.network,
            fitting.config,
            fitting.runner,
            fitting.state.dropout_keys,
        )
        self.optimizer = estimator._optimizer
        self.arrays = (*estimator.coefs_, *estimator.intercepts_)
        self.described = _describe(self.arrays)
        self.pin = weakref.ref(self.network.params.base)  # NumPy resizes no array that has weak references
        self.out_activation = estimator.out_activation_
        self.parameters = estimator._accepted_parameters
        dataset = fitting.dataset
        self.sparse, self.weighted, self.weight_divisor = (
            dataset.sparse,
            dataset.sample_weight is not None,
            dataset.weight_divisor,
        )
        # Dropout of sparse inputs copies the values of one dataset.
        self.masks_values = dataset.sparse and bool(fitting.config.regularization.input_dropout)
        self.batch_size = fitting.config.batch_size
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
        valid = False
        try:
            valid = kept.is_valid_for(estimator)
        finally:
            if not valid:
                kept.lock.release()
        return kept if valid else None

    def give_back(self) -> None:
        """Release the continuation at the end of the call, also after an error."""
        self.runner.forget_rows()
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
        except (AttributeError, TypeError, ValueError):  # deleted, no list, or an array in place of a number
            return False

    def suits(self, estimator: BaseMLP, n_rows: int, sparse: bool, weighted: bool) -> bool:
        """Whether its workspace fits `n_rows` rows of this kind."""
        if weighted != self.weighted or sparse != self.sparse or self.masks_values:
            return False
        team = self.runner.team
        if team.size > 1 and count_threads(estimator.n_jobs) < team.size:  # the limit of threads has changed
            return False
        return clip_batch_size(estimator.batch_size, n_rows) == self.batch_size

    def resume(self, estimator: BaseMLP, dataset: Dataset) -> MinibatchFitting | None:
        """Return the preparation for rows that it suits; None if the dataset needs another workspace."""
        if dataset.weight_divisor != self.weight_divisor or not self.runner.workspace.accepts(dataset):
            return None
        order, random_state, shuffled = self._draw(estimator, dataset.n_rows)
        config = replace(self.config, shuffle=False) if shuffled else self.config
        check_batch_size(estimator.batch_size, dataset.n_rows)  # for its warning
        warn_of_early_end(self.optimizer, config, dataset.n_rows)
        self.runner.check_schedules(config.l2, dataset.n_rows)
        self.runner.rebind(dataset, order)
        state = TrainingState(self.optimizer, order, random_state, self.dropout_keys)
        return MinibatchFitting(self.network, dataset, random_state, config, state, self.runner)

    def _draw(self, estimator: BaseMLP, n_rows: int) -> tuple[np.ndarray, np.random.RandomState, bool]:
        """Return the row order, its generator, and whether it is shuffled already.

        A seed draws the same order in each call, as in scikit-learn.
        """
        order = np.arange(n_rows, dtype=np.int64)
        if not isinstance(estimator.random_state, Integral) or not self.config.shuffle:
            return order, check_random_state(estimator.random_state), False
        if self.drawn is None or self.drawn[0].size != n_rows:
            random_state = check_random_state(estimator.random_state)
            shuffle(order, random_state)
            self.drawn = order, random_state
        return (*self.drawn, True)
