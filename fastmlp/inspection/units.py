"""`UnitDisplay`: what each unit computes over a plane of inputs, and how each layer bends that plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from ..activations import as_written
from ..common.checks import check_count
from .bent_plane import Panel, draw_panel, draw_points, panel_of
from .drawing import SMALL, SMALLEST, Colours, axes_for, check_matplotlib, choose, colours_of, inches_of, shorten
from .models import Shown, dense_inputs, read_estimator, read_network


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
            If it has a single feature, or a feature does not exist.
        """
        caller = f"{cls.__name__}.from_estimator"
        check_matplotlib(caller)
        shown = read_estimator(estimator, caller)
        rows = dense_inputs(estimator, X)
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
        rows = np.array(X, np.float64)
        network.forward(rows)  # refuses what is not a matrix of its features
        whole = y is not None and np.asarray(y).dtype.kind in "biu"
        display = cls._from_shown(shown, rows, y, features, grid_resolution, np.unique(y) if whole else None)
        return display.plot(ax=ax, kind=kind, max_units=max_units)

    @classmethod
    def _from_shown(
        cls, shown: Shown, rows: np.ndarray, y: Any, features: tuple[Any, Any], grid_resolution: int, classes: Any
    ) -> Self:
        first, second = _find_features(features, shown.feature_names)
        n = check_count("grid_resolution", grid_resolution)
        axes = [_span(rows[:, number], n) for number in (first, second)]
        plane = np.tile(rows.mean(axis=0), (n * n, 1))
        plane[:, second], plane[:, first] = (each.ravel() for each in np.meshgrid(axes[1], axes[0], indexing="ij"))
        pre_activations, activations = ([layer.reshape(n, n, -1) for layer in layers] for layers in shown.values(plane))
        labels = None if y is None else np.asarray(y).reshape(len(rows), -1)[:, 0]
        several = y is not None and np.ndim(y) == 2 and np.shape(y)[1] > 1
        others = ", other features at their means" if rows.shape[1] > 2 else ""
        functions = [as_written(each).strip("'") for each in shown.activations]
        return cls(
            axes[0],
            axes[1],
            pre_activations,
            activations,
            [f"{name}\n{shorten(f)}" for name, f in zip(shown.layer_names, functions, strict=True)],
            feature_names=(shown.feature_names[first], shown.feature_names[second]),
            output_names=shown.output_names,
            points=None if y is None else [rows[:, [first, second]], *shown.values(rows)[1]],
            labels=labels,
            classes=np.unique(labels) if labels is not None and several and classes is not None else classes,
            note=f"{shown.feature_names[first]} to the right, {shown.feature_names[second]} upward{others}",
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
            self._draw_maps(colours_of(self.ax_))
        else:
            self._draw_planes(colours_of(self.ax_))
        return self

    def _draw_maps(self, colours: Colours) -> None:
        rows, columns = len(self.units_), max(map(len, self.units_))
        note, inch = self._note_of_maps(), inches_of(self.ax_)
        left, right = min(0.8 * inch[0], 0.3), min(0.5 * inch[0], 0.2)
        below = min((0.04 + 0.14 * (1 + note.count("\n"))) * inch[1], 0.3)
        height = (1 - below) / rows
        gap = min(0.17 * inch[1], 0.4 * height)  # for the names of the units
        self.axes_: Any = np.full((rows, columns), None, object)
        for row, units in enumerate(self.units_):
            bottom = 1 - (row + 1) * height
            norm, image = self._scale(row, colours), None
            width = (1 - left - right) / max(len(units), min(columns, 4))
            for column, unit in enumerate(units):
                place = [left + column * width, bottom, 0.92 * width, height - gap]
                self.axes_[row, column] = axes = self.ax_.inset_axes(place)
                image = self._draw_map(axes, row, unit, norm, colours)
            bar = self.ax_.inset_axes([1 - right + 0.005, bottom, 0.012, height - gap])
            self.figure_.colorbar(image, cax=bar)
            self._limit(bar, row, norm[1])
            n_units = self.activations[row].shape[-1]
            drawn = f"{n_units} unit{'s' if n_units > 1 else ''}"
            drawn = drawn if len(units) == n_units else f"{len(units)} of {n_units}"
            self.ax_.text(
                0, bottom + (height - gap) / 2, f"{self.layer_names[row]}\n{drawn}", fontsize=SMALL, va="center",
                color=colours.text, transform=self.ax_.transAxes,
            )  # fmt: skip
        self.ax_.text(
            0.5, 0.0, note, fontsize=SMALL, color=colours.muted, ha="center", va="bottom",
            transform=self.ax_.transAxes,
        )  # fmt: skip

    def _note_of_maps(self) -> str:
        """Return what stands below the maps, on one line or two."""
        notes = [self.note or ""]
        if any(len(units) < values.shape[-1] for units, values in zip(self.units_, self.activations, strict=True)):
            notes.append("drawn: the units that vary most")
        one_line = "; ".join(filter(None, notes))
        return one_line if len(one_line) <= 80 else one_line.replace(", other", "\nother").strip()

    def _limit(self, bar: Any, row: int, norm: Any) -> None:
        """Show the part of a layer's colours that occurs."""
        values = self.activations[row]
        finite = values[np.isfinite(values)]
        if finite.size and finite.max() > finite.min():
            bar.set_ylim(max(min(finite.min(), 0.0), norm.vmin), min(max(finite.max(), 0.0), norm.vmax))
        bar.tick_params(labelsize=SMALLEST)
        bar.locator_params(nbins=3)

    def _scale(self, row: int, colours: Colours) -> tuple[Any, Any]:
        """Return the colour map and the norm of a layer: about zero, or one half for probabilities."""
        from matplotlib.colors import Normalize

        values = self.activations[row]
        finite = values[np.isfinite(values)]
        is_output = row == len(self.activations) - 1
        if is_output and finite.size and finite.min() >= 0 and finite.max() <= 1 and self._gives_probabilities():
            return colours.diverging(), Normalize(0, 1)
        largest = abs(finite).max(initial=0.0) or 1.0
        return colours.diverging(), Normalize(-largest, largest)

    def _gives_probabilities(self) -> bool:
        return self.layer_names[-1].split("\n")[-1] in ("logistic", "softmax")

    def _draw_map(self, axes: Any, row: int, unit: int, norm: tuple[Any, Any], colours: Colours) -> Any:
        values, zero = self.activations[row][:, :, unit], self.pre_activations[row][:, :, unit]
        if norm[1].vmin == 0:  # probabilities: of several classes, a pre-activation of zero has no meaning
            zero = values - 0.5
        image = axes.pcolormesh(self.x, self.y, values, cmap=norm[0], norm=norm[1], shading="gouraud", rasterized=True)
        if np.isfinite(zero).all() and zero.min() < 0 < zero.max():
            axes.contour(self.x, self.y, zero, levels=[0], colors=[colours.text], linewidths=0.8)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_linewidth(0.5)
        last = row == len(self.activations) - 1
        if last and self.points is not None:
            some = np.unique(np.linspace(0, len(self.points[0]) - 1, MOST_POINTS).astype(int))
            labels = None if self.labels is None else self.labels[some]
            draw_points(axes, self.points[0][some], colours, labels, self.classes, edge=colours.background)
            axes.set(xlim=self.x[[0, -1]], ylim=self.y[[0, -1]])
        name = shorten(self.output_names[unit], 12) if last and self.output_names else f"{unit + 1}"
        axes.set_title(name, fontsize=SMALLEST, pad=2)
        return image

    def _draw_planes(self, colours: Colours) -> None:
        hidden = range(len(self.activations) - 1)
        grid = np.stack(np.meshgrid(self.x, self.y), axis=-1)
        points: list[Any] = self.points or [None] * (len(self.activations) + 1)
        panels = [Panel("input", self.feature_names, grid, points[0])]
        for layer in hidden:
            name = self.layer_names[layer].replace("\n", ", ")
            panels.append(panel_of(name, self.activations[layer], points[layer + 1]))
        columns = min(len(panels), 3)
        rows = -(-len(panels) // columns)
        inch = inches_of(self.ax_)
        left, below, above = 0.5 * inch[0], 0.4 * inch[1], 0.38 * inch[1]
        legend = 0.0 if self.labels is None else 0.22 * inch[1]
        self.axes_ = np.full(len(panels), None, object)
        for number, panel in enumerate(panels):
            row, column = divmod(number, columns)
            width, height = 1 / columns, (1 - legend) / rows
            x, y = column * width + left, 1 - (row + 1) * height + below
            place = [x, y, max(0.97 * width - left, 0.3 * width), max(height - below - above, 0.3 * height)]
            self.axes_[number] = axes = self.ax_.inset_axes(place)
            handles = draw_panel(axes, panel, colours, self.labels, self.classes)
        if self.labels is not None and self.classes is None:
            ends = f"from {self.labels.min():.3g} (dark) to {self.labels.max():.3g} (bright)"
            self.ax_.text(
                0.5, 0.0, f"points: their targets, {ends}", fontsize=SMALL, color=colours.muted, ha="center", va="bottom",
                transform=self.ax_.transAxes,
            )  # fmt: skip
        if handles:
            self.ax_.legend(
                handles=handles, loc="lower center", ncols=min(len(handles), 6), fontsize=SMALL, frameon=False,
                borderaxespad=0.0, markerscale=2.0,
            )  # fmt: skip


def _find_features(features: tuple[Any, Any], names: list[str]) -> tuple[int, int]:
    """Return the numbers of two features, given by number or name.

    Raises
    ------
    ValueError
        If there are not two of them, or one does not exist.
    """
    if len(names) < 2:
        raise ValueError("UnitDisplay draws a plane of two features, but this network has one.")
    found = [names.index(each) if isinstance(each, str) and each in names else each for each in features]
    wrong = [each for each in found if isinstance(each, str | float) or not -len(names) <= each < len(names)]
    if wrong or len(found) != 2 or len({int(each) % len(names) for each in found}) != 2:
        known = ", ".join(map(repr, names[:8])) + (", …" if len(names) > 8 else "")
        raise ValueError(
            f"features must be two different features, by number (0 to {len(names) - 1}) or name ({known}), got "
            f"{features!r}."
        )
    return int(found[0]) % len(names), int(found[1]) % len(names)


def _span(values: np.ndarray, n: int) -> np.ndarray:
    """Return n numbers from a little below the least value to a little above the largest."""
    low, high = float(values.min()), float(values.max())
    margin = 0.1 * (high - low) or 0.5
    return np.linspace(low - margin, high + margin, n)
