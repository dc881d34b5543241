"""The weight gradient of a block of a layer, over all rows of the batch; the bias's beside it."""

from .._jit import pasted
from .pointers import call, carray, indices_at, integers_at, pointer_at, shift
from .records import OVERWRITE


@pasted
def sort_batch(task, order, rows, first, stop, like):
    """The batch's sparse entries of features first … stop, by feature, into the thread's own arrays."""
    starts, entry_rows = integers_at(task.feature_starts), indices_at(task.entry_rows)
    entries, values = pointer_at(task.entry_values, like), pointer_at(task.values, like)
    indptr, indices = integers_at(task.indptr), indices_at(task.indices)
    call(
        task.sort_by_feature,
        (starts, entry_rows, entries, indptr, indices, values, order, rows, first, stop - first),
    )


@pasted
def weight_gradient(task, layer, sorted_from, base, first, count, column, columns, rows, like):
    """d_tile (count, columns) is overwritten with inp[base : …, first : …].T @ delta[base : …, column : …].

    Where the input is sparse, `sorted_from` is the feature that `sort_batch` began with; -1 where it is dense.
    """
    d_tile = pointer_at(task.d_tile, like)
    delta = shift(pointer_at(layer.delta, like), base * layer.stride + column)
    if sorted_from >= 0:
        starts, entry_rows = integers_at(task.feature_starts), indices_at(task.entry_rows)
        entries = pointer_at(task.entry_values, like)
        call(
            task.sparse_weight_gradient,
            (d_tile, first - sorted_from, count, starts, entry_rows, entries, delta, layer.stride, columns),
        )
        return
    inp = shift(pointer_at(layer.input, like), base * layer.input_stride + first)
    nothing = delta  # no bias, so its pointer is never followed
    panel = pointer_at(task.panel, like)
    if layer.narrow:
        transposed = d_tile if columns == 1 else pointer_at(task.d_transposed, like)
        call(
            task.multiply,
            (transposed, count, transposed, delta, 1, layer.stride, inp, layer.input_stride, nothing)
            + (columns, count, rows, OVERWRITE, panel, 0),
        )
        if columns > 1:
            call(task.transpose, (d_tile, columns, transposed, count, columns, count))
        return
    call(
        task.multiply,
        (d_tile, columns, d_tile, inp, 1, layer.input_stride, delta, layer.stride, nothing)
        + (count, columns, rows, OVERWRITE, panel, layer.packed),
    )


@pasted
def bias_gradient(layer, d_bias, base, column, columns, rows, like):
    """d_bias (columns,) is overwritten with delta[base : …, column : …] summed over the rows."""
    d = carray(d_bias, columns)
    for j in range(columns):
        d[j] = 0
    for i in range(base, base + rows):
        row = carray(shift(pointer_at(layer.delta, like), i * layer.stride + column), columns)
        for j in range(columns):
            d[j] += row[j]
