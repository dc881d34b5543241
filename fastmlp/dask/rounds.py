"""`Rounds`: the epochs of a training whose rows are on other machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from types import SimpleNamespace
from typing import Any, Self

import numpy as np

from ..engine.model import TrainableModel
from ..estimators.checks import clip_batch_size
from ..optimizers import RunningOptimizer
from ..training.config import TrainingConfig
from ..training.epoch import EpochRunner
from .libraries import send
from .outer import OuterStep
from .shard import train_shard
from .shards import Shards
from .state import RoundState, Update, mean_of

#: As many updates are averaged by one task; the mean of many is the mean of such means.
FAN_IN = 8


class Rounds:
    """What `EpochRunner` is for rows on this machine: `train` of `fastmlp.training` calls it for each epoch.

    An epoch is one round or several. In a round each worker makes its steps from the same state, and the state of the
    next one is the weighted mean of what they have led to, moved by the outer step. This object has the state between
    two rounds, from which Dask repeats the tasks of a worker that dies.

    Parameters
    ----------
    client : distributed.Client
    network : TrainableModel
        Has the parameters between two rounds.
    optimizer : RunningOptimizer
        Has the moments and the number of steps.
    shards : Shards
    config : TrainingConfig
        With the `batch_size` of the estimator, before it is limited by the rows of a shard.
    sync : int or None
        The largest number of steps of a round; None is an epoch.
    outer : OuterStep
    """

    gradient_norms = None

    def __init__(
        self,
        client: Any,
        network: TrainableModel,
        optimizer: RunningOptimizer,
        shards: Shards,
        config: TrainingConfig,
        sync: int | None,
        outer: OuterStep,
    ) -> None:
        self.client, self.network, self.optimizer = client, network, optimizer
        self.shards, self.addresses, self.outer = shards.futures, shards.addresses, outer
        self.state = optimizer.prepare(network.layout.size, network.dtype)
        self.average = network.params.copy() if config.regularization.ema is not None else None
        self.steps_of = [
            TrainingConfig(clip_batch_size(config.batch_size, rows), 1, drop_last=config.drop_last).steps(rows)
            for rows in shards.n_rows
        ]
        self.steps = max(self.steps_of)
        self.rounds = -(-self.steps // sync) if sync else 1
        self.n_rows = sum(
            rows if not config.drop_last else min(rows, steps * clip_batch_size(config.batch_size, rows))
            for rows, steps in zip(shards.n_rows, self.steps_of, strict=True)
        )
        self.epoch, self.complete = 0, True
        self.team = self  # what `train` enters and leaves
        self.workspace = SimpleNamespace(task={}, refresh_weight_copies=lambda: None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.shards = []  # the workers may forget the rows

    def evaluated_params(self) -> Any:
        """As of `EpochRunner`."""
        return EpochRunner.evaluated_params(self)  # type: ignore[arg-type]

    def run(self, l2: Any, is_over: Callable[[], bool] | None = None) -> float:
        """Make the rounds of an epoch, or some until `is_over`; the mean loss over the rows that counted."""
        loss_sum, rows = 0.0, 0
        self.workspace.task.update(steps_made=0, rows_counted=0)
        self.complete = False
        for number in range(self.rounds):
            if is_over is not None and is_over():
                break
            update = self._make_round(number)
            self._continue_with(update)
            loss_sum, rows = loss_sum + update.loss_sum, rows + update.rows
            steps = max(last - first for _, first, last in self._segments(number))
            self.optimizer.advance(steps)
            self.workspace.task["steps_made"] += steps
            self.workspace.task["rows_counted"] = rows
        else:
            self.complete, self.epoch = True, self.epoch + 1
        return loss_sum / max(rows, 1)

    def _segments(self, number: int) -> Iterator[tuple[int, int, int]]:
        """Yield (shard, first step, last step) of a round of an epoch, for each shard that makes steps in it."""
        for shard, steps in enumerate(self.steps_of):
            first, last = (steps * each // self.rounds for each in (number, number + 1))
            if last > first:
                yield shard, first, last

    def _make_round(self, number: int) -> Update:
        """Return the mean of what a round of an epoch has led to."""
        optimizer = self.optimizer
        state = RoundState(
            self.network.params, self.state, self.average,
            optimizer.t, optimizer.schedule, optimizer.length, optimizer.mean_shrinkage,
        )  # fmt: skip
        try:
            return self._train(state, list(self._segments(number)))
        except CancelledError as error:
            raise RuntimeError(
                "A worker died with rows that Dask cannot compute again: data that were scattered have no task that "
                "makes them. Read them by tasks, as dask.array.from_array and dask.dataframe.read_parquet do, and fit "
                "again."
            ) from error

    def _train(self, state: RoundState, segments: list[tuple[int, int, int]]) -> Update:
        """Have the shards trained from a state; return the mean of what they have led to."""
        held = send(self.client, state)
        updates = [
            self.client.submit(
                train_shard, self.shards[shard], held, self.epoch, first, last,
                pure=False, workers=[self.addresses[shard]], allow_other_workers=True,
            )
            for shard, first, last in segments
        ]  # fmt: skip
        while len(updates) > 1:
            updates = [
                self.client.submit(mean_of, updates[first : first + FAN_IN], pure=False)
                for first in range(0, len(updates), FAN_IN)
            ]
        update: Update = updates[0].result()
        return update

    def _continue_with(self, update: Update) -> None:
        """Set what the next round begins with."""
        self.outer.move(self.network.params, np.asarray(update.params))
        self.state[...] = update.moments
        if self.average is not None:
            self.average[...] = update.average
        self.optimizer.mean_shrinkage = update.mean_shrinkage
