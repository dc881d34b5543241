"""The matrix product in all its modes, over every width of tile and edge, against its reference, in guarded memory."""

import functools
import re

import numpy as np
import pytest
from helpers.guarded import Guarded, call
from helpers.merged import in_one_test
from helpers.problems import lanes
from oracles import reference

from fastmlp.compiler.numba_backend import build
from fastmlp.kernels.linalg.dense import multiply
from fastmlp.kernels.linalg.register_tiles import TILE_ROWS
from fastmlp.kernels.lowlevel import records

TYPES = [np.float32, np.float64]
MODES = list(reference.MULTIPLY)
GAP = 3  # elements between the end of a row and the next


def rows_with_scratch(rows):
    """Rows are padded to whole tiles, except for a single row."""
    return 1 if rows == 1 else -(-rows // TILE_ROWS) * TILE_ROWS


@functools.cache
def scratch_of(dtype):
    return Guarded(np.full(records.SCRATCH, np.nan), dtype)


def call_multiply(mode, out, rectified, a, steps, b, bias, rows, columns, depth, b_panel=0, kernel=multiply):
    """Call a kernel on guarded arrays; `steps` are the strides of a along rows and depth, in elements."""
    dtype = out.array.dtype
    spare = rows_with_scratch(rows) - rows
    rectified = Guarded(rectified, dtype, stride=out.stride, spare_rows=spare)
    scratch = scratch_of(dtype)
    call(
        kernel, dtype, out=out, out_stride=out.stride, rectified=rectified, a=a, a_row=steps[0], a_step=steps[1],
        b=b, b_stride=b.stride, b_panel=b_panel, bias=bias, rows=rows, columns=columns, depth=depth,
        mode=getattr(records, mode), scratch=scratch,
    )  # fmt: skip
    rectified.assert_untouched()
    if kernel is not multiply:
        start = scratch.address - scratch.memory.ctypes.data
        assert np.all(np.delete(scratch.memory, slice(start, start + scratch.array.nbytes)) == 0xFF)
        scratch.memory[...] = scratch.before


class Operands:
    """out, a, b and bias of one product; fewer rows and columns may be computed."""

    def __init__(self, seed, dtype, rows, columns, depth, transposed=False, panels=False, gap=GAP, kernel=multiply):
        self.kernel = kernel
        draw = np.random.RandomState(seed).standard_normal
        self.dtype, self.depth, self.transposed, self.gap = dtype, depth, transposed, gap
        self.b_panel = depth + GAP if panels else 0
        self.values = [draw(shape).astype(dtype) for shape in ((rows, columns), (rows, depth), (depth, columns))]
        self.values += [draw(columns).astype(dtype), np.maximum(draw((rows, columns)), 0).astype(dtype)]
        self.guarded_a, self.guarded_b = {}, {}

    def guard_a(self, rows):
        a = self.values[1][:rows]
        if self.transposed:
            return Guarded(a.T, self.dtype, stride=rows_with_scratch(rows) + GAP)
        return Guarded(a, self.dtype, stride=self.depth + GAP, spare_rows=rows_with_scratch(rows) - rows)

    def guard_b(self, columns):
        b, bias = self.values[2][:, :columns], self.values[3][:columns]
        if self.b_panel:
            panels = reference.to_panels(b, lanes(self.dtype), self.b_panel)
            return Guarded(panels, self.dtype), Guarded(bias, self.dtype)
        return Guarded(b, self.dtype, stride=columns + self.gap), Guarded(bias, self.dtype)

    def multiply(self, mode, rows, columns):
        """The kernel's result, after a check that it wrote nothing else."""
        if rows not in self.guarded_a:
            self.guarded_a[rows] = self.guard_a(rows)
        if columns not in self.guarded_b:
            self.guarded_b[columns] = self.guard_b(columns)
        a, (b, bias) = self.guarded_a[rows], self.guarded_b[columns]
        spare = rows_with_scratch(rows) - rows
        out = Guarded(self.values[0][:rows, :columns], self.dtype, stride=columns + GAP, spare_rows=spare)
        steps = (1, a.stride) if self.transposed else (a.stride, 1)
        rectified = self.values[4][:rows, :columns]
        call_multiply(mode, out, rectified, a, steps, b, bias, rows, columns, self.depth, self.b_panel, self.kernel)
        out.assert_only_inside_written(rows=rows + spare)
        return out.array.copy()

    def assert_inputs_untouched(self):
        for guarded in [*self.guarded_a.values(), *(g for pair in self.guarded_b.values() for g in pair)]:
            guarded.assert_untouched()

    def expected(self, mode):
        """The reference's result, and the tolerance for a chain of `depth` roundings."""
        out, a, b, bias, rectified = (array.astype(np.float64) for array in self.values)
        terms = abs(a) @ abs(b) + abs(bias)
        scale = abs(out) * terms if mode == "MULTIPLY" else abs(out) + terms
        allowed = (self.depth + 3) * np.finfo(self.dtype).eps * scale
        return reference.MULTIPLY[mode](out, a @ b, bias, rectified), allowed


def assert_close(got, expected, allowed):
    assert np.all(abs(got - expected) <= allowed), f"off by {np.nanmax(abs(got - expected) / allowed)} times the bound"


@in_one_test("dtype")
@pytest.mark.parametrize("depth", [0, 1, 7, 33])
@pytest.mark.parametrize("panels", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", TYPES)
def test_every_width_and_height_matches_the_reference(dtype, mode, transposed, panels, depth):
    """A row has the same bits if fewer rows are computed together.

    At one depth every width is combined with every height; at the other depths each width has one height, in turn.
    """
    widest, tallest = 4 * lanes(dtype) + 5, 17
    operands = Operands(depth, dtype, tallest, widest, depth, transposed, panels)
    expected, allowed = operands.expected(mode)
    for columns in range(1, widest + 1):
        together = operands.multiply(mode, tallest, columns)
        assert_close(together, expected[:, :columns], allowed[:, :columns])
        for rows in range(1, tallest) if depth == 7 else [1 + columns % (tallest - 1)]:
            assert np.array_equal(operands.multiply(mode, rows, columns), together[:rows]), (rows, columns)
    operands.assert_inputs_untouched()


@in_one_test("dtype")
@pytest.mark.parametrize(("rows", "columns", "depth"), [(65, 131, 519), (9, 1030, 67), (515, 3, 130), (1, 517, 1031)])
@pytest.mark.parametrize("panels", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", TYPES)
def test_large_shapes(dtype, mode, panels, rows, columns, depth):
    """`a` is transposed in every other case, so that both occur in every mode, with and without panels."""
    transposed = (MODES.index(mode) + depth + panels) % 2 == 0
    operands = Operands(columns, dtype, rows, columns, depth, transposed, panels)
    assert_close(operands.multiply(mode, rows, columns), *operands.expected(mode))
    operands.assert_inputs_untouched()


@in_one_test("dtype")
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("rows", [1, 5, 8, 19])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", TYPES)
def test_one_column_has_the_bits_of_a_wider_tile(dtype, mode, rows, transposed):
    """It is computed number by number, in the same order."""
    operands = Operands(rows, dtype, rows, 2, 37, transposed)
    one, two = operands.multiply(mode, rows, 1), operands.multiply(mode, rows, 2)
    assert np.array_equal(one[:, 0], two[:, 0])


@in_one_test("dtype")
@pytest.mark.parametrize("depth", [1, 2, 7, 16, 33, 131])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", TYPES)
def test_one_contiguous_column(dtype, mode, depth):
    """For a single output, vectors run along the depth."""
    operands = Operands(depth, dtype, 17, 1, depth, gap=0)
    together = operands.multiply(mode, 17, 1)
    assert_close(together, *operands.expected(mode))
    for rows in range(1, 17):
        assert np.array_equal(operands.multiply(mode, rows, 1), together[:rows])
    operands.assert_inputs_untouched()


@pytest.mark.parametrize("dtype", TYPES)
def test_nan_and_infinity_stay_in_their_rows(dtype):
    """Rows that hold NaN or infinity do not change the others."""
    operands = Operands(0, dtype, 11, 19, 5)
    a = operands.values[1]
    a[3, 2], a[7, 0], a[8, 4] = np.nan, np.inf, -np.inf
    got = operands.multiply("FROM_BIAS", 11, 19)
    assert np.isnan(got[3]).all()
    assert np.isinf(got[7]).all()
    assert np.isinf(got[8]).all()
    assert np.isfinite(np.delete(got, [3, 7, 8], axis=0)).all()


@pytest.mark.parametrize("dtype", TYPES)
def test_three_uses_in_the_affine_layer(dtype):
    """Forward pass, input gradient from the transposed weights, weight gradient."""
    rng = np.random.RandomState(0)
    rows, fan_in, fan_out = 13, 11, 21
    inp, delta = rng.standard_normal((rows, fan_in)), rng.standard_normal((rows, fan_out))
    weight, bias = rng.standard_normal((fan_in, fan_out)), rng.standard_normal(fan_out)
    derivative = rng.standard_normal((rows, fan_in))

    def product(mode, out, a, steps, b):
        out = Guarded(out, dtype, stride=out.shape[1] + 8, spare_rows=7)
        call_multiply(mode, out, out.array, a, steps, b, Guarded(bias, dtype), *out.shape, b.shape[0])
        return out.array

    guarded_inp = Guarded(inp, dtype, stride=16, spare_rows=7)
    guarded_delta = Guarded(delta, dtype, stride=24, spare_rows=7)
    forward = product("FROM_BIAS", np.zeros((rows, fan_out)), guarded_inp, (16, 1), Guarded(weight, dtype))
    d_inp = product("MULTIPLY", derivative, guarded_delta, (24, 1), Guarded(weight.T, dtype))
    d_weight = product("OVERWRITE", np.zeros((fan_in, fan_out)), guarded_inp, (1, 16), guarded_delta)
    tolerance = {"rtol": 50 * np.finfo(dtype).eps, "atol": 50 * np.finfo(dtype).eps}
    np.testing.assert_allclose(forward, reference.dense_forward(inp, weight, bias), **tolerance)
    np.testing.assert_allclose(d_inp, reference.dense_input_gradient(delta, weight, derivative), **tolerance)
    np.testing.assert_allclose(d_weight, reference.dense_weight_gradient(inp, delta), **tolerance)


@pytest.mark.parametrize("dtype", TYPES)
def test_only_tiles_one_vector_wide_use_masks(dtype):
    """In the loop over the depth, where a mask would occupy a register that wider tiles need."""
    library, _ = build(multiply.source, dtype)
    blocks = re.split(r"\n(?=[\w.]+:)", str(library._final_module))
    loops = [block for block in blocks if "llvm.fmuladd.v" in block or "llvm.fma.v" in block]
    masked = [block for block in loops if "llvm.masked.load" in block]
    assert len(loops) > len(masked) > 0
    for block in masked:
        assert not re.search(r"= load <\d+ x ", block)
