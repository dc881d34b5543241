"""`DropoutKeys`: the source of dropout's random bits, one seed for a fit and a counter of steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass
class DropoutKeys:
    """The key of the mask of each layer in each step: a function of the seed, the step and the layer.

    A training that continues (another epoch, warm start, ``partial_fit``) continues with the same object.

    Parameters
    ----------
    seed : int
        From 0 to 2⁶⁴ − 1.
    step : int, default=0
        Number of steps made so far.

    Examples
    --------
    >>> dropout_keys = DropoutKeys(seed=7)
    >>> first, second = dropout_keys.keys(2, n_layers=3)
    >>> dropout_keys.advance(1)
    >>> bool((dropout_keys.keys(1, n_layers=3) == second).all())
    True
    """

    seed: int
    step: int = 0

    @classmethod
    def draw(cls, random_state: np.random.RandomState) -> DropoutKeys:
        """Draw the seed from `random_state`: one number, at the start of a fit."""
        return cls(int(random_state.randint(2**63 - 1, dtype=np.int64)))

    def keys(self, steps: int, n_layers: int) -> np.ndarray:
        """Return a key of 64 bits for each layer of the next `steps` steps, (steps, n_layers) in int64."""
        steps_made = np.arange(self.step, self.step + steps, dtype=np.uint64)
        key = _mix(np.array([self.seed], np.uint64))
        key = _mix(key + steps_made)
        return _mix(key[:, None] + np.arange(n_layers, dtype=np.uint64)).view(np.int64)

    def advance(self, steps: int) -> None:
        """Store that `steps` more steps have been made."""
        self.step += steps


def _mix(x: np.ndarray) -> np.ndarray:
    """SplitMix64: the number that follows the state x (n,) of 64 bits, modulo 2⁶⁴; different for different states.

    Source: Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators", with Stafford's constants.
    """
    x = x + _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = x ^ (x >> np.uint64(31))
    return mixed
