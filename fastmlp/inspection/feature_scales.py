"""`FeatureScalesDisplay`: how much an estimator for tables uses each column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..common.checks import check_count, counted
from ..tabular.base import BaseTabularMLP
from ..tabular.results import scales_of_members
from .drawing import SMALL, axes_for, check_matplotlib, colours_of, shorten
from .models import default_names


class FeatureScalesDisplay:
    """The learnt scales of the columns of a table, as bars; the largest first, with a dot for each member.

    A member multiplies each of its inputs by a learnt scale s, 1 at first. A bar is the mean |s| over the inputs of a
    column and over the members, `feature_scales_`: a first idea of a column's importance, which costs nothing. What
    follows the scales may use a column more or less; see `sklearn.inspection.permutation_importance`.

    Create it by `from_estimator`.

    Parameters
    ----------
    scales : array-like of shape (n_features,)
        Mean scale of each column.
    member_scales : array-like of shape (n_members, n_features), default=None
        Those of each member.
    feature_names : list of str, default=None
        Names of the columns; None is x0, x1, …
    estimator_name : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : Axes
        Axes of the bars.
    figure_ : Figure
        Figure of the axes.
    bars_ : list of Artist
        The bars, from top to bottom.
    shown_ : ndarray of int
        The columns that are drawn, in this order.

    Raises
    ------
    ValueError
        If shapes do not fit together.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from fastmlp import TabularMLPRegressor
    >>> from fastmlp.inspection import FeatureScalesDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = TabularMLPRegressor("fast", random_state=0).fit(X, y)
    >>> display = FeatureScalesDisplay.from_estimator(model, max_features=5)
    >>> len(display.bars_), display.scales.shape, display.member_scales.shape
    (5, (10,), (2, 10))
    """

    def __init__(
        self,
        scales: Any,
        *,
        member_scales: Any = None,
        feature_names: Sequence[str] | None = None,
        estimator_name: str | None = None,
    ) -> None:
        self.scales = np.array(scales, np.float64)
        if self.scales.ndim != 1 or not self.scales.size:
            raise ValueError(f"scales must be one number for each column, got shape {self.scales.shape}.")
        n_features = len(self.scales)
        self.member_scales = None if member_scales is None else np.array(member_scales, np.float64)
        shape = None if self.member_scales is None else self.member_scales.shape
        if shape is not None and (len(shape) != 2 or shape[1] != n_features):
            raise ValueError(f"member_scales must be of shape (n_members, {n_features}), got {shape}.")
        self.feature_names = default_names("x", n_features) if feature_names is None else list(feature_names)
        if len(self.feature_names) != n_features:
            raise ValueError(f"feature_names must be {n_features} names, got {len(self.feature_names)}.")
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, max_features: int | None = 20) -> Self:
        """Draw the scales of a fitted estimator for tables.

        Parameters
        ----------
        estimator : TabularMLPClassifier or TabularMLPRegressor
            Fitted.
        ax : Axes, default=None
            Where to draw; None is a new figure.
        max_features : int or None, default=20
            How many columns are drawn, those with the largest scales; None is all of them.

        Returns
        -------
        display : FeatureScalesDisplay

        Raises
        ------
        TypeError
            If it is another estimator.
        NotFittedError
            If the estimator is not fitted.
        """
        caller = f"{cls.__name__}.from_estimator"
        check_matplotlib(caller)
        if not isinstance(estimator, BaseTabularMLP):
            hint = ": pass its last step" if hasattr(estimator, "steps") else ", which has no scales of columns"
            raise TypeError(
                f"{caller} needs a TabularMLPClassifier or TabularMLPRegressor, got {type(estimator).__name__}{hint}."
            )
        check_is_fitted(estimator)
        names = getattr(estimator, "feature_names_in_", None)
        display = cls(
            estimator.feature_scales_,
            member_scales=scales_of_members(estimator),
            feature_names=None if names is None else list(map(str, names)),
            estimator_name=type(estimator).__name__,
        )
        return display.plot(ax=ax, max_features=max_features)

    def plot(self, ax: Any = None, *, max_features: int | None = 20) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax, max_features
            As in `from_estimator`.

        Returns
        -------
        display : FeatureScalesDisplay
            Itself.
        """
        n_features = len(self.scales)
        n_shown = n_features if max_features is None else min(check_count("max_features", max_features), n_features)
        self.shown_ = shown = np.argsort(-np.nan_to_num(self.scales), kind="stable")[:n_shown]
        height = 1.3 + 0.26 * n_shown
        self.ax_ = ax = axes_for(ax, f"{type(self).__name__}.plot", figsize=(6.4, height))
        self.figure_, colours, places = ax.figure, colours_of(ax), np.arange(n_shown)
        self.bars_ = list(ax.barh(places, self.scales[shown], height=0.7, color=colours.blue))
        if self.member_scales is not None and len(self.member_scales) > 1:
            dots: dict[str, Any] = {"marker": "o", "linestyle": "", "markersize": 3.5, "color": colours.orange}
            values = self.member_scales[:, shown]
            ax.plot(values.ravel(), np.tile(places, len(values)), label="members", markeredgewidth=0, **dots)
        ax.axvline(1.0, color=colours.text, linestyle=":", linewidth=1.0, label="before the training")
        ax.set_yticks(places, [shorten(self.feature_names[feature]) for feature in shown], fontsize=SMALL)
        ax.set(xlabel="mean scale |s| of a column's inputs", title=self.estimator_name or "", xlim=(0.0, None))
        ax.set_ylim(n_shown - 0.4, -0.6)
        ax.legend(fontsize=SMALL, loc="lower right")
        if n_shown < n_features:
            ax.set_ylabel(f"{n_shown} of {counted(n_features, 'column')}", color=colours.muted, fontsize=SMALL)
        return self
