"""`TableWorkspace`: memory for training a network for tables; `TablePrediction`: for its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..compiler.kernel import KernelModule
from ..engine.buffers import padded
from ..engine.dataset import Dataset
from ..engine.training_workspace import TrainingWorkspace
from ..engine.workspace import Workspace
from ..kernels.lowlevel.records import CODE_WIDTH, FROM_BIAS, PERIODIC_OUTPUTS, PERIODIC_PARAMS, RECTIFY, ROW_TILE
from .look_ups import LookUpArrays, LookUps
from .model import TableModel

if TYPE_CHECKING:
    from ..kernels.linalg import sparse
    from ..kernels.loop import predict as predict_kernels
    from ..kernels.loop import validation as validation_kernels
    from ..kernels.tabular import embedding, passes, slopes
    from ..kernels.tabular import look_ups as look_up_kernels
else:
    predict_kernels = KernelModule("loop.predict")
    validation_kernels = KernelModule("loop.validation")
    embedding = KernelModule("tabular.embedding")
    look_up_kernels = KernelModule("tabular.look_ups")
    passes = KernelModule("tabular.passes")
    slopes = KernelModule("tabular.slopes")
    sparse = KernelModule("linalg.sparse")

#: Rows that go through all layers together in a prediction.
PREDICTED_ROWS = 256
#: The fields of the task record that hold the addresses of `LookUpArrays`.
_OF_LOOK_UPS = "weight_rows", "look_ups", "look_up_values", "constants", "constant_values"


class _TableBuffers(Workspace):
    """What training and prediction have in common: W̃ = diag(s) W, slopes, embeddings."""

    network: TableModel

    def _describe_network(self) -> None:
        super()._describe_network()
        task, layers, layout = self.task, self.layers, self.network.layout
        params, item = self.network.params.ctypes.data, self.dtype.itemsize
        task["forward"] = passes.forward_table_rows.address(self.dtype)
        task["unscaled"], layers["weight"][0] = layers["weight"][0], self.buffer("scaled", layout.shapes[0])
        task["scale_offset"], task["scales"] = layout.scale_offset, params + layout.scale_offset * item
        for layer, offset in zip(layers, layout.slope_offsets, strict=False):
            layer["slope_offset"], layer["slopes"] = offset, params + offset * item
            layer["activate"] = slopes.activate_with_slopes.address(self.dtype)
        task["n_plain"], task["n_periodic"] = layout.n_numbers, layout.n_periodic
        task["n_codes"] = len(layout.table_sizes)
        task["periodic_offset"], task["periodic"] = layout.periodic_offset, params + layout.periodic_offset * item
        if layout.n_embedded:
            self._describe_embeddings(params)
        self._look_ups: LookUpArrays | None = None
        if layout.look_ups is not None:
            self._describe_look_ups(layout.look_ups)

    def _describe_look_ups(self, look_ups: LookUps) -> None:
        """Write which rows of W̃ are looked up, and buffers for the entries of a batch; the product reads the others."""
        task, rows, columns = self.task, self.batch_rows, len(look_ups.sizes)
        self._look_ups = arrays = look_ups.arrays(self.network.layout.layer_sizes[0], self.dtype)
        self.layers["fan_in"][0] -= look_ups.rows.size
        task["n_look_ups"], task["n_looked_up"] = columns, look_ups.rows.size
        task["n_constants"] = arrays.constants.size
        for name, array in zip(_OF_LOOK_UPS, arrays, strict=True):
            task[name] = array.ctypes.data
        task["batch_order"] = self.buffer("batch order", (2, rows + 1), np.int64)
        task["indptr"] = task["batch_order"] + self.buffers["batch order"].strides[0]
        np.multiply.outer([1, columns], np.arange(rows + 1), out=self.buffers["batch order"])
        task["indices"] = self.buffer("indices", rows * columns, np.int32)
        task["values"] = self.buffer("values", rows * columns)
        task["constant_row"] = self.buffer("constant row", int(self.layers["fan_out"][0]))
        task["look_up"] = look_up_kernels.look_up_rows.address(self.dtype)
        task["sparse_forward"] = sparse.sparse_forward.address(self.dtype)

    def _describe_embeddings(self, params: int) -> None:
        """Write where the embeddings' parameters are, and buffers for those of a batch."""
        task, layout = self.task, self.network.layout
        task["embed"] = embedding.embed_rows.address(self.dtype)
        task["code_tables"] = self.buffer("code tables", (len(layout.table_sizes), 2), np.int64)
        offsets = np.array(layout.table_offsets, np.int64) * self.dtype.itemsize
        self.buffers["code tables"][...] = np.stack([params + offsets, layout.table_sizes], 1)
        task["column_stride"] = stride = padded(-(-self.batch_rows // ROW_TILE) * ROW_TILE, self.dtype)
        task["numbers"] = self.buffer("numbers", (layout.n_periodic, stride))
        task["embedded_columns"] = self.buffer("embedded columns", (PERIODIC_OUTPUTS * layout.n_periodic, stride))

    def _choose_modes(self, apply_output: bool) -> None:
        """Have layers with slopes or look-ups call their activation's own kernel: the product applies none."""
        super()._choose_modes(apply_output)
        for number, layer in enumerate(self.layers):
            if layer["slopes"] or (number == 0 and self.task["look_up"] and layer["mode"] == RECTIFY):
                activation = self.network.activations[number]
                layer["mode"], layer["activation"] = FROM_BIAS, activation.kernel.address(self.dtype)
                layer["activation_constants"] = self._numbers(f"activation constants {number}", activation.constants)

    def refresh_scaled(self) -> None:
        """Compute W̃ = diag(s) W."""
        layout, params = self.network.layout, self.network.params
        scales, weights, scaled = layout.scales(params)[:, np.newaxis], self.network.coefs[0], self.buffers["scaled"]
        with np.errstate(over="ignore"):  # of a member that diverges
            if self._look_ups is None:
                np.multiply(scales, weights, out=scaled)
            else:
                rows = self._look_ups.weight_rows
                np.take(weights, rows, axis=0, out=scaled, mode="clip")  # other modes would write to a copy first
                scaled *= scales[rows]


class TableWorkspace(_TableBuffers, TrainingWorkspace):
    """Memory for losses and gradients of a batch of a network for tables.

    Parameters
    ----------
    network : TableModel
    dataset, batch_rows, n_threads
        As of `TrainingWorkspace`.
    """

    def _allocate_layers(self) -> None:
        super()._allocate_layers()
        rows = -(-self.batch_rows // ROW_TILE) * ROW_TILE
        for number, layer in enumerate(self.layers):
            if layer["slopes"]:
                layer["excess"] = self.buffer(f"excess {number}", (rows, int(layer["stride"])))

    def _choose_blocks(self) -> None:
        super()._choose_blocks()
        if self.network.layout.n_embedded:  # the gradient of its inputs reads the transposed weights by rows
            self.in_panels[0] = False
        if self.network.layout.look_ups is not None:  # which may leave few other inputs, or none
            self.layers["update_rows"][0] = max(int(self.layers["update_rows"][0]), ROW_TILE)

    def _name_kernels(self) -> None:
        super()._name_kernels()
        self.task["pass_rows"] = passes.pass_table_rows.address(self.dtype)
        self.task["backward"] = passes.backward_table_rows.address(self.dtype)
        if self.network.layout.look_ups is not None:
            self.task["update_look_ups"] = look_up_kernels.update_look_ups.address(self.dtype)
            self.task["sort_by_feature"] = sparse.sort_by_feature.address(self.dtype)
            self.task["sparse_weight_gradient"] = sparse.sparse_weight_gradient.address(self.dtype)

    def _allocate_weight_copies(self) -> None:
        first = self.layers[0]
        fan_in, fan_out = int(first["fan_in"]), int(first["fan_out"])
        if self.network.layout.n_embedded and fan_out == 1:
            first["transposed"], first["transposed_stride"] = first["weight"], fan_in
        elif self.network.layout.n_embedded:
            first["transposed_stride"] = padded(fan_in, self.dtype)
            first["transposed"] = self.buffer("transposed 0", (fan_out, first["transposed_stride"]))
        super()._allocate_weight_copies()

    def refresh_weight_copies(self) -> None:
        self.refresh_scaled()
        super().refresh_weight_copies()

    def _allocate_scratch(self, thread: int) -> None:
        super()._allocate_scratch(thread)
        task, layout = self.tasks[thread], self.network.layout
        if layout.slope_offsets:
            shape = int(task["block_rows"]), int(self.layers["stride"].max())
            task["slope_products"] = self.buffer(f"slope products {thread}", shape)
        if layout.table_sizes:
            task["d_table"] = self.buffer(f"table gradient {thread}", max(layout.table_sizes) * CODE_WIDTH)
        if layout.look_ups is not None:
            task["constant_row"] = self.buffer(f"constant row {thread}", int(self.layers["fan_out"][0]))
            task["feature_starts"] = self.buffer(f"feature starts {thread}", layout.n_looked_up + 1, np.int64)
            self._allocate_entries(thread, self.batch_rows * len(layout.look_ups.sizes))
        if thread:
            return
        self.tasks["d_scales"] = self.buffer("scale gradients", layout.layer_sizes[0])
        if layout.n_embedded:
            rows, stride = -(-self.batch_rows // ROW_TILE) * ROW_TILE, padded(layout.n_embedded, self.dtype)
            self.tasks["update_embeddings"] = embedding.update_embeddings.address(self.dtype)
            self.tasks["d_embedded"] = self.buffer("gradients of embedded inputs", (rows, stride))
            self.tasks["d_embedded_stride"] = stride
            self.tasks["d_periodic"] = self.buffer("periodic gradients", (layout.n_periodic, PERIODIC_PARAMS))


class TablePrediction(_TableBuffers):
    """Memory for the outputs of a block of rows, and for their losses where the dataset has targets; one thread's.

    Parameters
    ----------
    network : TableModel
    dataset : Dataset
    order : ndarray of int64, optional
        The rows to go through; all of them if it is left out.
    """

    def __init__(self, network: TableModel, dataset: Dataset, order: np.ndarray | None = None) -> None:
        order = np.arange(dataset.n_rows) if order is None else np.require(order, np.int64, ["C", "A"])
        super().__init__(network, dataset, min(PREDICTED_ROWS, max(-(-order.size // ROW_TILE), 1) * ROW_TILE))
        layout, task, layers = network.layout, self.task, self.layers
        strides = [*(padded(int(width), self.dtype) for width in layers["fan_in"]), layout.layer_sizes[-1]]
        task["forward"], task["forward_layers"] = passes.forward_new_rows.address(self.dtype), task["forward"]
        task["block_rows"], task["input_stride"] = self.batch_rows, strides[0]
        task["inputs"] = inp = self.buffer("inputs", (self.batch_rows, strides[0]))
        layers["delta"] = self.buffer("delta", (self.batch_rows, max(strides[1:])))
        layers["excess"] = self.buffer("excess", (self.batch_rows, max(strides[1:])))
        for number, layer in enumerate(layers):
            layer["input"], layer["input_stride"], layer["stride"] = inp, strides[number], strides[number + 1]
            layer["output"] = inp = self.buffer(f"output {number}", (self.batch_rows, strides[number + 1]))
        self._choose_modes(apply_output=True)
        self.use_order(order)
        self.outputs = np.zeros((order.size, layout.layer_sizes[-1]), self.dtype)
        self.refresh_scaled()

    def predict(self, first: int = 0, stop: int | None = None) -> np.ndarray:
        """Compute the outputs of rows first … stop of the order; return those of all, (n, n_outputs)."""
        stop, out = self.order.size if stop is None else stop, self.outputs.ctypes.data
        entry, (x, row_stride) = predict_kernels.predict_rows.entry(self.dtype), self.task[["x", "x_row_stride"]].item()
        entry(*self.arguments(), x, row_stride, first, stop, out)
        return self.outputs

    def prepare_losses(self) -> None:
        """Allocate what `losses` needs; before, the activation of the outputs is applied by `predict`."""
        loss, output = self.network.loss_function, self.network.output_activation
        self._allocate_losses(self.batch_rows, loss.evaluation_kernel(output))
        if not self._is_fused:
            self._read_outputs_in_loss()
        self.row_losses = np.zeros((self.order.size, self.dataset.n_targets))

    def losses(self) -> np.ndarray:
        """Compute the losses of all rows, (n, n_targets), times their weights; `outputs` is overwritten, too."""
        entry, losses = validation_kernels.store_losses.entry(self.dtype), self.row_losses.ctypes.data
        entry(*self.arguments(), 0, self.order.size, losses, self.outputs.ctypes.data)
        return self.row_losses
