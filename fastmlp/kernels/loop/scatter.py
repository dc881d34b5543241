"""The full-batch gradient of a narrow first layer on CSR input, computed row by row without sorting entries by feature.

::

    row i of the chunk          gradient of the chunk (I, stride), which fits the inner caches
    (f2, a) (f5, b)   ──►       row f2 += a · delta[i],   row f5 += b · delta[i]

Each element is the same chain of multiply-adds over the rows as in `sparse_weight_gradient`, so it has the same bits.
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..linalg.entries import add_column
from ..linalg.sparse import TOGETHER
from ..lowlevel.calls import BATCH_SIGNATURE
from ..lowlevel.pointers import carray, indices_at, integers_at, min_size, pointer_at, shift
from ..math.lanes import prefer_wide_vectors


@kernel(*BATCH_SIGNATURE)
def scatter_gradient(task_record, layer_records, order, rows, gradient):
    """gradient (n_params,) is accumulated for the first layer's weights over the rows of X that order (rows,) names.

    scattered (I, scattered_stride) is overwritten. Only one thread calls this kernel, because the entries of a row are
    not sorted by feature and cannot be divided among threads.
    """
    prefer_wide_vectors()
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[0]
    fan_in, fan_out, stride = layer.fan_in, layer.fan_out, task.scattered_stride
    sums = pointer_at(task.scattered, gradient)
    entries = carray(sums, fan_in * stride)
    for i in range(fan_in * stride):
        entries[i] = 0
    if fan_out == 1:
        scatter_column(task, layer, order, rows, sums, gradient)
    else:
        scatter_rows(task, layer, order, rows, sums, gradient)
    total = carray(shift(gradient, layer.weight_offset), fan_in * fan_out)
    if stride == fan_out:
        for i in range(fan_in * fan_out):
            total[i] += entries[i]
        return
    for f in range(fan_in):
        to, part = carray(shift(gradient, layer.weight_offset + f * fan_out), fan_out), shift(sums, f * stride)
        d = carray(part, fan_out)
        for j in range(fan_out):
            to[j] += d[j]


@inline_ir
def scatter_column(task, layer, order, rows, sums, dtype_ptr):
    """sums (I,) are accumulated, for a layer with a single output.

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
            if f < g and g < h and h < k:
                p, q = sums[f] + values[e] * factor, sums[g] + values[e + 1] * factor
                r, s = sums[h] + values[e + 2] * factor, sums[k] + values[e + 3] * factor
                sums[f], sums[g], sums[h], sums[k] = p, q, r, s
            else:
                add_entries(sums, indices, values, e, e + TOGETHER, factor)
            e += TOGETHER
        if e + 2 <= end and indices[e] < indices[e + 1]:
            f, g = indices[e], indices[e + 1]
            p, q = sums[f] + values[e] * factor, sums[g] + values[e + 1] * factor
            sums[f], sums[g] = p, q
            e += 2
        add_entries(sums, indices, values, e, end, factor)


@inline_ir
def add_entries(sums, indices, values, begin, end, factor):
    """sums[indices[e]] += values[e] * factor for e = begin … end, in order; features may occur twice."""
    for e in range(begin, end):
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
