"""Products of rounded matrices: the bits of float32's product of matrices that NumPy has rounded."""

import numpy as np
import pytest
from helpers.merged import in_one_test
from kernels.test_multiply import MODES, Operands, assert_close
from oracles import reference

from fastmlp.kernels.linalg.dense import multiply
from fastmlp.kernels.linalg.reduced_precision import multiply_bfloat16, multiply_bfloat16_3x

KERNELS = {"bfloat16": (multiply_bfloat16, 8), "bfloat16_3x": (multiply_bfloat16_3x, 17)}


def pair(precision, rows, columns, depth, **options):
    """Operands of the kernel, and rounded ones of the float32 product."""
    kernel, bits = KERNELS[precision]
    given = Operands(depth, np.float32, rows, columns, depth, kernel=kernel, **options)
    rounded = Operands(depth, np.float32, rows, columns, depth, **options)
    rounded.values[1:3] = [reference.round_to_bits(each, bits).astype(np.float32) for each in given.values[1:3]]
    return given, rounded


@in_one_test("precision")
@pytest.mark.parametrize(("rows", "columns", "depth"), [(17, 37, 7), (66, 151, 519), (3, 290, 128), (65, 20, 129)])
@pytest.mark.parametrize("panels", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("precision", list(KERNELS))
def test_bits_of_the_product_of_rounded_matrices(precision, mode, transposed, panels, rows, columns, depth):
    """In every mode, with blocks of rows, columns and depth that end anywhere; nothing else is written."""
    given, rounded = pair(precision, rows, columns, depth, transposed=transposed, panels=panels)
    for width in {columns, max(columns - 13, 1)}:
        for height in {rows, max(rows - 5, 1), 1}:
            got = given.multiply(mode, height, width)
            assert np.array_equal(got, rounded.multiply(mode, height, width)), (height, width)
    given.assert_inputs_untouched()


@in_one_test("precision")
@pytest.mark.parametrize("depth", [0, 1, 130])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("precision", list(KERNELS))
def test_one_column_and_any_depth(precision, mode, depth):
    """A single contiguous column, which float32 adds in another order, against the plain reference."""
    given, rounded = pair(precision, 21, 1, depth, gap=0)
    together = given.multiply(mode, 21, 1)
    assert_close(together, *rounded.expected(mode))
    for rows in (1, 8, 20):
        assert np.array_equal(given.multiply(mode, rows, 1), together[:rows])


@pytest.mark.parametrize("precision", list(KERNELS))
def test_numbers_that_are_not_finite_or_very_small(precision):
    """Infinity stays, NaN stays, and ties go to the even number."""
    kernel, bits = KERNELS[precision]
    half = 2.0**-bits
    numbers = [
        np.inf,
        -np.inf,
        np.nan,
        0.0,
        -0.0,
        1e-42,
        -3e38,
        1 + half,
        1 + 3 * half,
        1 + half * (1 + 2**-5),
        -1 - half,
    ]
    given = Operands(0, np.float32, 1, len(numbers), 1, kernel=kernel)
    given.values[1][:], given.values[2][0] = 1, numbers
    got = given.multiply("OVERWRITE", 1, len(numbers))[0]
    expected = reference.round_to_bits(np.array(numbers, np.float32), bits)
    normal = np.abs(expected) > 1e-38
    np.testing.assert_array_equal(got[~np.isfinite(expected) | normal], expected[~np.isfinite(expected) | normal])
    assert abs(got[5]) <= 1.1e-42


def test_errors_of_products():
    """Relative to Σ|a||b|: about 1e-3 at most for 8 bits, and 4e-6 for 17."""
    rng = np.random.RandomState(0)
    for precision, least, most in (("bfloat16", 1e-4, 2**-8), ("bfloat16_3x", 1e-8, 2**-17)):
        given = Operands(0, np.float32, 64, 64, 256, kernel=KERNELS[precision][0])
        given.values[1][:], given.values[2][:] = rng.randn(64, 256), rng.randn(256, 64)
        a, b = (each.astype(np.float64) for each in given.values[1:3])
        error = np.max(np.abs(given.multiply("OVERWRITE", 64, 64) - a @ b) / (np.abs(a) @ np.abs(b)))
        assert least < error < most, (precision, error)
    assert multiply is not multiply_bfloat16
