"""scikit-learn's ``random_state`` without scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from .frozen_params import Range


def as_random_state(seed: Any) -> np.random.RandomState:
    """Return the generator that scikit-learn's ``random_state`` stands for.

    Parameters
    ----------
    seed : int, RandomState or None
        A seed; a generator, whose state advances when it is used; None is NumPy's global one, of ``np.random.seed``.

    Returns
    -------
    RandomState

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(seed, np.random.RandomState):
        return seed
    if seed is None:
        return np.random.mtrand._rand
    if Range(0, 2**32 - 1, whole=True).allows(seed):
        return np.random.RandomState(int(seed))
    raise ValueError(f"random_state={seed!r} must be an integer from 0 to 2³² − 1, a numpy RandomState, or None.")
