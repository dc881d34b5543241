"""The parts of an encoded table: squashed numbers, bins, binary and one-hot categories, indicators, codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..preprocessing import PiecewiseLinearEncoder, SquashingScaler

#: Rows that are computed at a time, so that intermediate results stay in the cache.
_BLOCK = 2048
#: Limit of the encoding of a bin, which is from −½ to ½ within the training rows' range: numbers outside of it count as
#: at most the width of the outermost bin away, so that an outlier does not outweigh all other columns. Models of
#: earlier versions had the other one.
BIN_LIMIT, FORMER_BIN_LIMIT = 1.5, 1e6
#: Where half of a column's values are equal, its quartiles say little of the others: by `SquashingScaler` alone they
#: would be next to zero beside one outlier, or all at the limit. The typical one stays within this range.
TYPICAL = (0.05, 10.0)


class Inputs(NamedTuple):
    """The columns of a table that are encoded, as numbers.

    Parameters
    ----------
    numbers : ndarray of shape (n_samples, n_numbers)
        float64, NaN where missing.
    codes : sequence of ndarray of shape (n_samples,)
        For each category column, 1 to k, or 0 where missing or unknown.
    """

    numbers: np.ndarray
    codes: Sequence[np.ndarray]

    def blocks(self, positions: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield slices of the rows, and their values in these columns of `numbers`."""
        for start in range(0, len(self.numbers), _BLOCK):
            rows = slice(start, start + _BLOCK)
            yield rows, self.numbers[rows, positions]


class Part(ABC):
    """Adjacent columns of an encoded table.

    Parameters
    ----------
    positions : ndarray of int
        The columns of `Inputs.numbers`, or of `Inputs.codes`, that are encoded.
    widths : array-like of int
        How many columns each of them becomes.
    """

    #: Whether it encodes columns of `Inputs.codes`.
    reads_codes = False

    def __init__(self, positions: np.ndarray, widths: Any = 1) -> None:
        self.positions = positions
        self.widths = np.broadcast_to(np.asarray(widths, np.intp), positions.shape)
        self.width = int(self.widths.sum())

    @abstractmethod
    def write(self, inputs: Inputs, out: np.ndarray) -> None:
        """Compute all of `out`, (n_samples, width)."""


class SquashedNumbers(Part):
    """x′ of `SquashingScaler`, for some columns with another scale, see `scale_of`; 0 where missing."""

    def __init__(self, inputs: Inputs, positions: np.ndarray) -> None:
        super().__init__(positions)
        self._scaler = SquashingScaler().set_output(transform="default") if positions.size else None
        if self._scaler is not None:
            self._scaler.fit(inputs.numbers[:, positions])
            statistics = zip(positions, self._scaler.center_, self._scaler.scale_, strict=True)
            self._scaler.scale_ = np.array([scale_of(inputs.numbers[:, each], *both) for each, *both in statistics])

    def write(self, inputs: Inputs, out: np.ndarray) -> None:
        if self._scaler is not None:
            for rows, values in inputs.blocks(self.positions):
                out[rows] = _without_nan(self._scaler.transform(values))


class Bins(Part):
    """e − ½ of `PiecewiseLinearEncoder`, at most `limit` in magnitude; 0 where missing."""

    limit = FORMER_BIN_LIMIT  # of models that were pickled before there was another one

    def __init__(self, inputs: Inputs, positions: np.ndarray, encoder: PiecewiseLinearEncoder, y: Any) -> None:
        self._encoder = encoder.fit(inputs.numbers[:, positions], y) if positions.size else None
        super().__init__(positions, [] if self._encoder is None else self._encoder.n_bins_)
        self.limit = BIN_LIMIT

    def write(self, inputs: Inputs, out: np.ndarray) -> None:
        if self._encoder is not None:
            for rows, values in inputs.blocks(self.positions):
                encoded = self._encoder.transform(values)
                encoded -= 0.5
                out[rows] = np.clip(_without_nan(encoded), -self.limit, self.limit, out=encoded)


class BinaryCategories(Part):
    """−1 and 1 for the two categories of a column; 0 where missing or unknown."""

    reads_codes = True

    def write(self, inputs: Inputs, out: np.ndarray) -> None:
        values = np.array([0.0, -1.0, 1.0], out.dtype)
        for column, position in enumerate(self.positions):
            out[:, column] = values[inputs.codes[position]]


