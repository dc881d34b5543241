"""Memory for one network on one data set, allocated once; and the records that tell the kernels where it lies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compiler.cpu import MANY_REGISTERS, VECTOR_BITS
from ..compiler.kernel import KernelModule
from ..kernels.lowlevel.records import (
    COLUMN_TILE,
    ENTRY_VECTORS,
    FROM_BIAS,
    LAYER,
    N_HYPERPARAMETERS,
    RECTIFY,
    ROW_TILE,
    TASK,
    TILE_VECTORS,
)
from .dataset import require_targets

if TYPE_CHECKING:
    from .dataset import Dataset
    from .layout import Layout
    from .model import Model

if TYPE_CHECKING:
    from ..kernels.activations import basic as activations
    from ..kernels.activations import softmax
    from ..kernels.linalg import dense, sparse
    from ..kernels.linalg import packing as panels
    from ..kernels.loop import blocks, csc, fortran
    from ..kernels.loop import forward_backward as network_kernels
    from ..kernels.loop import microbatches as microbatches
    from ..kernels.loop import weight_gradient as gradient
else:
    activations = KernelModule("activations.basic")
    softmax = KernelModule("activations.softmax")
    dense = KernelModule("linalg.dense")
    panels = KernelModule("linalg.packing")
    sparse = KernelModule("linalg.sparse")
    blocks = KernelModule("loop.blocks")
    csc = KernelModule("loop.csc")
    fortran = KernelModule("loop.fortran")
    network_kernels = KernelModule("loop.forward_backward")
    microbatches = KernelModule("loop.microbatches")
    gradient = KernelModule("loop.weight_gradient")

#: Bytes of a cache line: buffers begin on one, and lie one apart.
LINE = 64
#: A block's activations and deltas stay within this many bytes: near the first cache, and with so many rows that what
#: is read once a block (the weights) counts little.
BLOCK_BYTES = 1 << 16
#: Parameters of more bytes do not stay in the second cache from block to block: one layer at a time for many rows.
CACHED_PARAMS = 1 << 20
WIDE_BLOCK_ROWS = 256
#: In training, weight matrices of more bytes are kept in panels as well; in prediction, they go in blocks of depth.
PANEL_BYTES = 1 << 19
#: Of so few outputs, the weight gradient is computed transposed: rows of the tiles instead of half-empty vectors.
NARROW = 2 * ROW_TILE
#: Weights whose gradient is computed before they are updated, in bytes: it stays in the first cache.
UPDATE_BYTES = 1 << 14
#: A batch of so many rows goes in so many parts, if a part's gradient has at most so many bytes.
LARGE_BATCH_ROWS, MICROBATCHES, MICROBATCH_BYTES = 2048, 16, 1 << 17
#: Rows of a large layer's weights that are updated together: their inputs fit the second cache beside much else.
STRIP_ROWS = 64
#: Prediction. Rows that go through all layers together, at the least and at the most: of a small network; of one with
#: large layers, which is asked for so many, if its buffers have no more bytes than this.
BLOCK_ROWS, MOST_ROWS, PREDICTION_BYTES = 64, 512, 1 << 24
LEAST_LARGE_ROWS, MOST_LARGE_ROWS = 256, 512 if MANY_REGISTERS else 256
#: Depth of a large layer's blocks: read in place (as many rows of the weights, each in a page of its own, as the
#: processor fetches ahead at a time), and packed, from so many rows on, so many of the widest tiles at a time.
DEPTH_IN_PLACE, PACK_ROWS, STRIP_TILES = 12, 32, 1
#: Depth times rows is what a block's inputs take of the second cache; half the rows at twice the depth were measured
#: with 16 registers alone: outputs go to memory and back half as often.
PACKED_DEPTH = 256 if MANY_REGISTERS else 512
#: Inputs of a layer that is not large are gathered so many columns at a time.
GATHERED_COLUMNS = 512
#: Inputs of such a layer that are read twice (are they finite, and their product) have no more bytes.
ROW_BYTES = 1 << 18

#: The first layer's products of a group of rows of CSC input, if these are more than a block. Each group goes through
#: all columns, which costs more than products that no near cache holds.
PRODUCT_BYTES = 1 << 22


def aligned(shape: Any, dtype: Any) -> np.ndarray:
    """Zeros that begin on a cache line, with a line of zeros before and after (the tests look whether they stay)."""
    dtype = np.dtype(dtype)
    count = math.prod(shape) if isinstance(shape, tuple) else shape
    memory = np.zeros(count * dtype.itemsize + 3 * LINE, np.uint8)
    start = LINE + -memory.ctypes.data % LINE
    return np.ndarray(shape, dtype, memory, start)


def padded(width: int, dtype: np.dtype) -> int:
    """Elements from row to row of a (rows, width) buffer: whole cache lines, and beyond two an odd number of them.

    Rows a power of two apart would all fall into the same few sets of the first cache. Two lines fall into half of all
    sets, which costs less than a third one that activations compute along.
    """
    line = LINE // dtype.itemsize
    lines = -(-width // line)
    return (lines + (lines > 2 and lines % 2 == 0)) * line


def prediction_rows(layout: Layout, dtype: np.dtype, rows: int) -> int:
    """How many of `rows` rows go through all layers together, so that all blocks are about as large."""
    row_bytes = 3 * dtype.itemsize * max(padded(width, dtype) for width in layout.layer_sizes[1:])
    most = min(max(BLOCK_BYTES // row_bytes // ROW_TILE * ROW_TILE, BLOCK_ROWS), MOST_ROWS)
    if has_large_layers(layout, dtype):
        fitting = PREDICTION_BYTES // row_bytes // ROW_TILE * ROW_TILE
        most = min(max(fitting, LEAST_LARGE_ROWS), MOST_LARGE_ROWS)
    blocks = -(-rows // most)
    return min(rows, -(-rows // blocks // ROW_TILE) * ROW_TILE)


def tile_width(columns: int, widest: int) -> int:
    """Elements of the vectors that so many columns take in its `entries`: whole tiles, then a power of two."""
    whole, left = columns // widest * widest, columns % widest
    return columns if columns == 1 else whole + (max(2, 1 << (left - 1).bit_length()) if left else 0)


def group_rows(layout: Layout, dtype: np.dtype, block_rows: int) -> int:
    """Rows of CSC input whose first products are computed together: whole blocks, at least one."""
    row_bytes = tile_width(layout.layer_sizes[1], ENTRY_VECTORS * VECTOR_BITS // (8 * dtype.itemsize)) * dtype.itemsize
    return max(PRODUCT_BYTES // row_bytes // block_rows, 1) * block_rows


def has_large_layers(layout: Layout, dtype: np.dtype) -> bool:
    """Whether a prediction cuts a layer's depth into blocks, because its weights do not stay in the near caches."""
    return max(fan_in * fan_out for fan_in, fan_out in layout.shapes) * dtype.itemsize > PANEL_BYTES


