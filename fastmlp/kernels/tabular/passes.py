"""The forward and backward pass of a network for tables: embeddings before, learnt slopes within.

They take the place of `pass_rows`, `forward_rows` and `backward_rows` in the task record; all other kernels of a step
are those of every network.
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..loop.forward_backward import (
    activate_rows,
    compute_losses,
    gather_inputs,
    gather_targets,
    multiply_backward,
    multiply_forward,
)
from ..lowlevel.barrier import cancelled
from ..lowlevel.calls import (
    BACKWARD_SIGNATURE,
    ORDERED_ROWS_SIGNATURE,
    call_backward,
    call_layer_rows,
    call_multiply,
    call_ordered_rows,
    call_output_backward,
    call_transpose,
)
from ..lowlevel.pointers import carray, doubles_at, min_size, pointer_at, shift
from ..lowlevel.records import FROM_BIAS, FROM_OUT, OVERWRITE, PERIODIC_OUTPUTS
from .slopes import multiply_backward_with_slopes


@kernel(*ORDERED_ROWS_SIGNATURE)
def pass_table_rows(task_record, layer_records, order, begin, end, dtype_ptr):
    """`pass_rows` with embeddings: rows begin … end of the batch, forward and backward, in blocks."""
    task = carray(task_record, 1)[0]
    gather_targets(task, order, begin, end, dtype_ptr)
    gather_inputs(task, order, begin, end, 0, task.n_plain, dtype_ptr)
    if task.embed != 0:
        call_ordered_rows(task.embed, task_record, layer_records, order, begin, end - begin, dtype_ptr)
    for first in range(begin, end, task.block_rows):
        if cancelled(task.team):
            return
        count = min_size(task.block_rows, end - first)
        call_ordered_rows(task.forward, task_record, layer_records, order, first, count, dtype_ptr)
        call_backward(task.backward, task_record, layer_records, first, count, dtype_ptr)
    if task.embed != 0:
        multiply_to_embedded(task, carray(layer_records, task.n_layers)[0], begin, end - begin, dtype_ptr)


@kernel(*ORDERED_ROWS_SIGNATURE)
def forward_table_rows(task_record, layer_records, order, first, rows, dtype_ptr):
    """`forward_rows` with slopes: the output and f′ of every layer are overwritten, excess where it has slopes."""
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    for number in range(task.n_layers):
        layer = layers[number]
        if layer.mask != 0:
            call_layer_rows(layer.mask, task_record, layer_records, number, order, first, rows, dtype_ptr)
        mode = layer.mode
        if number == 0 and task.look_up != 0:
            call_ordered_rows(task.look_up, task_record, layer_records, order, first, rows, dtype_ptr)
            mode = FROM_OUT
        if layer.fan_in > 0:  # else all inputs are looked up
            multiply_forward(task, layer, first, rows, mode, dtype_ptr)
        if number + 1 == task.n_layers:
            return
        if layer.activate != 0:
            call_layer_rows(layer.activate, task_record, layer_records, number, order, first, rows, dtype_ptr)
        elif layer.mode == FROM_BIAS:
            activate_rows(layer, first, rows, dtype_ptr)


@kernel(*BACKWARD_SIGNATURE)
def backward_table_rows(task_record, layer_records, first, rows, dtype_ptr):
    """`backward_rows` with slopes: losses, the deltas of all layers, and excess where they have slopes."""
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    last = layers[task.n_layers - 1]
    compute_losses(task, last, shift(doubles_at(task.losses), first * task.n_targets), first, rows, dtype_ptr)
    if task.output_backward != 0:
        z = shift(pointer_at(last.output, dtype_ptr), first * last.stride)
        delta = shift(pointer_at(last.delta, dtype_ptr), first * last.stride)
        call_output_backward(task.output_backward, z, delta, rows, last.fan_out)
    for number in range(task.n_layers - 1, 0, -1):
        layer, below = layers[number], layers[number - 1]
        if below.slopes != 0:
            multiply_backward_with_slopes(task, layer, below, first, rows, dtype_ptr)
        else:
            multiply_backward(task, layer, below, first, rows, dtype_ptr)


@inline_ir
def multiply_to_embedded(task, layer, first, rows, dtype_ptr):
    """d_embedded (rows, d_embedded_stride) is overwritten with delta (rows, O) @ weightᵀ of the embedded inputs.

    The columns of the periodic ones are copied to embedded_columns (columns, rows).
    """
    delta = shift(pointer_at(layer.delta, dtype_ptr), first * layer.stride)
    out = shift(pointer_at(task.d_embedded, dtype_ptr), first * task.d_embedded_stride)
    transposed = bias = shift(pointer_at(layer.transposed, dtype_ptr), task.n_plain)
    call_multiply(
        task.multiply,
        out, task.d_embedded_stride, out, delta, layer.stride, 1, transposed, layer.transposed_stride, 0, bias,
        rows, layer.fan_in - task.n_plain, layer.fan_out, OVERWRITE, pointer_at(task.scratch, dtype_ptr),
    )  # fmt: skip
    if task.n_periodic > 0:
        columns = shift(pointer_at(task.embedded_columns, dtype_ptr), first)
        call_transpose(
            task.transpose, columns, task.column_stride, out, task.d_embedded_stride, rows,
            task.n_periodic * PERIODIC_OUTPUTS,
        )  # fmt: skip


@kernel(*ORDERED_ROWS_SIGNATURE)
def forward_new_rows(task_record, layer_records, order, first, rows, dtype_ptr):
    """`forward_table_rows` for rows of X that are not in `inputs` yet, which is overwritten. For predictions."""
    task = carray(task_record, 1)[0]
    gather_inputs(task, order, first, first + rows, 0, task.n_plain, dtype_ptr)
    if task.embed != 0:
        call_ordered_rows(task.embed, task_record, layer_records, order, first, rows, dtype_ptr)
    call_ordered_rows(task.forward_layers, task_record, layer_records, order, first, rows, dtype_ptr)
