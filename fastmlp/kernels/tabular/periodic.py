"""Periodic embedding of a numeric column: o_m = Σ_k V_mk cos(2π w_k x + c_k) + d_m, with parameters of its own.

::

    x (rows,)  ──►  cos(2π w_k x + c_k), k < FREQUENCIES  ──►  V (M, FREQUENCIES), d (M,)  ──►  o (M, rows)

Rows lie side by side in vectors: a column's cosines are multiplied by V while they are in registers, and are stored
nowhere. The gradient computes them once more, and the sines. The parameters of a column lie one behind the other,
(PERIODIC_PARAMS,): w, c, V, d.

Source: Gorishniy, Rubachev and Babenko (2022), "On embeddings for numerical features in tabular deep learning";
Holzmüller, Grinsztajn and Steinwart (2024), "Better by default" (PBLD).
"""

from __future__ import annotations

import math

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..lowlevel.records import FREQUENCIES, PERIODIC_OUTPUTS
from ..lowlevel.vectors import I64, Vectors
from ..math.lanes import Lane
from ..math.turns import cos_turns, sin_turns

_TURN = 2.0 * math.pi
_WEIGHTS = 2 * FREQUENCIES
_BIASES = _WEIGHTS + PERIODIC_OUTPUTS * FREQUENCIES


class _Column:
    """What both functions read: a column's numbers, its parameters, and arrays (PERIODIC_OUTPUTS, stride)."""

    def __init__(self, builder, params, rows, stride) -> None:
        self.builder, self.params, self.rows, self.stride = builder, params, rows, stride
        self.v = Vectors(builder, 32 if isinstance(params.type.pointee, ir.FloatType) else 64)

    def param(self, at):
        """Return parameter number `at`, which is an integer or a value."""
        at = ir.Constant(I64, at) if isinstance(at, int) else at
        return self.builder.load(self.builder.gep(self.params, [at]))

    def angle_numbers(self, k):
        """Return vectors of frequency and phase number `k`, both in turns."""
        b = self.builder
        phase = self.param(b.add(k, ir.Constant(I64, FREQUENCIES)))
        turns = b.fmul(phase, ir.Constant(phase.type, 1.0 / _TURN))
        return self.v.splat(self.param(k)), self.v.splat(turns)

    def weights(self, k):
        """Return vectors of V_mk for each output m."""
        b = self.builder
        places = (b.add(k, ir.Constant(I64, _WEIGHTS + m * FREQUENCIES)) for m in range(PERIODIC_OUTPUTS))
        return [self.v.splat(self.param(place)) for place in places]

    def outputs(self, pointer, i, mask):
        """Return vectors of elements i … of each row of an array (PERIODIC_OUTPUTS, stride)."""
        b = self.builder
        places = (b.add(i, b.mul(self.stride, ir.Constant(I64, m))) for m in range(PERIODIC_OUTPUTS))
        return [self.v.load(pointer, place, mask) for place in places]

    def clear(self, sums) -> None:
        """Emit zero for each of the sums, vectors in memory."""
        for total in sums:
            self.builder.store(self.v.zero, total)

    def scale(self, total, factor) -> None:
        """Emit the product of a sum and a number."""
        factors = ir.Constant(self.v.type, [factor] * self.v.count)
        self.builder.store(self.builder.fmul(self.builder.load(total), factors), total)

    def store_sum(self, total, pointer, at) -> None:
        """Write the sum of a vector's lanes to element `at`."""
        self.builder.store(self.v.sum(self.builder.load(total)), self.builder.gep(pointer, [at]))

    def each_vector(self, body, together: int = 1) -> None:
        """Emit ``body(places)`` for all rows; a place is the first row of a vector, and a mask or None for a whole one.

        There are `together` places as long as rows last, whose parameters are loaded once, then one at a time.
        """
        b, width = self.builder, self.v.count
        step = ir.Constant(I64, together * width)
        whole = b.sub(self.rows, b.srem(self.rows, step))
        with cgutils.for_range_slice(b, ir.Constant(I64, 0), whole, step) as (i, _):
            body([(b.add(i, ir.Constant(I64, n * width)), None) for n in range(together)])
        with cgutils.for_range_slice(b, whole, self.rows, ir.Constant(I64, width)) as (i, _):
            body([(i, self.v.mask(b.sub(self.rows, i)))])


