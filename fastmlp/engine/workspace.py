"""`Workspace`: what training and prediction share of the memory for one network on one data set, and its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..compiler.kernel import Kernel, KernelModule
from ..kernels.lowlevel.records import FROM_BIAS, LAYER, RECTIFY, SCRATCH, TASK
from . import buffers
from .dataset import require_targets
from .matmul_precision import kernel_for

if TYPE_CHECKING:
    from ..kernels.activations import basic as activations
    from ..kernels.activations import softmax
    from ..kernels.linalg import dense, sparse
    from ..kernels.loop import forward_backward as network_kernels
    from .dataset import Dataset
    from .model import Model
else:
    activations = KernelModule("activations.basic")
    softmax = KernelModule("activations.softmax")
    dense = KernelModule("linalg.dense")
    sparse = KernelModule("linalg.sparse")
    network_kernels = KernelModule("loop.forward_backward")


class Workspace:
    """Buffers that kernels read and write for `network` on `dataset`, and the records that hold their addresses.

    Everything is allocated once. `TrainingWorkspace` and `PredictionWorkspace` allocate what is theirs.

    Parameters
    ----------
    network : Model
    dataset : Dataset
    batch_rows : int
        Rows of a mini-batch, of a chunk or of a block: the rows that the buffers hold.
    n_threads : int, default=1
        Threads that will work on it together, each with a task record of its own.

    Attributes
    ----------
    tasks : ndarray of TASK, of shape (n_threads,)
        One record for each thread; `task` is the first.
    layers : ndarray of LAYER, of shape (n_layers,)
    buffers : dict of str to ndarray
        What the addresses in the records point to.

    Raises
    ------
    ValueError
        If the dataset does not have as many features as the network has inputs.
    """

    def __init__(self, network: Model, dataset: Dataset, batch_rows: int, n_threads: int = 1) -> None:
        self.network, self.dataset, self.dtype = network, dataset, network.dtype
        if dataset.n_features != network.n_features:
            raise ValueError(f"X has {dataset.n_features} columns, but the network reads {network.n_features}.")
        self.batch_rows = batch_rows
        self.buffers: dict[str, np.ndarray] = {}
        self.tasks = np.zeros(n_threads, TASK)
        self.task = self.tasks[0]
        self.layers = np.zeros(len(network.layout.shapes), LAYER)
        self._tasks_at, self._layers_at = self.tasks.ctypes.data, self.layers.ctypes.data
        self._describe_network()
        if network.matmul_precision != "float32":  # kernels know it by this address, which is 0 otherwise
            self.tasks["scratch"] = [self.buffer(f"scratch {thread}", SCRATCH) for thread in range(n_threads)]
        dataset.describe(self.task)
        if dataset.sparse and not dataset.by_column:
            self.task["sparse_forward"] = sparse.sparse_forward.address(self.dtype)

    def buffer(self, name: str, shape: Any, dtype: Any = None) -> int:
        """Allocate, keep, and return the address."""
        self.buffers[name] = buffers.aligned(shape, dtype or self.dtype)
        return self.buffers[name].ctypes.data

    def _numbers(self, name: str, numbers: tuple[float, ...]) -> int:
        """Keep numbers in float64; the address, 0 for none."""
        if not numbers:
            return 0
        address = self.buffer(name, len(numbers), np.float64)
        self.buffers[name][:] = numbers
        return address

    def _describe_network(self) -> None:
        """Set the network's shape and parameters, and the kernels that every pass calls."""
        network, task, layout = self.network, self.task, self.network.layout
        task["n_layers"], task["n_outputs"], task["n_params"] = len(layout.shapes), layout.layer_sizes[-1], layout.size
        task["multiply"] = kernel_for(network.matmul_precision).address(self.dtype)
        task["transpose"] = dense.transpose.address(self.dtype)
        task["forward"] = network_kernels.forward_rows.address(self.dtype)
        layers = self.layers
        layers["fan_in"], layers["fan_out"] = layout.layer_sizes[:-1], layout.layer_sizes[1:]
        layers["weight_offset"], layers["bias_offset"] = layout.weight_offsets, layout.bias_offsets
        layers["weight"] = [coef.ctypes.data for coef in network.coefs]
        layers["bias"] = [intercept.ctypes.data for intercept in network.intercepts]

    def _choose_modes(self, apply_output: bool) -> None:
        """Choose what applies each activation: the product, in its registers, for hidden rectifiers, else a kernel.

        With `apply_output` the last layer's activation is applied as well; else the loss computes it, fused with it.
        """
        last = len(self.layers) - 1
        for number, (layer, activation) in enumerate(zip(self.layers, self.network.activations, strict=True)):
            product_rectifies = activation.kernel is activations.relu and number < last and layer["input"] != 0
            if product_rectifies:
                layer["mode"] = RECTIFY
                continue
            layer["mode"] = FROM_BIAS
            if number < last or apply_output:
                layer["activation"] = activation.kernel.address(self.dtype)
                layer["activation_constants"] = self._numbers(f"activation constants {number}", activation.constants)

    def _allocate_losses(self, loss_rows: int, kernel: Kernel | None = None) -> None:
        """Set a batch's targets, a buffer for the losses of `loss_rows` rows, and `kernel` or the loss's own."""
        task, n_targets, n_outputs = self.task, self.dataset.n_targets, self.network.layout.layer_sizes[-1]
        loss, output = self.network.loss_function, self.network.output_activation
        require_targets(loss, output, n_outputs, self.dataset.y)
        task["targets"] = self.buffer("targets", (self.batch_rows, n_targets))
        task["target_weights"] = self.buffer("target weights", (self.batch_rows, n_targets))
        self.buffers["target weights"][...] = 1  # what stays there when every row counts as one
        task["losses"] = self.buffer("losses", (loss_rows, n_targets), np.float64)
        task["loss"] = (kernel or loss.kernel(output)).address(self.dtype)
        task["loss_constants"] = self._numbers("loss constants", loss.constants(output, n_outputs))

    def _read_outputs_in_loss(self) -> None:
        """Have the output activation applied first; it leaves f′ in delta, or ones if it mixes a row's outputs.

        To be called after `_choose_modes`, for a loss that is not fused with the output activation.
        """
        self.task["activate_output"] = 1
        if not self.network.output_activation.is_elementwise:
            self.layers[-1]["activation"] = softmax.softmax_beside_ones.address(self.dtype)
            self.task["output_backward"] = softmax.softmax_backward.address(self.dtype)

    @property
    def _is_fused(self) -> bool:
        """Whether the loss computes the output activation itself."""
        return self.network.loss_function.is_fused(self.network.output_activation)

    def _copy_to_threads(self) -> None:
        """Give every thread the first record's fields, its number and its scratch memory."""
        if len(self.tasks) > 1:  # a hundred fields
            scratch = self.tasks["scratch"].copy()
            self.tasks[1:] = self.task
            self.tasks["scratch"] = scratch
        self.tasks["thread"], self.tasks["n_threads"] = np.arange(len(self.tasks)), len(self.tasks)

    def use_order(self, order: np.ndarray, batch_size: int | None = None) -> None:
        """Set the row numbers to go through, (n,) in int64, which the caller may permute in place.

        A batch, or a chunk, has `batch_size` of them; as many as before if it is left out.
        """
        self.order = order
        self.tasks["order"], self.tasks["n_rows"] = order.ctypes.data, order.size
        if batch_size is not None:
            self.tasks["batch_size"] = batch_size

    def arguments(self, thread: int = 0) -> tuple[int, int]:
        """Return the addresses of the records, as every entry kernel takes them."""
        return self._tasks_at + thread * TASK.itemsize, self._layers_at
