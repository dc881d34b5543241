"""`RunningTraining`: a training between two epochs, and everything that it needs to continue, as arrays and numbers."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..common.frozen_params import with_values
from ..engine.dataset import Dataset
from ..schedules import Schedule, as_schedule
from .config import TrainingConfig, TrainingState, schedules_of
from .epoch import EpochRunner
from .step_rates import RateBuffer
from .validation import Validation

#: Rows whose bytes are hashed together.
ROWS_TOGETHER = 1 << 12


@dataclass
class RunningTraining:
    """What `train` runs, for callbacks that store it.

    Parameters
    ----------
    runner : EpochRunner
    config : TrainingConfig
    state : TrainingState
    validation : Validation or None
    best : ndarray of shape (n_params,), or None
        With early stopping, the best parameters so far.
    finished : bool, default=False
        Whether the training ends after this epoch because nothing improves.
    """

    runner: EpochRunner
    config: TrainingConfig
    state: TrainingState
    validation: Validation | None = None
    best: np.ndarray | None = None
    finished: bool = False

    @property
    def epochs_left(self) -> int:
        """How many epochs may follow."""
        return 0 if self.finished else max(self.config.epochs - self.state.history.n_iter, 0)

    @property
    def step_rates(self) -> RateBuffer:
        """Learning rates of the steps."""
        return self.runner.step_rates

    @property
    def evaluated(self) -> np.ndarray:
        """The parameters that are evaluated, (n_params,): their moving average, if there is one."""
        return self.runner.network.params if self.runner.average is None else self.runner.average

    def copies(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return arrays of the model, and what they would hold if the training ended now."""
        return [(self.runner.network.params, self.evaluated.copy())]

    def identity(self) -> dict[str, str]:
        """Return what the results depend on beside the state: two trainings with the same identity may share one."""
        network = self.runner.network
        made_of = {
            "layer sizes": str(network.layout.layer_sizes),
            "type": network.dtype.name,
            "activations": str([repr(activation) for activation in network.activations]),
            "loss": repr(network.loss_function),
            "optimizer": repr(self.state.optimizer.optimizer),
            "validation": str(self.validation and (self.validation.metric, self.validation.ties)),
            "early stopping": str(self.best is not None),
        }
        for each in fields(TrainingConfig):
            if each.name not in ("max_iter", "one_epoch"):
                made_of[each.name] = repr(getattr(self.config, each.name))
        scheduled = schedules_of(self.state.optimizer, self.config.l2, self.config.regularization)
        if any(schedule.lasts_training for schedule in scheduled.values()):
            made_of["steps of the training"] = str(self.state.optimizer.length)
        made_of = {name: re.sub(r" at 0x[0-9a-f]+", "", value) for name, value in made_of.items()}
        made_of["training rows"] = digest_of(self.runner.dataset, np.sort(self.state.order))
        if self.validation is not None:
            made_of["validation rows"] = digest_of(self.validation.loss.dataset, self.validation.loss.order)
        return made_of

    def save(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the state: arrays by name, and numbers (in lists and dicts) by name."""
        state, optimizer = self.state, self.state.optimizer
        drawn = state.random_state.get_state(legacy=False)
        arrays = {"params": self.runner.network.params, "moments": self.runner.state, "order": state.order}
        if "key" in drawn["state"]:  # of MT19937; other generators' states are numbers
            arrays["random state"] = drawn["state"].pop("key")
        if self.best is not None:
            arrays["best params"] = self.best
        if self.runner.average is not None:
            arrays["average"] = self.runner.average
        numbers = {
            "history": vars(state.history), "finished": self.finished,
            "t": optimizer.t, "exchanged": optimizer._exchanged, "mean shrinkage": optimizer.mean_shrinkage,
            "schedule": _numbers_of(optimizer.schedule),
            "dropout": None if state.dropout_keys is None else vars(state.dropout_keys),
            "random state": drawn,
        }  # fmt: skip
        return arrays, numbers

    def restore(self, arrays: dict[str, np.ndarray], numbers: dict[str, Any]) -> None:
        """Continue from what `save` has returned, of a training with the same identity."""
        state, optimizer = self.state, self.state.optimizer
        self.runner.network.params[...] = arrays["params"]
        self.runner.state[...] = arrays["moments"]
        state.order[...] = arrays["order"]
        optimizer.t, optimizer._exchanged = numbers["t"], numbers["exchanged"]
        drawn, key = numbers["random state"], {"key": arrays["random state"]} if "random state" in arrays else {}
        state.random_state.set_state({**drawn, "state": {**key, **drawn["state"]}})
        if self.best is not None:
            self.best[...] = arrays["best params"]
        if self.runner.average is not None:
            self.runner.average[...] = arrays["average"]
            self.runner.workspace.tasks["average_begun"] = optimizer.t > 0
        vars(state.history).update(numbers["history"])
        self.finished = numbers["finished"]
        optimizer.mean_shrinkage = numbers["mean shrinkage"]
        self.runner.workspace.tasks["mean_shrinkage"] = optimizer.mean_shrinkage
        if numbers["schedule"]:
            optimizer.schedule = _with_numbers(optimizer.schedule, numbers["schedule"])
        if state.dropout_keys is not None:
            vars(state.dropout_keys).update(numbers["dropout"])


def _numbers_of(schedule: Any) -> dict[str, Any]:
    """Return the numbers that a schedule may change between epochs, and those of a schedule in it, such as a warm-up's.

    A user's own schedule is a function of the step.
    """
    names = [each.name for each in fields(schedule)] if hasattr(schedule, "__dataclass_fields__") else []
    values = {name: getattr(schedule, name) for name in names}
    values = {name: _numbers_of(value) if isinstance(value, Schedule) else value for name, value in values.items()}
    return {name: value for name, value in values.items() if isinstance(value, int | float | dict)}


def _with_numbers(schedule: Schedule, numbers: dict[str, Any]) -> Schedule:
    """Return a schedule with the numbers that `_numbers_of` has returned for another one of its kind."""
    values = {
        name: _with_numbers(as_schedule(getattr(schedule, name)), value) if isinstance(value, dict) else value
        for name, value in numbers.items()
    }
    return with_values(schedule, **values) if values else schedule


def digest_of(dataset: Dataset, order: np.ndarray) -> str:
    """Return a digest of some rows of a dataset: their inputs, targets and weights."""
    digest = hashlib.blake2b(order.tobytes(), digest_size=16)
    inputs = [dataset.indptr, dataset.indices, dataset.values] if dataset.sparse else [dataset.X]
    for array in (*inputs, dataset.y, dataset.sample_weight):
        if array is None:
            continue
        digest.update(str((array.shape, array.dtype)).encode())
        for first in range(0, len(array), ROWS_TOGETHER):
            digest.update(np.ascontiguousarray(array[first : first + ROWS_TOGETHER]).tobytes())
    return digest.hexdigest()
