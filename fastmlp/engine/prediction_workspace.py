"""`PredictionWorkspace`: memory for a forward pass, a block of rows at a time; also for losses, or for every layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..compiler.cpu import VECTOR_BITS
from ..compiler.kernel import Kernel, KernelModule
from ..kernels.lowlevel.records import ROW_TILE
from . import blocking
from .buffers import padded
from .workspace import Workspace

if TYPE_CHECKING:
    from ..kernels.linalg import packing as panels
    from ..kernels.loop import blocks, csc, fortran
    from ..kernels.loop import predict as predict_kernels
    from .dataset import Dataset
    from .model import Model
else:
    panels = KernelModule("linalg.packing")
    blocks = KernelModule("loop.blocks")
    csc = KernelModule("loop.csc")
    fortran = KernelModule("loop.fortran")
    predict_kernels = KernelModule("loop.predict")


class PredictionWorkspace(Workspace):
    """Memory for the outputs of a block of rows: one thread's.

    Parameters
    ----------
    network : Model
    dataset : Dataset
    block_rows : int
        Rows that go through all layers together.
    both_classes : bool, default=False
        Whether the one output p becomes two, 1 − p and p.
    """

    def __init__(self, network: Model, dataset: Dataset, block_rows: int, *, both_classes: bool = False) -> None:
        super().__init__(network, dataset, block_rows)
        self._choose_depths()
        self._allocate_blocks()
        if dataset.by_column:
            self._allocate_products()
        elif not dataset.sparse and dataset.X.strides[0] < dataset.X.strides[1]:
            self.use_fortran_order()
        self._choose_modes(apply_output=True)
        self._copy_to_threads()
        self.task["both_classes"] = both_classes

    def _choose_depths(self) -> None:
        """Set how the products are cut: a kernel chooses between the two depths by the rows of a block."""
        task, layout, dtype = self.task, self.network.layout, self.dtype
        precision = self.network.matmul_precision
        in_place, packed = blocking.prediction_depths(layout, dtype, precision)
        in_blocks = [depth > 0 for depth in packed]
        in_blocks[0] = not self.dataset.sparse  # gathers its inputs as well; sparse ones have a kernel of their own
        # Whatever the widths: a prediction with others must not compile anything.
        kernel = blocks.multiply_in_blocks.address(dtype)
        self.layers["in_blocks"] = [kernel if wanted else 0 for wanted in in_blocks]
        self.layers["depth_in_place"], self.layers["packed_depth"] = in_place, packed
        task["copy_panels"] = panels.copy_panels.address(dtype)
        task["panel_columns"] = panel_columns = blocking.panel_columns(dtype)
        self.layers["pack_rows"] = [blocking.rows_to_pack(*shape, dtype, precision) for shape in layout.shapes]
        self.layers["large"] = [blocking.is_large(*shape, dtype) for shape in layout.shapes]
        task["panel_rows"] = ROW_TILE if precision == "float32" else blocking.ROUNDED_BLOCK_ROWS
        if any(packed):
            task["packed"] = self.buffer("packed", (max(packed), panel_columns))
        if not self.dataset.sparse:
            task["input_stride"] = padded(max(in_place[0], packed[0]), dtype)

    def _allocate_blocks(self) -> None:
        """Allocate a block of rows: the inputs of one block of depth, and outputs that only the next layer reads.

        Outputs of layers with one follow one another, so that activations compute whole vectors of them.
        Every activation writes f′, which a prediction does not read: all of them into the same buffer.
        """
        layers, task, layer_sizes = self.layers, self.task, self.network.layout.layer_sizes
        rows = gathered = -(-self.batch_rows // ROW_TILE) * ROW_TILE
        strides = [*(1 if width == 1 else padded(width, self.dtype) for width in layer_sizes[1:-1]), layer_sizes[-1]]
        task["block_rows"] = self.batch_rows
        task["block_order"] = self.buffer("block order", self.batch_rows, np.int64)
        if not self.dataset.sparse:
            if not (layers["large"][0] and layers["packed_depth"][0]):
                row_bytes = int(layers["depth_in_place"][0]) * self.dtype.itemsize
                fitting = blocking.ROW_BYTES // row_bytes // ROW_TILE * ROW_TILE
                task["input_rows"] = min(rows, max(fitting, ROW_TILE))
            if not layers["packed_depth"][0]:
                gathered = int(task["input_rows"])
            task["inputs"] = self.buffer("inputs", (gathered, int(task["input_stride"])))
        outputs = [self.buffer(f"outputs {side}", (rows, max(strides[side::2], default=0))) for side in range(2)]
        sides = [outputs[number % 2] for number in range(len(strides))]
        layers["stride"], layers["output"] = strides, sides
        layers["input"], layers["input_stride"] = [task["inputs"], *sides[:-1]], [task["input_stride"], *strides[:-1]]
        layers["delta"] = self.buffer("delta", (rows, max(strides)))

    def _allocate_products(self) -> None:
        """CSC input: a group of rows' products with the first layer's weights."""
        task, layout = self.task, self.network.layout
        widest = blocking.widest_entries(self.dtype)
        task["product_tile"], task["product_stride"] = widest, blocking.tile_width(layout.layer_sizes[1], widest)
        task["product_rows"] = blocking.group_rows(layout, self.dtype, self.batch_rows)
        task["products"] = self.buffer("products", (int(task["product_rows"]), int(task["product_stride"])))
        self.layers["in_blocks"][0] = csc.multiply_csc.address(self.dtype)

    def use_groups(self, last_row: int) -> None:
        """CSC input: go through several groups of rows, up to `last_row`."""
        self.task["last_row"] = last_row
        self.task["positions"] = self.buffer("positions", self.dataset.n_features, np.int64)

    def use_fortran_order(self) -> None:
        """Read inputs in Fortran order as they lie, where the first layer is narrow; other orders may still follow."""
        task, fan_out = self.task, self.network.layout.layer_sizes[1]
        lanes = VECTOR_BITS // (8 * self.dtype.itemsize)
        if task["chains"] or fan_out > blocking.widest_tile(self.dtype) or self.network.matmul_precision != "float32":
            return
        task["multiply_fortran"] = fortran.multiply_fortran.address(self.dtype)
        task["chain_stride"] = padded(self.batch_rows, self.dtype)
        task["chains"] = self.buffer("chains", (lanes if fan_out == 1 else fan_out, task["chain_stride"]))

    def use_strides(self, strides: tuple[int, int]) -> tuple[int, int]:
        """Set the strides of dense inputs in bytes, and return those that they replace."""
        before = int(self.task["x_row_stride"]), int(self.task["x_column_stride"])
        self.task["x_row_stride"], self.task["x_column_stride"] = strides
        return before

    def count_not_finite(self) -> np.ndarray:
        """Return an integer (1,) that each prediction overwrites: positive if a dense row holds infinity or NaN."""
        self.task["not_finite"] = self.buffer("not finite", 1, np.int64)
        return self.buffers["not finite"]

    def prepare_few_rows(self) -> np.ndarray:
        """Let `predict_few` use this workspace for dense rows; returns what `count_not_finite` does."""
        self.task["predict_rows"] = predict_kernels.predict_rows.address(self.dtype)
        return self.count_not_finite()


class LossWorkspace(PredictionWorkspace):
    """Memory for the loss of each row, without gradients.

    Parameters
    ----------
    network : Model
    dataset : Dataset
        With targets.
    block_rows : int
        Rows that go through all layers together.
    order : ndarray of int64
        The row numbers to go through.
    loss_rows : int, optional
        Rows whose losses are held at a time, `block_rows` if left out.
    kernel : Kernel, optional
        The loss's kernel, the one that trains if left out.

    Raises
    ------
    ValueError
        If there are no targets, or they are not of the network's width.
    """

    def __init__(
        self,
        network: Model,
        dataset: Dataset,
        block_rows: int,
        order: np.ndarray,
        loss_rows: int | None = None,
        kernel: Kernel | None = None,
    ) -> None:
        super().__init__(network, dataset, block_rows)
        loss_rows = loss_rows or block_rows
        self._allocate_losses(loss_rows, kernel)
        if not self._is_fused:
            self._read_outputs_in_loss()
        self.use_order(order, loss_rows)


class DerivativeWorkspace(PredictionWorkspace):
    """Memory for a block of rows in which the outputs and f′ of no hidden layer overwrite another's.

    Parameters
    ----------
    network : Model
    dataset : Dataset
    order : ndarray of int64
        The row numbers to go through.
    block_rows : int
        Rows that go through all layers together.
    """

    def __init__(self, network: Model, dataset: Dataset, order: np.ndarray, block_rows: int) -> None:
        super().__init__(network, dataset, block_rows)
        self.use_order(order)

    def _allocate_blocks(self) -> None:
        """Allocate buffers that no other layer writes to."""
        super()._allocate_blocks()
        rows = -(-self.batch_rows // ROW_TILE) * ROW_TILE
        for number, layer in enumerate(self.layers[:-1]):
            shape = rows, int(layer["stride"])
            layer["output"] = self.layers[number + 1]["input"] = self.buffer(f"output {number}", shape)
            layer["delta"] = self.buffer(f"delta {number}", shape)
