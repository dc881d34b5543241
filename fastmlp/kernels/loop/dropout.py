"""Dropout: what comes into a layer is kept with probability 1 − p, as 1 / (1 − p) times itself, or is zero.

The mask of an element is a function of the layer's key for this step and of the element's position, row within the
batch · row length + column: whatever thread computes it, in whatever block. Dense and sparse inputs have the same mask.

    f′ of the layer below is multiplied by the same mask, as the backward pass multiplies by f′ alone.
    Of sparse input, the batch's stored values are copied masked, for both the forward pass and the weight gradient.
"""

import numpy as np

from ...compiler.numba_backend import kernel
from ..lowlevel.calls import LAYER_ROWS_SIGNATURE
from ..lowlevel.pointers import carray, indices_at, integers_at, pointer_at, shift
from ..lowlevel.records import RECTIFY
from ..math.lanes import prefer_wide_vectors
from ..math.random_bits import random_bits


@kernel(*LAYER_ROWS_SIGNATURE)
def mask_rows(task_record, layer_records, number, order, first, rows, dtype_ptr):
    """The layer's input and f′ of the layer below, (rows, stride), are multiplied by their mask, rows first ….

    The padding of a row is computed along (nobody reads it), so that the loop is one.
    """
    prefer_wide_vectors()
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    key = integers_at(task.mask_keys)[task.steps_made * task.n_layers + number]
    at, position = first * layer.input_stride, (task.first_row + first) * layer.input_stride
    n = rows * layer.input_stride
    a = carray(shift(pointer_at(layer.input, dtype_ptr), at), n)
    keep_threshold, keep_scale, zero = np.uint32(layer.keep_threshold), a.dtype.type(layer.keep_scale), a.dtype.type(0)
    if number == 0:
        for i in range(n):
            a[i] *= keep_scale if random_bits(key, position, i) >= keep_threshold else zero
        return
    below = carray(layer_records, task.n_layers)[number - 1]
    d = carray(shift(pointer_at(below.delta, dtype_ptr), at), n)
    if below.mode == RECTIFY:  # which leaves no f′
        for i in range(n):
            d[i] = zero if a[i] <= zero else a.dtype.type(1)
    for i in range(n):
        mask = keep_scale if random_bits(key, position, i) >= keep_threshold else zero
        a[i] *= mask
        d[i] *= mask


@kernel(*LAYER_ROWS_SIGNATURE)
def mask_entries(task_record, layer_records, number, order, first, rows, dtype_ptr):
    """values, CSR like given_values, is overwritten with those times their mask, in rows first … of the batch."""
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    key = integers_at(task.mask_keys)[task.steps_made * task.n_layers + number]
    which, indptr, indices = carray(order, first + rows), integers_at(task.indptr), indices_at(task.indices)
    given, values = pointer_at(task.given_values, dtype_ptr), pointer_at(task.values, dtype_ptr)
    one = carray(dtype_ptr, 1)[0]
    keep_threshold, keep_scale, zero = np.uint32(layer.keep_threshold), type(one)(layer.keep_scale), type(one)(0)
    for i in range(first, first + rows):
        at = i * layer.input_stride
        for e in range(indptr[which[i]], indptr[which[i] + 1]):
            mask = keep_scale if random_bits(key, at, indices[e]) >= keep_threshold else zero
            values[e] = given[e] * mask
