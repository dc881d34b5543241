"""Training the members of an ensemble together, and averaging their outputs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..engine.dataset import Dataset
from ..engine.threads import Team
from .member import Member
from .model import TableModel
from .workspace import PREDICTED_ROWS, TablePrediction


def train_members(
    members: Sequence[Member], epochs: int, n_threads: int, after_epoch: Callable[[int], bool] | None = None
) -> None:
    """Train for at most `epochs` epochs; after each, when all members have made it, `after_epoch` may end it.

    Threads take whole members, each the next one that is left, so that they need not wait for one another in each
    step. A member's bits are the same for any number of threads and of members.

    Parameters
    ----------
    members : sequence of Member
    epochs, n_threads : int
    after_epoch : callable, optional
        Number of epochs made ↦ whether to end.
    """
    team = Team(min(n_threads, len(members)), long=len(members) > 1)
    with team:
        for epoch in range(1, epochs + 1):
            team.run(functools.partial(_take_members, iter(members)))
            if after_epoch is not None and after_epoch(epoch):
                return


def _take_members(left: Iterator[Member], thread: int) -> None:
    for member in left:
        member.run_epoch()


def average_outputs(models: Sequence[TableModel], datasets: Sequence[Dataset], n_threads: int) -> np.ndarray:
    """Compute the mean of the models' outputs for all rows, (n, n_outputs), in float64; each model has its dataset.

    The bits of a row depend neither on the rows beside it nor on the number of threads.
    """
    each = [TablePrediction(model, dataset) for model, dataset in zip(models, datasets, strict=True)]
    left = iter(each)

    def take_models(thread: int) -> None:
        for prediction in left:
            prediction.predict()

    Team(min(n_threads, len(each)) if datasets[0].n_rows > PREDICTED_ROWS else 1).run(take_models)
    total = np.zeros(each[0].outputs.shape)
    for prediction in each:
        total += prediction.outputs
    return total / len(each)
