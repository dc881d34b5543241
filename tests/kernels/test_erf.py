"""erf, the normal distribution and its density against extended precision, in both types and both kinds of loops."""

import numpy as np
import pytest
from helpers.extended_precision import DTYPES, assert_special_values, assert_within
from helpers.extended_precision import apply as apply_elementary
from helpers.merged import in_one_test

from fastmlp.compiler.numba_backend import ELEMENTWISE, REDUCTION
from fastmlp.kernels.math import erf as erf_kernels

#: The documented bounds in ulp, rounded up.
WORST = {"erf": 1.5, "normal_cdf": 5.7, "normal_density": 2.4}
PI = np.longdouble("3.14159265358979323846264338327950288")


def apply(name, x, flags=frozenset(ELEMENTWISE)):
    return apply_elementary(name, x, flags, erf_kernels)


def erf_series(x):
    """2/√π exp(−x²) Σ 2ⁿ x²ⁿ⁺¹ / (1 · 3 · 5 ⋯ (2n + 1)) for x ≥ 0: nothing cancels."""
    term = total = x
    for n in range(1, 60):
        term = term * 2 * x * x / (2 * n + 1)
        total = total + term
    return 2 / np.sqrt(PI) * np.exp(-x * x) * total


def erfc_fraction(x):
    """exp(−x²) / √π · 1 / (x + ½ / (x + 1 / (x + ³⁄₂ / (x + …)))) for x well above 0."""
    rest = np.zeros_like(x)
    for n in range(200, 0, -1):
        rest = np.longdouble(n) / 2 / (x + rest)
    return np.exp(-x * x) / np.sqrt(PI) / (x + rest)


def reference(name, x):
    x = x.astype(np.longdouble)
    if name == "normal_density":
        return np.exp(-x * x / 2) / np.sqrt(2 * PI)
    positive = abs(x) / (np.sqrt(np.longdouble(2)) if name == "normal_cdf" else 1)
    near, far = erf_series(np.minimum(positive, 2)), erfc_fraction(np.maximum(positive, 2))
    if name == "erf":
        return np.copysign(np.where(positive < 2, near, 1 - far), x)
    tail = np.where(positive < 2, 1 - near, far) / 2
    return np.where(x < 0, tail, 1 - tail)


def arguments(name, dtype, n, rng):
    """Arguments up to where results become subnormal."""
    lowest = {"erf": -7.0, "normal_cdf": -12.9, "normal_density": -13.0}[name]
    if dtype is np.float64 and name != "erf":
        lowest = -37.4
    parts = [
        rng.uniform(lowest, -lowest, n),
        rng.uniform(-2, 2, n),
        rng.uniform(0.8, 1.0, n) * rng.choice([-1, 1], n),
        rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-35, 0, n),
    ]
    return np.concatenate(parts).astype(dtype)


@in_one_test()
@pytest.mark.parametrize("flags", [ELEMENTWISE, REDUCTION], ids=["elementwise", "reduction"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", WORST)
def test_error_is_within_the_documented_bound(name, dtype, flags):
    x = arguments(name, dtype, 5_000, np.random.RandomState(0))
    got = apply(name, x, frozenset(flags))
    assert_within(WORST[name], name, x, got, reference(name, x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values(dtype):
    inf, nan = np.inf, np.nan
    tiny, huge = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    peak = dtype(1 / np.sqrt(2 * np.pi))
    expected = {
        "erf": [(nan, nan), (inf, 1), (-inf, -1), (huge, 1), (-huge, -1), (0.0, 0.0), (-0.0, -0.0), (tiny, tiny)],
        "normal_cdf": [(nan, nan), (inf, 1), (-inf, 0), (huge, 1), (-huge, 0), (0.0, 0.5), (-0.0, 0.5), (tiny, 0.5)],
        "normal_density": [(nan, nan), (inf, 0), (-inf, 0), (huge, 0), (-huge, 0), (0.0, peak), (-0.0, peak)],
    }
    for name, pairs in expected.items():
        assert_special_values(lambda x, name=name: apply(name, x), pairs, dtype, name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_erf_is_odd_and_both_tails_of_the_distribution_sum_to_one(dtype):
    x = np.random.RandomState(1).standard_normal(10_000).astype(dtype) * 3
    np.testing.assert_array_equal(apply("erf", -x), -apply("erf", x))
    assert abs(apply("erf", x)).max() <= 1
    negative = -abs(x)
    np.testing.assert_array_equal(apply("normal_cdf", -negative), 1 - apply("normal_cdf", negative))


@pytest.mark.parametrize("dtype", DTYPES)
def test_lower_tail_reaches_the_smallest_floats(dtype):
    """Where 1 + erf is zero."""
    x = np.linspace(-37.4 if dtype is np.float64 else -13, -6, 500).astype(dtype)
    got = apply("normal_cdf", x)
    assert np.all(np.diff(got) > 0) and got[0] > 0
    np.testing.assert_allclose(got, reference("normal_cdf", x).astype(np.float64), rtol=6 * np.finfo(dtype).eps)
