"""`GradientFlowDisplay`: the gradient norm of each layer, epoch by epoch."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ..callbacks import History
from ..estimators.parameters import FULL_BATCH
from .drawing import SMALL, Colours, axes_for, check_matplotlib, colours_of
from .models import check_class, copy_to_fit

#: The key of `History`'s rows that this display reads.
NORMS = "gradient_norms"


class GradientFlowDisplay:
    """Norm of the gradient of each layer's weights by epoch, on a logarithmic scale.

    Where gradients vanish, the norms of the first layers are orders of magnitude below those of the last ones.

    Create it by `from_estimator` or `from_history`.

    Parameters
    ----------
    gradient_norms : array-like of shape (n_epochs, n_layers)
        The norm of the gradient of each layer after the input.
    layer_names : list of str, default=None
        Names of these layers.
    estimator_name : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : Axes
        Axes of the norms.
    figure_ : Figure
        Figure of the axes.
    lines_ : list of Line2D
        A line for each layer; empty in a heat map.
    image_ : QuadMesh or None
        The heat map.

    Examples
    --------
    >>> from fastmlp.inspection import GradientFlowDisplay
    >>> display = GradientFlowDisplay([[1e-4, 1e-2, 1.0], [1e-4, 2e-2, 0.5]]).plot()
    >>> [line.get_label() for line in display.lines_]
    ['hidden 1', 'hidden 2', 'output']
    """

    def __init__(
        self, gradient_norms: Any, *, layer_names: list[str] | None = None, estimator_name: str | None = None
    ) -> None:
        self.gradient_norms = np.array(gradient_norms, np.float64)
        if self.gradient_norms.ndim != 2 or not self.gradient_norms.size:
            raise ValueError(
                "gradient_norms must have shape (n_epochs, n_layers), one number for each layer and epoch, got "
                f"{self.gradient_norms.shape}."
            )
        n_layers = self.gradient_norms.shape[1]
        self.layer_names = layer_names or [*(f"hidden {number}" for number in range(1, n_layers)), "output"]
        if len(self.layer_names) != n_layers:
            raise ValueError(f"layer_names must hold {n_layers} names, got {self.layer_names!r}.")
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, ax: Any = None, kind: str = "lines", **fit_params: Any
    ) -> Self:
        """Fit a copy of an estimator, and draw the norms of its epochs. The estimator itself is not changed.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            With a solver that uses mini-batches; fitted or not.
        X, y
            Training data.
        ax : Axes, default=None
            Where to draw; None is a new figure.
        kind : {'lines', 'heatmap'}, default='lines'
            A line for each layer, or a map with a row for each layer.
        **fit_params
            Further arguments of `fit`, such as `sample_weight`.

        Returns
        -------
        display : GradientFlowDisplay

        Raises
        ------
        ValueError
            If the solver has no mini-batches, among others.
        """
        caller = f"{cls.__name__}.from_estimator"
        check_matplotlib(caller)
        check_class(estimator, caller)
        if estimator.solver in FULL_BATCH:
            raise ValueError(
                f"solver={estimator.solver!r} has no mini-batches, whose gradients are drawn: use another."
            )
        history = History()
        copy_to_fit(estimator, history).fit(X, y, **fit_params)
        return cls(norms_of(history), estimator_name=type(estimator).__name__).plot(ax=ax, kind=kind)

    @classmethod
    def from_history(cls, history: Any, *, ax: Any = None, kind: str = "lines") -> Self:
        """Draw the norms that a callback `History` has recorded.

        Parameters
        ----------
        history : History
            See `fastmlp.callbacks`.
        ax, kind
            As in `from_estimator`.

        Returns
        -------
        display : GradientFlowDisplay

        Raises
        ------
        ValueError
            If it has recorded none.
        """
        check_matplotlib(f"{cls.__name__}.from_history")
        return cls(norms_of(history)).plot(ax=ax, kind=kind)

    def plot(self, ax: Any = None, *, kind: str = "lines") -> Self:
        """Draw the norms.

        Parameters
        ----------
        ax, kind
            As in `from_estimator`.

        Returns
        -------
        display : GradientFlowDisplay
            Itself.
        """
        if kind not in ("lines", "heatmap"):
            raise ValueError(f"kind must be 'lines' or 'heatmap', got {kind!r}.")
        self.ax_ = ax = axes_for(ax, f"{type(self).__name__}.plot")
        self.figure_, self.image_ = ax.figure, None
        self.lines_: list[Any] = []
        norms = self.gradient_norms
        norms = np.where(np.isfinite(norms) & (norms > 0), norms, np.nan)  # a logarithmic scale has no zero
        if kind == "lines":
            self._draw_lines(norms, colours_of(ax))
        else:
            self._draw_map(norms, colours_of(ax))
        ax.set(xlabel="epoch", title=self.estimator_name or "")
        ax.xaxis.get_major_locator().set_params(integer=True)
        return self

    def _draw_lines(self, norms: np.ndarray, colours: Colours) -> None:
        ax, epochs = self.ax_, np.arange(1, len(norms) + 1)
        alone = {"marker": "o", "markersize": 4} if len(epochs) == 1 else {}
        for column, name, colour in zip(norms.T, self.layer_names, colours.in_order(norms.shape[1]), strict=True):
            self.lines_ += ax.plot(epochs, column, color=colour, label=name, **alone)
        if np.isfinite(norms).any():
            ax.set_yscale("log")
        ax.set_ylabel("norm of the gradient")
        handles = self.lines_[::-1]  # the last layer, whose gradient is the largest as a rule, on top
        n_columns = 1 + len(handles) // 16
        ax.legend(
            handles=handles, fontsize=SMALL, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, ncols=n_columns
        )

    def _draw_map(self, norms: np.ndarray, colours: Colours) -> None:
        from matplotlib import colormaps
        from matplotlib.colors import LogNorm

        ax, (n_epochs, n_layers) = self.ax_, norms.shape
        edges = np.arange(n_epochs + 1) + 0.5, np.arange(n_layers + 1) - 0.5
        shown, some = np.ma.masked_invalid(norms.T), np.isfinite(norms).any()
        cmap = colormaps["viridis"].with_extremes(bad=colours.muted)
        ends = (np.nanmin(norms), np.nanmax(norms)) if some else (0.1, 1.0)
        self.image_ = ax.pcolormesh(*edges, shown, cmap=cmap, norm=LogNorm(*ends))
        step = max(1, -(-n_layers // 20))
        ax.set_yticks(range(0, n_layers, step), self.layer_names[::step], fontsize=SMALL)
        self.figure_.colorbar(self.image_, ax=ax, label="norm of the gradient")
        if np.isnan(norms).any():
            ax.annotate(
                "grey: zero, or not finite", (1, 0), (0, -24), xycoords="axes fraction", textcoords="offset points",
                ha="right", va="top", fontsize=SMALL, color=colours.muted,
            )  # fmt: skip


def norms_of(history: Any) -> np.ndarray:
    """Return the norms that a `History` has recorded, (n_epochs, n_layers); raises a ValueError if there are none."""
    rows = [row[NORMS] for row in history.rows if row.get(NORMS) is not None]
    if not rows:
        raise ValueError(
            f"The history has recorded no gradient norms in {len(history.rows)} epochs: set a History() on the "
            "estimator, and fit it."
        )
    return np.array(rows, np.float64)
