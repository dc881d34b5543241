"""`TableLayout`: where the parameters of a network for tables are in the flat vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..engine.layout import Layout
from ..kernels.lowlevel.records import CODE_WIDTH, PERIODIC_OUTPUTS, PERIODIC_PARAMS


class TableLayout(Layout):
    """Weights and biases of the layers, then scales, slopes, periodic embeddings and tables of categories.

    Parameters
    ----------
    n_plain : int
        Numbers of a row that are inputs as they are.
    hidden_layer_sizes : sequence of int
    n_outputs : int
    n_periodic : int, default=0
        How many of these numbers, the first ones, have a periodic embedding as well.
    table_sizes : sequence of int, default=()
        Rows of the table of each category column: one for each category, and the first for missing or unknown ones.
    learn_slopes : bool, default=False
        Whether each hidden neuron has a slope.

    Examples
    --------
    >>> layout = TableLayout(3, [8], 2, n_periodic=1, table_sizes=[5], learn_slopes=True)
    >>> layout.layer_sizes, layout.scale_offset, layout.slope_offsets, layout.periodic_offset, layout.size
    ([14, 8, 2], 138, [152], 160, 283)
    """

    def __init__(
        self,
        n_plain: int,
        hidden_layer_sizes: Sequence[int],
        n_outputs: int,
        n_periodic: int = 0,
        table_sizes: Sequence[int] = (),
        learn_slopes: bool = False,
    ) -> None:
        self.n_plain, self.n_periodic = n_plain, n_periodic
        self.table_sizes = [int(size) for size in table_sizes]
        n_inputs = n_plain + PERIODIC_OUTPUTS * n_periodic + CODE_WIDTH * len(self.table_sizes)
        super().__init__([n_inputs, *hidden_layer_sizes, n_outputs])
        self.scale_offset = self.size
        self.slope_offsets: list[int] = []
        self.size += n_inputs
        for width in hidden_layer_sizes if learn_slopes else ():
            self.slope_offsets.append(self.size)
            self.size += int(width)
        self.periodic_offset = self.size
        self.size += PERIODIC_PARAMS * n_periodic
        self.table_offsets: list[int] = []
        for rows in self.table_sizes:
            self.table_offsets.append(self.size)
            self.size += CODE_WIDTH * rows

    @property
    def n_embedded(self) -> int:
        """Inputs of the first layer that are embeddings."""
        return self.layer_sizes[0] - self.n_plain

    def scales(self, vector: np.ndarray) -> np.ndarray:
        """Return a view of the scaling layer, (n_inputs,)."""
        return vector[self.scale_offset : self.scale_offset + self.layer_sizes[0]]

    def slopes(self, vector: np.ndarray) -> list[np.ndarray]:
        """Return views of the slopes of each hidden layer, (width,), none if there are none."""
        widths = self.layer_sizes[1:-1]
        return [vector[at : at + width] for at, width in zip(self.slope_offsets, widths, strict=False)]

    def periodic(self, vector: np.ndarray) -> np.ndarray:
        """Return a view of the periodic embeddings' parameters, (n_periodic, PERIODIC_PARAMS)."""
        at = self.periodic_offset
        return vector[at : at + PERIODIC_PARAMS * self.n_periodic].reshape(self.n_periodic, PERIODIC_PARAMS)

    def tables(self, vector: np.ndarray) -> list[np.ndarray]:
        """Return a view of each category column's table, (rows, CODE_WIDTH)."""
        places = zip(self.table_offsets, self.table_sizes, strict=True)
        return [vector[at : at + CODE_WIDTH * rows].reshape(rows, CODE_WIDTH) for at, rows in places]
