"""The transpose and the sum of microbatch gradients, for shapes that are not multiples of a tile, in guarded memory."""

import numpy as np
import pytest
from helpers.guarded import Guarded, call
from helpers.merged import in_one_test

from fastmlp.compiler.cpu import VECTOR_BITS
from fastmlp.kernels.linalg.dense import transpose
from fastmlp.kernels.linalg.transpose import TRANSPOSED_ROWS
from fastmlp.kernels.loop.microbatches import add_microbatches
from fastmlp.kernels.lowlevel.records import TASK

TYPES = [np.float32, np.float64]
#: Numbers of rows and columns around those of a block: 8 rows, and one vector of 2 to 16 columns.
SIZES = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33]


def transposed(values, dtype, gaps):
    """Return the kernel's result after checking that it read and wrote nothing else."""
    rows, columns = values.shape
    inp = Guarded(values, dtype, stride=columns + gaps[0])
    out = Guarded(np.full((columns, rows), 0.5), dtype, stride=rows + gaps[1])
    call(
        transpose, dtype, out=out, out_stride=out.stride, inp=inp, inp_stride=inp.stride, rows=rows, columns=columns
    )  # fmt: skip
    inp.assert_untouched()
    out.assert_only_inside_written()
    return out.array


@pytest.mark.parametrize("gaps", [(0, 0), (3, 5)])
@pytest.mark.parametrize("dtype", TYPES)
def test_every_edge_of_a_block(dtype, gaps):
    draw = np.random.RandomState(0).standard_normal
    for rows in SIZES:
        for columns in SIZES:
            values = draw((rows, columns)).astype(dtype)
            assert np.array_equal(transposed(values, dtype, gaps), values.T), (rows, columns)


@in_one_test()
@pytest.mark.parametrize("shape", [(131, 67), (1, 517), (517, 1), (64, 128)])
@pytest.mark.parametrize("dtype", TYPES)
def test_many_blocks(dtype, shape):
    values = np.random.RandomState(1).standard_normal(shape).astype(dtype)
    assert np.array_equal(transposed(values, dtype, (1, 2)), values.T)


def test_sizes_reach_over_two_blocks():
    """In both directions, for this host's vectors."""
    assert max(SIZES) > 2 * TRANSPOSED_ROWS
    assert max(SIZES) > 2 * VECTOR_BITS // 32


@pytest.mark.parametrize("dtype", TYPES)
def test_all_bit_patterns_are_preserved(dtype):
    """NaN with payload, both zeros, infinities and subnormal numbers."""
    bits = np.random.RandomState(2).randint(0, 256, size=(19, 21 * np.dtype(dtype).itemsize), dtype=np.uint8)
    values = bits.view(dtype)
    got = transposed(values, dtype, (2, 3))
    assert got.tobytes() == np.ascontiguousarray(values.T).tobytes()


@in_one_test()
@pytest.mark.parametrize(("rows", "microbatch_rows"), [(1, 8), (8, 8), (9, 8), (40, 16), (128, 8)])
@pytest.mark.parametrize(("count", "columns", "stride"), [(1, 1, 1), (1, 13, 13), (3, 17, 17), (5, 7, 19), (2, 33, 40)])
@pytest.mark.parametrize("dtype", TYPES)
def test_sum_of_microbatch_gradients(dtype, count, columns, stride, rows, microbatch_rows):
    """All microbatches of the rows are added in order, from the given block of the parameters only."""
    offset, n_parts = 11, -(-rows // microbatch_rows)
    n_params = offset + (count - 1) * stride + columns + 5
    partial_gradients = np.random.RandomState(3).standard_normal((n_parts, n_params)).astype(dtype)
    wanted = offset + stride * np.arange(count)[:, np.newaxis] + np.arange(columns)
    others = np.ones(n_params, bool)
    others[wanted.ravel()] = False
    partial_gradients[:, others] = np.nan
    guarded, out = Guarded(partial_gradients, dtype), Guarded(np.full((count, columns), 0.5), dtype)
    task = np.zeros(1, TASK)
    task["partial_gradients"], task["microbatch_rows"], task["n_params"] = guarded.address, microbatch_rows, n_params
    call(
        add_microbatches, dtype, task_record=task.ctypes.data, out=out, offset=offset, count=count, columns=columns,
        stride=stride, rows=rows,
    )  # fmt: skip
    guarded.assert_untouched()
    out.assert_only_inside_written()
    expected = partial_gradients[0, wanted]
    for partial in partial_gradients[1:]:
        expected = expected + partial[wanted]
    assert np.array_equal(out.array, expected)
