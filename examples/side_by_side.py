"""Computed numbers next to expected ones: printed by the worked examples, and checked by the tests."""

from dataclasses import dataclass

import numpy as np

#: Relative tolerance, for expected numbers that were computed in float64 by other means.
EXACT = 1e-9


@dataclass(frozen=True)
class Row:
    """A number or an array of numbers, with its name."""

    name: str
    computed: np.ndarray
    expected: np.ndarray
    decimals: int | None  # the number that the slide prints; None if the numbers are exact

    @property
    def agrees(self):
        """Whether they agree: to nine digits, or to one unit of a slide's last digit, as some are truncated."""
        if self.decimals is None:
            return np.allclose(self.computed, self.expected, rtol=EXACT, atol=0)
        return np.allclose(self.computed, self.expected, rtol=0, atol=10.0**-self.decimals)


class SideBySide:
    """A table that is printed row by row.

    Parameters
    ----------
    title : str
        Heading of the table.
    """

    def __init__(self, title):
        self.rows = []
        print(f"\n{title}\n{'-' * len(title)}")

    def exact(self, name, computed, expected):
        """Add a number or an array that is known exactly."""
        self._add(Row(name, np.asarray(computed, float), np.asarray(expected, float), None))

    def rounded(self, name, computed, expected, decimals):
        """Add one that a slide prints with this number of decimals."""
        self._add(Row(name, np.asarray(computed, float), np.asarray(expected, float), decimals))

    def holds(self, name, value):
        """Add a condition that must be true."""
        row = Row(name, np.asarray(float(bool(value))), np.asarray(1.0), None)
        self.rows.append(row)
        print(f"  {name}: {'yes' if row.agrees else 'NO'}")

    def note(self, text):
        """Print a line between the rows."""
        print(f"  {text}")

    def _add(self, row):
        if row.computed.shape != row.expected.shape:
            raise ValueError(f"{row.name} has shape {row.computed.shape}, not {row.expected.shape}")
        self.rows.append(row)
        computed, expected = show(row.computed, row.decimals), show(row.expected, row.decimals)
        end = "" if row.agrees else "   <-- differs"
        if len(computed) > 50:
            print(f"  {row.name:<16} {computed}\n  {'expected':<16} {expected}{end}")
        else:
            print(f"  {row.name:<16} {computed:<50} expected {expected}{end}")


def show(numbers, decimals):
    """Format numbers on one line."""
    if numbers.ndim:
        return "[" + " ".join(show(number, decimals) for number in numbers) + "]"
    return f"{float(numbers):.10g}" if decimals is None else f"{float(numbers):.{decimals}f}"
