"""Dropout: an input of a layer is multiplied by 1 / (1 − p) with probability 1 − p, and by zero with probability p.

The mask of an element is a function of the layer's key in this step and of the element's position, which is row within
the batch · row length + column. It depends neither on the thread nor on the block of rows, and is the same for dense
and sparse inputs.

f′ of the layer below is multiplied by the same mask, because the backward pass multiplies only by f′. Of sparse inputs,
masked copies of the stored values are made, which the forward pass and the weight gradient both read.
"""

import numpy as np

from ...compiler.numba_backend import inline_ir, kernel
from ..lowlevel.calls import LAYER_ROWS_SIGNATURE
from ..lowlevel.pointers import carray, doubles_at, indices_at, integers_at, pointer_at, shift
from ..lowlevel.records import KEEP_SCALE, KEEP_THRESHOLD, MASK_KEY, N_MASK_NUMBERS, RECTIFY
from ..math.lanes import prefer_wide_vectors
from ..math.random_bits import random_bits


@inline_ir
def mask_numbers(task, number):
    """Return key, threshold and scale of a layer's mask in this step; the dropout rate may change from step to step."""
    at = (task.steps_made * task.n_layers + number) * N_MASK_NUMBERS
    numbers = integers_at(task.masks)
    scale = doubles_at(task.masks)[at + KEEP_SCALE]
    return numbers[at + MASK_KEY], numbers[at + KEEP_THRESHOLD], scale


@kernel(*LAYER_ROWS_SIGNATURE)
def mask_rows(task_record, layer_records, number, order, first, rows, dtype_ptr):
    """input (rows, input_stride) of a layer and f′ of the layer below are multiplied by the mask, in place.

    The rows are first … first + rows of the batch. The padding of each row is multiplied too, although it is never
    read: one loop over all elements is faster. `order` is not used.
    """
    prefer_wide_vectors()
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    key, threshold, scale = mask_numbers(task, number)
    at, position = first * layer.input_stride, (task.first_row + first) * layer.input_stride
    n = rows * layer.input_stride
    a = carray(shift(pointer_at(layer.input, dtype_ptr), at), n)
    keep_threshold, keep_scale, zero = np.uint32(threshold), a.dtype.type(scale), a.dtype.type(0)
    if number == 0:
        for i in range(n):
            a[i] *= keep_scale if random_bits(key, position, i) >= keep_threshold else zero
        return
    below = carray(layer_records, task.n_layers)[number - 1]
    d = carray(shift(pointer_at(below.delta, dtype_ptr), at), n)
    if below.mode == RECTIFY:  # a rectifier in the product stores no f′
        for i in range(n):
            d[i] = zero if a[i] <= zero else a.dtype.type(1)
    for i in range(n):
        mask = keep_scale if random_bits(key, position, i) >= keep_threshold else zero
        a[i] *= mask
        d[i] *= mask


@kernel(*LAYER_ROWS_SIGNATURE)
def mask_entries(task_record, layer_records, number, order, first, rows, dtype_ptr):
    """values is overwritten with given_values times the mask, for rows first … first + rows of the batch.

    Both hold the stored entries of X in CSR. order names the rows of X in the batch.
    """
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    key, threshold, scale = mask_numbers(task, number)
    which, indptr, indices = carray(order, first + rows), integers_at(task.indptr), indices_at(task.indices)
    given, values = pointer_at(task.given_values, dtype_ptr), pointer_at(task.values, dtype_ptr)
    one = carray(dtype_ptr, 1)[0]
    keep_threshold, keep_scale, zero = np.uint32(threshold), type(one)(scale), type(one)(0)
    for i in range(first, first + rows):
        at = i * layer.input_stride
        for e in range(indptr[which[i]], indptr[which[i] + 1]):
            mask = keep_scale if random_bits(key, at, indices[e]) >= keep_threshold else zero
            values[e] = given[e] * mask
