"""`TableLayout`: where the parameters of a network for tables are in the flat vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..engine.layout import Layout
from ..kernels.lowlevel.records import CODE_WIDTH, PERIODIC_OUTPUTS, PERIODIC_PARAMS
from .look_ups import LookUps


class TableLayout(Layout):
    """Weights and biases of the layers, then scales, slopes, periodic embeddings and tables of categories.

    Parameters
    ----------
    n_plain : int
        Inputs that are no embeddings: numbers of a row as they are, and those that are looked up.
    hidden_layer_sizes : sequence of int
    n_outputs : int
    n_periodic : int, default=0
        How many of these numbers, the first ones, have a periodic embedding as well.
    table_sizes : sequence of int, default=()
        Rows of the table of each category column: one for each category, and the first for missing or unknown ones.
    learn_slopes : bool, default=False
        Whether each hidden neuron has a slope.
    look_ups : LookUps or None, default=None
        Which of the plain inputs the dataset has as category numbers; None for none.

    Examples
    --------
    >>> layout = TableLayout(3, [8], 2, n_periodic=1, table_sizes=[5], learn_slopes=True)
    >>> layout.layer_sizes, layout.scale_offset, layout.slope_offsets, layout.periodic_offset, layout.size
    ([14, 8, 2], 138, [152], 160, 283)
    """

    look_ups: LookUps | None = None  # layouts pickled by earlier versions have none

    def __init__(
        self,
        n_plain: int,
        hidden_layer_sizes: Sequence[int],
        n_outputs: int,
        n_periodic: int = 0,
        table_sizes: Sequence[int] = (),
        learn_slopes: bool = False,
        look_ups: LookUps | None = None,
    ) -> None:
        self.n_plain, self.n_periodic, self.look_ups = n_plain, n_periodic, look_ups
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

    @property
    def n_looked_up(self) -> int:
        """Inputs of the first layer that are looked up."""
        return 0 if self.look_ups is None else self.look_ups.rows.size

    @property
    def n_numbers(self) -> int:
        """Columns of the dataset that are inputs as they are, the first ones."""
        return self.n_plain - self.n_looked_up

    @property
    def n_columns(self) -> int:
        """Columns of the dataset: numbers, then the category numbers of tables, then those of look-ups."""
        n_look_ups = 0 if self.look_ups is None else len(self.look_ups.sizes)
        return self.n_numbers + len(self.table_sizes) + n_look_ups

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
