"""`LearningRateFinder`: the learning-rate range test."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..common.checks import check_bool, check_count, check_number, counted
from ..common.frozen_params import Count, Positive, Range, with_values
from ..common.user_warnings import warn_user
from ..schedules import Schedule, WarmUp, as_schedule
from ..training.shuffling import shuffle
from .base import Callback
from .smoothing import longest_fall, smooth

if TYPE_CHECKING:
    from ..training.running import RunningTraining

#: The test ends where the mean loss of five steps is greater than at first by more than this many times its size then.
EXPLOSION = 3.0
#: Part of the steps on each side of a step that its smoothed loss depends on.
NEIGHBOURS = 1 / 12


class LearningRateFinder(Callback):
    """Try learning rates from small to large in a few steps; suggest the one at which the loss falls most steeply.

    The learning-rate range test: before the first epoch the network is trained with rates that grow exponentially from
    step to step, until the loss explodes. Then weights, optimizer, order and random state are put back, and the fit
    goes on as if there had been no test, bit for bit; with ``apply=True`` with the suggested rate. `find` makes the
    test without the fit. A training that continues from a `Checkpoint` is not tested.

    Parameters
    ----------
    lowest, highest : float, default=1e-7, 10.0
        The first rate and the last one; a user's schedule is not followed.
    steps : int, default=100
        Mini-batch steps of the test, at least 10.
    apply : bool, default=False
        Whether the fit trains with the suggestion: it becomes the `learning_rate` of the schedule, which is otherwise
        followed as it is ('invscaling', `Cosine`, …). The estimator's parameters are not changed.

    Attributes
    ----------
    rates : list of float
        The learning rate of each step of the last test; fewer than `steps` if the loss has exploded.
    losses : list of float
        The loss of each step's batch before the step, penalties included, smoothed: the value of a straight line
        through the losses of the nearest steps (local linear regression over a twelfth of the steps on each side, with
        weights that fall with the distance). Unlike a moving average it does not lag behind.
    batch_losses : list of float
        The same, not smoothed.
    suggestion : float
        The rate at which these lines fall most steeply, within the longest fall to a new minimum; NaN before a test,
        and if none falls. With more steps it is smaller, since each rate is used for longer.

    Raises
    ------
    ValueError
        If a rate is not above 0, `highest` not above `lowest`, or `steps` less than 10; by a fit whose solver has no
        mini-batches, whose optimizer has made steps (`Network.train`), whose first loss is infinite or NaN, or with
        ``apply=True`` whose schedule has no `learning_rate`.
    TypeError
        If a parameter is of another type.

    Warns
    -----
    UserWarning
        If the loss falls at no rate.

    References
    ----------
    Smith (2017), "Cyclical learning rates for training neural networks".

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from fastmlp import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier(random_state=0)
    >>> finder = LearningRateFinder().find(model, X / 16, y)
    >>> 0.001 < finder.suggestion < 0.1
    True
    >>> better = model.set_params(learning_rate_init=finder.suggestion).fit(X / 16, y)

    Before a fit that trains with the suggestion:

    >>> _ = MLPClassifier(random_state=0).set_callbacks(LearningRateFinder(apply=True)).fit(X / 16, y)
    """

    needs_minibatches = True
    needs_one_network = "the recipe's learning rate suits most tables; compare values of learning_rate in a search"

    def __init__(self, lowest: float = 1e-7, highest: float = 10.0, steps: int = 100, *, apply: bool = False) -> None:
        self.lowest = check_number("lowest", lowest, Range(0, brackets="()"))
        self.highest = check_number("highest", highest, Range(0, brackets="()"))
        self.steps, self.apply = check_count("steps", steps), check_bool("apply", apply)
        if self.highest <= self.lowest:
            raise ValueError(f"highest must be greater than lowest={self.lowest:g}, got {self.highest:g}.")
        if self.steps < 10:
            raise ValueError(f"steps must be 10 or more, got {self.steps}.")
        self._continues = True  # whether the fit goes on after the test
        self._forget()

    def _forget(self) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.batch_losses: list[float] = []
        self.suggestion = math.nan

    def find(self, estimator: Any, X: Any, y: Any, **fit_params: Any) -> Self:
        """Make the test on a clone of an estimator, which is itself left as it is.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Its callbacks are not called. Without a `random_state`, a fit that follows begins with the weights of the
            test.
        X, y
            As for `fit`.
        **fit_params
            Further arguments of `fit`, such as `sample_weight`.

        Returns
        -------
        self : LearningRateFinder

        Raises
        ------
        TypeError
            If the estimator is not one of this package.
        """
        if isinstance(estimator, type) or not (getattr(estimator, "has_epochs", False) and hasattr(estimator, "fit")):
            raise TypeError(
                f"estimator must be an MLPClassifier or MLPRegressor, got {estimator!r:.80}: for one within a pipeline "
                "or search, set LearningRateFinder() as a callback of it, and fit."
            )
        alone = copy.copy(self)
        alone._continues, alone.apply = False, False
        drawn = np.random.get_state() if getattr(estimator, "random_state", None) is None else None
        try:
            estimator.__sklearn_clone__().set_callbacks(alone).fit(X, y, **fit_params)
        finally:
            if drawn is not None:
                np.random.set_state(drawn)
        self.rates, self.losses, self.batch_losses = alone.rates, alone.losses, alone.batch_losses
        self.suggestion = alone.suggestion
        return self

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin anew."""
        super().setup(estimator, context)
        self._forget()

    def on_training_begin(self, estimator: Any, training: RunningTraining) -> None:
        """Make the test."""
        optimizer = training.state.optimizer
        if training.state.history.n_iter:  # a callback has restored a training in progress
            return
        if optimizer.t:
            raise ValueError(
                f"{self!r} tests a training from its beginning, but this optimizer has made "
                f"{counted(optimizer.t, 'step')}: pass one that begins, such as SGD(0.1), or omit the callback."
            )
        if self.apply:
            with_rate(optimizer.schedule, self.lowest)  # a schedule that has none is refused before the test
        with restored(training):
            optimizer.schedule = growth = Growth(self.lowest, self.highest, self.steps)
            self.batch_losses = self._train(training)
        self.rates = growth(np.arange(len(self.batch_losses))).tolist()
        self._judge()
        if self.apply and not math.isnan(self.suggestion):
            optimizer.schedule = with_rate(optimizer.schedule, self.suggestion)
        training.finished = not self._continues

    def _train(self, training: RunningTraining) -> list[float]:
        """Return the losses of the steps, until they explode."""
        losses: list[float] = []
        with contextlib.closing(losses_of_passes(training)) as found:
            for loss in found:
                if not math.isfinite(loss):
                    break
                losses.append(loss)
                exploded = len(losses) > self._calm and np.mean(losses[-5:]) > self._limit(losses)
                if exploded or len(losses) == self.steps:
                    break
        if not losses:
            raise ValueError(
                f"{self!r} cannot compare learning rates, because the first loss is infinite or NaN: scale X (and a "
                "regressor's y), for instance with StandardScaler."
            )
        return losses

    @property
    def _calm(self) -> int:
        """The number of steps at the beginning whose rates are so small that they hardly change the weights."""
        return self.steps // 10

    def _limit(self, losses: list[float]) -> float:
        """Return the loss above which it has exploded."""
        first = float(np.mean(losses[: self._calm]))
        return first + EXPLOSION * abs(first)

    def _judge(self) -> None:
        """Smooth the losses, and make the suggestion."""
        losses = np.minimum(self.batch_losses, self._limit(self.batch_losses))
        smoothed, slopes = smooth(losses, max(2, round(self.steps * NEIGHBOURS)))
        self.losses = smoothed.tolist()
        fall = longest_fall(smoothed)
        steepest = fall.start + int(np.argmin(slopes[fall]))
        if slopes[steepest] < 0:
            self.suggestion = self.rates[steepest]
            return
        warn_user(f"The loss falls at no rate from {self.lowest:g} to {self.rates[-1]:g}, so {self!r} suggests none.")

    def to_frame(self) -> Any:
        """Return rates and losses as a pandas DataFrame, with a row for each step.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        import pandas as pd

        return pd.DataFrame({"rate": self.rates, "loss": self.losses, "batch_loss": self.batch_losses})

    def __repr__(self) -> str:
        applied = ", apply=True" if self.apply else ""
        return f"LearningRateFinder({self.lowest:g}, {self.highest:g}, steps={self.steps}{applied})"


@dataclass(frozen=True)
class Growth(Schedule):
    """η(t) = lowest (highest / lowest)^(t / (steps − 1)), and `highest` from step steps − 1 on."""

    lowest: Positive
    highest: Positive
    steps: Count

    def at(self, t: np.ndarray) -> np.ndarray:
        share = np.minimum(t / (self.steps - 1.0), 1.0)
        rates: np.ndarray = self.lowest ** (1.0 - share) * self.highest**share
        return rates


def with_rate(schedule: Schedule, rate: float) -> Schedule:
    """Return the schedule with another learning rate.

    Raises
    ------
    ValueError
        If it has none.
    """
    if isinstance(schedule, WarmUp):
        return with_values(schedule, schedule=with_rate(as_schedule(schedule.schedule), rate))
    if "learning_rate" not in getattr(schedule, "__dataclass_fields__", ()):
        raise ValueError(
            f"LearningRateFinder(apply=True) sets the learning_rate of a schedule, but {schedule!r} has none: use "
            "apply=False, and make a schedule from the suggestion."
        )
    return with_values(schedule, learning_rate=rate)


@contextlib.contextmanager
def restored(training: RunningTraining) -> Iterator[None]:
    """Put everything back at the end that a training changes."""
    arrays, numbers = training.save()
    arrays = {name: array.copy() for name, array in arrays.items()}
    numbers, schedule = {**numbers, "dropout": copy.copy(numbers["dropout"])}, training.state.optimizer.schedule
    try:
        yield
    finally:
        training.state.optimizer.schedule = schedule
        training.restore(arrays, numbers)
        training.runner.workspace.refresh_weight_copies()


def losses_of_passes(training: RunningTraining) -> Generator[float, None, None]:
    """Train one step at a time, and yield the loss of each batch, until a pass makes no step."""
    runner, state, made = training.runner, training.state, -1
    while state.optimizer.t > made:
        made = state.optimizer.t
        if training.config.shuffle:
            shuffle(state.order, state.random_state)
        yield from runner.losses_of_steps(training.config.l2)
