"""`TableModel`: the parameters of one network for tables, one member of an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..activations import BaseActivation
from ..engine import buffers
from ..engine.model import Model
from ..losses import BaseLoss
from .layout import TableLayout


class TableModel(Model):
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
        params = buffers.aligned(layout.size, dtype)
        super().__init__(layout, activations, loss, dtype, layout.coefs(params), layout.intercepts(params))
        self.params = params

    def __getstate__(self) -> dict[str, Any]:
        """Return the parameters once, without the views of them."""
        kept = ("layout", "activations", "loss_function", "dtype")
        return {**{name: getattr(self, name) for name in kept}, "params": np.array(self.params)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["layout"], state["activations"], state["loss_function"], state["dtype"])  # type: ignore[misc]
        self.params[...] = state["params"]

    @property
    def n_features(self) -> int:
        """Columns of the dataset: plain numbers, then category numbers."""
        return self.layout.n_plain + len(self.layout.table_sizes)
