"""The one place that prints."""

from __future__ import annotations


class Progress:
    """What ``verbose`` shows, in scikit-learn's words; nothing at all when it is off."""

    def __init__(self, verbose: bool | int) -> None:
        self.verbose = verbose

    def epoch(self, number: int, loss: float) -> None:
        """An epoch is over."""
        self._print(f"Iteration {number}, loss = {loss:.8f}")

    def validation(self, score: float) -> None:
        """The validation rows were scored."""
        self._print(f"Validation score: {score:f}")

    def plateau(self, early_stopping: bool, tol: float, epochs: float, outcome: str) -> None:
        """Nothing improved for so many epochs, and this is what follows."""
        what = "Validation score" if early_stopping else "Training loss"
        self._print(f"{what} did not improve more than tol={tol:f} for {epochs} consecutive epochs. {outcome}")

    def _print(self, line: str) -> None:
        if self.verbose:
            print(line)
