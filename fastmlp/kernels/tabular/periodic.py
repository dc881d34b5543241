"""Periodic embedding of a numeric column: o_m = Σ_k V_mk cos(2π w_k x + c_k) + d_m, with parameters of its own.

::

    x (rows,)  ──►  cos(2π w_k x + c_k), k < FREQUENCIES  ──►  V (M, FREQUENCIES), d (M,)  ──►  o (M, rows)

Rows lie side by side in vectors: a column's cosines are multiplied by V while they are in registers, and are stored
nowhere. The gradient computes them once more, and the sines. The parameters of a column lie one behind the other,
(PERIODIC_PARAMS,): w, c, V, d.

Source: Gorishniy, Rubachev and Babenko (2022), "On embeddings for numerical features in tabular deep learning";
Holzmüller, Grinsztajn and Steinwart (2024), "Better by default" (PBLD).
"""

from ...compiler.numba_backend import inline_ir, inline_reduction
from ..lowlevel.pointers import carray, shift
from ..lowlevel.records import FREQUENCIES, PERIODIC_OUTPUTS, PERIODIC_PARAMS
from ..math.turns import cos_turns, sin_turns

_TURN = 6.283185307179586
_PER_TURN = 1.0 / _TURN
_WEIGHTS = 2 * FREQUENCIES
_BIASES = _WEIGHTS + PERIODIC_OUTPUTS * FREQUENCIES


@inline_ir
def embed_column(out, stride, x, rows, params):
    """out (PERIODIC_OUTPUTS, stride) is overwritten with the embedding of x (rows,)."""
    values, p = carray(x, rows), carray(params, PERIODIC_PARAMS)
    first, second, third = carray(out, rows), carray(shift(out, stride), rows), carray(shift(out, 2 * stride), rows)
    for i in range(rows):
        first[i], second[i], third[i] = p[_BIASES], p[_BIASES + 1], p[_BIASES + 2]
    for k in range(FREQUENCIES):
        frequency, phase, at = p[k], p[FREQUENCIES + k] * p.dtype.type(_PER_TURN), _WEIGHTS + k
        v_0, v_1, v_2 = p[at], p[at + FREQUENCIES], p[at + 2 * FREQUENCIES]
        for i in range(rows):
            cosine = cos_turns(values[i] * frequency + phase)
            first[i] += v_0 * cosine
            second[i] += v_1 * cosine
            third[i] += v_2 * cosine


@inline_reduction
def column_gradient(d_params, params, d_out, stride, x, rows):
    """d_params (PERIODIC_PARAMS,) is overwritten with a column's gradient, summed over x (rows,).

    d_out (PERIODIC_OUTPUTS, stride) is ∂loss / ∂o.
    """
    values, p, d = carray(x, rows), carray(params, PERIODIC_PARAMS), carray(d_params, PERIODIC_PARAMS)
    first, second, third = carray(d_out, rows), carray(shift(d_out, stride), rows), carray(shift(d_out, 2 * stride), rows)
    zero, turn = p.dtype.type(0), p.dtype.type(_TURN)
    for k in range(FREQUENCIES):
        frequency, phase, at = p[k], p[FREQUENCIES + k] * p.dtype.type(_PER_TURN), _WEIGHTS + k
        v_0, v_1, v_2 = p[at], p[at + FREQUENCIES], p[at + 2 * FREQUENCIES]
        d_frequency = d_phase = d_0 = d_1 = d_2 = zero
        for i in range(rows):
            angle = values[i] * frequency + phase
            cosine = cos_turns(angle)
            slope = sin_turns(angle) * (first[i] * v_0 + second[i] * v_1 + third[i] * v_2)
            d_frequency -= slope * values[i]
            d_phase -= slope
            d_0 += first[i] * cosine
            d_1 += second[i] * cosine
            d_2 += third[i] * cosine
        d[k], d[FREQUENCIES + k] = turn * d_frequency, d_phase
        d[at], d[at + FREQUENCIES], d[at + 2 * FREQUENCIES] = d_0, d_1, d_2
    d_0 = d_1 = d_2 = zero
    for i in range(rows):
        d_0 += first[i]
        d_1 += second[i]
        d_2 += third[i]
    d[_BIASES], d[_BIASES + 1], d[_BIASES + 2] = d_0, d_1, d_2
