"""`UnitDisplay`: what each unit computes over a plane of inputs, and how each layer bends that plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from ..activations import as_written
from ..common.checks import check_count
from .bent_plane import Panel, columns_for, draw_panel, draw_points, panel_of
from .drawing import SMALL, Colours, axes_for, check_matplotlib, choose, colours_of, inches_of, shorten
from .models import Shown, read_estimator, read_network
from .plane import check_resolution, column_of, find_features, inputs_of, span_of, values_on_plane
from .unit_maps import LayerMaps, draw_layers

#: Data points on a map at most: more would hide it.
MOST_POINTS = 300


class UnitDisplay:
    """What units compute over a plane of two features, as small maps layer by layer; or how layers bend the plane.

    In a map blue is negative, orange is positive, and the line is where the unit's pre-activation is zero. The maps of
    a layer share one scale. Those of output probabilities are centred at one half, and so is their line.

    In the other view the lines of a square grid are drawn as each layer sees them: by its activations, if it has two
    units, else by the first two principal components of its activations.

    Create it by `from_estimator` or `from_network`.

    Parameters
    ----------
    x, y : array-like of shape (n_x,) and (n_y,)
        Coordinates of the map's columns and lines: values of the two features.
    pre_activations, activations : list of array-like of shape (n_y, n_x, width)
        Values of each layer after the input.
    layer_names : list of str
        Their names.
    feature_names : tuple of two str, default=('x0', 'x1')
        Names of the two features.
    output_names : list of str, default=None
        Names of the outputs.
    points : list of array-like, default=None
        The values of data points: the two features, (n, 2), then the activations of each layer, (n, width).
    labels : array-like of shape (n,), default=None
        Class or value of each data point.
    classes : list, default=None
        The classes, if labels are classes and not values.
    note : str, default=None
        What holds for the whole picture, below it.

    Attributes
    ----------
    axes_ : ndarray of Axes
        A row for each layer, None where there is no unit; in the other view one for each layer.
    ax_ : Axes
        Axes that contain them.
    figure_ : Figure
        Figure of the axes.
    units_ : list of ndarray
        Numbers of the units that are drawn, for each layer.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from fastmlp import MLPClassifier
    >>> from fastmlp.inspection import UnitDisplay
    >>> X, y = make_moons(noise=0.1, random_state=0)
    >>> model = MLPClassifier((4, 3), activation="tanh", solver="lbfgs", random_state=0).fit(X, y)
    >>> display = UnitDisplay.from_estimator(model, X, y)
    >>> display.axes_.shape, [len(units) for units in display.units_]
    ((3, 4), [4, 3, 1])
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        pre_activations: Sequence[Any],
        activations: Sequence[Any],
        layer_names: Sequence[str],
        *,
        feature_names: tuple[str, str] = ("x0", "x1"),
        output_names: Sequence[str] | None = None,
        points: Sequence[Any] | None = None,
        labels: Any = None,
        classes: Any = None,
        note: str | None = None,
    ) -> None:
        self.x, self.y = np.array(x, np.float64), np.array(y, np.float64)
        self.pre_activations = [np.array(values, np.float64) for values in pre_activations]
        self.activations = [np.array(values, np.float64) for values in activations]
        plane = (len(self.y), len(self.x))
        for name, layers in (("pre_activations", self.pre_activations), ("activations", self.activations)):
            if len(layers) != len(layer_names) or any(v.ndim != 3 or v.shape[:2] != plane for v in layers):
                raise ValueError(
                    f"{name} must be an array of shape {plane} × units for each of the {len(layer_names)} layers, got "
                    f"shapes {[v.shape for v in layers]}."
                )
        self.layer_names = list(layer_names)
        self.feature_names = feature_names
        self.output_names = output_names
        self.points = None if points is None else [np.array(each, np.float64) for each in points]
        self.labels = None if labels is None else np.asarray(labels)
        self.classes = classes
        self.note = note

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        features: tuple[Any, Any] = (0, 1),
        grid_resolution: int = 60,
        ax: Any = None,
        kind: str = "maps",
        max_units: int | None = 8,
    ) -> Self:
        """Draw the units of a fitted estimator.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Fitted on two features or more.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data points, which the plane encloses. Features other than the two are fixed at their means.
        y : array-like of shape (n_samples,), default=None
            Classes or targets: the points are drawn on the maps of the outputs (at most 300) and on the bent plane, and
            coloured by them; of several targets or labels by the first.
        features : tuple of two int or str, default=(0, 1)
            The features of the plane, by number or name.
        grid_resolution : int, default=60
            Columns and lines of a map.
        ax : Axes, default=None
            Where to draw; None is a new figure.
        kind : {'maps', 'plane'}, default='maps'
            What each unit computes, or how each layer bends the plane.
        max_units : int or None, default=8
            How many units of a layer have a map, those with the largest variation; None is all of them.

        Returns
        -------
        display : UnitDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it has a single feature, a feature does not exist, or `y` has other classes than the estimator.
        """
        caller = f"{cls.__name__}.from_estimator"
        check_matplotlib(caller)
        shown = read_estimator(estimator, caller)
        rows = inputs_of(estimator, X)
        display = cls._from_shown(shown, rows, y, features, grid_resolution, getattr(estimator, "classes_", None))
        return display.plot(ax=ax, kind=kind, max_units=max_units)

    @classmethod
    def from_network(
        cls,
        network: Any,
        X: Any,
        y: Any = None,
        *,
        features: tuple[int, int] = (0, 1),
        grid_resolution: int = 60,
        ax: Any = None,
        kind: str = "maps",
        max_units: int | None = 8,
    ) -> Self:
        """Draw the units of a `Network`; see `from_estimator`. Whole numbers in y are classes.

        Returns
        -------
        display : UnitDisplay
        """
        caller = f"{cls.__name__}.from_network"
        check_matplotlib(caller)
        shown = read_network(network, caller)
        network.forward(X)  # refuses what is not a matrix of its features
        rows = X.tocsr() if sp.issparse(X) else np.array(X, np.float64)
        whole = y is not None and np.asarray(y).dtype.kind in "biu"
        display = cls._from_shown(shown, rows, y, features, grid_resolution, np.unique(y) if whole else None)
        return display.plot(ax=ax, kind=kind, max_units=max_units)

    @classmethod
    def _from_shown(
        cls, shown: Shown, rows: Any, y: Any, features: tuple[Any, Any], grid_resolution: int, classes: Any
    ) -> Self:
        first, second = find_features(features, shown.feature_names)
        n, columns = check_resolution(grid_resolution), [column_of(rows, number) for number in (first, second)]
        axes, means = [span_of(column, n) for column in columns], np.asarray(rows.mean(axis=0)).ravel()
        pre_activations, activations = values_on_plane(shown, means, (first, second), axes)
        y = y.toarray() if sp.issparse(y) else y
        if y is not None and len(y) != rows.shape[0]:
            raise ValueError(f"y must have a row for each of the {rows.shape[0]} rows of X, got {len(y)}.")
        labels = None if y is None else np.asarray(y).reshape(len(y), -1)[:, 0]
        several = y is not None and np.ndim(y) == 2 and np.shape(y)[1] > 1
        if labels is not None and classes is not None and not several and not np.isin(labels, classes).all():
            raise ValueError(f"y must hold classes of the model, {list(map(str, classes))!r:.80}, but has others.")
        others = ", other features at their means" if rows.shape[1] > 2 else ""
        right, upward = (shorten(shown.feature_names[number], 24) for number in (first, second))
        functions = [as_written(each).strip("'") for each in shown.activations]
        return cls(
            axes[0],
            axes[1],
            pre_activations,
            activations,
            [f"{name}\n{shorten(f)}" for name, f in zip(shown.layer_names, functions, strict=True)],
            feature_names=(shown.feature_names[first], shown.feature_names[second]),
            output_names=shown.output_names,
            points=None if y is None else [np.stack(columns, axis=1), *shown.values(rows)[1]],
            labels=labels,
            classes=np.unique(labels) if labels is not None and several and classes is not None else classes,
            note=f"{right} to the right, {upward} upward{others}",
        )

    def plot(self, ax: Any = None, *, kind: str = "maps", max_units: int | None = 8) -> Self:
        """Draw the maps, or the bent plane.

        Parameters
        ----------
        ax, kind, max_units
            As in `from_estimator`.

        Returns
        -------
        display : UnitDisplay
            Itself.
        """
        if kind not in ("maps", "plane"):
            raise ValueError(f"kind must be 'maps' or 'plane', got {kind!r}.")
        if max_units is not None:
            check_count("max_units", max_units)
        if kind == "plane" and len(self.activations) < 2:
            raise ValueError("kind='plane' shows hidden layers, but this network has none: use kind='maps'.")
        variation = [np.nan_to_num(values).std(axis=(0, 1)) for values in self.activations]
        self.units_ = [choose(each, max_units) for each in variation]
        rows = len(self.activations)
        height = max(4.8, 0.85 * rows) if kind == "maps" else 3.0 * -(-rows // 3) + 0.3
        size = {"figsize": (6.4 if kind == "maps" or rows < 3 else 8.4, height)}
        self.ax_ = axes_for(ax, f"{type(self).__name__}.plot", **({} if ax is not None else size))
        self.figure_ = self.ax_.figure
        self.ax_.set_axis_off()
        if kind == "maps":
            layers = list(map(self._maps_of, range(rows), self.units_))
            note = self._note_of_maps()
            self.axes_ = draw_layers(self.ax_, self.x, self.y, layers, note, self._draw_points)
        else:
            self._draw_planes(colours_of(self.ax_))
        return self

    def _maps_of(self, row: int, units: np.ndarray) -> LayerMaps:
        """Return some units of a layer as maps."""
        values, is_output = self.activations[row], row == len(self.activations) - 1
        finite = values[np.isfinite(values)]
        function = self.layer_names[row].split("\n")[-1]
        names = self.output_names if is_output and self.output_names else range(1, values.shape[-1] + 1)
        return LayerMaps(
            title=self.layer_names[row],
            names=[shorten(names[unit], 12) for unit in units],
            pre_activations=self.pre_activations[row][:, :, units],
            activations=values[:, :, units],
            n_units=values.shape[-1],
            largest=float(abs(finite).max(initial=0.0)),
            probabilities=is_output and function in ("logistic", "softmax"),
        )

    def _draw_points(self, axes: Any) -> None:
        """Draw some of the data points on a map."""
        if self.points is None:
            return
        colours, points = colours_of(self.ax_), self.points[0]
        some = np.unique(np.linspace(0, len(points) - 1, MOST_POINTS).astype(int))
        labels = None if self.labels is None else self.labels[some]
        draw_points(axes, points[some], colours, labels, self.classes, edge=colours.background)
        axes.set(xlim=self.x[[0, -1]], ylim=self.y[[0, -1]])

    def _note_of_maps(self) -> str:
        """Return what stands below the maps, on one line or two."""
        notes = [self.note or ""]
        if any(len(units) < values.shape[-1] for units, values in zip(self.units_, self.activations, strict=True)):
            notes.append("drawn: the units that vary most")
        one_line = "; ".join(filter(None, notes))
        return one_line if len(one_line) <= 80 else one_line.replace(", other", "\nother").strip()

    def _draw_planes(self, colours: Colours) -> None:
        hidden = range(len(self.activations) - 1)
        grid = np.stack(np.meshgrid(self.x, self.y), axis=-1)
        points: list[Any] = self.points or [None] * (len(self.activations) + 1)
        panels = [Panel("input", self.feature_names, grid, points[0])]
        for layer in hidden:
            name = self.layer_names[layer].replace("\n", ", ")
            panels.append(panel_of(name, self.activations[layer], points[layer + 1]))
        inch = inches_of(self.ax_)
        columns = columns_for(len(panels), inch)
        rows, narrow = -(-len(panels) // columns), 1 / columns < 1.9 * inch[0]
        left, below = (0.32 * inch[0], 0.2 * inch[1]) if narrow else (0.5 * inch[0], 0.4 * inch[1])
        above = (0.32 if narrow else 0.38) * inch[1]
        legend = 0.0 if self.labels is None else 0.22 * inch[1]
        self.axes_ = np.full(len(panels), None, object)
        for number, panel in enumerate(panels):
            row, column = divmod(number, columns)
            width, height = 1 / columns, (1 - legend) / rows
            x, y = column * width + left, 1 - (row + 1) * height + below
            place = [x, y, max(0.97 * width - left, 0.3 * width), max(height - below - above, 0.3 * height)]
            self.axes_[number] = axes = self.ax_.inset_axes(place)
            handles = draw_panel(axes, panel, colours, self.labels, self.classes, narrow)
        if self.labels is not None and self.classes is None:
            ends = f"from {self.labels.min():.3g} (dark) to {self.labels.max():.3g} (bright)"
            self.ax_.text(
                0.5, 0.0, f"points: their targets, {ends}", fontsize=SMALL, color=colours.muted, ha="center",
                va="bottom", transform=self.ax_.transAxes,
            )  # fmt: skip
        if handles:
            self.ax_.legend(
                handles=handles, loc="lower center", ncols=min(len(handles), 6), fontsize=SMALL, frameon=False,
                borderaxespad=0.0, markerscale=2.0,
            )  # fmt: skip
