"""Choice of the algorithm for the full-batch gradient of the first layer on CSR input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..compiler.cpu import VECTOR_BITS
from ..compiler.kernel import KernelModule
from ..engine.blocking import tile_width
from ..engine.training_workspace import TrainingWorkspace
from ..kernels.lowlevel.records import ENTRY_VECTORS

if TYPE_CHECKING:
    from ..kernels.loop import scatter as _kernels
else:
    _kernels = KernelModule("loop.scatter")

#: Maximum bytes of the chunk's gradient that rows are scattered into: it stays in the second-level cache.
SCATTERED_BYTES = 1 << 20
#: Outputs of a first layer whose entries are scattered, whatever its features.
WIDEST = 32


def scatter_sparse_rows(workspace: TrainingWorkspace) -> None:
    """Have the first layer's gradient put together row by row, where that beats sorting the entries by feature.

    Sorting pays where each entry is multiplied by many deltas, or where the gradient does not stay in the near caches.
    """
    dataset, dtype = workspace.dataset, workspace.dtype
    if not dataset.sparse:
        return
    # Whatever the widths: a fit with others shall not compile anything.
    workspace.tasks["scatter"] = _kernels.scatter_gradient.address(dtype)
    fan_in, fan_out = workspace.network.layout.shapes[0]
    widest = ENTRY_VECTORS * VECTOR_BITS // (8 * dtype.itemsize)
    stride = tile_width(fan_out, widest)
    if fan_out > WIDEST and fan_in * stride * dtype.itemsize > SCATTERED_BYTES:
        return
    workspace.tasks["product_tile"], workspace.tasks["scattered_stride"] = widest, stride
    workspace.tasks["scattered"] = workspace.buffer("scattered", (fan_in, stride))
