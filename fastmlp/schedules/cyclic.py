"""Schedules of RealMLP: cosine cycles that grow longer, and a value that falls in the second half."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..common.frozen_params import Count, NotNegative, Positive, with_values
from .base import Schedule, StepsOrTraining, check_length
from .cosine import half_cosine


@dataclass(frozen=True)
class LogCosine(Schedule):
    """η(t) = ½ η (1 − cos(2π log₂(1 + (2ᶜ − 1) t / steps))), with c = `cycles`, and 0 from step `steps` on.

    Each cycle rises from 0 and falls back to it, over twice as many steps as the one before.

    Parameters
    ----------
    learning_rate : float
        η, the largest rate, greater than 0.
    steps : int, default=None
        At least 1. None is as long as the training: all its epochs.
    cycles : int, default=4
        At least 1.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart (2024), "Better by default: strong pre-tuned MLPs and boosted trees on tabular
    data" (coslog₄).

    Examples
    --------
    >>> from fastmlp.schedules import LogCosine
    >>> LogCosine(0.8, steps=6, cycles=2)(range(8)).round(4).tolist()
    [0.0, 0.7443, 0.0, 0.5747, 0.7443, 0.259, 0.0, 0.0]
    """

    learning_rate: Positive
    steps: StepsOrTraining = None
    cycles: Count = 4

    @property
    def ends_at(self) -> int | None:
        return self.steps

    @property
    def lasts_training(self) -> bool:
        return self.steps is None

    def for_training(self, steps: int) -> Schedule:
        return with_values(self, steps=steps) if self.steps is None else self

    def at(self, t: np.ndarray) -> np.ndarray:
        steps = check_length(self)
        cycle = np.log2(1.0 + (2.0**self.cycles - 1.0) * np.minimum(t, steps) / steps)
        rates: np.ndarray = 0.5 * self.learning_rate * (1.0 - np.cos(2.0 * np.pi * cycle))
        return rates


@dataclass(frozen=True)
class FlatCosine(Schedule):
    """`Cosine` after a constant first half: η until step steps / 2, then ½ η (1 + cos(π (2 t / steps − 1))).

    Parameters
    ----------
    learning_rate : float
        η, at least 0: the first half's rate, decay or dropout.
    steps : int, default=None
        At least 1. None is as long as the training: all its epochs.
    final : float, default=0.0
        The value in the end, at least 0.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart (2024), "Better by default" (flat_cos).

    Examples
    --------
    >>> from fastmlp.schedules import FlatCosine
    >>> FlatCosine(0.8, steps=8)(range(10)).round(4).tolist()
    [0.8, 0.8, 0.8, 0.8, 0.8, 0.6828, 0.4, 0.1172, 0.0, 0.0]
    """

    learning_rate: NotNegative
    steps: StepsOrTraining = None
    final: NotNegative = 0.0

    @property
    def ends_at(self) -> int | None:
        return self.steps

    @property
    def lasts_training(self) -> bool:
        return self.steps is None

    def for_training(self, steps: int) -> Schedule:
        return with_values(self, steps=steps) if self.steps is None else self

    def at(self, t: np.ndarray) -> np.ndarray:
        steps = check_length(self)
        share = np.clip(2.0 * t / steps - 1.0, 0.0, 1.0)
        return half_cosine(self.learning_rate, self.final, share)