@intrinsic
def embed_column(typingctx, out, stride, x, rows, params):
    """out (PERIODIC_OUTPUTS, stride) is overwritten with the embedding of x (rows,), by params (PERIODIC_PARAMS,)."""

    def codegen(context, builder, signature, args):
        pointer, stride, x, rows, params = args
        column = _Column(builder, params, rows, stride)
        v = column.v

        def embed(places):
            values = [v.load(x, i, mask) for i, mask in places]
            sums = [[cgutils.alloca_once(builder, v.type) for _ in places] for _ in range(PERIODIC_OUTPUTS)]
            for m, totals in enumerate(sums):
                bias = v.splat(column.param(_BIASES + m))
                for total in totals:
                    builder.store(bias, total)
            with cgutils.for_range(builder, ir.Constant(I64, FREQUENCIES)) as loop:
                frequency, phase = column.angle_numbers(loop.index)
                angles = [Lane(builder, v.multiply_add(value, frequency, phase)) for value in values]
                cosines = [cos_turns.formula(angle).value for angle in angles]
                for totals, weight in zip(sums, column.weights(loop.index), strict=True):
                    for total, cosine in zip(totals, cosines, strict=True):
                        builder.store(v.multiply_add(weight, cosine, builder.load(total)), total)
            for m, totals in enumerate(sums):
                for total, (i, mask) in zip(totals, places, strict=True):
                    place = builder.add(i, builder.mul(stride, ir.Constant(I64, m)))
                    v.store(builder.load(total), pointer, place, mask)

        column.each_vector(embed, 2)
        return context.get_dummy_value()

    return types.void(out, types.intp, out, types.intp, out), codegen


@intrinsic
def column_gradient(typingctx, d_params, params, d_out, stride, x, rows):
    """d_params (PERIODIC_PARAMS,) is overwritten with a column's gradient, summed over x (rows,).

    d_out (PERIODIC_OUTPUTS, stride) is ∂loss / ∂o.
    """

    def codegen(context, builder, signature, args):
        gradient, params, d_out, stride, x, rows = args
        column = _Column(builder, params, rows, stride)
        sums = [cgutils.alloca_once_value(builder, column.v.zero) for _ in range(2 + PERIODIC_OUTPUTS)]
        with cgutils.for_range(builder, ir.Constant(I64, FREQUENCIES)) as loop:
            column.clear(sums)
            column.each_vector(_angle_gradients(column, sums, loop.index, x, d_out))
            column.scale(sums[0], -_TURN)
            column.scale(sums[1], -1.0)
            for number, total in enumerate(sums):
                column.store_sum(total, gradient, builder.add(loop.index, ir.Constant(I64, number * FREQUENCIES)))
        column.clear(sums)

        def add_outputs(places):
            ((i, mask),) = places
            for total, output in zip(sums, column.outputs(d_out, i, mask), strict=False):
                builder.store(builder.fadd(builder.load(total), output), total)

        column.each_vector(add_outputs)
        for m in range(PERIODIC_OUTPUTS):
            column.store_sum(sums[m], gradient, ir.Constant(I64, _BIASES + m))
        return context.get_dummy_value()

    return types.void(d_params, d_params, d_params, types.intp, d_params, types.intp), codegen


def _angle_gradients(column, sums, k, x, d_out):
    """Return what adds a vector of rows to the gradients of frequency, phase and weights number `k`.

    The gradients of the angle's two numbers are added up as those of a sine without sign, and in turns.
    """
    builder, v = column.builder, column.v
    (frequency, phase), weights = column.angle_numbers(k), column.weights(k)

    def add(places):
        ((i, mask),) = places
        value, outputs = v.load(x, i, mask), column.outputs(d_out, i, mask)
        angle = Lane(builder, v.multiply_add(value, frequency, phase))
        cosine, sine = cos_turns.formula(angle).value, sin_turns.formula(angle).value
        d_cosine = v.zero
        for weight, output in zip(weights, outputs, strict=True):
            d_cosine = v.multiply_add(weight, output, d_cosine)
        slope = builder.fmul(sine, d_cosine)
        terms = [(slope, value), (slope, v.ones), *((output, cosine) for output in outputs)]
        for total, (a, b) in zip(sums, terms, strict=True):
            builder.store(v.multiply_add(a, b, builder.load(total)), total)

    return add
