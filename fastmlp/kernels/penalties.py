"""L1, and clipping by value: the gradient is completed in its tile, straight before the update sees it.

Penalties are of the weights and not of the biases, divided as L2 is by the sum of the batch's weights:
``loss = (Σ wᵢ lossᵢ + l2 / 2 Σ p² + l1 Σ |p|) / Σ wᵢ``.
"""

from numba import carray

from .._jit import DOUBLES, POINTER, SIZE, inlined_sum, unit
from .bits import prefer_wide_vectors
from .pointers import doubles_at, pointer_at, shift
from .records import FIRST, FLAT_TILE, L2, LAYER_POINTER, SCALE, SECOND, TASK_POINTER
from .team import share

#: Where `penalise` finds the weight of Σ |p|, and the largest size of a gradient's element.
L1, LARGEST = FIRST, SECOND


@unit(POINTER, SIZE, POINTER, SIZE, SIZE, DOUBLES)
def penalise(param, stride, d_param, rows, columns, scaling):
    """d_param (rows, columns), a sum over the batch, is overwritten with the gradient, each element clipped.

    g = (d_param + L2 p + L1 sign(p)) SCALE within ±LARGEST, numbers of `scaling` (N_HYPER,); param (rows, stride) is
    read. The sign of zero is zero, the slope in the middle of |p|'s corner. NaN stays NaN.
    """
    prefer_wide_vectors()
    if columns == stride:  # one long row
        rows, columns = 1, rows * columns
    for i in range(rows):
        p, d = carray(shift(param, i * stride), columns), carray(shift(d_param, i * columns), columns)
        l1, l2 = p.dtype.type(scaling[L1]), p.dtype.type(scaling[L2])
        scale, largest, zero = p.dtype.type(scaling[SCALE]), p.dtype.type(scaling[LARGEST]), p.dtype.type(0)
        for j in range(columns):
            slope = l1 if p[j] > zero else zero
            slope = -l1 if p[j] < zero else slope
            g = (d[j] + l2 * p[j] + slope) * scale
            g = largest if g > largest else g
            d[j] = -largest if g < -largest else g


@unit(TASK_POINTER, LAYER_POINTER, POINTER)
def note_magnitudes(task_record, layer_records, like):
    """magnitudes is overwritten with Σ |w| of this thread's tiles of the weights, FLAT_TILE numbers or fewer each."""
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    to = carray(doubles_at(task.magnitudes), task.n_magnitudes)
    at = 0
    for number in range(task.n_layers):
        size = layers[number].fan_in * layers[number].fan_out
        begin, end = share(size, FLAT_TILE, task.thread, task.n_threads)
        for first in range(begin, end, FLAT_TILE):
            weight = shift(pointer_at(layers[number].weight, like), first)
            to[at + first // FLAT_TILE] = sum_of_magnitudes(weight, min(FLAT_TILE, end - first))
        at += (size + FLAT_TILE - 1) // FLAT_TILE


@inlined_sum
def sum_of_magnitudes(pointer, n):
    """Σ |x|, added up in the element's type."""
    values = carray(pointer, n)
    total = values.dtype.type(0)
    for i in range(n):
        total += abs(values[i])
    return total
