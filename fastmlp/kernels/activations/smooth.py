"""Smooth activations: GELU, SiLU, Mish, softplus, softsign.

The signature is that of `basic`. All are accurate for large |z| as well: factors are kept finite there (0 · ∞ would be
NaN), and small results are not differences of large numbers. σ is the logistic function, and
1 − σ(u) is σ(−u).
"""

import math

from ...compiler.numba_backend import inline_llvm, kernel
from ..lowlevel.pointers import carray
from ..math.elementary import exp, log1p
from ..math.erf import normal_cdf, normal_density
from ..math.lanes import prefer_wide_vectors
from .basic import SIGNATURE

_TWO_SQRT_2_OVER_PI = 2 * math.sqrt(2 / math.pi)
#: Beyond this every exponential is zero or infinite; cubes are still finite.
_FAR = 1000.0


@inline_llvm
def logistics(u):
    """σ(u) and σ(−u), of one exponential and one division."""
    one = type(u)(1)
    e = exp(-abs(u))
    inverse = one / (one + e)
    return (e * inverse, inverse) if u < type(u)(0) else (inverse, e * inverse)


@kernel(*SIGNATURE)
def gelu(z, derivative, rows, stride, columns, constants):
    """f(z) = z Φ(z), f′ = Φ(z) + z φ(z), with the normal distribution's Φ and its density φ."""
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    far = a.dtype.type(_FAR)
    for i in range(rows * stride):
        v = a[i]
        lower = -far if v < -far else v
        clipped = far if v > far else lower
        p = normal_cdf(v)
        a[i] = lower * p
        d[i] = p + clipped * normal_density(v)


@kernel(*SIGNATURE)
def gelu_tanh(z, derivative, rows, stride, columns, constants):
    """f(z) = ½ z (1 + tanh u) = z σ(2u), u = √(2/π) (z + 0.044715 z³); f′ = σ(2u) + z σ(2u) σ(−2u) 2u′."""
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    far, one, c, cubic, quadratic = (
        a.dtype.type(_FAR),
        a.dtype.type(1),
        a.dtype.type(_TWO_SQRT_2_OVER_PI),
        a.dtype.type(_TWO_SQRT_2_OVER_PI * 0.044715),
        a.dtype.type(_TWO_SQRT_2_OVER_PI * 3 * 0.044715),
    )
    for i in range(rows * stride):
        v = a[i]
        lower = -far if v < -far else v
        v = far if v > far else lower
        square = v * v
        u = v * (c + cubic * square)
        s, rest = logistics(u)
        a[i] = lower * s
        d[i] = s * (one + v * rest * (c + quadratic * square))


@kernel(*SIGNATURE)
def silu(z, derivative, rows, stride, columns, constants):
    """f(z) = z σ(βz), f′ = σ(βz) (1 + βz σ(−βz)). constants: β."""
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    zero, one, beta = a.dtype.type(0), a.dtype.type(1), a.dtype.type(carray(constants, 1)[0])
    for i in range(rows * stride):
        v = a[i]
        u = v * beta
        s, rest = logistics(u)
        a[i] = zero if s == zero else v * s
        change = zero if rest == zero else u * rest
        d[i] = zero if s == zero else s * (one + change)


@kernel(*SIGNATURE)
def mish(z, derivative, rows, stride, columns, constants):
    """f(z) = z t, t = tanh(softplus z); f′ = t + z (1 − t²) σ(z).

    With e = exp(−|z|), t is a quotient of sums of positive numbers, n / (n + 2 g)::

        z < 0:  n = e (e + 2), g = 1        z ≥ 0:  n = 1 + 2 e, g = e²        1 − t = 2 g / (n + 2 g)
    """
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    zero, one, two, far = a.dtype.type(0), a.dtype.type(1), a.dtype.type(2), a.dtype.type(_FAR)
    for i in range(rows * stride):
        v = a[i]
        lower = -far if v < -far else v
        v = far if v > far else lower
        e = exp(-abs(v))
        n = e * (e + two) if v < zero else one + two * e
        g2 = two if v < zero else two * e * e
        inverse = one / (n + g2)
        t = n * inverse
        s = (e if v < zero else one) / (one + e)
        a[i] = lower * t
        d[i] = t + v * (g2 * inverse) * (one + t) * s


@kernel(*SIGNATURE)
def softplus(z, derivative, rows, stride, columns, constants):
    """f(z) = ln(1 + exp(βz)) / β = (max(βz, 0) + ln(1 + exp(−|βz|))) / β, f′ = σ(βz). constants: β."""
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    zero, one, beta = a.dtype.type(0), a.dtype.type(1), a.dtype.type(carray(constants, 1)[0])
    inverse = one / beta
    for i in range(rows * stride):
        u = a[i] * beta
        e = exp(-abs(u))
        above = zero if u < zero else u
        a[i] = (above + log1p(e)) * inverse
        d[i] = (e if u < zero else one) / (one + e)


@kernel(*SIGNATURE)
def softsign(z, derivative, rows, stride, columns, constants):
    """f(z) = z / (1 + |z|), f′ = 1 / (1 + |z|)²."""
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    one, far = a.dtype.type(1), a.dtype.type(1e30)
    for i in range(rows * stride):
        v = a[i]
        inverse = one / (one + abs(v))
        lower = -one if v < -far else v * inverse
        a[i] = one if v > far else lower
        d[i] = inverse * inverse
