"""Products of rounded matrices: the bits of float32's product of matrices that NumPy has rounded."""

import numpy as np
import pytest
from helpers.merged import in_one_test
from kernels.test_multiply import MODES, Operands, assert_close
from oracles import reference

from fastmlp.engine import blocking, tile_units
from fastmlp.engine.layout import Layout
from fastmlp.kernels.linalg import reduced_precision, tiled_products
from fastmlp.kernels.linalg.reduced_precision import multiply_bfloat16, multiply_bfloat16_3x
from fastmlp.kernels.linalg.tiled_products import multiply_bfloat16_3x_tiles, multiply_bfloat16_tiles
from fastmlp.kernels.lowlevel.records import SCRATCH

KERNELS = {"bfloat16": (multiply_bfloat16, 8), "bfloat16_3x": (multiply_bfloat16_3x, 17)}
in_tiles = pytest.mark.skipif(
    tile_units.cpu.TILE_UNIT and not tile_units._permitted(), reason="the system does not give this process its unit"
)
TILED = {"bfloat16": multiply_bfloat16_tiles, "bfloat16_3x": multiply_bfloat16_3x_tiles}


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


def test_scratch_memory_is_large_enough():
    assert max(reduced_precision.NUMBERS, tiled_products.NUMBERS) <= SCRATCH


def test_errors_of_products():
    """Relative to Σ|a||b|: about 1e-3 at most for 8 bits, and 4e-6 for 17."""
    rng = np.random.RandomState(0)
    for precision, least, most in (("bfloat16", 1e-4, 2**-8), ("bfloat16_3x", 1e-8, 2**-17)):
        given = Operands(0, np.float32, 64, 64, 256, kernel=KERNELS[precision][0])
        given.values[1][:], given.values[2][:] = rng.randn(64, 256), rng.randn(256, 64)
        a, b = (each.astype(np.float64) for each in given.values[1:3])
        error = np.max(np.abs(given.multiply("OVERWRITE", 64, 64) - a @ b) / (np.abs(a) @ np.abs(b)))
        assert least < error < most, (precision, error)


@in_tiles
@in_one_test("precision")
@pytest.mark.parametrize(("rows", "columns", "depth"), [(17, 37, 7), (66, 105, 260), (3, 10, 64)])
@pytest.mark.parametrize("panels", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("precision", list(KERNELS))
def test_products_in_tiles(precision, mode, transposed, panels, rows, columns, depth):
    """Words, blocks and modes, with the tile unit or with code in its place, against the plain reference."""
    if depth > 64 and transposed != (MODES.index(mode) + panels) % 2:
        return  # so many blocks take long in code: once in each mode, with panels and without
    given, rounded = pair(precision, rows, columns, depth, transposed=transposed, panels=panels)
    given.kernel = TILED[precision]
    expected, allowed = rounded.expected(mode)
    if precision == "bfloat16_3x":  # lo · lo is left out, and numbers are rounded in two steps
        allowed += 2**-15 / np.finfo(np.float32).eps / (depth + 3) * allowed
    together = given.multiply(mode, rows, columns)
    assert_close(together, expected, allowed)
    for height in {max(rows - 5, 1), 1}:
        assert np.array_equal(given.multiply(mode, height, columns), together[:height]), height
    given.assert_inputs_untouched()


@in_tiles
@pytest.mark.parametrize("precision", list(KERNELS))
def test_depth_may_be_cut_at_multiples_of_32(precision):
    """Prediction cuts it in other places for few rows than for many: the sums have the same bits."""
    whole = Operands(0, np.float32, 9, 21, 100, kernel=TILED[precision])
    out, a, b, bias, rectified = whole.values
    together = whole.multiply("FROM_BIAS", 9, 21)
    part, mode = out, "FROM_BIAS"
    for k, stop in ((0, 32), (32, 96), (96, 100)):
        some = Operands(0, np.float32, 9, 21, stop - k, kernel=TILED[precision])
        some.values = [part, a[:, k:stop], b[k:stop], bias, rectified]
        part, mode = some.multiply(mode, 9, 21), "FROM_OUT"
    np.testing.assert_array_equal(part, together)
    assert not any(depth % 32 for depth in (blocking.GATHERED_COLUMNS, blocking.GRADIENT_ROWS))
    layout = Layout([2000, 1000, 900, 3])
    for depths in blocking.prediction_depths(layout, np.dtype(np.float32), precision):
        assert not any(
            depth % 32 for depth, fan_in in zip(depths, layout.layer_sizes[:-1], strict=True) if depth < fan_in
        )


@in_tiles
def test_a_wrong_unit_is_not_used(monkeypatch):
    """It is tried before it is relied on."""
    assert tile_units.product_error(multiply_bfloat16_3x_tiles) < 2**-17
    assert 2**-14 < tile_units.product_error(multiply_bfloat16_tiles) < 2**-8
    monkeypatch.setattr(tile_units.cpu, "TILE_UNIT", True)
    for permitted, error, used in ((True, 1e-6, True), (False, 1e-6, False), (True, 0.1, False)):
        monkeypatch.setattr(tile_units, "_permitted", lambda permitted=permitted: permitted)
        monkeypatch.setattr(tile_units, "product_error", lambda kernel, error=error: error)
        ask = tile_units.available.__wrapped__
        if permitted and not used:
            with pytest.warns(UserWarning, match="wrong numbers"):
                assert ask() is used
        else:
            assert ask() is used
