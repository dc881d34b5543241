"""`Shard`: the rows of one worker, and the steps that are made on them."""

from __future__ import annotations

import copy
import threading
from typing import Any

import numpy as np

from ..common.random_state import as_random_state
from ..engine.cores import ask_threads
from ..engine.dataset import Dataset
from ..estimators.checks import clip_batch_size
from ..estimators.solver_parameters import build_optimizer, build_regularization
from ..training.config import count_batches
from ..training.dropout_keys import DropoutKeys
from ..training.epoch import EpochRunner
from ..training.shuffling import shuffle
from .libraries import import_dask
from .partitions import Partition, join
from .state import RoundState, Update


class Shard:
    """The rows of one worker, validated and encoded; in the memory of that worker for the whole training.

    What a round returns depends on these rows and its arguments alone, so that Dask may compute it again anywhere.
    Network and workspace are kept between rounds, but not when the shard is moved to another worker.

    Parameters
    ----------
    model : MLPClassifier or MLPRegressor
        With initial `coefs_` and known classes; its parameters say how to train.
    generator : RandomState
        What row order and dropout are drawn from; not changed.
    partitions : list of Partition

    Raises
    ------
    TypeError, ValueError
        If the rows are not allowed, as by the model's `fit`.
    """

    def __init__(self, model: Any, generator: np.random.RandomState, partitions: list[Partition]) -> None:
        self.model, self.generator = model, generator
        X, y, sample_weight = join(partitions)
        y = y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y  # the client has warned of it
        self.X, self.y, self.sample_weight = model._check_rows(X, y, sample_weight, True, False, None)
        self.n_rows = int(self.X.shape[0])
        self.weight = float(self.n_rows)
        if self.sample_weight is not None:
            self.weight = float(np.abs(self.sample_weight, dtype=np.float64).sum())
        self._training: ShardTraining | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_lock", "_training")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock, self._training = threading.Lock(), None

    def __sizeof__(self) -> int:
        """Bytes of the rows, by which Dask's workers watch their memory."""
        inputs = self.X if isinstance(self.X, np.ndarray) else self.X.data
        return int(inputs.nbytes + self.y.nbytes)

    def train(self, state: RoundState, epoch: int, first: int, last: int) -> Update:
        """Make the steps from `first` to `last` of an epoch, both counted from 0; `last` is not made."""
        with self._lock:  # a round that is repeated may find an earlier attempt still at work
            if self._training is None:
                self._training = ShardTraining(self)
            loss_sum, rows = self._training.run(state, epoch, first, last)
            return self._training.update(loss_sum, rows)


class ShardTraining:
    """Network, workspace and row order of a shard.

    Parameters
    ----------
    shard : Shard
    """

    def __init__(self, shard: Shard) -> None:
        model, self.shard, self.n_rows = shard.model, shard, shard.n_rows
        draft = copy.copy(model)
        sizes = [coef.shape[0] for coef in model.coefs_]
        self.network = draft._build_network(sizes, shard.y.shape[1], shard.X.dtype, False, None)
        self.optimizer, regularization = build_optimizer(model), build_regularization(model)
        self.batch_size, self.shuffle = clip_batch_size(model.batch_size, self.n_rows), bool(model.shuffle)
        self._draw()
        self.runner = EpochRunner(
            self.network, Dataset(shard.X, shard.y, shard.sample_weight, self.network.dtype), self.optimizer,
            self.order, self.batch_size, ask_threads(_n_jobs(model)), regularization,
            self.dropout_keys if regularization.drops else None, drop_last=bool(model.drop_last),
        )  # fmt: skip

    def _draw(self) -> None:
        """Begin with the row order of the first epoch."""
        self.order, self.epochs_drawn = np.arange(self.n_rows, dtype=np.int64), 0
        self.generator = as_random_state(copy.deepcopy(self.shard.generator))
        if build_regularization(self.shard.model).drops:
            self.dropout_keys = DropoutKeys.draw(self.generator)

    def _draw_epoch(self, epoch: int) -> None:
        """Bring the row order to an epoch, counted from 0: where a worker has died, that of the earlier ones first."""
        if not self.shuffle:
            return
        if self.epochs_drawn > epoch + 1:
            self._draw()
        while self.epochs_drawn <= epoch:
            shuffle(self.order, self.generator)
            self.epochs_drawn += 1

    def run(self, state: RoundState, epoch: int, first: int, last: int) -> tuple[float, int]:
        """Make some steps of an epoch; return the sum of the losses and the number of rows that counted."""
        self._draw_epoch(epoch)
        self._load(state)
        runner = self.runner
        rows = self.order[first * self.batch_size : last * self.batch_size]
        runner.workspace.use_order(rows)
        runner.steps = count_batches(rows.size, self.batch_size, runner.drop_last)
        with runner.team:
            runner.run(self.shard.model.alpha)
        return float(runner.workspace.task["loss_sum"]), int(runner.workspace.task["rows_counted"])

    def _load(self, state: RoundState) -> None:
        """Continue from a state."""
        runner, optimizer = self.runner, self.optimizer
        self.network.params[...] = state.params
        runner.state[...] = state.moments
        if runner.average is not None:
            runner.average[...] = state.average
            runner.workspace.tasks["average_begun"] = state.t > 0
        optimizer.t, optimizer.length = state.t, state.length
        if optimizer.schedule != state.schedule:
            optimizer.schedule = state.schedule
        optimizer.mean_shrinkage = state.mean_shrinkage
        runner.workspace.tasks["mean_shrinkage"] = state.mean_shrinkage
        if runner.options.dropout_keys is not None:
            runner.options.dropout_keys = DropoutKeys(self.dropout_keys.seed, state.t)
        runner.workspace.refresh_weight_copies()

    def update(self, loss_sum: float, rows: int) -> Update:
        """Return copies of what the steps have led to."""
        runner = self.runner
        average = None if runner.average is None else runner.average.copy()
        return Update(
            self.shard.weight, self.network.params.copy(), runner.state.copy(), average,
            self.optimizer.mean_shrinkage, loss_sum, rows,
        )  # fmt: skip


def _n_jobs(model: Any) -> int | None:
    """Return `n_jobs`; None is as many threads as the Dask worker has."""
    if model.n_jobs is not None:
        return int(model.n_jobs)
    try:
        return int(import_dask("distributed").get_worker().state.nthreads)
    except ValueError:  # outside of a worker
        return None


def train_shard(shard: Shard, state: RoundState, epoch: int, first: int, last: int) -> Update:
    """Make some steps on a shard: the task of a round."""
    return shard.train(state, epoch, first, last)


def size_of(shard: Shard) -> int:
    """Return the number of rows."""
    return shard.n_rows
