"""`TableWorkspace`: memory for training a network for tables; `TablePrediction`: for its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..compiler.kernel import KernelModule
from ..engine.buffers import padded
from ..engine.dataset import Dataset
from ..engine.training_workspace import TrainingWorkspace
from ..engine.workspace import Workspace
from ..kernels.lowlevel.records import CODE_WIDTH, FROM_BIAS, PERIODIC_OUTPUTS, PERIODIC_PARAMS, ROW_TILE
from .model import TableModel

if TYPE_CHECKING:
    from ..kernels.loop import predict as predict_kernels
    from ..kernels.loop import validation as validation_kernels
    from ..kernels.tabular import embedding, passes, slopes
else:
    predict_kernels = KernelModule("loop.predict")
    validation_kernels = KernelModule("loop.validation")
    embedding = KernelModule("tabular.embedding")
    passes = KernelModule("tabular.passes")
    slopes = KernelModule("tabular.slopes")

#: Rows that go through all layers together in a prediction.
PREDICTED_ROWS = 256


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
        task["n_plain"], task["n_periodic"] = layout.n_plain, layout.n_periodic
        task["n_codes"] = len(layout.table_sizes)
        task["periodic_offset"], task["periodic"] = layout.periodic_offset, params + layout.periodic_offset * item
        if layout.n_embedded:
            self._describe_embeddings(params)

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
        """Have slopes' layers call their activation's own kernel: the product applies none."""
        super()._choose_modes(apply_output)
        for number, layer in enumerate(self.layers):
            if layer["slopes"]:
                activation = self.network.activations[number]
                layer["mode"], layer["activation"] = FROM_BIAS, activation.kernel.address(self.dtype)
                layer["activation_constants"] = self._numbers(f"activation constants {number}", activation.constants)

    def refresh_scaled(self) -> None:
        """Compute W̃ = diag(s) W."""
        layout, params = self.network.layout, self.network.params
        with np.errstate(over="ignore"):  # of a member that diverges
            np.multiply(layout.scales(params)[:, np.newaxis], self.network.coefs[0], out=self.buffers["scaled"])


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
            self.large[0] = False

    def _name_kernels(self) -> None:
        super()._name_kernels()
        self.task["pass_rows"] = passes.pass_table_rows.address(self.dtype)
        self.task["backward"] = passes.backward_table_rows.address(self.dtype)

    def _allocate_weight_copies(self) -> None:
        fan_in, fan_out = self.network.layout.shapes[0]
        first = self.layers[0]
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
        strides = [*(padded(width, self.dtype) for width in layout.layer_sizes[:-1]), layout.layer_sizes[-1]]
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
