"""Panels: copies of large matrices in which the elements that a tile reads are contiguous.

::

    b (depth, columns), in rows              its panels (columns, depth) × …, each as wide as a tile
    ┌──────┬──────┬────┐                     ┌──────┐┌──────┐┌────┐
    │ 0  1 │ 2  3 │ 4  │                     │ 0  1 ││ 2  3 ││ 4 ·│   element (k, j): panel of its tile's first
    │ 5  6 │ 7  8 │ 9  │       ──►           │ 5  6 ││ 7  8 ││ 9 ·│   column f at f · depth, then k · its width
    │10 11 │12 13 │14  │                     │10 11 ││12 13 ││14 ·│   + j − f; · is padding
    └──────┴──────┴────┘                     └──────┘└──────┘└────┘

Reading a large matrix in place, a tile touches another page of memory in each row, and the hardware prefetcher cannot
follow. Phase two writes the panels of the weights, and of their transposes, while the weights are in the inner caches.
Small matrices are not packed.
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..lowlevel.calls import COPY_PANELS_SIGNATURE, COPY_WEIGHTS_SIGNATURE, call_copy_panels, call_transpose
from ..lowlevel.pointers import carray, min_size, pointer_at, shift
from ..lowlevel.records import PANEL_TILES, TILE_VECTORS
from .rows import copy_row, lanes, prefetch

#: A row of b is prefetched while the row so many before it is copied: it lies in another page, where the hardware
#: prefetcher does not find it.
PREFETCHED_ROWS = 4


@inline_ir
def tile_vectors(columns, width):
    """Return the width of the next tile in vectors of `width` elements, if `columns` columns remain.

    Four vectors are divided into two and two, not three and one: a tile one vector wide waits for its splats.
    """
    if columns > 3 * width and columns <= 4 * width:
        return 2
    return min_size((columns + width - 1) // width, TILE_VECTORS)


@kernel(*COPY_PANELS_SIGNATURE)
def copy_panels(panels, depth, b, b_stride, first, count, columns):
    """Rows first … first + count of the panels of a (depth, columns) matrix are overwritten with b (count, columns).

    Rows of b are `b_stride` elements apart. Whole panels of few columns are copied row by row of b: b comes from
    memory, which delivers long pieces faster, and all panels stay in the second cache. Otherwise they are copied panel
    by panel: either b is in the near caches, or the panels do not fit.
    """
    width = lanes(b)
    if count < depth or columns > PANEL_TILES * TILE_VECTORS * width:
        copy_rows(panels, depth, b, b_stride, first, count, columns)
        return
    for k in range(count):
        row = shift(b, k * b_stride)
        for j in range(0, columns, width):
            prefetch(shift(row, PREFETCHED_ROWS * b_stride + j))
        copy_rows(panels, depth, row, b_stride, k, 1, columns)


@inline_ir
def copy_rows(panels, depth, b, b_stride, first, count, columns):
    """`copy_panels`, panel by panel: rows first … first + count of panels are overwritten with b (count, columns)."""
    width = lanes(b)
    j = 0
    while j < columns:
        stride = tile_vectors(columns - j, width) * width
        take = min_size(columns - j, stride)
        panel = shift(panels, j * depth + first * stride)
        for k in range(count):
            copy_row(shift(panel, k * stride), shift(b, k * b_stride + j), take)
        j += take


@kernel(*COPY_WEIGHTS_SIGNATURE)
def copy_weights(task_record, layer_records, number, first, count, dtype_ptr):
    """Rows first … first + count of a layer's weights (I, O) are copied: panels and transposed are overwritten.

    Of the transpose, which is packed in panels too, these are columns. The first layer has none.
    """
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    fan_in, fan_out = layer.fan_in, layer.fan_out
    weight = shift(pointer_at(layer.weight, dtype_ptr), first * fan_out)
    panels = pointer_at(layer.panels, dtype_ptr)
    call_copy_panels(task.copy_panels, panels, fan_in, weight, fan_out, first, count, fan_out)
    if number == 0:
        return  # the gradient of the network's inputs is not computed
    width = lanes(dtype_ptr)
    j = 0
    while j < fan_in:
        stride = tile_vectors(fan_in - j, width) * width
        begin, end = first if first > j else j, min_size(first + count, j + stride)
        if begin < end:
            to = shift(pointer_at(layer.transposed, dtype_ptr), j * fan_out + begin - j)
            source = shift(pointer_at(layer.weight, dtype_ptr), begin * fan_out)
            call_transpose(task.transpose, to, stride, source, fan_out, end - begin, fan_out)
        j += stride
