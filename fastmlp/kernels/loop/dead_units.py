"""Which units of the hidden layers pass no gradient back: only for callbacks that record their share."""

from ...compiler.numba_backend import DOUBLES, POINTER, inline_ir, kernel
from ..lowlevel.calls import call_ordered_rows
from ..lowlevel.pointers import carray, integers_at, min_size, pointer_at, shift
from ..lowlevel.records import LAYER_POINTER, RECTIFY, TASK_POINTER
from ..lowlevel.subnormals import flush_subnormals, restore_mode

#: The largest |f′| that counts as zero: in float32 the derivatives of saturated activations become zero, in float64
#: they only become small.
LARGEST_ZERO = 1e-6


@kernel(TASK_POINTER, LAYER_POINTER, DOUBLES, POINTER)
def share_dead_units(task_record, layer_records, shares, live):
    """shares (n_layers - 1,) is overwritten with the part of each hidden layer's units whose f′ is zero in all rows.

    The rows are those of task.order, block_rows at a time, until all units have been live. Overwritten as well: live
    (hidden units,), 1 for each unit that has been live, else 0; outputs and deltas of the hidden layers, each in a
    buffer of its own.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    mode = flush_subnormals()
    for start in range(0, task.n_rows, task.block_rows):
        rows = min_size(task.block_rows, task.n_rows - start)
        order = shift(integers_at(task.order), start)
        call_ordered_rows(task.forward, task_record, layer_records, order, 0, rows, live)
        dead = at = 0
        for number in range(task.n_layers - 1):
            layer = layers[number]
            n = mark_live(layer, rows, start == 0, shift(live, at))
            carray(shares, task.n_layers)[number] = n / layer.fan_out
            dead, at = dead + n, at + layer.fan_out
        if dead == 0:
            break
    restore_mode(mode)


@inline_ir
def mark_live(layer, rows, first, live):
    """live (fan_out,), overwritten with zeros if `first`, becomes 1 where f′ is not zero in one of `rows` rows.

    Return how many units are left. Where the product rectifies it writes no f′: it is zero where the output is. NaN is
    not zero.
    """
    marks = carray(live, layer.fan_out)
    zero, one = marks.dtype.type(0), marks.dtype.type(1)
    rectifies = layer.mode == RECTIFY
    largest = zero if rectifies else marks.dtype.type(LARGEST_ZERO)
    if first:
        for j in range(layer.fan_out):
            marks[j] = zero
    for i in range(rows):
        d = carray(shift(pointer_at(layer.output if rectifies else layer.delta, live), i * layer.stride), layer.fan_out)
        for j in range(layer.fan_out):
            marks[j] = marks[j] if abs(d[j]) <= largest else one
    dead = 0
    for j in range(layer.fan_out):
        dead += marks[j] == zero
    return dead
