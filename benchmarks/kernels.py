"""Compiled loops of the benchmarks' own, so that what they measure is not Python: one `kernel` for each."""

from numba import carray

from fastmlp.compiler.numba_backend import POINTER, SIZE, kernel
from fastmlp.kernels.linalg.register_tiles import FROM_BIAS
from fastmlp.kernels.loop.forward_backward import multiply_backward, multiply_forward
from fastmlp.kernels.lowlevel.calls import call_multiply, call_weight_gradient
from fastmlp.kernels.lowlevel.records import LAYER_POINTER, TASK_POINTER
from fastmlp.kernels.lowlevel.subnormals import flush_subnormals, restore_mode
from fastmlp.kernels.math import elementary

_exp, _log, _tanh = elementary.exp, elementary.log, elementary.tanh


@kernel(POINTER, POINTER, SIZE)
def exp(out, inp, n):
    """out (n,) is overwritten with exp of inp (n,)."""
    x, y = carray(inp, n), carray(out, n)
    for i in range(n):
        y[i] = _exp(x[i])


@kernel(POINTER, POINTER, SIZE)
def tanh(out, inp, n):
    """out (n,) is overwritten with tanh of inp (n,)."""
    x, y = carray(inp, n), carray(out, n)
    for i in range(n):
        y[i] = _tanh(x[i])


@kernel(POINTER, POINTER, SIZE)
def log(out, inp, n):
    """out (n,) is overwritten with log of inp (n,)."""
    x, y = carray(inp, n), carray(out, n)
    for i in range(n):
        y[i] = _log(x[i])


@kernel(SIZE, POINTER, POINTER, POINTER, POINTER, SIZE, SIZE, SIZE, SIZE)
def multiply_often(multiply, out, a, b, bias, rows, columns, depth, repeats):
    """out (rows, columns) = bias + a (rows, depth) @ b (depth, columns), all contiguous, so many times."""
    for _ in range(repeats):
        call_multiply(
            multiply, out, columns, out, a, depth, 1, b, columns, 0, bias, rows, columns, depth, FROM_BIAS, out
        )


@kernel(TASK_POINTER, LAYER_POINTER, SIZE, SIZE, POINTER)
def products_of_steps(task_record, layer_records, rows, steps, dtype_ptr):
    """The matrix products of so many steps of `rows` rows and nothing else, cut as a step of one thread is.

    What a step computes between them (activations, losses, updates) is left out: outputs, deltas and weight gradients
    are overwritten with numbers of no meaning. Dense input only.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    mode = flush_subnormals()
    for _ in range(steps):
        first = 0  # a range with a step that might be zero could raise, which only the package's own kernels may
        while first < rows:
            count = min(task.block_rows, rows - first)
            for number in range(task.n_layers):
                multiply_forward(task, layers[number], first, count, FROM_BIAS, dtype_ptr)
            for number in range(task.n_layers - 1, 0, -1):
                multiply_backward(task, layers[number], layers[number - 1], first, count, dtype_ptr)
            first += count
        for number in range(task.n_layers):
            layer = layers[number]
            first = 0
            while first < layer.fan_in:
                count = min(layer.update_rows, layer.fan_in - first)
                call_weight_gradient(
                    task.weight_gradient,
                    task_record, layer_records, number, -1, 0, first, count, 0, layer.fan_out, rows, dtype_ptr,
                )  # fmt: skip
                first += count
    restore_mode(mode)
