"""The loss over all rows, without its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..compiler.kernel import KernelModule
from ..engine.dataset import Dataset
from ..engine.model import Model
from ..engine.slicing import Slicer
from ..engine.workspace import WIDE_BLOCK_ROWS, Workspace
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
    workspace = Workspace(network, dataset, min(WIDE_BLOCK_ROWS, chunk), training=False)
    workspace.prepare_losses(chunk)
    workspace.use_order(np.arange(dataset.n_rows, dtype=np.int64))
    workspace.task["batch_size"] = chunk
    add_losses = _kernels.add_losses.entry(network.dtype)
    like = network.coefs[0].ctypes.data

    def chunks(start: int, stop: int) -> None:
        add_losses(*workspace.arguments(), start, stop, like)

    Slicer().run(chunks, -(-dataset.n_rows // chunk))
    return float(workspace.task["loss_sum"]) / float(workspace.task["weight_sum"])
