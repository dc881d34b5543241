"""Initial weights."""

from __future__ import annotations

import numpy as np

from .layout import Layout


def glorot_uniform(layout: Layout, activation: str, random_state: np.random.RandomState, params: np.ndarray) -> None:
    """Fill `params` as scikit-learn does: U(−b, b) with b = √(6 / (fan_in + fan_out)), √(2 / …) for logistic.

    Drawn in float64, layer by layer, weights before biases, and then rounded to the type of `params`: the same seed
    gives scikit-learn's numbers.

    Source: Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks".
    """
    factor = 2.0 if activation == "logistic" else 6.0
    for coef, intercept in zip(layout.coefs(params), layout.intercepts(params), strict=True):
        bound = np.sqrt(factor / sum(coef.shape))
        coef[...] = random_state.uniform(-bound, bound, coef.shape)
        intercept[...] = random_state.uniform(-bound, bound, intercept.shape)


#: Name → (layout, first activation's name, random_state, params) ↦ None.
INITIALIZERS = {"glorot_uniform": glorot_uniform}
