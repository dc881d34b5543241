"""Outputs for many rows: the forward pass in blocks, with no temporary larger than a block."""

from __future__ import annotations

import numpy as np

from .data import Rows
from .interruptible import Slicer
from .kernels.predict import predict_rows
from .network import Network
from .workspace import Workspace

#: Rows that go through all layers together.
BLOCK_ROWS = 64


def predict(network: Network, rows: Rows, order: np.ndarray | None = None) -> np.ndarray:
    """The network's outputs, (n, n_outputs), for all rows or for those that `order` names."""
    if order is None:
        order = np.arange(rows.n_rows, dtype=np.int64)
    out = np.empty((order.size, network.layout.units[-1]), network.dtype)
    if not order.size:
        return out
    workspace = Workspace(network, rows, min(BLOCK_ROWS, order.size), training=False)
    workspace.use_order(order)
    entry = predict_rows.entry(network.dtype)
    block = int(workspace.task[0]["block_rows"])

    def blocks(start: int, stop: int) -> None:
        entry(*workspace.arguments(), start * block, min(stop * block, order.size), out.ctypes.data)

    Slicer().run(blocks, -(-order.size // block))
    return out
