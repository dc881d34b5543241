"""The one place that prints."""

from __future__ import annotations


class Progress:
    """What ``verbose`` shows, in scikit-learn's words; nothing at all when it is off."""

    def __init__(self, verbose: bool | int) -> None:
        self.verbose = verbose

    def epoch(self, number: int, loss: float) -> None:
        """An epoch is over."""
        self._print(f"Iteration {number}, loss = {loss:.8f}")

    def validation(self, score: float, metric: str) -> None:
        """The validation rows were scored, or their loss was taken, whose negative is the score."""
        self._print(f"Validation loss: {-score:.8f}" if metric == "neg_loss" else f"Validation score: {score:f}")

    def plateau(self, metric: str | None, tol: float, epochs: float, outcome: str) -> None:
        """Nothing improved for so many epochs, and this is what follows; `metric` is None without early stopping."""
        what = "Training loss" if metric is None else "Validation loss" if metric == "neg_loss" else "Validation score"
        self._print(f"{what} did not improve more than tol={tol:f} for {epochs} consecutive epochs. {outcome}")

    def _print(self, line: str) -> None:
        if self.verbose:
            print(line)
