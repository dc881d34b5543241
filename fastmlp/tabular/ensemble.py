"""Training the members of an ensemble together, and averaging their outputs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..engine.dataset import Dataset
from ..engine.threads import Team
from ..kernels.lowlevel.records import CANCELLED
from .member import Member
from .model import TableModel
from .workspace import PREDICTED_ROWS, TablePrediction


def train_members(
    members: Sequence[Member], epochs: int, n_threads: int, after_epoch: Callable[[int], bool] | None = None
) -> bool:
    """Train for at most `epochs` epochs; after each, when all members have made it, `after_epoch` may end it.

    Threads take whole members, each the next one that is left, so that they need not wait for one another in each
    step. A member's bits are the same for any number of threads and of members.

    Parameters
    ----------
    members : sequence of Member
    epochs, n_threads : int
    after_epoch : callable, optional
        Number of epochs made ↦ whether to end.

    Returns
    -------
    complete : bool
        False if Ctrl-C has ended the training: within about a tenth of a second, and the epoch does not count for the
        members that were not through with it.

    Raises
    ------
    KeyboardInterrupt
        If it comes before each member has made an epoch.
    """
    if not members:
        return True
    team = Team(min(n_threads, len(members)), long=len(members) > 1)

    def is_cancelled() -> bool:
        return bool(team.barrier[CANCELLED // 8])

    try:
        with team:
            for epoch in range(1, epochs + 1):
                team.run(functools.partial(_take_members, iter(members), is_cancelled))
                if after_epoch is not None and after_epoch(epoch):
                    return True
    except KeyboardInterrupt:
        if not all(each.best_epoch for each in members):
            raise
        return False
    return True


def _take_members(left: Iterator[Member], is_cancelled: Callable[[], bool], thread: int) -> None:
    for member in left:
        if is_cancelled():
            return
        member.run_epoch(is_cancelled)


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
