"""The chart: fastmlp's speed relative to each peer in each case, as bars."""

from .comparison import GEOMETRIC_MEAN, Comparison
from .session import Session

COLOURS = {"scikit-learn": "#f89939", "pytorch": "#d1495b", "pytorch-compile": "#8d3b72", "jax": "#3a6ea5"}
BAR = 0.8  # of the distance between two cases, shared by the peers
LINES = {"elinewidth": 0.8, "ecolor": "#444444"}
NUMBERS = {"xytext": (3, 0), "textcoords": "offset points", "va": "center", "fontsize": 7}


def draw_chart(path: str, sessions: list[Session]) -> None:
    """Write the file in the format of its ending, with one panel for each number of threads and type."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    panels = find_panels(sessions)
    if not panels:
        raise SystemExit("no chart: no training was compared")
    rows = max(len({one.case for one in panel}) for panel in panels.values())
    bars = max(len({one.peer for one in panel}) for panel in panels.values())
    columns = min(len(panels), 2)
    lines = -(-len(panels) // columns)
    size = (6.2 * columns, lines * (1.1 + rows * (0.16 * bars + 0.14)))
    figure, axes = pyplot.subplots(lines, columns, figsize=size, squeeze=False, layout="constrained", sharex=True)
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    for axis, ((threads, dtype), panel) in zip(axes.flat, panels.items(), strict=False):
        draw_panel(axis, panel)
        place = "one core" if threads == 1 else f"{threads} cores"
        axis.set_title(f"{dtype}, {place}", fontsize=11, fontweight="bold")
    handles = dict(pair for axis in figure.axes for pair in zip(*axis.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles), frameon=False)
    figure.suptitle("Training: how many times as fast as each peer fastmlp is", fontsize=13)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def find_panels(sessions: list[Session]) -> dict[tuple[int, str], list[Comparison]]:
    """Return what to draw, by threads and type: correct results of known peers."""
    panels: dict[tuple[int, str], list[Comparison]] = {}
    for session in sessions:
        for one in session.comparisons:
            if one.ratio and one.peer in COLOURS and (not one.wrong or one.case == GEOMETRIC_MEAN):
                panels.setdefault((one.threads, one.dtype), []).append(one)
    return panels


def draw_panel(axis, panel: list[Comparison]) -> None:
    """Draw horizontal bars from one, in the table's order from the top; lines span lowest to highest pair."""
    cases = list(dict.fromkeys(one.case for one in panel))
    peers = [peer for peer in COLOURS if any(one.peer == peer for one in panel)]
    height = BAR / len(peers)
    for number, peer in enumerate(peers):
        mine = [one for one in panel if one.peer == peer]
        at = [cases.index(one.case) - BAR / 2 + (number + 0.5) * height for one in mine]
        ratios = [one.ratio.median for one in mine]
        below = [one.ratio.median - one.ratio.low for one in mine]
        above = [one.ratio.high - one.ratio.median for one in mine]
        from_one = [ratio - 1 for ratio in ratios]
        axis.barh(at, from_one, height, left=1, xerr=(below, above), error_kw=LINES, color=COLOURS[peer], label=peer)
        for y, one in zip(at, mine, strict=True):
            axis.annotate(f"{one.ratio.median:.3g}×", (max(one.ratio.high, 1), y), **NUMBERS)
    axis.set_xscale("log")
    axis.axvline(1, color="black", linewidth=1)
    axis.set_yticks(range(len(cases)), cases)
    axis.invert_yaxis()
    axis.margins(x=0.12)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axis.tick_params(axis="x", labelbottom=True)
    axis.grid(axis="x", color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
