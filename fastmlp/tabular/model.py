"""`TableModel`: the parameters of one network for tables, one member of an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..activations import BaseActivation
from ..engine import buffers
from ..engine.model import Model, TrainableModel, make_views
from ..losses import BaseLoss
from .layout import TableLayout


class TableModel(TrainableModel):
    """A network behind a scaling layer and embeddings, with all parameters in one vector, `params` (layout.size,).

    Parameters
    ----------
    layout : TableLayout
    activations, loss, dtype
        As in `Model`.
    """

    layout: TableLayout

    def __init__(
        self, layout: TableLayout, activations: Sequence[str | BaseActivation], loss: str | BaseLoss, dtype: Any
    ) -> None:
        self.params = buffers.aligned(layout.size, dtype)
        self._views = make_views(layout, self.params)
        Model.__init__(self, layout, activations, loss, dtype, *self._views)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the views, and name the type, so that nothing but this package's types is in the state."""
        return {**self._without_views(self.__dict__), "dtype": self.dtype.name}

    def __setstate__(self, state: Any) -> None:
        super().__setstate__({**state, "dtype": np.dtype(state["dtype"])})

    @property
    def n_features(self) -> int:
        """Columns of the dataset: see `TableLayout.n_columns`."""
        return self.layout.n_columns
