"""The first affine layer on CSR input: only stored entries are read.

The forward pass reads the batch row by row. The weight gradient needs it feature by feature, so that each thread can
compute the gradient of its own features and update their weights; `sort_by_feature` sorts the entries by counting::

    rows of the batch                     entries, sorted by feature
    0: (f2, a) (f5, b)                    f0 f1 f2   f3 f4 f5   f6
    1: (f2, c)            ──►   starts →  0  0  0    2  2  2    4 …
    2: (f5, d)                                 (0,a)(1,c)  (0,b)(2,d)
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..lowlevel.calls import SORT_BY_FEATURE_SIGNATURE, SPARSE_FORWARD_SIGNATURE, SPARSE_WEIGHT_GRADIENT_SIGNATURE
from ..lowlevel.pointers import carray, min_size, shift
from ..math.lanes import prefer_wide_vectors
from .entries import multiply_row
from .rows import lanes

#: Rows of weights that are added in one pass.
TOGETHER = 4


@kernel(*SPARSE_FORWARD_SIGNATURE)
def sparse_forward(out, stride, indptr, indices, values, order, rows, weight, bias, fan_out):
    """out (rows, O), rows `stride` elements apart, is overwritten with bias (O,) + X[order (rows,)] @ weight (I, O).

    X is in CSR: indptr, indices, values.
    """
    prefer_wide_vectors()
    which, b = carray(order, rows), carray(bias, fan_out)
    if fan_out == 1:
        multiply_by_column(out, stride, indptr, indices, values, which, weight, b[0])
        return
    if fan_out <= lanes(out):
        for i in range(rows):
            begin, end = indptr[which[i]], indptr[which[i] + 1]
            multiply_row(shift(out, i * stride), indices, values, begin, end, weight, bias, fan_out)
        return
    for i in range(rows):
        z = carray(shift(out, i * stride), fan_out)
        for j in range(fan_out):
            z[j] = b[j]
        e, end = indptr[which[i]], indptr[which[i] + 1]
        while e < end:
            add_rows(z, values, e, end, weight, indices, fan_out)
            e += TOGETHER


@inline_ir
def multiply_by_column(out, stride, indptr, indices, values, which, weight, bias):
    """out (rows, 1) is overwritten with bias + X[which (rows,)] @ weight (I, 1).

    Rows i and half + i are processed side by side up to the length of the shorter, because the additions within a row
    depend on one another. Where rows follow one another in memory, so do those of each half: the processor prefetches
    both streams. Neighbouring rows side by side took up to 1.4 times as long, four streams up to 1.3 times.
    """
    half = which.size // 2
    for i in range(half):
        d, d_end = indptr[which[i]], indptr[which[i] + 1]
        e, e_end = indptr[which[half + i]], indptr[which[half + i] + 1]
        common = min_size(d_end - d, e_end - e)
        p = q = bias
        for k in range(common):
            p += values[d + k] * weight[indices[d + k]]
            q += values[e + k] * weight[indices[e + k]]
        for k in range(d + common, d_end):
            p += values[k] * weight[indices[k]]
        for k in range(e + common, e_end):
            q += values[k] * weight[indices[k]]
        carray(shift(out, i * stride), 1)[0] = p
        carray(shift(out, (half + i) * stride), 1)[0] = q
    for i in range(2 * half, which.size):
        p = bias
        for k in range(indptr[which[i]], indptr[which[i] + 1]):
            p += values[k] * weight[indices[k]]
        carray(shift(out, i * stride), 1)[0] = p


@inline_ir
def add_rows(out, values, e, end, rows, which, stride):
    """out (n,) += values[k] * row which[k] of rows, for k = e … min(e + TOGETHER, end), in order.

    Rows are `stride` elements apart. All of them are added in one pass: out is read and written once, and the processor
    loads several rows at a time.
    """
    if e + TOGETHER <= end:
        v, w, x, y, n = values[e], values[e + 1], values[e + 2], values[e + 3], out.size
        p, q = carray(shift(rows, which[e] * stride), n), carray(shift(rows, which[e + 1] * stride), n)
        r, s = carray(shift(rows, which[e + 2] * stride), n), carray(shift(rows, which[e + 3] * stride), n)
        for j in range(out.size):
            out[j] = (((out[j] + v * p[j]) + w * q[j]) + x * r[j]) + y * s[j]
        return
    for k in range(e, end):
        value = values[k]
        row = carray(shift(rows, which[k] * stride), out.size)
        for j in range(out.size):
            out[j] += value * row[j]


@kernel(*SORT_BY_FEATURE_SIGNATURE)
def sort_by_feature(starts, entry_rows, entry_values, indptr, indices, values, order, rows, first, count):
    """starts (count + 1,), entry_rows and entry_values (n_entries,) are overwritten: the batch's entries by feature.

    The batch is X[order (rows,)], X in CSR. Of each entry with a feature in first … first + count, the row within the
    batch and the value are stored; those of feature first + f are at starts[f] … starts[f + 1].
    """
    which, begin = carray(order, rows), carray(starts, count + 1)
    for f in range(count + 1):
        begin[f] = 0
    for i in range(rows):
        for e in range(indptr[which[i]], indptr[which[i] + 1]):
            f = indices[e] - first
            if 0 <= f < count:
                begin[f] += 1
    total = 0
    for f in range(count + 1):
        total += begin[f]
        begin[f] = total  # end of the feature's entries; the loop below counts down to their start
    for i in range(rows - 1, -1, -1):
        for e in range(indptr[which[i] + 1] - 1, indptr[which[i]] - 1, -1):
            f = indices[e] - first
            if 0 <= f < count:
                begin[f] -= 1
                entry_rows[begin[f]] = i
                entry_values[begin[f]] = values[e]


@kernel(*SPARSE_WEIGHT_GRADIENT_SIGNATURE)
def sparse_weight_gradient(d_weight, first, count, starts, entry_rows, entry_values, delta, stride, fan_out):
    """d_weight (count, O) is overwritten with the weight gradient of features first … first + count of the sorted ones.

    See `sort_by_feature` for starts, entry_rows and entry_values. delta (rows, O) has rows `stride` elements apart.
    """
    prefer_wide_vectors()
    for f in range(count):
        d = carray(shift(d_weight, f * fan_out), fan_out)
        e, end = starts[first + f], starts[first + f + 1]
        if e == end:
            for j in range(fan_out):
                d[j] = 0
            continue
        value, row = entry_values[e], carray(shift(delta, entry_rows[e] * stride), fan_out)
        for j in range(fan_out):
            d[j] = value * row[j]
        e += 1
        while e < end:
            add_rows(d, entry_values, e, end, delta, entry_rows, stride)
            e += TOGETHER
