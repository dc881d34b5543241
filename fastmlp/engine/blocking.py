"""How work is cut to the caches: which weights are copied to panels, and how many rows or columns go together.

Everything that depends on the size of a cache stands here. Other modules read these numbers as ``blocking.NAME``, so
that a test can change one in a single place (see `tests/helpers/knobs.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..compiler.cpu import MANY_REGISTERS, VECTOR_BITS
from ..kernels.lowlevel.records import ENTRY_VECTORS, PANEL_TILES, ROW_TILE, TILE_VECTORS
from .buffers import padded

if TYPE_CHECKING:
    import numpy as np

    from .dataset import Dataset
    from .layout import Layout

#: A block's activations and deltas stay within this many bytes: near the first cache, and with enough rows that what
#: is read once a block (the weights) counts little.
BLOCK_BYTES = 1 << 16
#: Parameters of more bytes do not stay in the second cache from block to block: then blocks have WIDE_BLOCK_ROWS rows.
CACHED_PARAMS = 1 << 20
WIDE_BLOCK_ROWS = 256
#: In reduced precision blocks have at least so many rows, for which the weights are rounded once.
ROUNDED_BLOCK_ROWS = 64
#: A layer of middle size: weights of more bytes than PANEL_BYTES are in panels in training as well, if a batch has
#: PANEL_BATCH rows and the layer PANEL_COLUMNS outputs; prediction packs those of more than PACKED_BYTES, and at least
#: PACKED_SHAPE, for MIDDLE_ROWS rows. A tile's columns are then contiguous and stay in the first cache; rows a power of
#: two apart fall into few of its sets. With many registers no size below that of large layers was measured.
PANEL_BYTES, PACKED_BYTES = (1 << 19, 1 << 19) if MANY_REGISTERS else (1 << 15, 1 << 17)
PANEL_BATCH, PANEL_COLUMNS = 64, 32
PACKED_SHAPE, MIDDLE_ROWS = (128, 64), 256
#: A layer whose weights have more bytes is large: training keeps them in panels for any batch, prediction reads them in
#: blocks of depth for few rows as well, and keeps no buffers for many rows between calls.
LARGE_BYTES = 1 << 19
#: The weight gradient of a layer with at most this many outputs is computed transposed: rows of the tiles instead of
#: half-empty vectors.
NARROW = 2 * ROW_TILE
#: Bytes of the weights whose gradient is computed before they are updated: it stays in the first cache. Where a
#: batch has more than DELTA_BYTES of deltas, each block of weights reads them from far away: then blocks are larger.
UPDATE_BYTES, DELTA_BYTES, FAR_UPDATE_BYTES = 1 << 14, 1 << 19, 1 << 17
#: The same for the first layer on sparse input, whose weights and moments mostly come from memory, in longer streams.
SPARSE_UPDATE_BYTES = 1 << 15
#: A batch of at least LARGE_BATCH_ROWS rows is cut into MICROBATCHES, if the gradient has at most MICROBATCH_BYTES.
LARGE_BATCH_ROWS, MICROBATCHES, MICROBATCH_BYTES = 2048, 16, 1 << 17
#: Rows of a batch that a weight gradient reads together: three vectors of each stay in the near caches while they are
#: multiplied by the inputs of all rows of weights.
GRADIENT_ROWS = 256
#: Rows of weights in panels that are updated together: their inputs fit the second cache beside much else.
PANEL_ROWS = 64

#: Prediction, small layers: the least and the greatest number of rows that go through all layers together.
BLOCK_ROWS, MOST_ROWS = 64, 512
#: Prediction, weights that are packed: the same two numbers, and the bytes that the buffers for outputs may have
#: between them. The weights are packed again for each block of rows.
LEAST_PACKED_ROWS, MOST_PACKED_ROWS = 256, 512
PREDICTION_BYTES = 1 << 24
#: Depth of a large layer's blocks where the weights are read in place: as many rows, each in a page of its own, as the
#: processor prefetches at a time. From PACK_ROWS rows on, PANEL_TILES (see `records`) of the widest tiles are packed at
#: a time.
DEPTH_IN_PLACE, PACK_ROWS = 12, 32
#: Depth of these packed blocks: the greater it is, the less often outputs go to memory and back.
PACKED_DEPTH = 256 if MANY_REGISTERS else 512
#: Inputs of a first layer whose weights are not packed are gathered this many columns at a time.
GATHERED_COLUMNS = 512
#: Inputs of such a layer that are read twice (are they finite, and their product) have at most this many bytes.
ROW_BYTES = 1 << 18
#: Bytes of the first layer's products of a group of rows of CSC input, if these are more than a block. Each group goes
#: through all columns, which costs more than products that no near cache holds.
PRODUCT_BYTES = 1 << 22


def microbatch_rows(layout: Layout, dataset: Dataset, dtype: np.dtype, batch_rows: int) -> int:
    """Rows of a microbatch, 0 if the batch is not cut; the number of threads does not matter."""
    if dataset.sparse or batch_rows < LARGE_BATCH_ROWS or layout.size * dtype.itemsize > MICROBATCH_BYTES:
        return 0
    return -(-batch_rows // MICROBATCHES // ROW_TILE) * ROW_TILE


def prediction_rows(layout: Layout, dtype: np.dtype, rows: int, precision: str) -> int:
    """How many of `rows` rows go through all layers together, so that all blocks have about the same size."""
    row_bytes = 3 * dtype.itemsize * max(padded(width, dtype) for width in layout.layer_sizes[1:])
    most = min(max(BLOCK_BYTES // row_bytes // ROW_TILE * ROW_TILE, BLOCK_ROWS), MOST_ROWS)
    if any(rows_to_pack(*shape, dtype, precision) for shape in layout.shapes):
        fitting = PREDICTION_BYTES // row_bytes // ROW_TILE * ROW_TILE
        most = min(max(fitting, LEAST_PACKED_ROWS), MOST_PACKED_ROWS)
    blocks = -(-rows // most)
    return min(rows, -(-rows // blocks // ROW_TILE) * ROW_TILE)


def is_large(fan_in: int, fan_out: int, dtype: np.dtype) -> bool:
    """Whether the weights of a layer do not stay in the near caches."""
    return fan_in * fan_out * dtype.itemsize > LARGE_BYTES


def rows_to_pack(fan_in: int, fan_out: int, dtype: np.dtype, precision: str = "float32") -> int:
    """From how many rows on a prediction packs a layer's weights; 0: never."""
    if fan_out <= widest_tile(dtype):
        return 0
    if is_large(fan_in, fan_out, dtype):
        return PACK_ROWS
    middle = (
        fan_in * fan_out * dtype.itemsize > PACKED_BYTES and fan_in >= PACKED_SHAPE[0] and fan_out >= PACKED_SHAPE[1]
    )
    return MIDDLE_ROWS if middle and precision == "float32" else 0


