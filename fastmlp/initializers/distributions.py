"""Initializers with parameters of their own: `Orthogonal` and `Uniform`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..common.frozen_params import Finite, FrozenParams, Positive
from .base import Initializer


@dataclass(frozen=True)
class Orthogonal(FrozenParams, Initializer):
    """A random orthogonal matrix times a gain; biases 0.

    The rows or columns of the weight matrix, whichever are fewer, are orthonormal (times the gain), so that the layer
    preserves lengths, forward or backward. The matrix is Q of the QR decomposition of a normally distributed matrix,
    with each column multiplied by the sign of R's diagonal: this distribution is uniform over orthogonal matrices.

    Parameters
    ----------
    gain : float, default=1.0
        √2 compensates for the half that ReLU sets to zero.

    Raises
    ------
    ValueError
        If `gain` is not a finite number greater than 0.

    References
    ----------
    Saxe, McClelland and Ganguli (2013), "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks"; Mezzadri (2006), "How to generate random matrices from the classical compact groups".

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.engine.layout import Layout
    >>> layout = Layout([2, 3])
    >>> params = np.zeros(layout.size)
    >>> Orthogonal(gain=2.0)(layout, "relu", 0, params)
    >>> weight = layout.coefs(params)[0]
    >>> (weight @ weight.T).round(12)
    array([[4., 0.],
           [0., 4.]])
    """

    gain: Positive = 1.0

    def _draw(self, coef: np.ndarray, intercept: np.ndarray, generator: np.random.RandomState) -> None:
        long, short = max(coef.shape), min(coef.shape)
        q, r = np.linalg.qr(generator.normal(size=(long, short)))
        q *= np.copysign(self.gain, np.diag(r))
        coef[...] = q if coef.shape == q.shape else q.T
        intercept[...] = 0


@dataclass(frozen=True)
class Uniform(FrozenParams, Initializer):
    """Weights and biases drawn from U(low, high) in every layer: for networks small enough to follow by hand.

    Parameters
    ----------
    low : float, default=-1.0
        Lower bound.
    high : float, default=1.0
        Upper bound.

    Raises
    ------
    ValueError
        If they are not finite numbers, or `low` is not less than `high`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.engine.layout import Layout
    >>> params = np.zeros(3)
    >>> Uniform(0.5, 0.75)(Layout([2, 1]), "tanh", 0, params)
    >>> params.round(3)
    array([0.637, 0.679, 0.651])
    """

    low: Finite = -1.0
    high: Finite = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise ValueError(
                f"Uniform: low must be less than high, but low={self.low!r}, high={self.high!r} were given."
            )

    def _draw(self, coef: np.ndarray, intercept: np.ndarray, generator: np.random.RandomState) -> None:
        coef[...] = generator.uniform(self.low, self.high, coef.shape)
        intercept[...] = generator.uniform(self.low, self.high, intercept.shape)
