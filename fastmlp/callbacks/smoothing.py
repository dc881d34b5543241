"""Smooth losses, and where they fall farthest: what `LearningRateFinder` reads from a range test."""

from __future__ import annotations

import numpy as np


def smooth(values: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the value, at each place, of a line through the values nearby, and its slope: arrays as `values`, (n,).

    Least squares with the weights 1 − (d / (width + 1))² of the values at distances d up to `width`.
    """
    fitted, slopes = np.empty(values.size), np.zeros(values.size)
    for i in range(values.size):
        first = max(i - width, 0)
        y = values[first : i + width + 1]
        d = np.arange(first - i, first - i + y.size, dtype=np.float64)
        weights = 1.0 - (d / (width + 1)) ** 2
        weights /= weights.sum()
        center = weights @ d
        spread = weights @ (d - center) ** 2
        if spread > 0:
            slopes[i] = weights @ ((d - center) * y) / spread
        fitted[i] = weights @ y - slopes[i] * center
    return fitted, slopes


def longest_fall(values: np.ndarray) -> slice:
    """Return the places, one after the other, at which values (n,) falls farthest below all that was before.

    The way down from a peak, to where it had been already, does not count.
    """
    lowest = np.minimum.accumulate(values)
    places = np.flatnonzero(values <= lowest)
    falls = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    heights = [lowest[max(fall[0] - 1, 0)] - lowest[fall[-1]] for fall in falls]
    longest = falls[int(np.argmax(heights))]
    return slice(int(longest[0]), int(longest[-1]) + 1)
