"""`OuterStep`: the step from one round's parameters to the next one's."""

from __future__ import annotations

import numpy as np


class OuterStep:
    r"""Nesterov's momentum over rounds, as in DiLoCo; without momentum the parameters become the workers' mean.

    With the parameters θ before a round, and the mean θ̄ of the workers' parameters after it:

    .. math:: \Delta = θ - \bar θ, \quad v ← μ v + \Delta, \quad θ ← θ - η (\Delta + μ v)

    Parameters
    ----------
    learning_rate : float, default=1.0
        η.
    momentum : float, default=0.0
        μ, in [0, 1).

    References
    ----------
    Douillard et al. (2023), "DiLoCo: Distributed low-communication training of language models".

    Examples
    --------
    >>> import numpy as np
    >>> step, params = OuterStep(1.0, momentum=0.5), np.array([8.0])
    >>> step.move(params, mean=np.array([4.0]))
    >>> params
    array([2.])
    """

    def __init__(self, learning_rate: float = 1.0, momentum: float = 0.0) -> None:
        self.learning_rate, self.momentum = learning_rate, momentum
        self.velocity: np.ndarray | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the parameters become the workers' mean."""
        return self.learning_rate == 1.0 and self.momentum == 0.0

    def move(self, params: np.ndarray, mean: np.ndarray) -> None:
        """Move `params`, (n_params,), in place."""
        if self.is_plain:
            params[...] = mean
            return
        delta = params - mean
        if self.velocity is None:
            self.velocity = np.zeros_like(params)
        self.velocity *= self.momentum
        self.velocity += delta
        params -= self.learning_rate * (delta + self.momentum * self.velocity)
