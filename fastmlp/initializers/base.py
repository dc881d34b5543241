"""`Initializer`, the base of all initializers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from ..common.frozen_params import check_defines
from ..common.random_state import as_random_state
from ..engine.layout import Layout


class Initializer:
    """Base of all initializers: what fills a network's parameters."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        if cls.__call__ is Initializer.__call__:
            check_defines(cls, Initializer, ("_draw",), "an initializer such as Uniform(-1, 1)")
        return super().__new__(cls)

    def __call__(self, layout: Layout, activation: str | Sequence[str], random_state: Any, params: np.ndarray) -> None:
        """Overwrite all parameters.

        Parameters
        ----------
        layout : Layout
        activation : str or sequence of str
            Name of the hidden layers' activation, or of each one's, on which scikit-learn's scale depends.
        random_state : int, RandomState or None
        params : ndarray of shape (layout.size,)
        """
        generator = as_random_state(random_state)
        for coef, intercept in zip(layout.coefs(params), layout.intercepts(params), strict=True):
            self._draw(coef, intercept, generator)

    def _draw(self, coef: np.ndarray, intercept: np.ndarray, generator: np.random.RandomState) -> None:
        """Overwrite one layer's weights (fan_in, fan_out) and biases (fan_out,)."""
        raise NotImplementedError  # pragma: no cover
