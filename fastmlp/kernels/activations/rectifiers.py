"""Piecewise linear activations, and the exponential ones that are linear for positive z.

The signature is that of `basic`. Conditions are written so that NaN fails them and takes the branch that computes with
it: NaN stays NaN. At a kink f′ is the derivative from the left (0 at both ends of a clipped function), as in PyTorch.
"""

from ...compiler.numba_backend import kernel
from ..lowlevel.pointers import carray
from ..math.elementary import exp, expm1
from ..math.lanes import prefer_wide_vectors
from .basic import SIGNATURE


@kernel(*SIGNATURE)
def leaky_relu(z, derivative, rows, stride, columns, constants):
    """f(z) = z where z > 0, else slope z; f′ = 1 or slope. constants: slope."""
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    zero, one = a.dtype.type(0), a.dtype.type(1)
    slope = a.dtype.type(carray(constants, 1)[0])
    for i in range(rows * stride):
        v = a[i]
        a[i] = v if v > zero else v * slope
        d[i] = one if v > zero else slope


@kernel(*SIGNATURE)
def elu(z, derivative, rows, stride, columns, constants):
    """f(z) = scale z where z > 0, else scale α (exp(rate z) − 1); f′ = scale, or scale α rate exp(rate z).

    constants: α, scale, rate. ELU has scale = rate = 1, CELU rate = 1 / α, SELU its own α and scale.
    """
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    numbers = carray(constants, 3)
    zero, scale, rate = a.dtype.type(0), a.dtype.type(numbers[1]), a.dtype.type(numbers[2])
    depth = a.dtype.type(numbers[0] * numbers[1])
    steepness = a.dtype.type(numbers[0] * numbers[1] * numbers[2])
    for i in range(rows * stride):
        v = a[i]
        a[i] = v * scale if v > zero else depth * expm1(v * rate)
        d[i] = scale if v > zero else steepness * exp(v * rate)


@kernel(*SIGNATURE)
def clipped(z, derivative, rows, stride, columns, constants):
    """f(z) = scale (z clipped to [low, high] + shift); f′ = scale between them, else 0.

    constants: low, high, shift, scale. ReLU6 clips to [0, 6], hard tanh to [−1, 1]; the hard sigmoid clips to [−3, 3],
    adds 3 and divides by 6.
    """
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    numbers = carray(constants, 4)
    zero, low, high = a.dtype.type(0), a.dtype.type(numbers[0]), a.dtype.type(numbers[1])
    shift, scale = a.dtype.type(numbers[2]), a.dtype.type(numbers[3])
    for i in range(rows * stride):
        v = a[i]
        v = low if v < low else v
        v = high if v > high else v
        a[i] = (v + shift) * scale
        d[i] = zero if v <= low or v >= high else scale


@kernel(*SIGNATURE)
def hard_swish(z, derivative, rows, stride, columns, constants):
    """f(z) = 0 where z ≤ −3, z where z ≥ 3, else z (z + 3) / 6; f′ = 0, 1 or (2 z + 3) / 6."""
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    zero, one, three = a.dtype.type(0), a.dtype.type(1), a.dtype.type(3)
    sixth, third, half = a.dtype.type(1 / 6), a.dtype.type(1 / 3), a.dtype.type(0.5)
    for i in range(rows * stride):
        v = a[i]
        upper = v if v >= three else v * (v + three) * sixth
        a[i] = zero if v <= -three else upper
        upper_derivative = one if v >= three else v * third + half
        d[i] = zero if v <= -three else upper_derivative


@kernel(*SIGNATURE)
def step(z, derivative, rows, stride, columns, constants):
    """f(z) = 1 where z > 0, else 0 (at 0 too). f′ = 1 in place of the derivative.

    The derivative of a step is zero, with which nothing would be learned. With f′ = 1 (straight-through) the delta of
    ½ (a − y)² is a − y: the perceptron rule.
    """
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    zero, one = a.dtype.type(0), a.dtype.type(1)
    for i in range(rows * stride):
        v = a[i]
        not_above = zero if v <= zero else v
        a[i] = one if v > zero else not_above
        d[i] = one