def _kind_of(dataset: Dataset) -> tuple:
    """What rows must have in common so that one workspace serves them."""
    weighted = dataset.sample_weight is not None
    return dataset.sparse, dataset.by_column, dataset.n_features, dataset.n_targets, weighted, dataset.dtype


class Workspace:
    """Everything that kernels read and write for `network` on `rows`, at most `batch_rows` of them at once.

    Parameters
    ----------
    network : Model
    dataset : Dataset
    batch_rows : int
        Rows of a mini-batch, of a chunk or of a block.
    training : bool
        Whether losses and gradients are wanted, or outputs alone.
    n_threads : int
        Threads that will work on it together, each with a task record and scratch memory of its own.
    in_parts : bool
        Whether a large batch may be cut into parts whose gradients are added up.
    """

    def __init__(
        self,
        network: Model,
        dataset: Dataset,
        batch_rows: int,
        *,
        training: bool,
        n_threads: int = 1,
        in_microbatches: bool = False,
    ) -> None:
        self.network, self.dataset, self.dtype = network, dataset, network.dtype
        self.kind = _kind_of(dataset)
        if dataset.n_features != network.layout.layer_sizes[0]:
            raise ValueError(
                f"X has {dataset.n_features} columns, but the network has {network.layout.layer_sizes[0]} inputs."
            )
        self.microbatch_rows = self._choose_microbatch_rows(batch_rows) if in_microbatches else 0
        self.batch_rows = self.microbatch_rows * n_threads or batch_rows
        self.buffers: dict[str, np.ndarray] = {}
        self.tasks = np.zeros(n_threads, TASK)
        self.task = self.tasks[0]
        self.layers = np.zeros(len(network.layout.shapes), LAYER)
        self._tasks_at, self._layers_at = self.tasks.ctypes.data, self.layers.ctypes.data
        self._describe_network()
        dataset.describe(self.task)
        if training:
            self._allocate_layers()
            self._choose_blocks()
            self._allocate_training()
        else:
            self._choose_depths()
            self._allocate_prediction()
            if not dataset.sparse and dataset.X.strides[0] < dataset.X.strides[1]:
                self.use_fortran_order()
        if in_microbatches:
            self._allocate_microbatches()
        self._choose_modes(training)
        if dataset.sparse and not dataset.by_column:
            self.task["sparse_forward"] = sparse.sparse_forward.address(self.dtype)
        if n_threads > 1:  # a hundred fields
            self.tasks[1:] = self.task
        for thread in range(n_threads):
            self._allocate_scratch(thread, training)

    def _choose_microbatch_rows(self, batch_rows: int) -> int:
        """Rows of a part, 0 where the batch stays whole: whatever the number of threads."""
        params = self.network.layout.size * self.dtype.itemsize
        if self.dataset.sparse or batch_rows < LARGE_BATCH_ROWS or params > MICROBATCH_BYTES:
            return 0
        return -(-batch_rows // MICROBATCHES // ROW_TILE) * ROW_TILE

    def _allocate_microbatches(self) -> None:
        task = self.task
        # Whatever the batch's size: a fit with another shall not compile anything.
        task["microbatch_gradients"] = microbatches.microbatch_gradients.address(self.dtype)
        task["add_microbatches"] = microbatches.add_microbatches.address(self.dtype)
        if not self.microbatch_rows:
            return
        task["microbatch_rows"] = self.microbatch_rows
        task["partial_gradients"] = self.buffer("partial gradients", (MICROBATCHES, self.network.layout.size))
        task["microbatch_losses"] = self.buffer("losses of the parts", MICROBATCHES, np.float64)

    def buffer(self, name: str, shape: Any, dtype: Any = None) -> int:
        """Allocate, keep, and return the address."""
        self.buffers[name] = aligned(shape, dtype or self.dtype)
        return self.buffers[name].ctypes.data

    def _numbers(self, name: str, numbers: tuple[float, ...]) -> int:
        """Keep numbers in float64; the address, 0 for none."""
        if not numbers:
            return 0
        address = self.buffer(name, len(numbers), np.float64)
        self.buffers[name][:] = numbers
        return address

    def _describe_network(self) -> None:
        network, task, layout = self.network, self.task, self.network.layout
        task["n_layers"], task["n_outputs"], task["n_params"] = len(layout.shapes), layout.layer_sizes[-1], layout.size
        task["multiply"] = dense.multiply.address(self.dtype)
        task["forward"] = network_kernels.forward_rows.address(self.dtype)
        layers = self.layers
        layers["fan_in"], layers["fan_out"] = layout.layer_sizes[:-1], layout.layer_sizes[1:]
        layers["weight_offset"], layers["bias_offset"] = layout.weight_offsets, layout.bias_offsets
        layers["weight"] = [coef.ctypes.data for coef in network.coefs]
        layers["bias"] = [intercept.ctypes.data for intercept in network.intercepts]

    def _allocate_layers(self) -> None:
        """One batch: inputs, and each layer's output and delta, in rows padded to whole tiles and cache lines."""
        layer_sizes = self.network.layout.layer_sizes
        rows = -(-self.batch_rows // ROW_TILE) * ROW_TILE
        strides = [
            *(padded(width, self.dtype) for width in layer_sizes[:-1]),
            layer_sizes[-1],
        ]  # losses want flat outputs
        task = self.task
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

    def _choose_depths(self) -> None:
        """How the products of a prediction are cut: a kernel chooses by the rows of a block between the two depths."""
        task, item = self.task, self.dtype.itemsize
        widest_tile = TILE_VECTORS * VECTOR_BITS // (8 * item)
        in_place, packed = [], []
        for fan_in, fan_out in self.network.layout.shapes:
            large = fan_in * fan_out * item > PANEL_BYTES and fan_out > widest_tile
            in_place.append(min(fan_in, DEPTH_IN_PLACE) if large else fan_in)
            packed.append(min(fan_in, PACKED_DEPTH) if large else 0)
        in_blocks = [depth > 0 for depth in packed]
        in_blocks[0] = not self.dataset.sparse  # gathers its inputs as well; sparse ones have a kernel of their own
        if self.network.layout.layer_sizes[1] > 1:  # one output adds up along the whole depth
            in_place[0] = min(in_place[0], GATHERED_COLUMNS)
        # Whatever the widths: a prediction with others shall not compile anything.
        kernel = blocks.multiply_in_blocks.address(self.dtype)
        self.layers["in_blocks"] = [kernel if wanted else 0 for wanted in in_blocks]
        self.layers["depth_in_place"], self.layers["packed_depth"] = in_place, packed
        task["copy_panels"] = panels.copy_panels.address(self.dtype)
        task["transpose"] = dense.transpose.address(self.dtype)
        task["pack_rows"], task["strip_columns"] = PACK_ROWS, STRIP_TILES * widest_tile
        if any(packed):
            task["packed"] = self.buffer("packed", (max(packed), STRIP_TILES * widest_tile))
        if not self.dataset.sparse:
            task["input_stride"] = padded(max(in_place[0], packed[0]), self.dtype)

    def _allocate_prediction(self) -> None:
        """A block of rows: inputs as far as one block of depth reads them; outputs, which only the next layer reads.

        f′ is asked of nobody and written by every activation: one place for all of it.
        """
        layers, task, layer_sizes = self.layers, self.task, self.network.layout.layer_sizes
        rows = gathered = -(-self.batch_rows // ROW_TILE) * ROW_TILE
        strides = [*(padded(width, self.dtype) for width in layer_sizes[1:-1]), layer_sizes[-1]]
        task["block_rows"] = self.batch_rows
        task["block_order"] = self.buffer("block order", self.batch_rows, np.int64)
        if not self.dataset.sparse:
            if not layers["packed_depth"][0]:
                fitting = ROW_BYTES // (int(layers["depth_in_place"][0]) * self.dtype.itemsize) // ROW_TILE * ROW_TILE
                task["input_rows"] = gathered = min(rows, max(fitting, ROW_TILE))
            task["inputs"] = self.buffer("inputs", (gathered, int(task["input_stride"])))
        outputs = [self.buffer(f"outputs {side}", (rows, max(strides[side::2], default=0))) for side in range(2)]
        sides = [outputs[number % 2] for number in range(len(strides))]
        layers["stride"], layers["output"] = strides, sides
        layers["input"], layers["input_stride"] = [task["inputs"], *sides[:-1]], [task["input_stride"], *strides[:-1]]
        layers["delta"] = self.buffer("delta", (rows, max(strides)))
        if self.dataset.by_column:
            self._allocate_products()

    def _allocate_products(self) -> None:
        """CSC input: a group of rows' products with the first layer's weights, and where the next group begins."""
        task, width = self.task, self.network.layout.layer_sizes[1]
        widest = ENTRY_VECTORS * VECTOR_BITS // (8 * self.dtype.itemsize)
        task["product_tile"], task["product_stride"] = widest, tile_width(width, widest)
        task["product_rows"] = group_rows(self.network.layout, self.dtype, self.batch_rows)
        task["products"] = self.buffer("products", (int(task["product_rows"]), int(task["product_stride"])))
        self.layers["in_blocks"][0] = csc.multiply_csc.address(self.dtype)

    def use_groups(self, last_row: int) -> None:
        """CSC input: go through several groups of rows, up to this one."""
        self.task["last_row"] = last_row
        self.task["positions"] = self.buffer("positions", self.dataset.n_features, np.int64)

    def use_fortran_order(self) -> None:
        """Read inputs in Fortran order as they lie, if the first layer is so narrow that it pays; others may follow."""
        task, fan_out = self.task, self.network.layout.layer_sizes[1]
        lanes = VECTOR_BITS // (8 * self.dtype.itemsize)
        if task["chains"] or fan_out > TILE_VECTORS * lanes:
            return
        task["multiply_fortran"] = fortran.multiply_fortran.address(self.dtype)
        task["chain_stride"] = padded(self.batch_rows, self.dtype)
        task["chains"] = self.buffer("chains", (lanes if fan_out == 1 else fan_out, task["chain_stride"]))

    def _choose_blocks(self) -> None:
        """How the work is cut to the caches: everything that depends on their size stands here.

        A batch in parts belongs to a small network: its gradients know no strips, and no layer of it counts as large.
        """
        item = self.dtype.itemsize
        row_bytes = 2 * item * int(self.layers["stride"].sum() + self.task["input_stride"])
        self.layers["narrow_output"] = self.layers["fan_out"] <= NARROW
        self.layers["split_by_columns"] = (self.layers["fan_in"] <= 4 * ROW_TILE) & (
            self.layers["fan_out"] >= 2 * COLUMN_TILE
        )
        if self.dataset.sparse:  # the first layer has kernels of its own
            self.layers["narrow_output"][0] = self.layers["split_by_columns"][0] = False
        weight_bytes = self.layers["fan_in"] * self.layers["fan_out"] * item
        plain = (
            (self.layers["narrow_output"] == 0) & (self.layers["split_by_columns"] == 0) & (self.layers["input"] != 0)
        )
        self.large = plain & (weight_bytes > PANEL_BYTES) & (not self.microbatch_rows)
        fitting = UPDATE_BYTES // (item * self.layers["fan_out"]) // ROW_TILE * ROW_TILE
        few = np.clip(fitting, ROW_TILE, -(-self.layers["fan_in"] // ROW_TILE) * ROW_TILE)
        few = np.where(self.large, STRIP_ROWS, few)
        self.layers["update_rows"] = np.where(self.layers["narrow_output"], self.layers["fan_in"], few)
        params = self.network.layout.size * item
        fitting = max(BLOCK_BYTES // row_bytes // ROW_TILE, 4) * ROW_TILE
        rows = -(-self.batch_rows // ROW_TILE) * ROW_TILE
        self.task["block_rows"] = min(rows, fitting if params <= CACHED_PARAMS else WIDE_BLOCK_ROWS)

    def _choose_modes(self, training: bool) -> None:
        """Who applies which activation: the product a hidden rectifier, in its registers, and else a unit.

        The last layer's is the loss's business in training, if it is fused with it.
        """
        last = len(self.layers) - 1
        apart = training and not self.network.loss_function.is_fused(self.network.output_activation)
        for number, (layer, activation) in enumerate(zip(self.layers, self.network.activations, strict=True)):
            product_rectifies = activation.kernel is activations.relu and number < last and layer["input"] != 0
            if product_rectifies:
                layer["mode"] = RECTIFY
                continue
            layer["mode"] = FROM_BIAS
            if number < last or not training or apart:
                layer["activation"] = activation.kernel.address(self.dtype)
                layer["activation_constants"] = self._numbers(f"activation settings {number}", activation.constants)
        if apart:
            self._let_the_loss_read_outputs()

    def _allocate_training(self) -> None:
        layout, task = self.network.layout, self.task
        self._allocate_losses(self.batch_rows)
        task["transpose"] = dense.transpose.address(self.dtype)
        task["weight_gradient"] = gradient.weight_gradient.address(self.dtype)
        task["pass_rows"] = network_kernels.pass_rows.address(self.dtype)
        task["backward"] = network_kernels.backward_rows.address(self.dtype)
        for number, layer in enumerate(self.layers[1:], start=1):
            fan_in, fan_out = layout.shapes[number]
            if fan_out == 1:  # one column is its own transpose
                layer["transposed"], layer["transposed_stride"] = layer["weight"], fan_in
                continue
            layer["transposed_stride"] = padded(fan_in, self.dtype)
            layer["transposed"] = self.buffer(f"transposed {number}", (fan_out, layer["transposed_stride"]))
        self._allocate_panels()
        self.refresh_weight_copies()
        self._allocate_squares()
        if self.dataset.sparse:
            task["sort_by_feature"] = sparse.sort_by_feature.address(self.dtype)
            task["sparse_weight_gradient"] = sparse.sparse_weight_gradient.address(self.dtype)

    def _allocate_losses(self, loss_rows: int) -> None:
        """Targets of a batch, and room for the losses of so many rows."""
        task, n_targets, n_outputs = self.task, self.dataset.n_targets, self.network.layout.layer_sizes[-1]
        loss, output = self.network.loss_function, self.network.output_activation
        require_targets(loss, output, n_outputs, self.dataset.y)
        task["targets"] = self.buffer("targets", (self.batch_rows, n_targets))
        task["target_weights"] = self.buffer("target weights", (self.batch_rows, n_targets))
        self.buffers["target weights"][...] = 1  # what stays there when every row counts as one
        task["losses"] = self.buffer("losses", (loss_rows, n_targets), np.float64)
        task["loss"] = loss.kernel(output).address(self.dtype)
        task["loss_constants"] = self._numbers("loss settings", loss.constants(output, n_outputs))

    def prepare_losses(self, loss_rows: int) -> None:
        """Losses without gradients: for a workspace that was made for outputs alone."""
        self._allocate_losses(loss_rows)
        if not self.network.loss_function.is_fused(self.network.output_activation):
            self._let_the_loss_read_outputs()

    def _allocate_panels(self) -> None:
        """For each large layer: its weights in panels, whose last one ends with a whole vector."""
        # Whatever the widths: a fit with others shall not compile anything.
        self.task["copy_panels"] = panels.copy_panels.address(self.dtype)
        self.task["copy_weights"] = panels.copy_weights.address(self.dtype)
        lanes = VECTOR_BITS // (8 * self.dtype.itemsize)
        for number in np.flatnonzero(self.large):
            layer, columns = self.layers[number], -(-self.layers["fan_out"][number] // lanes) * lanes
            layer["panels"] = self.buffer(f"panels {number}", (columns, layer["fan_in"]))

    def _let_the_loss_read_outputs(self) -> None:
        """The output activation first, which leaves f′ in delta; what mixes a row's outputs leaves ones there."""
        self.task["activate_output"] = 1
        if self.network.output_activation.name == "softmax":
            self.layers[-1]["activation"] = softmax.softmax_beside_ones.address(self.dtype)
            self.task["output_backward"] = softmax.softmax_backward.address(self.dtype)

    def _allocate_squares(self) -> None:
        """Room for Σ w² of each tile of weights, layer after layer."""
        in_row = -(-self.layers["fan_out"] // COLUMN_TILE)
        tiles = np.where(
            self.layers["split_by_columns"], self.layers["fan_in"] * in_row, -(-self.layers["fan_in"] // ROW_TILE)
        )
        address = self.buffer("squares", int(tiles.sum()), np.float64)
        self.task["squares"], self.task["n_squares"] = address, tiles.sum()
        self.layers["squares"] = address + 8 * (np.cumsum(tiles) - tiles)

    def _allocate_scratch(self, thread: int, training: bool) -> None:
        """What a thread has for itself."""
        task, layers = self.tasks[thread], self.layers
        task["thread"], task["n_threads"] = thread, len(self.tasks)
        if not training:
            return
        if self.large.any():
            task["packed_inputs"] = self.buffer(f"strip {thread}", (self.batch_rows, STRIP_ROWS))
        most = int((layers["update_rows"] * layers["fan_out"]).max())
        task["d_tile"] = self.buffer(f"weight gradients {thread}", most)
        task["hyperparameters"] = self.buffer(f"hyper {thread}", (2, N_HYPERPARAMETERS), np.float64)
        if layers["narrow_output"].any():
            fan_in = int((layers["narrow_output"] * layers["fan_in"]).max())
            task["d_transposed"] = self.buffer(f"transposed weight gradients {thread}", (NARROW, fan_in))
        if self.dataset.sparse:
            task["feature_starts"] = self.buffer(f"feature starts {thread}", self.dataset.n_features + 1, np.int64)
            self._allocate_entries(thread, self.dataset.most_entries(self.batch_rows))

    def _allocate_entries(self, thread: int, entries: int) -> None:
        """Room for the stored entries of a sparse batch."""
        self.tasks[thread]["entry_rows"] = self.buffer(f"entry rows {thread}", entries, np.int32)
        self.tasks[thread]["entry_values"] = self.buffer(f"entry values {thread}", entries)

    def rebind(self, dataset: Dataset) -> None:
        """Other rows for a training: as many features and targets, weighted or not, dense or sparse as before.

        The parameters may have been changed from outside meanwhile.

        Raises
        ------
        ValueError
            If they are of another kind, or hold a class that has no output: kernels would read foreign memory.
        """
        if not self.takes(dataset):
            names = "sparse", "by_column", "n_features", "n_targets", "weighted", "dtype"
            differ = [
                f"{name}={now} in place of {before}"
                for name, now, before in zip(names, _kind_of(dataset), self.kind, strict=True)
                if now != before
            ]
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

    def takes(self, dataset: Dataset) -> bool:
        """Whether `rebind` can go on with these rows, as far as their kind is concerned."""
        return _kind_of(dataset) == self.kind

    def forget_rows(self) -> None:
        """Let go of the caller's arrays: until `rebind`, no kernel may run."""
        self.__dict__.pop("dataset", None)

    def refresh_weight_copies(self) -> None:
        """Copy the weights into their copies, transposed or in panels, after they were changed from outside."""
        transpose = dense.transpose.entry(self.dtype)
        for number, shape in enumerate(self.network.layout.shapes):
            if self.large[number]:
                copy_weights = panels.copy_weights.entry(self.dtype)
                copy_weights(*self.arguments(), number, 0, shape[0], self.network.coefs[0].ctypes.data)
            elif f"transposed {number}" in self.buffers:
                layer, (fan_in, fan_out) = self.layers[number], shape
                weight_copy, stride, weight = layer["transposed"], layer["transposed_stride"], layer["weight"]
                transpose(int(weight_copy), int(stride), int(weight), fan_out, fan_in, fan_out)

    def count_not_finite(self) -> np.ndarray:
        """A word, (1,), that each call for outputs overwrites: above zero if a dense row holds an infinity or a NaN."""
        self.task["not_finite"] = self.buffer("not finite", 1, np.int64)
        return self.buffers["not finite"]

    def use_order(self, order: np.ndarray) -> None:
        """The row numbers to go through, (n,) in int64; the caller may permute them in place."""
        self.order = order
        self.tasks["order"], self.tasks["n_rows"] = order.ctypes.data, order.size

    def set_hyper(self, hyperparameters: np.ndarray) -> None:
        """The update rule's numbers, for weights and for biases."""
        for thread in range(len(self.tasks)):
            self.buffers[f"hyper {thread}"][...] = hyperparameters

    def arguments(self, thread: int = 0) -> tuple[int, int]:
        """The addresses of the records, as every entry kernel takes them."""
        return self._tasks_at + thread * TASK.itemsize, self._layers_at
