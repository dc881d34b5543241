"""Activations with a learnt slope α for each neuron: h = z + α (f(z) − z).

::

    forward     z ──► f(z), f′(z) by the activation's own kernel       excess = f(z) − z
                      output = z + α excess        delta = 1 + α (f′(z) − 1)
    backward    g = ∂loss/∂h of the layer above    delta ← g delta     excess ← g excess
    update      ∂loss/∂α = the column sums of excess, as ∂loss/∂bias is that of delta

excess has the shape of the layer's output, (rows, stride).
"""

import numpy as np

from ...compiler.numba_backend import inline_ir, kernel
from ..loop.dropout import mask_numbers
from ..loop.forward_backward import activate_rows
from ..lowlevel.calls import LAYER_ROWS_SIGNATURE, call_multiply
from ..lowlevel.pointers import carray, pointer_at, shift
from ..lowlevel.records import OVERWRITE
from ..math.lanes import prefer_wide_vectors
from ..math.random_bits import random_bits


@kernel(*LAYER_ROWS_SIGNATURE)
def activate_with_slopes(task_record, layer_records, number, order, first, rows, dtype_ptr):
    """output z (rows, stride) is overwritten with h, delta with h′, excess with f(z) − z. `order` is not used."""
    prefer_wide_vectors()
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    at, n = first * layer.stride, rows * layer.stride
    z, e = (
        carray(shift(pointer_at(layer.output, dtype_ptr), at), n),
        carray(shift(pointer_at(layer.excess, dtype_ptr), at), n),
    )
    for i in range(n):
        e[i] = z[i]
    activate_rows(layer, first, rows, dtype_ptr)
    slopes = carray(pointer_at(layer.slopes, dtype_ptr), layer.fan_out)
    one = slopes.dtype.type(1)
    for i in range(rows):
        row = at + i * layer.stride
        h = carray(shift(pointer_at(layer.output, dtype_ptr), row), layer.fan_out)
        d = carray(shift(pointer_at(layer.delta, dtype_ptr), row), layer.fan_out)
        x = carray(shift(pointer_at(layer.excess, dtype_ptr), row), layer.fan_out)
        for j in range(layer.fan_out):
            z_j, a = x[j], slopes[j]
            beyond = h[j] - z_j
            h[j] = z_j + a * beyond
            d[j] = one + a * (d[j] - one)
            x[j] = beyond


@kernel(*LAYER_ROWS_SIGNATURE)
def mask_with_excess(task_record, layer_records, number, order, first, rows, dtype_ptr):
    """`mask_rows` for a layer above one with slopes, whose excess is multiplied by the mask as well."""
    prefer_wide_vectors()
    task = carray(task_record, 1)[0]
    layer = carray(layer_records, task.n_layers)[number]
    below = carray(layer_records, task.n_layers)[number - 1]
    key, threshold, scale = mask_numbers(task, number)
    at, n = first * layer.input_stride, rows * layer.input_stride
    h, d, e = (
        carray(shift(pointer_at(layer.input, dtype_ptr), at), n),
        carray(shift(pointer_at(below.delta, dtype_ptr), at), n),
        carray(shift(pointer_at(below.excess, dtype_ptr), at), n),
    )
    keep_threshold, keep_scale, zero = np.uint32(threshold), h.dtype.type(scale), h.dtype.type(0)
    for i in range(n):
        mask = keep_scale if random_bits(key, at, i) >= keep_threshold else zero
        h[i] *= mask
        d[i] *= mask
        e[i] *= mask


@inline_ir
def multiply_backward_with_slopes(task, layer, below, first, rows, dtype_ptr):
    """delta and excess (rows, I) of the layer below are multiplied by g = delta (rows, O) @ weight.T (O, I).

    slope_products (rows, stride), one block of each thread, is overwritten with g.
    """
    at, n = first * below.stride, rows * below.stride
    delta = shift(pointer_at(layer.delta, dtype_ptr), first * layer.stride)
    g = pointer_at(task.slope_products, dtype_ptr)
    transposed = bias = pointer_at(layer.transposed, dtype_ptr)  # this mode reads no bias
    depth = layer.fan_out if layer.panels != 0 else 0
    call_multiply(
        task.multiply,
        g, below.stride, g, delta, layer.stride, 1, transposed, layer.transposed_stride, depth, bias,
        rows, layer.fan_in, layer.fan_out, OVERWRITE, pointer_at(task.scratch, dtype_ptr),
    )  # fmt: skip
    d, e, products = (
        carray(shift(pointer_at(below.delta, dtype_ptr), at), n),
        carray(shift(pointer_at(below.excess, dtype_ptr), at), n),
        carray(g, n),
    )
    for i in range(n):
        d[i] *= products[i]
        e[i] *= products[i]