def widest_tile(dtype: np.dtype) -> int:
    """Columns of the widest register tile."""
    return TILE_VECTORS * VECTOR_BITS // (8 * dtype.itemsize)


def panel_columns(dtype: np.dtype) -> int:
    """Columns of weights that prediction packs together."""
    return PANEL_TILES * widest_tile(dtype)


def prediction_depths(layout: Layout, dtype: np.dtype, precision: str) -> tuple[list[int], list[int]]:
    """Depth of each layer's blocks where its weights are read in place, and where they are packed (0: never).

    In reduced precision they are copied in any case, and both depths are multiples of what a tile unit adds at once.
    """
    in_place, packed = [], []
    depth_in_place = DEPTH_IN_PLACE if precision == "float32" else PACKED_DEPTH
    for fan_in, fan_out in layout.shapes:
        blocks = fan_out > widest_tile(dtype) and is_large(fan_in, fan_out, dtype)
        in_place.append(min(fan_in, depth_in_place) if blocks else fan_in)
        packed.append(min(fan_in, PACKED_DEPTH) if rows_to_pack(fan_in, fan_out, dtype, precision) else 0)
    if layout.layer_sizes[1] > 1:  # one output adds up along the whole depth
        in_place[0] = min(in_place[0], GATHERED_COLUMNS)
    return in_place, packed


def widest_entries(dtype: np.dtype) -> int:
    """Columns of weights that an entry of CSC input is multiplied by at a time, at most."""
    return ENTRY_VECTORS * VECTOR_BITS // (8 * dtype.itemsize)


def tile_width(columns: int, widest: int) -> int:
    """Elements of the vectors that the columns take in `kernels.linalg.entries`: whole tiles, then a power of two."""
    whole, left = columns // widest * widest, columns % widest
    return columns if columns == 1 else whole + (max(2, 1 << (left - 1).bit_length()) if left else 0)


def group_rows(layout: Layout, dtype: np.dtype, block_rows: int) -> int:
    """Rows of CSC input whose first products are computed together: whole blocks, at least one."""
    row_bytes = tile_width(layout.layer_sizes[1], widest_entries(dtype)) * dtype.itemsize
    return max(PRODUCT_BYTES // row_bytes // block_rows, 1) * block_rows
