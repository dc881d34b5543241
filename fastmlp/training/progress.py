"""`Progress`: what `verbose` prints. Nothing else in the package prints during training."""

from __future__ import annotations


class Progress:
    """Prints what ``verbose`` shows, in scikit-learn's words; nothing if it is off."""

    def __init__(self, verbose: bool | int) -> None:
        self.verbose = verbose

    def epoch(self, number: int, loss: float) -> None:
        """Print the loss of an epoch."""
        self._print(f"Iteration {number}, loss = {loss:.8f}")

    def validation(self, score: float, metric: str) -> None:
        """Print the validation score, or the validation loss, which is the negative score."""
        self._print(f"Validation loss: {-score:.8f}" if metric == "neg_loss" else f"Validation score: {score:f}")

    def plateau(self, metric: str | None, tol: float, epochs: float, outcome: str) -> None:
        """Print that nothing improved for `epochs` epochs, and the outcome; `metric` is None without early stopping."""
        what = "Training loss" if metric is None else "Validation loss" if metric == "neg_loss" else "Validation score"
        self._print(f"{what} did not improve more than tol={tol:f} for {epochs} consecutive epochs. {outcome}")

    def end(self) -> None:
        """Nothing follows."""

    def _print(self, line: str) -> None:
        if self.verbose:
            print(line)
