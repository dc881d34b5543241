"""Initial weights and row orders that scikit-learn draws from a seed, for peers with other generators.

`RandomState(seed)` draws for each layer W ~ U(−b, b) and then its bias, b = √(6 / (fan_in + fan_out)) (√2 in place of
√6 for logistic); after that it shuffles the row order, in place, once an epoch. Numbers are drawn in float64.
"""

from collections.abc import Iterator
from math import sqrt

import numpy as np

from .cases import Case


class Start:
    """The initial weights of a fit of `case`, and the row order of each epoch.

    Attributes
    ----------
    weights, biases : list of ndarray
        (fan_in, fan_out) and (fan_out,) for each layer, in the type that is asked for.
    """

    def __init__(self, case: Case, dtype, seed: int):
        self.case, self._random_state = case, np.random.RandomState(seed)
        self.weights: list[np.ndarray] = []
        self.biases: list[np.ndarray] = []
        for fan_in, fan_out in zip(case.widths[:-1], case.widths[1:], strict=True):
            bound = sqrt((2.0 if case.activation == "logistic" else 6.0) / (fan_in + fan_out))
            self.weights.append(self._random_state.uniform(-bound, bound, (fan_in, fan_out)).astype(dtype))
            self.biases.append(self._random_state.uniform(-bound, bound, fan_out).astype(dtype))

    def orders(self, epochs: int) -> Iterator[np.ndarray]:
        """Yield the row numbers of each epoch, in one array that is changed in place."""
        order = np.arange(self.case.rows)
        for _ in range(epochs):
            if self.case.shuffle:
                self._random_state.shuffle(order)
            yield order


class Adam:
    """The parameters of scikit-learn's Adam, and its L2 penalty.

    θ ← θ − ηₜ m / (√v + ε) with ηₜ from `rates`: ε stands outside the correction. Elsewhere (PyTorch, optax) it is
    θ ← θ − η / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε′), the same with ε′ = ε / √(1 − β₂ᵗ).
    """

    learning_rate, beta_1, beta_2, epsilon, l2 = 1e-3, 0.9, 0.999, 1e-8, 1e-4


def rates(adam: type[Adam], steps: int) -> np.ndarray:
    """Return Adam's learning rate at each step with bias correction, as in scikit-learn."""
    t = np.arange(1, steps + 1)
    return adam.learning_rate * np.sqrt(1 - adam.beta_2**t) / (1 - adam.beta_1**t)
