"""The loss over all rows, without its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..compiler.kernel import KernelModule
from ..engine import blocking
from ..engine.dataset import Dataset
from ..engine.model import Model
from ..engine.prediction_workspace import LossWorkspace
from ..engine.slicing import Slicer
from .full_batch_loss import chunk_rows

if TYPE_CHECKING:
    from ..kernels.loop import mean_loss as _kernels
else:
    _kernels = KernelModule("loop.mean_loss")


def mean_loss(network: Model, dataset: Dataset) -> float:
    """Σ wᵢ lossᵢ / Σ wᵢ, in float64: the bits of `FullBatch`'s loss without a penalty.

    One forward pass. Neither a gradient nor copies of the weights are made: what is allocated is a block of rows, and
    a loss for each row of a chunk, which are added up in `FullBatch`'s order.

    Parameters
    ----------
    network : Model
    dataset : Dataset
        With targets.

    Raises
    ------
    ValueError
        If targets or inputs are not of the network's width.
    """
    chunk = chunk_rows(network, dataset)
    order = np.arange(dataset.n_rows, dtype=np.int64)
    workspace = LossWorkspace(network, dataset, min(blocking.WIDE_BLOCK_ROWS, chunk), order, chunk)
    add_losses = _kernels.add_losses.entry(network.dtype)
    dtype_ptr = network.coefs[0].ctypes.data

    def chunks(start: int, stop: int) -> None:
        add_losses(*workspace.arguments(), start, stop, dtype_ptr)

    Slicer().run(chunks, -(-dataset.n_rows // chunk))
    return float(workspace.task["loss_sum"]) / float(workspace.task["weight_sum"])
