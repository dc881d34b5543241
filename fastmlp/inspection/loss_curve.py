"""`LossCurveDisplay`: loss and score by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..estimators.parameters import FULL_BATCH
from .drawing import SMALL, Colours, axes_for, check_matplotlib, colours_of
from .models import check_class_or_table, check_estimator, curve


class LossCurveDisplay:
    """Training loss, validation loss and validation score by epoch; the best epoch is marked.

    Create it by `from_estimator` or `from_history`.

    Parameters
    ----------
    loss : array-like of shape (n_epochs,)
        Training loss of each epoch.
    validation_loss, validation_score : array-like of shape (n_epochs,), default=None
        Of the validation rows, after each epoch.
    best_epoch : int or list of int, default=None
        The epoch to mark, counted from 1; 0 stands for the initial weights, which are mentioned only. A list has the
        best epoch of each member of an ensemble.
    score_name : str, default='score'
        What the score measures.
    estimator_name : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : Axes
        Axes of the losses.
    score_ax_ : Axes or None
        Axes of the score, with the same epochs.
    figure_ : Figure
        Figure of the axes.
    lines_ : list of Artist
        The curves, in the order of the legend.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fastmlp import MLPClassifier
    >>> from fastmlp.inspection import LossCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(random_state=0, learning_rate_init=0.01, early_stopping=True).fit(X, y)
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> [line.get_label() for line in display.lines_]
    ['training loss', 'validation loss', 'accuracy']
    """

    def __init__(
        self,
        loss: Any,
        *,
        validation_loss: Any = None,
        validation_score: Any = None,
        best_epoch: int | Sequence[int] | None = None,
        score_name: str = "score",
        estimator_name: str | None = None,
    ) -> None:
        found = curve("loss", loss)
        n_epochs = 0 if found is None else len(found)
        if found is None or not n_epochs:
            raise ValueError("loss must be one number for each epoch, but holds none.")
        self.loss = found
        self.validation_loss = curve("validation_loss", validation_loss, n_epochs)
        self.validation_score = curve("validation_score", validation_score, n_epochs)
        if any(not 0 <= each <= n_epochs for each in _as_list(best_epoch)):
            raise ValueError(f"best_epoch must be from 0 to {n_epochs}, the number of epochs, got {best_epoch!r}.")
        self.best_epoch = best_epoch
        self.score_name = score_name
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, log_scale: bool = False) -> Self:
        """Draw the curves of a fitted estimator.

        After a warm start or `partial_fit` they are those of all its epochs; the marked epoch is of the last fit.

        Of an estimator for tables they are the means of the members of its last fit; with validation rows the best
        epoch of each member is marked, unless it may be one of an earlier fit (`warm_start`). After ``refit=True`` the
        training loss is that of the training on all rows, and the others are from before.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, TabularMLPClassifier or TabularMLPRegressor
            Fitted with mini-batches.
        ax : Axes, default=None
            Where to draw; None is a new figure.
        log_scale : bool, default=False
            Whether the axis of the losses is logarithmic.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it has no loss curve, as its solver has no epochs.
        """
        caller = f"{cls.__name__}.from_estimator"
        check_matplotlib(caller)
        if check_class_or_table(estimator, caller):
            return cls._of_table(estimator).plot(ax=ax, log_scale=log_scale)
        check_estimator(estimator, caller)
        loss = getattr(estimator, "loss_curve_", None)
        if not loss or estimator.solver in FULL_BATCH:  # which may have continued a fit by mini-batches
            raise ValueError(
                f"The estimator has no loss curve: solver={estimator.solver!r} has no epochs. Fit "
                f"with a callback History, and use {cls.__name__}.from_history, or use a solver such as 'adam'."
            )
        best = getattr(estimator, "best_epoch_", None)
        if best:  # of the last fit, which a warm start continues
            best += len(loss) - estimator.n_iter_
        display = cls(
            loss,
            validation_loss=_at_the_end(getattr(estimator, "validation_loss_curve_", None), len(loss)),
            validation_score=_at_the_end(getattr(estimator, "validation_scores_", None), len(loss)),
            best_epoch=best,
            score_name=_readable(getattr(estimator, "validation_metric_", None)),
            estimator_name=type(estimator).__name__,
        )
        return display.plot(ax=ax, log_scale=log_scale)

    @classmethod
    def _of_table(cls, estimator: Any) -> Self:
        """Return that of an estimator for tables, not drawn."""
        check_is_fitted(estimator)
        curves = estimator.loss_curve_, estimator.validation_loss_curve_, estimator.validation_scores_
        length = max(len(each or ()) for each in curves)
        if not length:
            raise ValueError("The estimator has no loss curve, because its fit was ended within the first epoch.")
        loss, validation_loss, score = (each and [*each, *[np.nan] * (length - len(each))] for each in curves)
        judged = validation_loss is not None and not estimator.warm_start
        return cls(
            loss or [np.nan] * length,
            validation_loss=validation_loss,
            validation_score=score,
            best_epoch=list(estimator.best_epochs_) if judged else None,
            score_name=_readable(estimator.validation_metric_),
            estimator_name=type(estimator).__name__,
        )

    @classmethod
    def from_history(cls, history: Any, *, ax: Any = None, log_scale: bool = False) -> Self:
        """Draw the curves that a callback `History` has recorded; the epoch with the best score is marked.

        Without a score it is the epoch with the least validation loss, and without that none.

        Parameters
        ----------
        history : History
            See `fastmlp.callbacks`.
        ax, log_scale
            As in `from_estimator`.

        Returns
        -------
        display : LossCurveDisplay
        """
        check_matplotlib(f"{cls.__name__}.from_history")
        rows = history.rows
        columns = {name: [row[name] for row in rows] for name in ("loss", "validation_loss", "validation_score")}
        loss, validation_loss, score = (None if None in values else values for values in columns.values())
        measured = score if score is not None else validation_loss and [-value for value in validation_loss]
        best = None if not measured or np.isnan(measured).all() else int(np.nanargmax(measured)) + 1
        display = cls(loss, validation_loss=validation_loss, validation_score=score, best_epoch=best)
        return display.plot(ax=ax, log_scale=log_scale)

    def plot(self, ax: Any = None, *, log_scale: bool = False) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax, log_scale
            As in `from_estimator`.

        Returns
        -------
        display : LossCurveDisplay
            Itself.
        """
        self.ax_ = ax = axes_for(ax, f"{type(self).__name__}.plot")
        self.figure_, self.score_ax_, colours = ax.figure, None, colours_of(ax)
        epochs = np.arange(1, len(self.loss) + 1)
        alone: dict[str, Any] = {"marker": "o", "markersize": 4} if len(epochs) == 1 else {}
        self.lines_ = ax.plot(epochs, self.loss, color=colours.blue, label="training loss", **alone)
        if self.validation_loss is not None:
            label = "validation loss"
            self.lines_ += ax.plot(epochs, self.validation_loss, color=colours.orange, label=label, **alone)
        ax.set(xlabel="epoch", ylabel="loss", title=self.estimator_name or "")
        ax.xaxis.get_major_locator().set_params(integer=True)
        if log_scale:
            ax.set_yscale("log")
        if self.validation_score is not None:
            self._plot_score(epochs, colours, alone)
        self._mark_best(colours)
        handles = [*self.lines_, *([self.best_line_] if self.best_line_ is not None else [])]
        title = "best: the initial weights" if _as_list(self.best_epoch) == [0] else None
        on_top = self.score_ax_ or ax
        on_top.legend(handles=handles, fontsize=SMALL, loc="center right", title=title, title_fontsize=SMALL)
        return self

    def _plot_score(self, epochs: np.ndarray, colours: Colours, alone: dict[str, Any]) -> None:
        """Draw the score on an axis of its own, dashed."""
        self.score_ax_ = score_ax = self.ax_.twinx()
        self.lines_ += score_ax.plot(
            epochs, self.validation_score, color=colours.muted, linestyle="--", label=self.score_name, **alone
        )
        score_ax.set_ylabel(f"{self.score_name} (dashed)")

    def _mark_best(self, colours: Colours) -> None:
        self.best_line_ = None
        epochs = sorted({epoch for epoch in _as_list(self.best_epoch) if epoch})
        label = "best epoch" + ("s of the members" if len(epochs) > 1 else "") + ": " + ", ".join(map(str, epochs))
        for epoch in epochs:
            self.best_line_ = self.ax_.axvline(epoch, color=colours.text, linestyle=":", label=label)
            marked = self.loss if self.validation_loss is None else self.validation_loss
            self.ax_.plot(epoch, marked[epoch - 1], "o", color=colours.text, markersize=5, zorder=3)


def _as_list(best_epoch: int | Sequence[int] | None) -> list[int]:
    """Return the best epochs, none or one or several."""
    epochs: list[int] = [] if best_epoch is None else np.atleast_1d(best_epoch).tolist()
    return epochs


def _at_the_end(values: list[float] | None, length: int) -> list[float] | None:
    """Return values of the last epochs with NaN before them; None if there are none."""
    return [np.nan] * (length - len(values)) + list(values) if values else None


def _readable(metric: str | None) -> str:
    """Return what a metric of the estimators is called in a picture."""
    return {None: "score", "neg_loss": "−loss", "r2": "R²"}.get(metric) or str(metric).replace("_", " ")
