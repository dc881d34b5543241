"""Compiled loops of the benchmarks' own, so that what they measure is not Python: one `unit` for each."""

from numba import carray

from fastmlp._jit import POINTER, SIZE, unit
from fastmlp.kernels import elementary
from fastmlp.kernels.gradient import weight_gradient
from fastmlp.kernels.pointers import call, pointer_at, shift
from fastmlp.kernels.records import LAYER_POINTER, TASK_POINTER
from fastmlp.kernels.simd import FROM_BIAS, MULTIPLY
from fastmlp.kernels.subnormals import flush_subnormals, restore_mode

_exp, _log, _tanh = elementary.exp, elementary.log, elementary.tanh


@unit(POINTER, POINTER, SIZE)
def exp(out, inp, n):
    """out (n,) is overwritten with exp of inp (n,)."""
    x, y = carray(inp, n), carray(out, n)
    for i in range(n):
        y[i] = _exp(x[i])


@unit(POINTER, POINTER, SIZE)
def tanh(out, inp, n):
    """out (n,) is overwritten with tanh of inp (n,)."""
    x, y = carray(inp, n), carray(out, n)
    for i in range(n):
        y[i] = _tanh(x[i])


@unit(POINTER, POINTER, SIZE)
def log(out, inp, n):
    """out (n,) is overwritten with log of inp (n,)."""
    x, y = carray(inp, n), carray(out, n)
    for i in range(n):
        y[i] = _log(x[i])


@unit(SIZE, POINTER, POINTER, POINTER, POINTER, SIZE, SIZE, SIZE, SIZE)
def multiply_often(multiply, out, a, b, bias, rows, columns, depth, repeats):
    """out (rows, columns) = bias + a (rows, depth) @ b (depth, columns), all contiguous, so many times."""
    for _ in range(repeats):
        call(multiply, (out, columns, out, a, depth, 1, b, columns, bias, rows, columns, depth, FROM_BIAS, b, 0))


@unit(TASK_POINTER, LAYER_POINTER, SIZE, SIZE, POINTER)
def products_of_steps(task_record, layer_records, rows, steps, like):
    """The matrix products of so many steps of `rows` rows and nothing else, cut and packed as a step of one thread is.

    What a step computes between them (activations, losses, updates) is left out: outputs, deltas and weight gradients
    are overwritten with numbers of no meaning. Dense input only.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    mode = flush_subnormals()
    for _ in range(steps):
        for first in range(0, rows, task.block_rows):
            count = min(task.block_rows, rows - first)
            for number in range(task.n_layers):
                layer = layers[number]
                z = shift(pointer_at(layer.output, like), first * layer.stride)
                a = shift(pointer_at(layer.input, like), first * layer.input_stride)
                weight, bias = pointer_at(layer.weight, like), pointer_at(layer.bias, like)
                call(
                    task.multiply,
                    (z, layer.stride, z, a, layer.input_stride, 1, weight, layer.fan_out, bias)
                    + (count, layer.fan_out, layer.fan_in, FROM_BIAS, pointer_at(task.panel, like), layer.packed),
                )
            for number in range(task.n_layers - 1, 0, -1):
                layer, below = layers[number], layers[number - 1]
                delta = shift(pointer_at(layer.delta, like), first * layer.stride)
                d_inp = shift(pointer_at(below.delta, like), first * below.stride)
                weight = pointer_at(layer.transposed, like)
                call(
                    task.multiply,
                    (d_inp, below.stride, d_inp, delta, layer.stride, 1, weight, layer.transposed_stride, weight)
                    + (count, layer.fan_in, layer.fan_out, MULTIPLY, pointer_at(task.panel, like), layer.packed),
                )
        for number in range(task.n_layers):
            layer = layers[number]
            for first in range(0, layer.fan_in, layer.update_rows):
                count = min(layer.update_rows, layer.fan_in - first)
                weight_gradient(task, layer, -1, 0, first, count, 0, layer.fan_out, rows, like)
    restore_mode(mode)
