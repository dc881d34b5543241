"""Training the members of an ensemble together, and averaging their outputs."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from enum import Enum

import numpy as np

from ..engine.dataset import Dataset
from ..engine.slicing import Stopped
from ..engine.threads import Team
from ..kernels.lowlevel.records import CANCELLED
from .member import Member
from .model import TableModel
from .workspace import PREDICTED_ROWS, TablePrediction


class Ending(Enum):
    """How a training has ended."""

    REGULAR = "after its last epoch, or between two epochs"
    CUT = "within an epoch, by a callback"
    INTERRUPTED = "by Ctrl-C"


def train_members(
    members: Sequence[Member],
    epochs: int,
    n_threads: int,
    after_epoch: Callable[[int], bool] | None = None,
    before_epoch: Callable[[], None] | None = None,
    is_over: Callable[[], bool] | None = None,
) -> Ending:
    """Train for at most `epochs` epochs; after each, when all members have made it, `after_epoch` may end it.

    Threads take whole members, each the next one that is left, so that they need not wait for one another in each
    step. A member's bits are the same for any number of threads and of members.

    Parameters
    ----------
    members : sequence of Member
    epochs, n_threads : int
    after_epoch : callable, optional
        Number of epochs made ↦ whether to end. Not called for an epoch that no member was through with, or in which the
        last ones diverged.
    before_epoch : callable, optional
    is_over : callable, optional
        () ↦ whether to end within an epoch; the caller's thread asks it some ten times a second.

    Returns
    -------
    ending : Ending
        Ctrl-C and `is_over` end the training within about a tenth of a second, and the epoch does not count for the
        members that were not through with it. After `is_over`, members that have made no epoch keep the parameters of
        their last step.

    Raises
    ------
    KeyboardInterrupt
        If it comes before each member has made an epoch.
    """
    if not members:
        return Ending.REGULAR
    team, caller = Team(min(n_threads, len(members)), long=len(members) > 1), threading.get_ident()

    def is_cancelled() -> bool:
        asked = is_over is not None and threading.get_ident() == caller and is_over()
        return asked or bool(team.barrier[CANCELLED // 8])

    try:
        with team:
            for epoch in range(1, epochs + 1):
                if before_epoch is not None:
                    before_epoch()
                ends = not _run_epoch(team, members, is_cancelled, is_over)
                is_cut = any(each.lacks(epoch) for each in members)
                if is_cut:
                    _keep_last_steps(members)
                made = any(len(each.loss_curve) == epoch and not each.diverged for each in members)
                if made and after_epoch is not None:
                    ends = bool(after_epoch(epoch)) or ends
                if is_cut or ends or all(each.diverged for each in members):
                    return Ending.CUT if is_cut else Ending.REGULAR
    except KeyboardInterrupt:
        if not all(each.best_epoch for each in members):
            raise
        return Ending.INTERRUPTED
    return Ending.REGULAR


def _run_epoch(
    team: Team, members: Sequence[Member], is_cancelled: Callable[[], bool], is_over: Callable[[], bool] | None
) -> bool:
    """Make an epoch of all members; False if `is_over` was True while the caller waited for the threads."""
    try:
        team.run(functools.partial(_take_members, iter(members), is_cancelled), is_over)
    except Stopped:
        return False
    return True


def _keep_last_steps(members: Sequence[Member]) -> None:
    """Keep what the members that have made no epoch have learnt in its steps."""
    for each in members:
        if not each.loss_curve:
            each.keep_present()


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
