"""`DeadUnits`: the share of units of each hidden layer that pass no gradient back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..compiler.kernel import KernelModule
from ..engine.dataset import Dataset
from ..engine.model import Model
from ..engine.prediction_workspace import DerivativeWorkspace

if TYPE_CHECKING:
    from ..kernels.loop import dead_units as _kernels
else:
    _kernels = KernelModule("loop.dead_units")

#: Rows of the sample.
SAMPLE_ROWS = 256
#: Rows that are computed together: those after which a network without dead units shows that it has none.
ROWS_TOGETHER = 16


class DeadUnits:
    """The share of dead units of each hidden layer, with the network's parameters at the time of the call.

    A unit is dead if |f′| ≤ 10⁻⁶ in each row of a sample, so that no row changes its weights: a rectifier whose
    pre-activations are all negative, or a saturated tanh. Units of activations without flat parts, such as
    'leaky_relu', are never dead.

    Parameters
    ----------
    network : Model
    dataset : Dataset
    order : ndarray of int64
        Numbers of the training rows. Up to 256 of them are the sample, at equal distances.
    """

    def __init__(self, network: Model, dataset: Dataset, order: np.ndarray) -> None:
        rows = min(order.size, SAMPLE_ROWS)
        self.sample = np.sort(order)[np.arange(rows) * order.size // rows]
        self.workspace = DerivativeWorkspace(network, dataset, self.sample, min(rows, ROWS_TOGETHER))
        hidden = network.layout.layer_sizes[1:-1]
        self.shares, self.live = np.zeros(len(hidden)), np.zeros(sum(hidden), network.dtype)
        self.arguments = *self.workspace.arguments(), self.shares.ctypes.data, self.live.ctypes.data
        self.entry = _kernels.share_dead_units.entry(network.dtype)

    def __call__(self) -> tuple[float, ...]:
        """Return the share of each hidden layer."""
        self.entry(*self.arguments)
        return tuple(self.shares.tolist())
