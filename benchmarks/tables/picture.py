"""The picture: each method's error relative to LightGBM's over the CPU seconds of a fit."""

from typing import Any

from .methods import LIGHTGBM
from .report import ELSEWHERE, count
from .summary import Row, Summary

TEXT, LINE = "#808080", "#80808060"  # readable on white and on black: the background is transparent
COLORS = {"fastmlp": "#3d8bfd", "trees": "#2f9e44", "others": "#d9822b"}
TREES = (LIGHTGBM, "HistGradientBoosting")
#: Where a label may stand, in points from its marker, the best first.
PLACES = [
    (shift_x * far, shift_y * far, side)
    for far in (1, 2, 3, 4)
    for shift_x, shift_y, side in ((7, 0, "left"), (0, 11, "center"), (0, -11, "center"), (-7, 0, "right"),
                                   (8, 9, "left"), (8, -9, "left"), (-8, 9, "right"), (-8, -9, "right"))
]  # fmt: skip


def draw_picture(path: str, summary: Summary) -> None:
    """Write the file in the format of its ending; a line leads from a fit to a first fit with its compilation.

    Raises ValueError where no set was measured with both LightGBM and another method.
    """
    rows = [row for row in summary.rows() if row.mean is not None]
    if not [row for row in rows if row.method != LIGHTGBM]:
        raise ValueError(f"no picture: no method was measured on the same sets as {LIGHTGBM}")
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    colors = {"text.color": TEXT, "axes.labelcolor": TEXT, "axes.edgecolor": TEXT, "xtick.color": TEXT}
    with pyplot.rc_context(colors | {"ytick.color": TEXT}):
        figure, axis = pyplot.subplots(figsize=(8, 5), layout="constrained")
        for row in rows:
            draw_row(axis, row, all_sets=max(one.n_sets for one in rows))
        style(axis, rows)
        figure.canvas.draw()
        place_labels(axis, [(row, label(row, max(one.n_sets for one in rows))) for row in rows])
        figure.savefig(path, dpi=150, transparent=True)
        pyplot.close(figure)


def draw_row(axis: Any, row: Row, all_sets: int) -> None:
    """Draw a method's marker, hollow if some sets are missing, and the line to its first fit."""
    color = color_of(row)
    if row.compiling is not None and row.compiling > 1.05 * row.cpu:
        axis.plot([row.cpu, row.compiling], [row.mean, row.mean], color=color, linewidth=1, alpha=0.6)
        axis.plot(row.compiling, row.mean, marker="|", markersize=7, color=color, alpha=0.6)
    face = color if row.n_sets == all_sets else "none"
    axis.plot(row.cpu, row.mean, marker="o", markersize=8, color=color, markerfacecolor=face, linestyle="none")


def style(axis: Any, rows: list[Row]) -> None:
    n_sets, away = max(row.n_sets for row in rows), any(row.elsewhere for row in rows)
    axis.set_xscale("log")
    axis.margins(x=0.16, y=0.12)
    axis.axhline(1, color=LINE, linewidth=1, zorder=0)  # the last line: `place_labels` keeps it clear
    axis.grid(color=LINE, linewidth=0.4)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    remark = f"\n{ELSEWHERE} measured on another machine, or with another number of threads" if away else ""
    axis.set_xlabel(f"CPU seconds of a fit (geometric mean over sets); the line: a first fit, which compiles{remark}")
    axis.set_ylabel(f"error relative to {LIGHTGBM}'s (mean of {count(n_sets, 'set')})")
    axis.spines[["top", "right"]].set_visible(False)


def label(row: Row, all_sets: int) -> str:
    """Return the method's name, with what is special about its numbers."""
    some = f" ({row.n_sets} of {all_sets} sets)" if row.n_sets < all_sets else ""
    return f"{row.method}{ELSEWHERE if row.elsewhere else ''}{some}"


def place_labels(axis: Any, labels: list[tuple[Row, str]]) -> None:
    """Put each label where it covers no marker, line or label; far from its marker, a thin line leads there."""
    renderer = axis.figure.canvas.get_renderer()
    taken = [box for row, _ in labels for box in drawn_boxes(axis, row)] + [axis.lines[-1].get_window_extent(renderer)]
    for row, text in labels:
        for x, y, side in PLACES:
            far = {"arrowprops": {"arrowstyle": "-", "color": LINE, "shrinkB": 4}} if abs(x) + abs(y) > 20 else {}
            place = {"textcoords": "offset points", "ha": side, "va": "center", "fontsize": 9, "color": color_of(row)}
            note = axis.annotate(text, (row.cpu, row.mean), (x, y), **place, **far)
            box = text_box(note, renderer)
            inside = axis.bbox.x0 <= box.x0 and box.x1 <= axis.figure.bbox.x1 and box.y0 >= axis.bbox.y0
            if inside and not any(box.overlaps(other) for other in taken):
                break
            if (x, y, side) != PLACES[-1]:
                note.remove()
        taken.append(box)


def drawn_boxes(axis: Any, row: Row) -> list[Any]:
    """Return the boxes, in pixels, of a method's marker and of its line."""
    from matplotlib.transforms import Bbox

    x, y = axis.transData.transform((row.cpu, row.mean))
    end, _ = axis.transData.transform((row.compiling or row.cpu, row.mean))
    return [Bbox.from_extents(x - 7, y - 7, x + 7, y + 7), Bbox.from_extents(x, y - 3, max(x, end), y + 3)]


def text_box(note: Any, renderer: Any) -> Any:
    """Return the box of an annotation's text, without the line to its marker."""
    from matplotlib.text import Text

    note.update_positions(renderer)
    return Text.get_window_extent(note, renderer)


def color_of(row: Row) -> str:
    """Return the color of the method's family."""
    return COLORS["fastmlp" if row.method.startswith("fastmlp") else "trees" if row.method in TREES else "others"]
