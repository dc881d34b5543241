"""What `verbose` shows while members are trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..training.progress_bar import ProgressBar
from .member import Member


class Report:
    """Print a line with the mean losses of the members that are still trained, after each epoch."""

    def begin(self, members: Sequence[Member], epochs: int) -> None:
        """Before the first epoch."""
        self.members = members

    def epoch(self, number: int) -> None:
        """After an epoch."""
        if losses := self.means():
            line = f"Epoch {number}, loss = {losses[0]:.6f}"
            print(f"{line}, validation loss = {losses[1]:.6f}" if len(losses) > 1 else line)

    def end(self) -> None:
        """After the last epoch."""

    def means(self) -> list[float]:
        """Return the mean loss, and the mean validation loss if there is one; nothing if no member is trained."""
        trained = [each for each in self.members if each.loss_curve and not each.diverged]
        if not trained:
            return []
        judged = [each.validation_losses[-1] for each in trained if each.validation_losses]
        means = [np.mean([each.loss_curve[-1] for each in trained]), *([np.mean(judged)] if judged else [])]
        return [float(mean) for mean in means]


class Bar(Report):
    """Draw one bar with epochs, losses and the time left, as `MLPClassifier` does."""

    def begin(self, members: Sequence[Member], epochs: int) -> None:
        super().begin(members, epochs)
        rates = members[0].runner.step_rates
        self.bar = ProgressBar(epochs, lambda: rates.learning_rate)

    def epoch(self, number: int) -> None:
        if losses := self.means():
            if len(losses) > 1:
                self.bar.validation(-losses[1], "neg_loss")
            self.bar.epoch(number, losses[0])

    def end(self) -> None:
        self.bar.end()


def report_of(verbose: bool | int | str) -> Report | None:
    """Return what `verbose` stands for; None for nothing."""
    if isinstance(verbose, str):
        return Bar()
    return Report() if verbose else None