class OneHotCategories(Part):
    """1 in the column of the category, 0 in the others and where missing or unknown; each column then squashed."""

    reads_codes = True

    def __init__(self, inputs: Inputs, positions: np.ndarray, sizes: np.ndarray) -> None:
        super().__init__(positions, sizes)
        counts = [
            np.bincount(inputs.codes[position], minlength=size + 1)[1:]
            for position, size in zip(positions, sizes, strict=True)
        ]
        self._of_zero, self._of_one = squash_one_hot(np.concatenate([*counts, []]), len(inputs.numbers))

    def values(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the encoded columns of the `chosen` columns (a mask), counted from 0, and their two values."""
        columns = np.flatnonzero(chosen.repeat(self.widths))
        return columns, self._of_zero[columns], self._of_one[columns]

    def subset(self, chosen: np.ndarray) -> OneHotCategories:
        """Return the part of the `chosen` columns (a mask) alone."""
        part = object.__new__(OneHotCategories)
        Part.__init__(part, self.positions[chosen], self.widths[chosen])
        _, part._of_zero, part._of_one = self.values(chosen)
        return part

    def write(self, inputs: Inputs, out: np.ndarray) -> None:
        out[:] = self._of_zero
        before = -1  # code 1 is the first column
        for position, width in zip(self.positions, self.widths, strict=True):
            codes = inputs.codes[position]
            known = np.flatnonzero(codes)
            columns = before + codes[known]
            out[known, columns] = self._of_one[columns]
            before += width


class MissingIndicators(Part):
    """1 where a number is missing, −1 where it is not."""

    def write(self, inputs: Inputs, out: np.ndarray) -> None:
        for column, position in enumerate(self.positions):
            out[:, column] = np.where(np.isnan(inputs.numbers[:, position]), 1.0, -1.0)


class CategoryNumbers(Part):
    """The number of the category, 1 to k, as a float; 0 where missing or unknown."""

    reads_codes = True

    def write(self, inputs: Inputs, out: np.ndarray) -> None:
        for column, position in enumerate(self.positions):
            out[:, column] = inputs.codes[position]


def _without_nan(values: np.ndarray) -> np.ndarray:
    """Put 0 in the place of NaN."""
    values[np.isnan(values)] = 0.0
    return values


def scale_of(values: np.ndarray, center: float, scale: float) -> float:
    """Return the scale of a column (n,), by default `scale`; `center` is its median.

    If half of the values are equal, d is the median distance of the others from them. Where scale · d is less than
    TYPICAL[0] the scale is 2/d, as of a column of 0 and d alone; where it is more than TYPICAL[1] it is 1/d.

    Examples
    --------
    >>> import numpy as np
    >>> scale_of(np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0, 1e6]), 0.0, 2e-6)
    0.5
    """
    known = values[np.isfinite(values)]
    others = np.abs(known[known != center] / 4.0 - center / 4.0)  # quarters, so that sums of two are finite
    if not 0 < 2 * others.size <= known.size:
        return scale
    quarter = max(float(np.median(others)), np.finfo(np.float64).tiny)
    typical = quarter * float(scale) * 4.0  # of Python's floats, which become infinite without a warning
    if TYPICAL[0] <= typical <= TYPICAL[1]:
        return scale
    return 0.5 / quarter if typical < TYPICAL[0] else 0.25 / quarter


def squash_one_hot(ones: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what `SquashingScaler` makes of 0 and of 1 in columns of n rows, of which some have as many `ones`.

    Examples
    --------
    >>> squash_one_hot(np.array([1]), 10)
    (array([0.]), array([1.66410059]))
    """
    lower, center, upper = (_quantile_of_zeros_and_ones(ones, n, share) for share in (0.25, 0.5, 0.75))
    spread = np.where(lower == upper, 0.5, upper - lower)
    scaled = np.array([0.0 - center, 1.0 - center]) / spread
    of_zero, of_one = scaled / np.hypot(1.0, scaled / 3.0)
    return of_zero, of_one


def _quantile_of_zeros_and_ones(ones: np.ndarray, n: int, share: float) -> np.ndarray:
    """Return a quantile, interpolated as NumPy's, of n numbers, some of which are 1 and the others 0."""
    place = share * (n - 1)
    below = np.floor(place) >= n - ones
    above = np.ceil(place) >= n - ones
    quantiles: np.ndarray = below + (place - np.floor(place)) * (above.astype(np.float64) - below)
    return quantiles
