"""`TableRates`: an optimizer with the factors of learning rate and decay of each kind of parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..optimizers import AdamW

#: Groups of parameters behind those of the layers, in this order.
SCALES, SLOPES, PERIODIC, TABLES = range(4)


@dataclass(frozen=True)
class TableRates(AdamW):
    """AdamW with factors for a network for tables, in the neural tangent parametrization.

    A layer computes h W / √fan_in + b. Adam's steps do not depend on the size of gradients, so this is W̃ = W / √fan_in
    with its rate divided by √fan_in, and a decay per step that stays as it is.

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon, weight_decay
        As `AdamW`'s.
    bias_rate, scale_rate, slope_rate, periodic_rate, table_rate : float
        Factors of the learning rate.
    scale_decay : float
        Factor of the scaling layer's decay per step: it is scale_decay η λ.
    """

    bias_rate: float = 0.1
    scale_rate: float = 6.0
    slope_rate: float = 0.1
    periodic_rate: float = 0.1
    table_rate: float = 1.0
    scale_decay: float = 36.0

    @property
    def needs_layers(self) -> bool:
        return True

    def factors(self, shapes: Sequence[tuple[int, int]]) -> np.ndarray:
        """Return (rate, decay) of weights and biases of each layer, then of each other group: (n, 2, 2).

        The rule multiplies its decay by the group's rate, so a factor of the decay per step is divided by it.
        """
        layers = [((1 / math.sqrt(fan_in), math.sqrt(fan_in)), (self.bias_rate, 0.0)) for fan_in, _ in shapes]
        scales = (self.scale_rate, self.scale_decay / self.scale_rate)
        others = [(rate, rate) for rate in (self.slope_rate, self.periodic_rate, self.table_rate)]
        return np.array([*layers, *((each, (1.0, 0.0)) for each in (scales, *others))])
