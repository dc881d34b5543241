"""Powers of β, by which moments that began at zero are corrected."""

from __future__ import annotations

import numpy as np


def last_step(beta: float) -> float:
    """Return the step after which βᵗ is far below the last bit of 1."""
    return np.ceil(-60 * np.log(2.0) / np.log(beta)) if beta > 0.0 else 1.0


def power(beta: float, t: np.ndarray) -> np.ndarray:
    """Compute βᵗ, to be subtracted from 1; t is limited to `last_step`, as subnormal powers are slow."""
    powers: np.ndarray = beta ** np.minimum(t, last_step(beta))
    return powers
