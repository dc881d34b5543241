"""cos 2πx and sin 2πx against extended precision, in both types and both kinds of loops."""

import numpy as np
import pytest
from helpers.extended_precision import DTYPES, apply, assert_special_values, assert_within

from fastmlp.compiler.numba_backend import ELEMENTWISE, REDUCTION
from fastmlp.kernels.math import turns

#: The documented bounds in ulp.
WORST = {np.float32: 3.1, np.float64: 3.7}
#: Up to where the remainder is exact.
LARGEST = {np.float32: 2.0**22, np.float64: 2.0**51}
PI = np.longdouble("3.14159265358979323846264338327950288")


def reference(name, x):
    """Of the remainder, which is exact, and in which both are computed where they are small."""
    x = x.astype(np.longdouble)
    r = x - np.rint(x)
    if name == "cos_turns":
        return np.sin(2 * PI * (0.25 - abs(r)))
    return np.sign(r) * np.sin(2 * PI * np.minimum(abs(r), 0.5 - abs(r)))


def arguments(dtype, rng, n=50_000):
    """Of all sizes, near the zeros and extremes of both, and random bits."""
    size = np.dtype(dtype).itemsize
    pattern = rng.randint(0, 2**32, size=n * size // 4, dtype=np.uint32).view(dtype)
    near = 10.0 ** rng.uniform(-16, -1, n) * rng.choice([-1, 1], n)
    parts = [
        rng.uniform(-0.5, 0.5, n), rng.uniform(-9, 9, n), rng.uniform(-1, 1, n) * LARGEST[dtype],
        rng.randint(-8, 9, n) / 4 + near, rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-37, 0, n),
    ]  # fmt: skip
    return np.concatenate([*(part.astype(dtype) for part in parts), pattern[abs(pattern) < LARGEST[dtype]]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_error_is_within_the_documented_bound(dtype):
    x = arguments(dtype, np.random.RandomState(0))
    for name in ("cos_turns", "sin_turns"):
        for flags in (ELEMENTWISE, REDUCTION):
            got = apply(name, x, frozenset(flags), turns)
            assert_within(WORST[dtype], name, x, got, reference(name, x))
        assert abs(got).max() <= 1 + 2 * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values(dtype):
    inf, nan, info = np.inf, np.nan, np.finfo(dtype)
    tiny, few = info.smallest_subnormal, 2.0 ** (20 if dtype is np.float32 else 49)
    expected = {
        "cos_turns": [
            (nan, nan), (inf, nan), (-inf, nan), (0.0, 1), (-0.0, 1), (tiny, 1), (info.smallest_normal, 1), (0.25, 0),
            (-0.25, 0), (0.5, -1), (-0.5, -1), (7, 1), (few + 0.5, -1), (-few - 0.25, 0), (2 * few, 1),
        ],
        "sin_turns": [
            (nan, nan), (inf, nan), (-inf, nan), (0.0, 0.0), (-0.0, -0.0), (tiny, dtype(6) * tiny),
            (-tiny, dtype(-6) * tiny), (0.25, 1), (-0.25, -1), (0.5, 0.0), (7, 0.0), (few + 0.25, 1), (0.75 - few, -1),
        ],
    }  # fmt: skip
    for name, pairs in expected.items():
        assert_special_values(lambda x, name=name: apply(name, x, module=turns), pairs, dtype, name)
        huge = (
            np.ldexp(dtype(1), np.arange(info.nmant - 2, info.maxexp)) * np.linspace(1, 1.99, 7, dtype=dtype)[:, None]
        )
        for x in (huge.ravel(), -huge.ravel(), np.array([info.max, -info.max])):
            assert abs(apply(name, x, module=turns)).max() <= 1 + 2 * info.eps
