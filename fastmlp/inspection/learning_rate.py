"""`LearningRateDisplay`: a schedule's learning rates, or the losses of a range test."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ..common.checks import check_count
from ..estimators.parameters import FULL_BATCH
from ..estimators.solver_parameters import build_optimizer
from ..schedules import Schedule
from .drawing import SMALL, axes_for, check_matplotlib, colours_of
from .models import check_class_or_table, check_estimator, curve

#: Points of a line at most: more than a picture can show.
MOST_POINTS = 4000


class LearningRateDisplay:
    """The learning rate of each step; or, of a range test, the loss at each learning rate.

    Create it by `from_schedule`, `from_estimator`, `from_history` or `from_finder`.

    Parameters
    ----------
    rates : array-like of shape (n,)
        Learning rates.
    steps : array-like of shape (n,), default=None
        The step (or epoch) of each rate; None is 0, 1, 2, …
    losses : array-like of shape (n,), default=None
        Of a range test, the loss at each rate.
    suggestion : float, default=None
        Of a range test, the rate to mark.
    name : str, default=None
        Title of the picture.
    unit : {'step', 'epoch'}, default='step'
        What `steps` counts.

    Attributes
    ----------
    ax_ : Axes
        Axes of the line.
    figure_ : Figure
        Figure of the axes.
    line_ : Line2D
        Rates by step, or losses by rate.

    Examples
    --------
    >>> from fastmlp.inspection import LearningRateDisplay
    >>> from fastmlp.schedules import OneCycle
    >>> display = LearningRateDisplay.from_schedule(OneCycle(0.1, steps=100))
    >>> display.rates[[0, 29, 99]].round(4).tolist()
    [0.004, 0.1, 0.0]
    """

    def __init__(
        self,
        rates: Any,
        *,
        steps: Any = None,
        losses: Any = None,
        suggestion: float | None = None,
        name: str | None = None,
        unit: str = "step",
    ) -> None:
        found = curve("rates", rates)
        if found is None or not len(found):
            raise ValueError("rates must hold at least one learning rate, but hold none.")
        self.rates = found
        self.steps = np.arange(len(found), dtype=np.float64) if steps is None else curve("steps", steps, len(found))
        self.losses = curve("losses", losses, len(found))
        self.suggestion = suggestion
        self.name = name
        self.unit = unit

    @classmethod
    def from_schedule(
        cls, schedule: Any, n_steps: int | None = None, *, ax: Any = None, log_scale: bool = False
    ) -> Self:
        """Draw a schedule.

        Parameters
        ----------
        schedule : Schedule
            See `fastmlp.schedules`. One that waits for epochs or plateaus, such as `Adaptive`, is drawn as it is before
            the first of them.
        n_steps : int, default=None
            How many steps are drawn: the length of the training, for schedules that last as long. None is a quarter
            more than it takes until the rate is constant.
        ax : Axes, default=None
            Where to draw; None is a new figure.
        log_scale : bool, default=False
            Whether the axis of the rates is logarithmic.

        Returns
        -------
        display : LearningRateDisplay

        Raises
        ------
        TypeError
            If it is not a schedule.
        ValueError
            If n_steps is None and the schedule does not say where it ends.
        """
        check_matplotlib(f"{cls.__name__}.from_schedule")
        if not isinstance(schedule, Schedule):
            raise TypeError(f"schedule must be one such as Cosine(1e-3, steps=1000), got {schedule!r}.")
        if n_steps is None:
            if schedule.lasts_training:
                raise ValueError(f"{schedule!r} lasts as long as the training: pass n_steps, its number of steps.")
            if schedule.ends_at is None:
                raise ValueError(f"{schedule!r} has no end: pass n_steps, the number of steps to draw.")
            n_steps = schedule.ends_at + schedule.ends_at // 4 + 1
        steps = _spread(check_count("n_steps", n_steps))
        rates = schedule.for_training(n_steps)(steps)
        return cls(rates, steps=steps, name=repr(schedule)).plot(ax=ax, log_scale=log_scale)

    @classmethod
    def from_estimator(
        cls, estimator: Any, n_steps: int | None = None, *, ax: Any = None, log_scale: bool = False
    ) -> Self:
        """Draw the learning rate of an estimator's solver.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, TabularMLPClassifier or TabularMLPRegressor
            With a solver that uses mini-batches.
        n_steps : int, default=None
            How many steps are drawn. None is as many as the last fit has made. A schedule that lasts as long as the
            training is drawn as in the last fit, or for a training of `n_steps`. For an estimator for tables, fitted or
            not, None draws all epochs of the training.
        ax, log_scale
            As in `from_schedule`.

        Returns
        -------
        display : LearningRateDisplay

        Raises
        ------
        NotFittedError
            If n_steps is None, and for 'invscaling', if the estimator is not fitted.
        ValueError
            If the solver has no learning rate, or it depends on the losses ('adaptive'): see `from_history`.
        """
        caller = f"{cls.__name__}.from_estimator"
        check_matplotlib(caller)
        if check_class_or_table(estimator, caller):
            return cls._of_table(estimator, n_steps).plot(ax=ax, log_scale=log_scale)
        if estimator.solver in FULL_BATCH:
            raise ValueError(f"solver={estimator.solver!r} has no learning rate: use a solver with mini-batches.")
        schedule = build_optimizer(estimator).schedule
        if schedule.after_plateau() is not None:
            raise ValueError(
                f"{schedule!r} depends on the losses: fit with a callback History, and use {cls.__name__}.from_history."
            )
        later = schedule.after_epoch(1)
        changes = later is not schedule and later != schedule
        if schedule.lasts_training:
            fitted = getattr(estimator, "_optimizer", None)
            length = n_steps if fitted is None or fitted.length is None else fitted.length
            schedule = schedule if length is None else schedule.for_training(check_count("n_steps", length))
        if n_steps is None or changes:
            check_estimator(estimator, caller)
            made = estimator._optimizer.t
            n_steps = max(made, 1) if n_steps is None else n_steps
        steps = _spread(check_count("n_steps", n_steps))
        rates = _over_epochs(schedule, steps, estimator) if changes else schedule(steps)
        by_name = isinstance(estimator.solver, str)
        name = f"{type(estimator).__name__}, solver={estimator.solver!r}" if by_name else repr(estimator.solver)
        return cls(rates, steps=steps, name=name).plot(ax=ax, log_scale=log_scale)

    @classmethod
    def _of_table(cls, estimator: Any, n_steps: int | None) -> Self:
        """Return that of an estimator for tables, not drawn: the recipe's schedule lasts as long as the training."""
        recipe = estimator.recipe_ if hasattr(estimator, "recipe_") else estimator._recipe()
        name, n = f"{type(estimator).__name__}, recipe={estimator.recipe!r}", check_count("n_steps", n_steps or 1000)
        steps, schedule = _spread(n), recipe.learning_rates(n)
        if n_steps is not None:
            return cls(schedule(steps), steps=steps, name=name)
        return cls(schedule(steps), steps=steps * recipe.max_iter / n, name=name, unit="epoch")

    @classmethod
    def from_history(cls, history: Any, *, ax: Any = None, log_scale: bool = False) -> Self:
        """Draw the learning rate at the end of each epoch, as a callback `History` has recorded it.

        For Adam and its variants it includes the correction of the moments' bias.

        Parameters
        ----------
        history : History
            See `fastmlp.callbacks`.
        ax, log_scale
            As in `from_schedule`.

        Returns
        -------
        display : LearningRateDisplay
        """
        check_matplotlib(f"{cls.__name__}.from_history")
        rates = [row["learning_rate"] for row in history.rows]
        if None in rates:
            raise ValueError("The history is that of a solver without a learning rate: use a solver with mini-batches.")
        epochs = [row["epoch"] for row in history.rows]
        return cls(rates, steps=epochs, unit="epoch").plot(ax=ax, log_scale=log_scale)

    @classmethod
    def from_finder(cls, finder: Any, *, ax: Any = None) -> Self:
        """Draw a range test: the loss at each learning rate, and the rate that the test suggests.

        Parameters
        ----------
        finder : object
            With the lists `rates` and `losses`, and the number `suggestion`, as the callback of a range test has them.
        ax : Axes, default=None
            Where to draw; None is a new figure.

        Returns
        -------
        display : LearningRateDisplay

        Raises
        ------
        ValueError
            If the test has not been run.
        """
        check_matplotlib(f"{cls.__name__}.from_finder")
        if not len(finder.rates):
            raise ValueError(f"{finder!r} has tried no learning rates: set it on an estimator, and fit it.")
        return cls(finder.rates, losses=finder.losses, suggestion=finder.suggestion, name="range test").plot(ax=ax)

    def plot(self, ax: Any = None, *, log_scale: bool = False) -> Self:
        """Draw the line.

        Parameters
        ----------
        ax, log_scale
            As in `from_schedule`.

        Returns
        -------
        display : LearningRateDisplay
            Itself.
        """
        self.ax_ = ax = axes_for(ax, f"{type(self).__name__}.plot")
        self.figure_ = ax.figure
        if self.losses is not None:
            self._plot_losses(self.losses)
        else:
            alone = {"marker": "o", "markersize": 4} if len(self.rates) == 1 else {}
            (self.line_,) = ax.plot(self.steps, self.rates, color=colours_of(ax).blue, **alone)
            ax.set(xlabel=self.unit, ylabel="learning rate")
            ax.xaxis.get_major_locator().set_params(integer=True)
            if log_scale and (self.rates > 0).any():
                ax.set_yscale("log", nonpositive="mask")
            else:
                ax.ticklabel_format(axis="y", scilimits=(-3, 4))
                ax.set_ylim(bottom=min(0.0, float(np.nanmin(self.rates))))
        ax.set_title(self._title(), fontsize="medium")
        return self

    def _plot_losses(self, losses: np.ndarray) -> None:
        """Draw losses by rate; those of the divergence at the end are cut off."""
        ax, colours = self.ax_, colours_of(self.ax_)
        (self.line_,) = ax.plot(self.rates, losses, color=colours.blue)
        finite = losses[np.isfinite(losses)]
        if len(finite):
            low, first = finite.min(), finite[0]
            height = max(first - low, 0.05 * abs(low), 1e-12)
            ax.set_ylim(low - 0.1 * height, min(finite.max(), first + 0.5 * height) + 0.05 * height)
        if self.suggestion is not None and np.isfinite(self.suggestion):
            ax.axvline(
                self.suggestion, color=colours.orange, linestyle="--", label=f"suggestion: {self.suggestion:.2g}"
            )
            ax.legend(fontsize=SMALL)
        ax.set_xscale("log")
        ax.set(xlabel="learning rate", ylabel="loss")

    def _title(self) -> str:
        """Return the name, on two lines if it is long."""
        name = self.name or ""
        cut = name.rfind(", ", 0, 60) + 1
        return name if len(name) <= 60 or not cut else f"{name[:cut]}\n{name[cut:].strip()}"


def _spread(n_steps: int) -> np.ndarray:
    """Return the steps to draw, from 0 to n_steps − 1."""
    if n_steps <= MOST_POINTS:
        return np.arange(n_steps)
    return np.unique(np.linspace(0, n_steps - 1, MOST_POINTS).astype(np.int64))


def _over_epochs(schedule: Schedule, steps: np.ndarray, estimator: Any) -> np.ndarray:
    """Return the rates of a schedule that changes after each epoch, with as many steps and rows as the fit had."""
    n_epochs = max(len(estimator.loss_curve_), 1)
    rows = round(estimator.t_ / n_epochs)
    per_epoch = max(round(estimator._optimizer.t / max(estimator.n_iter_, 1)), 1)
    rates = np.empty(len(steps))
    for epoch in range(int(steps[-1]) // per_epoch + 1):
        of_epoch = steps // per_epoch == epoch
        if of_epoch.any():
            rates[of_epoch] = schedule.after_epoch(epoch * rows)(steps[of_epoch])
    return rates
