"""`TrainingWorkspace`: memory for losses and gradients of one batch, and for each thread's part of the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compiler.cpu import VECTOR_BITS
from ..compiler.kernel import KernelModule
from ..kernels.lowlevel.records import COLUMN_TILE, ROW_TILE
from . import blocking
from .buffers import padded
from .dataset import require_targets
from .workspace import Workspace

if TYPE_CHECKING:
    from ..kernels.linalg import dense, sparse
    from ..kernels.linalg import packing as panels
    from ..kernels.loop import forward_backward as network_kernels
    from ..kernels.loop import microbatches
    from ..kernels.loop import weight_gradient as gradient
    from .dataset import Dataset
    from .model import Model
else:
    dense = KernelModule("linalg.dense")
    panels = KernelModule("linalg.packing")
    sparse = KernelModule("linalg.sparse")
    network_kernels = KernelModule("loop.forward_backward")
    microbatches = KernelModule("loop.microbatches")
    gradient = KernelModule("loop.weight_gradient")


def _kind_of(dataset: Dataset) -> dict[str, Any]:
    """Return what datasets must have in common so that one workspace is valid for them."""
    return {
        "sparse": dataset.sparse,
        "by_column": dataset.by_column,
        "n_features": dataset.n_features,
        "n_targets": dataset.n_targets,
        "weighted": dataset.sample_weight is not None,
        "dtype": dataset.dtype,
    }


class TrainingWorkspace(Workspace):
    """Memory for losses and gradients of a batch.

    Parameters
    ----------
    network : Model
    dataset : Dataset
        With targets.
    batch_rows : int
        Rows of a mini-batch or of a chunk.
    n_threads : int, default=1
        Threads that will work on it together, each with scratch memory of its own.
    in_microbatches : bool, default=False
        Whether a large batch may be cut into microbatches whose gradients are added up.

    Raises
    ------
    ValueError
        If targets or inputs are not of the network's width, or a class has no output.
    """

    def __init__(
        self,
        network: Model,
        dataset: Dataset,
        batch_rows: int,
        *,
        n_threads: int = 1,
        in_microbatches: bool = False,
    ) -> None:
        self.kind = _kind_of(dataset)
        self.microbatch_rows = 0
        if in_microbatches:
            self.microbatch_rows = blocking.microbatch_rows(network.layout, dataset, network.dtype, batch_rows)
        super().__init__(network, dataset, self.microbatch_rows * n_threads or batch_rows, n_threads)
        self._results = self.tasks[["steps_made", "rows_counted", "loss_sum", "weight_sum"]]
        self._allocate_layers()
        self._choose_blocks()
        self._allocate_losses(self.batch_rows)
        self._name_kernels()
        self._allocate_weight_copies()
        self._allocate_squares()
        if in_microbatches:
            self._allocate_microbatches()
        self._choose_modes(apply_output=not self._is_fused)
        if not self._is_fused:
            self._read_outputs_in_loss()
        self._copy_to_threads()
        for thread in range(n_threads):
            self._allocate_scratch(thread)

    def _allocate_layers(self) -> None:
        """One batch: inputs, and each layer's output and delta, in rows padded to whole tiles and cache lines."""
        task, fan_in, n_outputs = self.task, self.layers["fan_in"].tolist(), self.network.layout.layer_sizes[-1]
        rows = -(-self.batch_rows // ROW_TILE) * ROW_TILE
        strides = [*(padded(width, self.dtype) for width in fan_in), n_outputs]  # losses read flat rows
        if not self.dataset.sparse:
            task["inputs"] = self.buffer("inputs", (rows, strides[0]))
            task["input_stride"] = strides[0]
        inp = task["inputs"]
        for number, layer in enumerate(self.layers):
            layer["input"], layer["input_stride"] = inp, strides[number]
            layer["stride"] = strides[number + 1]
            layer["output"] = inp = self.buffer(f"output {number}", (rows, strides[number + 1]))
            # One row tile more: reading the deltas of a narrow layer transposed goes beyond the last row.
            layer["delta"] = self.buffer(f"delta {number}", (rows + ROW_TILE, strides[number + 1]))

    def _choose_blocks(self) -> None:
        """Set how the work is cut to the caches.

        A batch in microbatches belongs to a small network, in which no layer has panels.
        """
        task, layers, item = self.task, self.layers, self.dtype.itemsize
        fan_in, fan_out = layers["fan_in"], layers["fan_out"]
        layers["narrow_output"] = fan_out <= blocking.NARROW
        layers["split_by_columns"] = (fan_in <= 4 * ROW_TILE) & (fan_out >= 2 * COLUMN_TILE)
        if self.dataset.sparse:  # the first layer has kernels of its own
            layers["narrow_output"][0] = layers["split_by_columns"][0] = False
        plain = (layers["narrow_output"] == 0) & (layers["split_by_columns"] == 0) & (layers["input"] != 0)
        middle = (fan_out >= blocking.PANEL_COLUMNS) & (self.batch_rows >= blocking.PANEL_BATCH)
        most_in_place = np.where(middle, blocking.PANEL_BYTES, blocking.LARGE_BYTES)
        self.in_panels = plain & (fan_in * fan_out * item > most_in_place) & (not self.microbatch_rows)
        rounds = self.network.matmul_precision != "float32"  # operands once for each block: blocks are larger
        far = rounds | (self.batch_rows * fan_out * item > blocking.DELTA_BYTES) & (not self.microbatch_rows)
        update_bytes = np.where(far, blocking.FAR_UPDATE_BYTES, blocking.UPDATE_BYTES)
        if self.dataset.sparse:
            update_bytes[0] = blocking.SPARSE_UPDATE_BYTES
        fitting = update_bytes // (item * fan_out) // ROW_TILE * ROW_TILE
        few = np.clip(fitting, ROW_TILE, -(-fan_in // ROW_TILE) * ROW_TILE)
        few = np.where(self.in_panels, blocking.PANEL_ROWS, few)
        layers["update_rows"] = np.where(layers["narrow_output"], fan_in, few)
        row_bytes = 2 * item * int(layers["stride"].sum() + task["input_stride"])
        most = max(blocking.BLOCK_BYTES // row_bytes // ROW_TILE, 4) * ROW_TILE
        if self.network.layout.size * item > blocking.CACHED_PARAMS:
            most = blocking.WIDE_BLOCK_ROWS
        if rounds:
            most = max(most, blocking.ROUNDED_BLOCK_ROWS)
        task["gradient_rows"] = blocking.GRADIENT_ROWS
        task["block_rows"] = min(-(-self.batch_rows // ROW_TILE) * ROW_TILE, most)

    def _name_kernels(self) -> None:
        """Write the addresses of the kernels that compute gradients."""
        task, dtype = self.task, self.dtype
        task["weight_gradient"] = gradient.weight_gradient.address(dtype)
        task["pass_rows"] = network_kernels.pass_rows.address(dtype)
        task["backward"] = network_kernels.backward_rows.address(dtype)
        # Whatever the widths: a fit with others must not compile anything.
        task["copy_panels"] = panels.copy_panels.address(dtype)
        task["copy_weights"] = panels.copy_weights.address(dtype)
        if self.dataset.sparse:
            task["sort_by_feature"] = sparse.sort_by_feature.address(dtype)
            task["sparse_weight_gradient"] = sparse.sparse_weight_gradient.address(dtype)

    def _allocate_weight_copies(self) -> None:
        """Each layer's weights transposed, for the backward pass; those of some layers in panels, too."""
        for number, layer in enumerate(self.layers[1:], start=1):
            fan_in, fan_out = self.network.layout.shapes[number]
            if fan_out == 1:  # one column is its own transpose
                layer["transposed"], layer["transposed_stride"] = layer["weight"], fan_in
                continue
            layer["transposed_stride"] = padded(fan_in, self.dtype)
            layer["transposed"] = self.buffer(f"transposed {number}", (fan_out, layer["transposed_stride"]))
        lanes = VECTOR_BITS // (8 * self.dtype.itemsize)
        for number in map(int, np.flatnonzero(self.in_panels)):  # the last panel ends with a whole vector
            layer, columns = self.layers[number], -(-self.layers["fan_out"][number] // lanes) * lanes
            layer["panels"] = self.buffer(f"panels {number}", (columns, layer["fan_in"]))
        self._copy_calls = [call for number in range(len(self.layers)) for call in self._calls_to_copy(number)]
        self.refresh_weight_copies()

    def _calls_to_copy(self, number: int) -> Iterator[tuple[Callable[..., None], tuple[int, ...]]]:
        """Yield the call, an entry and its arguments, that copies a layer's weights, if it has a copy."""
        layer = self.layers[number]
        fan_in, fan_out = int(layer["fan_in"]), int(layer["fan_out"])
        if self.in_panels[number]:
            arguments = *self.arguments(), number, 0, fan_in, self.network.coefs[0].ctypes.data
            yield panels.copy_weights.entry(self.dtype), arguments
        elif f"transposed {number}" in self.buffers:
            weight_copy, stride, weight = (int(layer[name]) for name in ("transposed", "transposed_stride", "weight"))
            yield dense.transpose.entry(self.dtype), (weight_copy, stride, weight, fan_out, fan_in, fan_out)

    def refresh_weight_copies(self) -> None:
        """Copy the weights into their copies, transposed or in panels, after they were changed from outside."""
        for entry, arguments in self._copy_calls:
            entry(*arguments)

    def _allocate_squares(self) -> None:
        """Allocate a buffer for Σ w² of each tile of weights, layer after layer."""
        layers = self.layers
        in_row = -(-layers["fan_out"] // COLUMN_TILE)
        by_row = -(-layers["fan_in"] // ROW_TILE)
        tiles = np.where(layers["split_by_columns"], layers["fan_in"] * in_row, by_row)
        address = self.buffer("squares", int(tiles.sum()), np.float64)
        self.task["squares"], self.task["n_squares"] = address, tiles.sum()
        layers["squares"] = address + 8 * (np.cumsum(tiles) - tiles)
        if self.dataset.sparse:
            self.task["next_squares"] = self.buffer("next squares", int(tiles[0]), np.float64)

    def _allocate_microbatches(self) -> None:
        """Each microbatch's gradient and losses, if the batch is cut."""
        task = self.task
        # Whatever the batch's size: a fit with another must not compile anything.
        task["microbatch_gradients"] = microbatches.microbatch_gradients.address(self.dtype)
        task["add_microbatches"] = microbatches.add_microbatches.address(self.dtype)
        if not self.microbatch_rows:
            return
        task["microbatch_rows"] = self.microbatch_rows
        shape = blocking.MICROBATCHES, self.network.layout.size
        task["partial_gradients"] = self.buffer("partial gradients", shape)
        task["microbatch_losses"] = self.buffer("microbatch losses", blocking.MICROBATCHES, np.float64)

    def _allocate_scratch(self, thread: int) -> None:
        """Allocate the buffers that each thread has for itself."""
        task, layers = self.tasks[thread], self.layers
        if self.in_panels.any():
            task["packed_inputs"] = self.buffer(f"packed inputs {thread}", (self.batch_rows, blocking.PANEL_ROWS))
        most = int((layers["update_rows"] * layers["fan_out"]).max())
        task["d_tile"] = self.buffer(f"weight gradients {thread}", most)
        if layers["narrow_output"].any():
            fan_in = int((layers["narrow_output"] * layers["fan_in"]).max())
            task["d_transposed"] = self.buffer(f"transposed weight gradients {thread}", (blocking.NARROW, fan_in))
        if self.dataset.sparse:
            task["feature_starts"] = self.buffer(f"feature starts {thread}", self.dataset.n_features + 1, np.int64)
            self._allocate_entries(thread, self.dataset.most_entries(self.batch_rows))

    def _allocate_entries(self, thread: int, entries: int) -> None:
        """Allocate a buffer for the stored entries of a sparse batch."""
        self.tasks[thread]["entry_rows"] = self.buffer(f"entry rows {thread}", entries, np.int32)
        self.tasks[thread]["entry_values"] = self.buffer(f"entry values {thread}", entries)

    def reset_results(self) -> None:
        """Set what the kernels count and add up to zero."""
        self._results[...] = 0

    def accepts(self, dataset: Dataset) -> bool:
        """Whether `rebind` can continue with this dataset, as far as its kind is concerned."""
        return _kind_of(dataset) == self.kind

    def rebind(self, dataset: Dataset) -> None:
        """Continue with other rows: as many features and targets, weighted or not, dense or sparse as before.

        The parameters may have been changed from outside meanwhile.

        Raises
        ------
        ValueError
            If they are of another kind, or hold a class that has no output: kernels would read foreign memory.
        """
        if not self.accepts(dataset):
            changed = {name: now for name, now in _kind_of(dataset).items() if now != self.kind[name]}
            differ = [f"{name}={now} in place of {self.kind[name]}" for name, now in changed.items()]
            raise ValueError(f"This workspace was made for other rows ({', '.join(differ)}): make another.")
        network = self.network
        require_targets(network.loss_function, network.output_activation, network.layout.layer_sizes[-1], dataset.y)
        self.dataset = dataset
        dataset.describe(self.tasks)
        if dataset.sparse:
            entries = dataset.most_entries(self.batch_rows)
            if entries > self.buffers["entry rows 0"].size:
                for thread in range(len(self.tasks)):
                    self._allocate_entries(thread, entries)
        self.refresh_weight_copies()

    def forget_rows(self) -> None:
        """Release the caller's arrays: until `rebind`, no kernel may run."""
        self.__dict__.pop("dataset", None)
