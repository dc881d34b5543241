"""`RunningEnsemble`: members between two epochs, for callbacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..training.step_rates import RateBuffer
from .member import Member, ValidationRows


@dataclass
class RunningEnsemble:
    """What an estimator for tables trains; a callback gets it in `on_training_begin`.

    Parameters
    ----------
    members : sequence of Member
    validation : ValidationRows or None
        Of the first member, if each has its own.
    """

    members: Sequence[Member]
    validation: ValidationRows | None

    #: There is no single network.
    runner = None

    def __post_init__(self) -> None:
        self.kept_epochs = np.zeros(len(self.members), np.int64)
        self.note_epochs()

    def note_epochs(self) -> None:
        """Store which epoch of each member the model would be of if the training ended now."""
        self.kept_epochs[...] = [each.best_epoch for each in self.members]

    @property
    def step_rates(self) -> RateBuffer:
        """Learning rates of the first member's steps, which are those of all, up to a different number of rows."""
        return self.members[0].runner.step_rates

    def copies(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return arrays of the model, and what they would hold if the training ended now.

        None if validation rows judge the members: each keeps the parameters of its own best epoch.
        """
        if self.validation is not None:
            return []
        copies = [(each.model.params, each.best.copy()) for each in self.members]
        return [*copies, (self.kept_epochs, self.kept_epochs.copy())]
