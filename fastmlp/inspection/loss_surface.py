"""`LossSurfaceDisplay`: the loss along one or two directions of weight space."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np

from ..callbacks import Callback
from .directions import Slice, choose_slice
from .drawing import SMALL, Colours, axes_for, check_matplotlib, colours_of
from .models import LossOf, check_estimator, check_network, copy_to_fit
from .plane import check_resolution


class LossSurfaceDisplay:
    r"""The loss, without penalties, on a line or a plane of weight space through the trained weights.

    With the trained parameters :math:`\theta` and directions :math:`d_1, d_2` it is
    :math:`L(\theta + \alpha d_1 + \beta d_2)`. The directions are random and filter-normalized: the part of a direction
    that belongs to a unit (its incoming weights and its bias) has the norm of that unit's parameters. Or they are the
    principal components of a path through weight space, which is drawn on the surface; or they are given.

    Create it by `from_estimator` or `from_network`.

    Parameters
    ----------
    losses : array-like of shape (n_x,) or (n_y, n_x)
        The loss at each point.
    x, y : array-like of shape (n_x,) and (n_y,)
        The steps along the directions; y is None for one direction.
    path : array-like of shape (n_points, n_directions), default=None
        Coordinates of the path, from its beginning to its end.
    weights : array-like of shape (n_directions,), default=None
        Coordinates of the trained weights, which are marked.
    axis_names : sequence of str, default=('direction 1', 'direction 2')
        What the directions are.
    estimator_name : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : Axes
        Axes of the surface.
    figure_ : Figure
        Figure of the axes.
    surface_ : QuadContourSet or Line2D
        The contours, or the line.
    path_ : Line2D or None
        The path.

    References
    ----------
    Li, Xu, Taylor, Studer and Goldstein (2018), "Visualizing the loss landscape of neural nets".

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from fastmlp import MLPClassifier
    >>> from fastmlp.inspection import LossSurfaceDisplay
    >>> X, y = make_moons(noise=0.1, random_state=0)
    >>> model = MLPClassifier((8,), learning_rate_init=0.05, random_state=0, max_iter=500).fit(X, y)
    >>> display = LossSurfaceDisplay.from_estimator(model, X, y, grid_resolution=11)
    >>> display.losses.shape, bool(display.losses[5, 5] < display.losses[0, 0])
    ((11, 11), True)
    """

    def __init__(
        self,
        losses: Any,
        x: Any,
        y: Any = None,
        *,
        path: Any = None,
        weights: Any = None,
        axis_names: Any = ("direction 1", "direction 2"),
        estimator_name: str | None = None,
    ) -> None:
        self.losses, self.x = np.array(losses, np.float64), np.array(x, np.float64)
        self.y = None if y is None else np.array(y, np.float64)
        shape = (len(self.x),) if self.y is None else (len(self.y), len(self.x))
        if self.losses.shape != shape:
            raise ValueError(f"losses must have shape {shape} for these x and y, got {self.losses.shape}.")
        self.path = None if path is None else np.array(path, np.float64).reshape(-1, len(shape))
        self.weights = None if weights is None else np.array(weights, np.float64).reshape(len(shape))
        self.axis_names = tuple(axis_names)
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        directions: Any = None,
        path: Any = None,
        n_directions: int = 2,
        span: float = 1.0,
        grid_resolution: int = 25,
        random_state: Any = 0,
        ax: Any = None,
    ) -> Self:
        """Compute and draw the loss around the weights of a fitted estimator.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Fitted.
        X, y : array-like
            The rows on which the loss is computed.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights, which are multiplied by the estimator's class weights.
        directions : list of array-like, default=None
            One or two directions: vectors (n_params,) in the order of `Network.params`, or pairs (coefs, intercepts).
            None is the components of the path, or random directions if there is no path.
        path : list of array-like or 'refit', default=None
            Points in weight space, given like the directions. 'refit' fits a copy of the estimator to X and y, and uses
            its weights before the first epoch or iteration and after each; the surface is then that around the copy's
            weights.
        n_directions : {1, 2}, default=2
            How many directions are chosen. One direction with a path leads from its beginning to the model's weights.
        span : float, default=1.0
            How far the surface reaches on both sides, in steps along a direction. With a path it reaches beyond the
            path, by 0.3 span of the path's extent.
        grid_resolution : int, default=25
            Points along each direction; the loss is computed at each point of the grid.
        random_state : int, RandomState or None, default=0
            Of the random directions.
        ax : Axes, default=None
            Where to draw; None is a new figure.

        Returns
        -------
        display : LossSurfaceDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If a direction or path has another shape, among others.
        """
        caller = f"{cls.__name__}.from_estimator"
        check_matplotlib(caller)
        check_estimator(estimator, caller)
        if isinstance(path, str):
            if path != "refit":
                raise ValueError(f"path must be a list of points in weight space, 'refit' or None, got {path!r}.")
            estimator, path = _refit(estimator, X, y, sample_weight)
        loss = LossOf.estimator(estimator, X, y, sample_weight)
        chosen = choose_slice(loss, directions, path, n_directions, span, random_state)
        return cls._compute(loss, chosen, grid_resolution, type(estimator).__name__).plot(ax=ax)

    @classmethod
    def from_network(
        cls,
        network: Any,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        directions: Any = None,
        path: Any = None,
        n_directions: int = 2,
        span: float = 1.0,
        grid_resolution: int = 25,
        random_state: Any = 0,
        ax: Any = None,
    ) -> Self:
        """Compute and draw the loss around the weights of a `Network`, which is not changed; see `from_estimator`.

        Returns
        -------
        display : LossSurfaceDisplay
        """
        caller = f"{cls.__name__}.from_network"
        check_matplotlib(caller)
        check_network(network, caller)
        loss = LossOf.network(network, X, y, sample_weight)
        chosen = choose_slice(loss, directions, path, n_directions, span, random_state)
        return cls._compute(loss, chosen, grid_resolution, "Network").plot(ax=ax)

    @classmethod
    def _compute(cls, loss: LossOf, chosen: Slice, grid_resolution: int, name: str) -> Self:
        n = check_resolution(grid_resolution)
        axes = [np.linspace(low, high, n) for low, high in chosen.limits]
        points = np.stack(np.meshgrid(*axes, indexing="xy"), axis=-1)
        flat = points.reshape(-1, len(axes))
        with np.errstate(all="ignore"):
            losses = [loss(chosen.center + at @ chosen.directions) for at in flat]
        return cls(
            np.reshape(losses, points.shape[:-1]), *axes, path=chosen.path, weights=np.zeros(len(axes)),
            axis_names=chosen.names, estimator_name=name,
        )  # fmt: skip

    def plot(self, ax: Any = None) -> Self:
        """Draw the surface.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None is a new figure.

        Returns
        -------
        display : LossSurfaceDisplay
            Itself.
        """
        self.ax_ = ax = axes_for(ax, f"{type(self).__name__}.plot")
        self.figure_, self.path_, colours = ax.figure, None, colours_of(ax)
        if self.y is None:
            self._draw_line(colours)
        else:
            self._draw_contours()
        ax.set(xlabel=self.axis_names[0], title=self.estimator_name or "")
        return self

    def _draw_line(self, colours: Colours) -> None:
        ax = self.ax_
        (self.surface_,) = ax.plot(self.x, self.losses, color=colours.blue)
        ax.set_ylabel("loss")
        for (at,), marker, name in self._marks():
            height = np.interp(at, self.x, self.losses)
            ax.plot(at, height, marker, color=colours.orange, markersize=9, label=name, linestyle="none")
        if self._marks():
            ax.legend(fontsize=SMALL)

    def _marks(self) -> list[tuple[np.ndarray, str, str]]:
        """Return the points to mark: coordinates, marker, name."""
        marks = [] if self.path is None else [(self.path[0], "o", "beginning of the path")]
        end = None if self.path is None else self.path[-1]
        near = 1e-9 * (np.ptp(self.x) + (0.0 if self.y is None else np.ptp(self.y)))
        same = end is not None and self.weights is not None and np.allclose(end, self.weights, rtol=0, atol=near)
        if end is not None and not same:
            marks.append((end, "s", "its end"))
        if self.weights is not None:
            marks.append((self.weights, "*", "its end: the weights" if same else "the weights"))
        return marks

    def _draw_contours(self) -> None:
        from matplotlib.colors import LogNorm, Normalize

        ax, losses = self.ax_, np.ma.masked_invalid(self.losses)
        low, high = (float(losses.min()), float(losses.max())) if losses.count() else (0.0, 1.0)
        high = high if high > low else low + 1.0
        wide = low > 0 and high / low > 20
        levels = np.geomspace(low, high, 21) if wide else np.linspace(low, high, 21)
        norm = LogNorm(low, high) if wide else Normalize(low, high)
        self.surface_ = ax.contourf(self.x, self.y, losses, levels=levels, norm=norm, cmap="viridis")
        ax.contour(self.x, self.y, losses, levels=levels, colors="black", linewidths=0.4, alpha=0.6)
        bar = self.figure_.colorbar(self.surface_, ax=ax, label="loss")
        ticks = levels[::4]
        bar.set_ticks(ticks, labels=[f"{tick:.3g}" for tick in ticks])
        bar.minorticks_off()
        ax.set_ylabel(self.axis_names[1])
        if self.path is not None:
            self._draw_path(self.path)
        for at, marker, name in self._marks():
            size = 12 if marker == "*" else 7
            ax.plot(*at, marker, color="#ffa14a", mec="black", ms=size, label=name, linestyle="none", zorder=4)
        if self._marks():
            ax.legend(fontsize=SMALL, loc="upper right", labelcolor="black", facecolor="white", framealpha=0.85)

    def _draw_path(self, path: np.ndarray) -> None:
        """Draw the path in white with a black edge, which shows on every colour of the surface."""
        from matplotlib import patheffects

        edge = [patheffects.Stroke(linewidth=3.2, foreground="black"), patheffects.Normal()]
        size = 3 if len(path) <= 60 else 0
        (self.path_,) = self.ax_.plot(
            *path.T, color="white", linewidth=1.6, marker="o", markersize=size, path_effects=edge
        )


class _Path(Callback):
    """Keep the parameters before the first epoch or iteration, and after each."""

    def on_fit_begin(self, estimator: Any) -> None:
        self.points: list[Any] = []
        self.training: Any = None  # solvers with all rows in each step have none

    def on_training_begin(self, estimator: Any, training: Any) -> None:
        self.training = training

    def on_epoch_begin(self, estimator: Any) -> None:
        if not self.points:
            self._keep(estimator)

    def on_epoch_end(self, estimator: Any) -> None:
        self._keep(estimator)

    def on_fit_end(self, estimator: Any) -> None:
        del self.training

    def _keep(self, estimator: Any) -> None:
        now = (estimator.coefs_, estimator.intercepts_) if self.training is None else self.training.evaluated
        self.points.append(copy.deepcopy(now))


def _refit(estimator: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Any, list[np.ndarray]]:
    """Fit a copy; return it and its path, which ends at its weights."""
    path = _Path()
    copied = copy_to_fit(estimator, path)
    copied.fit(X, y) if sample_weight is None else copied.fit(X, y, sample_weight=sample_weight)
    copied.set_callbacks()
    return copied, path.points
