"""`GradientNorms`: the norms of the weight gradients of an epoch's steps, layer by layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..compiler.kernel import KernelModule
from ..engine.training_workspace import TrainingWorkspace

if TYPE_CHECKING:
    from ..kernels.loop import gradient_norms as _kernels
else:
    _kernels = KernelModule("loop.gradient_norms")


class GradientNorms:
    """The Euclidean norm of each layer's weight gradient, root mean square over the steps of an epoch.

    With the gradient G_t of the data loss of mini-batch t, as step t computes it (with dropout, before penalties and
    clipping), it is √(Σ ‖G_t‖² / steps). Phase two adds up the squares while a tile of G_t is in the near caches. The
    bits do not depend on the number of threads.

    Parameters
    ----------
    workspace : TrainingWorkspace
        Of the steps; its kernels add up the squares from now on.
    """

    def __init__(self, workspace: TrainingWorkspace) -> None:
        self.task, tasks = workspace.task, workspace.tasks
        layers, tiles = workspace.layers, workspace.buffers["squares"].size
        from_first = layers["squares"] - layers["squares"][0]
        self._first_tiles = from_first // 8  # of each layer
        layers["gradient_squares"] = workspace.buffer("gradient squares", tiles, np.float64) + from_first
        tasks["add_squares"] = _kernels.add_squares.address(workspace.dtype)
        self._squares = workspace.buffers["gradient squares"]

    def reset(self) -> None:
        """Begin an epoch."""
        self._squares.fill(0.0)

    def __call__(self) -> tuple[float, ...]:
        """Return the norm of each layer; NaN before the first step."""
        steps = int(self.task["steps_made"])
        if not steps:
            return (math.nan,) * len(self._first_tiles)
        sums: list[float] = np.add.reduceat(self._squares, self._first_tiles).tolist()
        return tuple([math.sqrt(total / steps) for total in sums])
