"""`TrainingOptions`: the arguments of `Network.train` beside rows and optimizer, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..common.checks import check_bool, check_count, check_number, is_integer
from ..common.frozen_params import Range
from ..engine.cores import Threads, ask_threads
from ..optimizers import Optimizer, RunningOptimizer, as_optimizer
from ..regularization import Regularization
from ..schedules import Schedule
from ..training.config import NO_REGULARIZATION, TrainingConfig
from ..training.progress import Progress

#: Epochs without an improvement after which early stopping ends a training, as in scikit-learn.
N_ITER_NO_CHANGE = 10


@dataclass
class TrainingOptions:
    """The arguments of `Network.train` of the same names.

    Raises
    ------
    TypeError, ValueError
        If one of them is not allowed.
    """

    epochs: Any
    batch_size: Any
    shuffle: Any
    early_stopping: Any
    n_iter_no_change: Any
    tol: Any
    validation_ties: Any
    l2: Any
    regularization: Any
    verbose: Any
    n_jobs: Any
    drop_last: Any = False

    def __post_init__(self) -> None:
        self.epochs = check_count("epochs", self.epochs)
        check_count("batch_size", 1 if self.batch_size is None else self.batch_size)
        self.shuffle = check_bool("shuffle", self.shuffle)
        self.early_stopping = check_bool("early_stopping", self.early_stopping)
        if self.n_iter_no_change is None:
            self.n_iter_no_change = N_ITER_NO_CHANGE if self.early_stopping else np.inf
        elif self.n_iter_no_change != np.inf:
            self.n_iter_no_change = check_count("n_iter_no_change", self.n_iter_no_change)
        self.tol = check_number("tol", self.tol, Range(0))
        self.l2 = self.l2 if isinstance(self.l2, Schedule) else check_number("l2", self.l2, Range(0))
        self.drop_last = check_bool("drop_last", self.drop_last)
        if self.validation_ties not in ("first", "last"):
            raise ValueError(f"validation_ties must be 'first' or 'last', got {self.validation_ties!r}.")
        if self.regularization is None:
            self.regularization = NO_REGULARIZATION
        if not isinstance(self.regularization, Regularization):
            raise TypeError(
                f"regularization must be an object such as Regularization(dropout=0.2), got {self.regularization!r}."
            )
        self._check_verbose()
        self.n_threads: Threads = ask_threads(self.n_jobs)

    def _check_verbose(self) -> None:
        verbose = self.verbose
        if not (is_integer(verbose) or isinstance(verbose, bool | np.bool_ | str)):
            raise TypeError(f"verbose must be True, False, an integer or 'progress', got {verbose!r}.")
        if (isinstance(verbose, str) and verbose != "progress") or (is_integer(verbose) and verbose < 0):
            raise ValueError(f"verbose must be True, False, an integer of at least 0 or 'progress', got {verbose!r}.")

    def config(self, n_rows: int) -> TrainingConfig:
        """Return them as `train` of mini-batches takes them."""
        return TrainingConfig(
            min(self.batch_size or n_rows, n_rows), self.epochs, self.shuffle, self.tol, self.n_iter_no_change,
            l2=self.l2, regularization=self.regularization, drop_last=self.drop_last,
        )  # fmt: skip

    def progress(self, optimizer: RunningOptimizer) -> Progress:
        """Return what `verbose` shows."""
        if isinstance(self.verbose, str):
            from ..training.progress_bar import ProgressBar

            return ProgressBar(self.epochs, lambda: optimizer.learning_rate)
        return Progress(self.verbose)

    def begin(self, optimizer: Any) -> RunningOptimizer:
        """Return an optimizer as it begins, or continues.

        Raises
        ------
        TypeError
            If it is none.
        ValueError
            If its schedule waits for plateaus of the loss, and none is looked for.
        """
        if not isinstance(optimizer, str | Optimizer | RunningOptimizer):
            raise TypeError(f"optimizer must be a name or an object such as SGD(0.1), got {optimizer!r}.")
        running = (as_optimizer(optimizer) if isinstance(optimizer, str) else optimizer).begin()
        if running.schedule.after_plateau() is not None and self.n_iter_no_change == np.inf:
            raise ValueError(
                f"{running.schedule!r} depends on plateaus of the loss, which Network.train looks for with "
                "n_iter_no_change=10 (of the training loss) or early_stopping=True (of the validation loss): add one "
                "of them, or use another schedule."
            )
        return running
