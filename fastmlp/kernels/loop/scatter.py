"""The gradient of a narrow first layer on CSR input, computed row by row without sorting entries by feature.

::

    row i of the batch          its gradient (I, stride), which fits the inner caches
    (f2, a) (f5, b)   ──►       row f2 += a · delta[i],   row f5 += b · delta[i]

Each element is the same chain of multiply-adds over the rows as in `sparse_weight_gradient`, so it has the same bits.
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..linalg.entries import add_column
from ..linalg.rows import copy_row
from ..linalg.sparse import TOGETHER
from ..lowlevel.barrier import thread_range
from ..lowlevel.calls import BATCH_SIGNATURE
from ..lowlevel.pointers import carray, indices_at, integers_at, min_size, pointer_at, shift
from ..lowlevel.records import ROW_TILE
from ..math.lanes import prefer_wide_vectors


@kernel(*BATCH_SIGNATURE)
def scatter_gradient(task_record, layer_records, order, rows, dtype_ptr):
    """scattered (I, scattered_stride) is overwritten in `scattered_range`: the gradient over the rows that order names.

    The columns beyond the layer's outputs are overwritten as well.
    """
    prefer_wide_vectors()
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[0]
    first, stop = scattered_range(task, layer)
    if first == stop:
        return
    stride, sums = task.scattered_stride, pointer_at(task.scattered, dtype_ptr)
    mine = carray(shift(sums, first * stride), (stop - first) * stride)
    for i in range((stop - first) * stride):
        mine[i] = 0
    if layer.fan_out == 1:
        scatter_column(task, layer, order, rows, first, stop, sums, dtype_ptr)
    else:
        scatter_rows(task, layer, order, rows, sums, dtype_ptr)


@inline_ir
def scattered_range(task, layer):
    """Return first and stop of the features whose gradient a thread puts together.

    The entries of a row are not sorted by feature, so each thread reads all of them and skips those of other threads.
    That pays for one output only: of several, thread 0 has all features, and other threads may read the result only
    after a barrier. In a mini-batch there is none, so one thread works then.
    """
    if layer.fan_out == 1:
        return thread_range(layer.fan_in, ROW_TILE, task.thread, task.n_threads)
    return thread_range(layer.fan_in, layer.fan_in, task.thread, 1)


@inline_ir
def scatter_column(task, layer, order, rows, first, stop, sums, dtype_ptr):
    """sums (I,) are accumulated for features first … stop, for a layer with a single output.

    Four entries whose features ascend are four different sums. All are read before the first is written; otherwise the
    processor must find out at each read whether one of the writes before it went to the same place.
    """
    which, indptr, indices = carray(order, rows), integers_at(task.indptr), indices_at(task.indices)
    values, delta = pointer_at(task.values, dtype_ptr), pointer_at(layer.delta, dtype_ptr)
    for i in range(rows):
        factor = delta[i * layer.stride]
        e, end = indptr[which[i]], indptr[which[i] + 1]
        while e + TOGETHER <= end:
            f, g, h, k = indices[e], indices[e + 1], indices[e + 2], indices[e + 3]
            if first <= f and f < g and g < h and h < k and k < stop:
                p, q = sums[f] + values[e] * factor, sums[g] + values[e + 1] * factor
                r, s = sums[h] + values[e + 2] * factor, sums[k] + values[e + 3] * factor
                sums[f], sums[g], sums[h], sums[k] = p, q, r, s
            else:
                add_entries(sums, indices, values, e, e + TOGETHER, first, stop, factor)
            e += TOGETHER
        if e + 2 <= end and first <= indices[e] and indices[e] < indices[e + 1] and indices[e + 1] < stop:
            f, g = indices[e], indices[e + 1]
            p, q = sums[f] + values[e] * factor, sums[g] + values[e + 1] * factor
            sums[f], sums[g] = p, q
            e += 2
        add_entries(sums, indices, values, e, end, first, stop, factor)


@inline_ir
def add_entries(sums, indices, values, begin, end, first, stop, factor):
    """sums[f] += values[e] * factor for e = begin … end in order, f = indices[e] in first … stop; f may occur twice."""
    for e in range(begin, end):
        if first <= indices[e] and indices[e] < stop:
            sums[indices[e]] += values[e] * factor


@inline_ir
def scatter_rows(task, layer, order, rows, sums, dtype_ptr):
    """sums (I, scattered_stride) are accumulated, for several outputs, a tile of columns at a time."""
    which, indptr, indices = carray(order, rows), integers_at(task.indptr), indices_at(task.indices)
    values, delta = pointer_at(task.values, dtype_ptr), pointer_at(layer.delta, dtype_ptr)
    fan_out, stride, tile = layer.fan_out, task.scattered_stride, task.product_tile
    for i in range(rows):
        begin, end = indptr[which[i]], indptr[which[i] + 1]
        j = 0
        while j < fan_out:
            take = min_size(tile, fan_out - j)
            add_column(shift(sums, j), stride, 0, indices, values, begin, end, shift(delta, i * layer.stride + j), take)
            j += take


@inline_ir
def copy_scattered(task, layer, out, first, count, dtype_ptr):
    """out (count, fan_out) is overwritten with the rows of scattered (I, scattered_stride) from `first` on."""
    fan_out, stride = layer.fan_out, task.scattered_stride
    sums = shift(pointer_at(task.scattered, dtype_ptr), first * stride)
    if stride == fan_out:
        copy_row(out, sums, count * fan_out)
        return
    for f in range(count):
        copy_row(shift(out, f * fan_out), shift(sums, f * stride), fan_out)
