"""Powers of β, by which moments that began at zero are corrected."""

from __future__ import annotations

import numpy as np


def last_step(beta: float) -> float:
    """The step after which βᵗ is far below the last bit of 1."""
    return np.ceil(-60 * np.log(2.0) / np.log(beta)) if beta > 0.0 else 1.0


def power(beta: float, t: np.ndarray) -> np.ndarray:
    """βᵗ, to be taken from 1; beyond `last_step` a larger t changes nothing, and underflows, which is slow."""
    return beta ** np.minimum(t, last_step(beta))
