"""Ratios of paired times.

Two fits of one pair ran one straight after the other, so whatever slowed the machine just then slowed both;
the ratio is taken within the pair, and the median over pairs ignores the pair that something interrupted.
"""

from dataclasses import dataclass
from math import exp, fsum, log
from statistics import median


@dataclass(frozen=True)
class Spread:
    """A number measured several times, such as a ratio: median, lowest and highest over the pairs."""

    median: float
    low: float
    high: float


def paired_ratio(subject: list[float], peer: list[float]) -> Spread:
    """Return the peer's seconds divided by the subject's, pair by pair: above one, the subject is faster."""
    each = [theirs / ours for ours, theirs in zip(subject, peer, strict=True)]
    return Spread(median(each), min(each), max(each))


def geometric_mean(values: list[float]) -> float:
    """Return the geometric mean of ratios: 2 and ½ give 1."""
    return exp(fsum(log(value) for value in values) / len(values))
