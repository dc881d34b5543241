"""The printed tables of the suite `tables`."""

from collections.abc import Callable

from .results import Result
from .summary import Summary

ELSEWHERE = "°"
SHORT = {
    "fastmlp default": "default", "fastmlp fast": "fast", "fastmlp realmlp-td-s": "our TD-S",
    "fastmlp realmlp-td": "our TD", "fastmlp MLP": "our MLP", "HistGradientBoosting": "HGB",
    "scikit-learn MLP": "sk MLP", "pytabkit RealMLP-TD-S": "TD-S", "pytabkit RealMLP-TD": "TD",
    "pytabkit TabM_D": "TabM_D",
}  # fmt: skip
SUMMARY = "  {:<22}{:>6}{:>8}{:>8}{:>10}{:>11}{:>13}{:>10}{:>11}"
HEADER = ("method", "sets", "error", "wins", "log loss", "CPU s", "+ compiling", "wall s", "predict s")
NOTE = """\
  error: exp mean log((e + 0.01) / (LightGBM's e + 0.01)) over so many sets, of medians over seeds. e: root mean
  squared error over the standard deviation of the test targets, or share of wrong labels. wins: sets with a smaller
  and with a larger error than LightGBM's. log loss: geometric mean relative to LightGBM's. Seconds: geometric means
  over the same sets; "+ compiling" is a first fit with an empty cache."""


def format_result(result: Result) -> str:
    """Return the line of one fit."""
    trial, loss = result.trial, "" if result.log_loss is None else f"  log loss {result.log_loss:.4f}"
    seconds = f"{result.cpu_seconds:.2f} CPU s, {result.wall_seconds:.2f} s, predict {result.predict_seconds:.3f} s"
    return f"  {trial.set:<14}{trial.method:<22}seed {trial.seed}  error {result.error:.4f}{loss}  {seconds}"


def format_tables(summary: Summary) -> str:
    """Return errors, log losses and CPU seconds by set and method, and the summary."""
    if not summary.methods:
        return "  no results"
    parts = [
        _by_set(summary, "error", "error", _four),
        _by_set(summary, "log loss", "log_loss", _four),
        _by_set(summary, "CPU seconds", "cpu_seconds", lambda value: f"{value:.3g}", mark=True),
        format_summary(summary),
        *_remarks(summary),
    ]
    return "\n\n".join(part for part in parts if part)


def format_summary(summary: Summary) -> str:
    """Return a line for each method, and what the columns mean."""
    lines = [SUMMARY.format(*HEADER)]
    for row in summary.rows():
        mark = ELSEWHERE if row.elsewhere else ""
        seconds = (row.cpu, row.compiling, row.wall, row.predict)
        texts = ["–" if value is None else f"{value:.3g}{mark}" for value in seconds]
        mean, loss = ("–" if value is None else f"{value:.3f}" for value in (row.mean, row.log_loss))
        lines.append(SUMMARY.format(row.method, row.n_sets, mean, f"{row.wins}–{row.losses}", loss, *texts))
    return "\n".join([*lines, NOTE])


def _by_set(summary: Summary, title: str, what: str, form: Callable[[float], str], mark: bool = False) -> str:
    """Return medians over seeds; nothing if no set has this number."""
    short = [SHORT.get(method, method) for method in summary.methods]
    layout = "  {:<14}" + "{:>10}" * len(short)
    lines = [layout.format(title, *short)]
    for name in summary.sets:
        values = [summary.middle(method, name, what) for method in summary.methods]
        if any(value is not None for value in values):
            away = [mark and summary.is_elsewhere(method, name) for method in summary.methods]
            texts = [
                "–" if value is None else form(value) + ELSEWHERE * far for value, far in zip(values, away, strict=True)
            ]
            lines.append(layout.format(name, *texts))
    return "\n".join(lines) if len(lines) > 1 else ""


def _remarks(summary: Summary) -> list[str]:
    """Return whose seconds are another machine's, and how many seeds there are."""
    results = [one for each in summary.results.values() for one in each]
    away = sorted({
        f"{one.trial.machine}, {count(one.trial.threads, 'thread')}"
        for one in results if (one.trial.machine, one.trial.threads) != (summary.machine, summary.threads)
    })  # fmt: skip
    counts = sorted({len(each) for each in summary.results.values()})
    few = "" if counts[0] == counts[-1] else f"{counts[0]} to "
    lines = [f"  Medians of {few}{count(counts[-1], 'seed')}."]
    for method in summary.methods:
        versions = {
            ", ".join(f"{name} {number}" for name, number in one.trial.versions.items())
            for one in results if one.trial.method == method
        }  # fmt: skip
        lines.append(f"  {method}: {'; '.join(sorted(versions))}")
    if away:
        lines.append(f"  {ELSEWHERE} seconds of {'; '.join(away)}")
    return ["\n".join(lines)]


def count(number: int, what: str) -> str:
    """Such as "1 set" or "2 sets"."""
    return f"{number} {what}{'s' * (number != 1)}"


def _four(value: float) -> str:
    return f"{value:.4f}"
