"""The user's own points: CSV text with two features and a target in each row."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass

import numpy as np

from ..common.checks import counted
from .data_sets import SPREAD, PlaneData, divide

#: Limits of a file: characters, and rows, all of which are drawn.
MAX_CHARACTERS, MAX_ROWS = 500_000, 5_000
MIN_ROWS = 4


@dataclass(frozen=True)
class Table:
    """The content of a CSV file.

    Parameters
    ----------
    features : ndarray of shape (n, 2)
    targets : list of str
        As they are written.
    names : tuple of str
        Of the three columns.
    """

    features: np.ndarray
    targets: list[str]
    names: tuple[str, str, str]


def read_csv(text: str) -> Table:
    r"""Read rows of two features and a target, separated by commas, semicolons or tabs; a first row may hold names.

    Raises
    ------
    ValueError
        If the text is too long, has too few or too many rows, or a row is not three values, two of them numbers and
        a target.

    Examples
    --------
    >>> table = read_csv("height,width,kind\n1,2,a\n3,4,b\n5,6,a\n7,8,b\n")
    >>> table.names, table.features[0].tolist(), table.targets
    (('height', 'width', 'kind'), [1.0, 2.0], ['a', 'b', 'a', 'b'])
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"The file has {len(text)} characters, but at most {MAX_CHARACTERS} are read.")
    rows = _rows(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"))
    names = ("x₁", "x₂", "target")
    if rows and not any(map(_is_number, rows[0][1][:2])):
        names, rows = _three(*rows[0]), rows[1:]
    if not MIN_ROWS <= len(rows) <= MAX_ROWS:
        n_rows = counted(len(rows), "row")
        raise ValueError(f"The file has {n_rows} of values, but {MIN_ROWS} to {MAX_ROWS} are needed.")
    values = [_three(line, row) for line, row in rows]
    missing = next((line for (line, _), (*_, target) in zip(rows, values, strict=True) if not target), None)
    if missing is not None:
        raise ValueError(f"Line {missing} has no target: leave out the rows without one.")
    features = [(_number(line, x1), _number(line, x2)) for (line, _), (x1, x2, _) in zip(rows, values, strict=True)]
    return Table(np.array(features), [target for *_, target in values], names)


def as_plane_data(table: Table, test_share: float, seed: int) -> PlaneData:
    """Scale a table's columns to the plane, find out what the target is, and divide the rows.

    A target with two different values has two classes, in their order; any other must be a number, and is scaled to
    [−1, 1].

    Raises
    ------
    ValueError
        If a column has the same value in all rows, or the target has several values that are not numbers.
    """
    middles, units = zip(*(_scale(table.features[:, k], table.names[k]) for k in (0, 1)), strict=True)
    X = (table.features - middles) / units
    y, labels, is_regression = _target(table.targets, table.names[2])
    return divide(
        X, y, is_regression, test_share, np.random.RandomState(seed),
        names=table.names, labels=labels, scales=tuple(zip(middles, units, strict=True)),
    )  # fmt: skip


def _target(values: list[str], name: str) -> tuple[np.ndarray, tuple[str, str], bool]:
    """Return targets, their labels, and whether they are numbers and not classes."""
    word = next((value for value in values if not _is_number(value)), None)
    keys = np.array(values if word is not None else [float(value) for value in values])
    distinct = np.unique(keys)
    if len(distinct) == 2:
        labels = (f"{distinct[0]:g}", f"{distinct[1]:g}") if word is None else (distinct[0][:20], distinct[1][:20])
        return (keys == distinct[1]).astype(np.float64), labels, False
    if word is not None:
        raise ValueError(
            f"The target {name!r} has {counted(len(distinct), 'different value')}, such as {word!r}, but the "
            "playground shows two classes, or numbers: keep the rows of two classes."
        )
    middle, unit = _scale(keys, name)
    low, high = middle - SPREAD * unit, middle + SPREAD * unit
    return (keys - middle) / unit / SPREAD, (f"{low:.4g}", f"{high:.4g}"), True


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Return number and values of each line that is not empty."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(";\t,", key=first.count)
    reader = csv.reader(text.splitlines(), delimiter=delimiter)
    try:
        rows = [(reader.line_num, [value.strip() for value in row]) for row in reader]
    except csv.Error as error:
        raise ValueError(f"Line {reader.line_num} of the file cannot be read as CSV: {error}.") from None
    return [(line, row) for line, row in rows if any(row)]


def _three(line: int, row: list[str]) -> tuple[str, str, str]:
    if len(row) != 3:
        raise ValueError(
            f"Line {line} has {counted(len(row), 'value')}, but each line must have three: two features and a target."
        )
    return row[0][:40], row[1][:40], row[2][:40]


def _number(line: int, value: str) -> float:
    if not _is_number(value):
        raise ValueError(f"Line {line} has the feature {value!r}, but both features must be finite numbers.")
    return float(value)


def _is_number(value: str) -> bool:
    return math.isfinite(_as_number(value))


def _as_number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan


def _scale(column: np.ndarray, name: str) -> tuple[float, float]:
    """Middle and unit of a column, whose scaled values are in [−SPREAD, SPREAD]."""
    low, high = float(column.min()), float(column.max())
    middle, unit = low / 2 + high / 2, (high / 2 - low / 2) / SPREAD
    if not unit > 0 or not math.isfinite(1 / unit):
        raise ValueError(f"The column {name!r} has the value {low:g} in all rows, so nothing can be learned from it.")
    return middle, unit
