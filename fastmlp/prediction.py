"""Outputs for many rows: the forward pass in blocks, with no temporary larger than a block."""

from __future__ import annotations

import numpy as np

from .data import Rows
from .interruptible import Slicer
from .kernels.predict import predict_rows
from .network import Network
from .team import Team, useful_threads
from .workspace import Workspace

#: Rows that go through all layers together.
BLOCK_ROWS = 64


def predict(network: Network, rows: Rows, order: np.ndarray | None = None, n_threads: int = 1) -> np.ndarray:
    """The network's outputs, (n, n_outputs), for all rows or for those that `order` names.

    A row's bits depend neither on the rows beside it nor on the number of threads.
    """
    if order is None:
        order = np.arange(rows.n_rows, dtype=np.int64)
    out = np.empty((order.size, network.layout.units[-1]), network.dtype)
    if not order.size:
        return out
    team = Team(useful_threads(network, order.size, n_threads))
    share = -(-order.size // team.size)
    workspaces = [Workspace(network, rows, min(BLOCK_ROWS, share), training=False) for _ in range(team.size)]
    for workspace in workspaces:
        workspace.use_order(order)
    entry = predict_rows.entry(network.dtype)
    block = int(workspaces[0].task["block_rows"])

    def blocks(start: int, stop: int) -> None:
        def rows_of(thread: int) -> None:
            first, last = thread * share + start * block, min((thread + 1) * share, thread * share + stop * block)
            entry(*workspaces[thread].arguments(), first, min(last, order.size), out.ctypes.data)

        team.run(rows_of)

    Slicer().run(blocks, -(-share // block))
    return out
