"""Choice of the algorithm for the gradient of the first layer on CSR input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..compiler.kernel import KernelModule
from ..engine.blocking import tile_width, widest_entries
from ..engine.training_workspace import TrainingWorkspace

if TYPE_CHECKING:
    from ..kernels.loop import scatter as _kernels
else:
    _kernels = KernelModule("loop.scatter")

#: Maximum bytes of the gradient that rows are scattered into: it stays in the second-level cache.
SCATTERED_BYTES = 1 << 20
#: Outputs of a first layer whose entries are scattered for full-batch gradients, whatever its features.
WIDEST = 32
#: Entries of a mini-batch for each feature, from which on they are scattered for several outputs.
MANY_ENTRIES = 0.25


def scatter_many_rows(workspace: TrainingWorkspace) -> None:
    """Have full-batch gradients of the first layer put together row by row where that beats sorting the entries.

    Sorting by feature pays where each entry is multiplied by many deltas, or where the gradient does not stay in the
    near caches.
    """
    if workspace.dataset.sparse:
        _scatter(workspace, _outputs(workspace) <= WIDEST or _scattered_bytes(workspace) <= SCATTERED_BYTES)


def scatter_batches(workspace: TrainingWorkspace) -> None:
    """Have the gradients of mini-batches put together row by row where that beats sorting the entries.

    The buffer is cleared and read whole in each step, and of several outputs one thread has all features: so only for
    one output, or for one thread, a small buffer, and about as many entries as features.
    """
    if not workspace.dataset.sparse:
        return
    dataset = workspace.dataset
    entries = dataset.values.size * workspace.batch_rows / dataset.n_rows
    many = entries >= MANY_ENTRIES * dataset.n_features and _scattered_bytes(workspace) <= SCATTERED_BYTES
    _scatter(workspace, _outputs(workspace) == 1 or (many and len(workspace.tasks) == 1))


def _scatter(workspace: TrainingWorkspace, pays: bool) -> None:
    """Write the kernel's address, whatever the widths, as a fit with others must not compile; the buffer if it pays."""
    tasks = workspace.tasks
    tasks["scatter"] = _kernels.scatter_gradient.address(workspace.dtype)
    if pays:
        stride = _stride(workspace)
        tasks["product_tile"], tasks["scattered_stride"] = widest_entries(workspace.dtype), stride
        tasks["scattered"] = workspace.buffer("scattered", (workspace.dataset.n_features, stride))


def _outputs(workspace: TrainingWorkspace) -> int:
    return int(workspace.network.layout.layer_sizes[1])


def _stride(workspace: TrainingWorkspace) -> int:
    return tile_width(_outputs(workspace), widest_entries(workspace.dtype))


def _scattered_bytes(workspace: TrainingWorkspace) -> int:
    return int(workspace.dataset.n_features * _stride(workspace) * workspace.dtype.itemsize)
