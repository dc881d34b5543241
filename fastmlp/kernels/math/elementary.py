"""exp, log, tanh, logistic, expm1, log1p: scalar functions for compiled loops, which LLVM can vectorize.

``x`` is float32 or float64; the result has the same type. The loops of activations and losses call these functions.

All of them use the method of Cody and Waite (*Software Manual for the Elementary Functions*, 1980): they subtract a
multiple of ln 2, which goes into the exponent of the result, and evaluate a polynomial in the remainder. There are no
branches, tables or calls, so a loop becomes vector code on any host. The table was measured on one core with AVX-512
and 100,000 elements. NumPy's functions use AVX-512 too; NumPy has no logistic, which is compared with np.exp. Compiling
one of these loops takes less than 0.02 s longer than compiling a loop over x · x.

========  =====================  =======================  ================
function  worst error (both)     ns an element (f4, f8)   speed over NumPy
========  =====================  =======================  ================
exp       1.1 ulp                0.28, 0.76               1.6, 1.1
log       0.95 ulp               0.36, 1.04               1.07, 1.04
tanh      1.9 ulp                0.34, 0.90               1.02, 1.8
logistic  1.95 ulp               0.40, 1.10               (1.1, 0.75)
expm1     1.6, 2.2 ulp           1.05 × exp's             1.0, 1.5
log1p     0.95 ulp               1.65, 1.85 × exp's       1.0, 0.87
========  =====================  =======================  ================

Errors were measured on every 13th float32 and on 10⁷ float64, against references with 53 and 64 bits; without fused
multiply-add they differ by at most 0.1. The polynomials are minimax approximations in relative error (Remez's algorithm
or linear programming, then rounded coefficients). A comment beside each states its error in u, half the distance from 1
to the next float.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .lanes import Lane, elementwise, select


@dataclass(frozen=True)
class Format:
    """The constants of the formulas for one floating-point format; polynomials begin with the constant term."""

    mantissa: int  # stored bits of the mantissa
    bias: int  # of the exponent
    ln2: tuple[float, float]  # its leading bits, whose product with every exponent n is exact, and the rest
    half_ln2: tuple[float, ...]  # ln 2 / 2, divided in the same way, for tanh, where n is below 64
    exp_lowest: float  # below, exp rounds to zero
    exp_highest: float  # above, exp overflows
    exp_tail: tuple[float, ...]  # (eʳ − 1 − r) / r²
    tanh_highest: float  # above, tanh rounds to one
    tanh_tail: tuple[float, ...]  # (tanh(s)/s − 1) / s², in s²
    log_tail: tuple[float, ...]  # (2 atanh(s)/s − 2) / s², in s²

    @property
    def smallest_normal(self) -> float:
        """The smallest positive number that is not subnormal."""
        return 2.0 ** (1 - self.bias)

    @property
    def one(self) -> int:
        """The bits of 1.0."""
        return self.bias << self.mantissa

    @property
    def sqrt_half(self) -> int:
        """The bits of √½ = 2⁻¹ · √2: √2 is 1 + (√2 − 1), and the mantissa stores √2 − 1."""
        return ((self.bias - 1) << self.mantissa) + int((math.sqrt(2) - 1) * 2**self.mantissa)


SINGLE = Format(
    mantissa=23,
    bias=127,
    ln2=(float.fromhex("0x1.62e3p-1"), float.fromhex("0x1.2fefa2p-17")),  # 16 bits: n has at most 8
    half_ln2=(float.fromhex("0x1.62e43p-2"),),  # the float is close enough (2⁻³⁰) that one part suffices
    exp_lowest=-104.0,
    exp_highest=89.0,
    exp_tail=(0.49999997, 0.16666546, 0.041667443, 0.008366256, 0.0013869862),  # 0.23 u
    tanh_highest=10.0,
    tanh_tail=(-0.33333218, 0.13322848, -0.05124426),  # 0.07 u
    log_tail=(0.66666776, 0.3997758, 0.2987093),  # 0.014 u
)
DOUBLE = Format(
    mantissa=52,
    bias=1023,
    ln2=(float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33")),  # 32 bits: n has at most 11
    half_ln2=(float.fromhex("0x1.62e42feep-2"), float.fromhex("0x1.a39ef35793c76p-34")),
    exp_lowest=-746.0,
    exp_highest=710.0,
    exp_tail=(  # 0.17 u
        0.5000000000000006,
        0.1666666666666665,
        0.041666666666576306,
        0.008333333333360433,
        0.0013888888931375052,
        0.00019841269769424572,
        2.4801505630676887e-05,
        2.755737030268116e-06,
        2.7625879680207666e-07,
        2.5063759533398367e-08,
    ),
    tanh_highest=20.0,
    tanh_tail=(  # 0.07 u
        -0.33333333333332443,
        0.1333333333299558,
        -0.05396825353424658,
        0.021869462060479426,
        -0.008862369832131445,
        0.0035765038151001427,
        -0.0013081054723552755,
    ),
    log_tail=(  # 0.01 u
        0.6666666666666734,
        0.3999999999941432,
        0.2857142874247478,
        0.2222219856350139,
        0.18183564865639493,
        0.15314035865688466,
        0.14796105103924603,
    ),
)


def format_of(x: Lane) -> Format:
    """Return the constants for x's format, float32 or float64."""
    return SINGLE if x.width == 32 else DOUBLE


def magnitude(x: Lane) -> Lane:
    """Return |x|, by clearing the sign bit."""
    return (x.bits & (2 ** (x.width - 1) - 1)).as_float


def sign_bit(x: Lane) -> Lane:
    """Return the bits of x with all but the sign bit cleared, an integer."""
    return x.bits & -(2 ** (x.width - 1))


def polynomial(x: Lane, coefficients: tuple[float, ...]) -> Lane:
    """Return Σ cᵢ xⁱ by Estrin's scheme, in which fewer operations depend on one another than in Horner's.

    It reduces the time of exp in float64 by a tenth.
    """
    terms: list = list(coefficients)
    while len(terms) > 4:
        pairs = [x * high + low for low, high in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[2 * len(pairs) :]
        x = x * x
    total = x * terms.pop() + terms.pop()
    while terms:
        total = x * total + terms.pop()
    return total


def reduce(x: Lane, unit: tuple[float, ...], bias: int, late: float = 0.0) -> tuple[Lane, Lane]:
    """Split ``x = n · unit + r`` into an integer n and a remainder r, |r| ≤ unit / 2.

    `unit` is the sum of its parts. With `late`, n is the one for x − late. Returns an integer whose low bits hold
    n + bias, and r. The floats around 1.5 · 2^mantissa are the integers: adding this number rounds to an integer, which
    is then in the low bits.
    """
    shift = 1.5 * 2.0 ** format_of(x).mantissa + bias
    shifted = (x - late if late else x) * (1 / sum(unit)) + shift
    n = shifted - shift
    for part in unit:
        x = x - n * part
    return shifted.bits, x


def exp_parts(x: Lane, rest: Lane | None = None) -> tuple[Lane, Lane, Lane]:
    """Return a, b and eʳ − 1 such that e^(x + rest) = 2ᵃ 2ᵇ eʳ, for x ≤ exp_highest; a and b include the bias.

    n = a + b is divided into halves because 2ⁿ may overflow or underflow where eˣ does not. `rest` is the rounding
    error of x.
    """
    f = format_of(x)
    n, r = reduce(select(x < f.exp_lowest, f.exp_lowest, x), f.ln2, 2 * f.bias)
    if rest is not None:
        r = r + rest
    a = n >> 1
    return a, n - a, r * r * polynomial(r, f.exp_tail) + r


def power_of_two(exponent: Lane) -> Lane:
    """Return 2ⁿ for `exponent` = n + bias; the shift discards the bits beyond the exponent."""
    return (exponent << (23 if exponent.width == 32 else 52)).as_float


def exp_below(x: Lane, rest: Lane | None = None) -> Lane:
    """Return e^(x + rest) for x ≤ exp_highest; of the two products with powers of two only the last can round."""
    a, b, expm1 = exp_parts(x, rest)
    power = power_of_two(a)
    return (expm1 * power + power) * power_of_two(b)


@elementwise
def exp(x: Lane) -> Lane:
    """eˣ, within 1.1 ulp, subnormal results included; inf above the largest float, 0 below half the smallest."""
    highest = format_of(x).exp_highest
    return exp_below(select(x > highest, highest, x))


@elementwise
def expm1(x: Lane) -> Lane:
    """eˣ − 1, within 1.6 (float32) and 2.2 ulp (float64); x itself for tiny x.

    It shares most operations with `exp` of the same x. 2ᵃ 2ᵇ (1 + p) − 1 = (2ᵃ p + (2ᵃ − 2⁻ᵇ)) 2ᵇ, which is exactly p
    for a = b = 0.
    """
    f = format_of(x)
    a, b, p = exp_parts(select(x > f.exp_highest, f.exp_highest, x))
    power = power_of_two(a)
    return (p * power + (power - power_of_two(2 * f.bias - b))) * power_of_two(b)


@elementwise
def logistic(x: Lane) -> Lane:
    """1 / (1 + e⁻ˣ), within 1.95 ulp, subnormal results included.

    With e = exp(−|x|), which cannot overflow, q = 1 / (1 + e) for positive x and e / (1 + e) for negative x. For small
    quotients the rounding of 1 + e is a whole ulp (2.3 ulp in total). Below ¼, at x = −ln 3, the result is therefore
    e − e q, where the error of q is multiplied by e.
    """
    e = exp_below((x.bits | -(2 ** (x.width - 1))).as_float)  # of −|x|
    quotient = select(x < 0.0, e, 1.0) / (e + 1.0)
    return select(x < -1.1, e - e * quotient, quotient)


@elementwise
def tanh(x: Lane) -> Lane:
    """tanh x, within 1.9 ulp; exactly odd, and x itself for tiny x, −0.0 included.

    |x| = n · ln 2 / 2 + s, t = tanh s by a short odd polynomial, and e^{2s} = (1 + t) / (1 − t)::

                 2ⁿ e^{2s} − 1              N
        tanh x = ─────────────  =  ────────────────── ,    N = (2ⁿ + 1) t + (2ⁿ − 1)
                 2ⁿ e^{2s} + 1      N + (2 − 2t)

    For n = 0 this is 2t / 2 without further rounding: N + (2 − 2t) is exactly 2. For large n the rounding error of N is
    also in the denominator and cancels; the denominator (2ⁿ − 1) t + (2ⁿ + 1) would add half an ulp. For n = 1 and
    small N, the error of t is multiplied by three, so n becomes 1 `late`, when tanh x exceeds ¼ (1.7 ulp, not 2.6).
    """
    f = format_of(x)
    positive = magnitude(x)
    n, s = reduce(select(positive > f.tanh_highest, f.tanh_highest, positive), f.half_ln2, f.bias, late=0.085)
    square = s * s
    t = square * s * polynomial(square, f.tanh_tail) + s
    power = (n << f.mantissa).as_float
    numerator = (power + 1.0) * t + (power - 1.0)
    denominator = numerator + (2.0 - t * 2.0)
    return ((numerator / denominator).bits | sign_bit(x)).as_float


def log_of(x: Lane, low: Lane | None = None) -> Lane:
    """Return ln x, or ln x + low for a `low` much smaller than it, for x > 0.

    x = 2ᵏ m with √½ ≤ m < √2; f = m − 1 is exact, s = f / (2 + f), and ln m = 2 atanh s = f − s (f − R(s²)): the
    small part is subtracted from the exact one (fdlibm, e_log.c).
    """
    f = format_of(x)
    tiny = x < f.smallest_normal
    normal = select(tiny, x * 2.0**f.mantissa, x)
    # Relative to √½ instead of 1, the exponent is k; with the bits of 2^mantissa it is the float 2^mantissa + k.
    counted = normal.bits + (f.one - f.sqrt_half)
    offset = 2.0**f.mantissa + f.bias
    k = ((counted >> f.mantissa) | ((f.mantissa + f.bias) << f.mantissa)).as_float
    k = k - select(tiny, x.constant(offset + f.mantissa), offset)
    m1 = ((counted & (2**f.mantissa - 1)) + f.sqrt_half).as_float - 1.0
    s = m1 / (m1 + 2.0)
    square = s * s
    rest = k * f.ln2[1]
    if low is not None:
        rest = rest + low
    small = s * (m1 - square * polynomial(square, f.log_tail)) - rest
    return k * f.ln2[0] - (small - m1)


@elementwise
def log(x: Lane) -> Lane:
    """ln x, within 0.95 ulp, subnormal x included; −inf at zero, NaN below."""
    result = select(x < math.inf, log_of(x), x)
    result = select(x < 0.0, math.nan, result)
    return select(x.equals(0.0), -math.inf, result)


@elementwise
def log1p(x: Lane) -> Lane:
    """ln(1 + x), within 0.95 ulp, and x itself for tiny x; −inf at −1, NaN below.

    The rounding error of y = 1 + x is x − (y − 1); it changes the logarithm by 1 / y times as much.
    """
    y = x + 1.0
    result = select(y < math.inf, log_of(y, (x - (y - 1.0)) / y), y)
    result = select(y < 0.0, math.nan, result)
    return select(y.equals(0.0), -math.inf, result)
