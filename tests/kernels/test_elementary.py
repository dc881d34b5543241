"""exp, log, tanh, logistic, expm1 and log1p against extended precision, in both types and both kinds of loops."""

import platform
import re

import numba
import numpy as np
import pytest
from helpers.extended_precision import DTYPES, ELEMENT, SLACK, apply, assert_special_values, assert_within, loop, ulps
from helpers.merged import in_one_test
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from fastmlp.compiler.numba_backend import ELEMENTWISE, REDUCTION, inline_llvm
from fastmlp.kernels.math import elementary
from fastmlp.kernels.math.lanes import Lane, prefer_wide_vectors

NAMES = ["exp", "log", "tanh", "logistic", "expm1", "log1p"]
#: The documented bounds in ulp, rounded up.
WORST = dict.fromkeys(NAMES, 2.0) | {"expm1": 2.2}


def reference(name, x):
    x = x.astype(np.longdouble)
    if name == "logistic":
        e = np.exp(-abs(x))
        return np.where(x < 0, e, 1) / (1 + e)
    return getattr(np, name)(x)


def arguments(name, dtype, n, rng):
    """Arguments with finite, varying results: uniform, near 0, near 1, of all orders of magnitude, and random bits."""
    lowest, highest = (-103.9, 88.7) if dtype is np.float32 else (-745.1, 709.7)
    low, high = {
        "exp": (lowest, highest),
        "log": (0.3, 3),
        "tanh": (-21, 21),
        "logistic": (lowest, 40),
        "expm1": (-40, highest),
        "log1p": (np.nextafter(dtype(-1), dtype(0)), 3),
    }[name]
    size = np.dtype(dtype).itemsize
    pattern = rng.randint(0, 2**32, size=n * size // 4, dtype=np.uint32).view(dtype)
    parts = [
        rng.uniform(low, high, n),
        rng.uniform(-2, 2, n),
        1 + rng.standard_normal(n) * 10.0 ** rng.uniform(-16, 0, n),
        rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-35, 1, n),
        np.array([low, high, 0.0, 1.0, np.sqrt(0.5), np.sqrt(2), *np.log(2) / 4 * np.arange(-20, 20)]),
    ]
    x = np.concatenate([*(part.astype(dtype) for part in parts), pattern[np.isfinite(pattern)]])
    if name == "log":
        return abs(x[x != 0])
    if name == "log1p":
        return x[x > low]
    return np.clip(x, low, high).astype(dtype) if name in ("exp", "expm1") else x[x > lowest]


@in_one_test()
@pytest.mark.parametrize("flags", [ELEMENTWISE, REDUCTION], ids=["elementwise", "reduction"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_error_is_within_the_documented_bound(name, dtype, flags):
    """Also inside loops that may regroup sums: the flags of the caller do not apply to the formulas' instructions."""
    x = arguments(name, dtype, 50_000, np.random.RandomState(0))
    got = apply(name, x, frozenset(flags))
    assert_within(WORST[name], name, x, got, reference(name, x))


@in_one_test()
@pytest.mark.parametrize("name", NAMES)
def test_error_over_all_floats(name):
    """Every 4099th float32."""
    x = np.arange(0, 2**32, 4099, dtype=np.uint32).view(np.float32)
    with np.errstate(all="ignore"):
        true = reference(name, x)
        rounded = true.astype(np.float32)
    got = apply(name, x)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(got[~finite], rounded[~finite])
    assert ulps(got[finite], true[finite]).max() <= WORST[name] + SLACK


@pytest.mark.parametrize("flags", [ELEMENTWISE, REDUCTION], ids=["elementwise", "reduction"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values(dtype, flags):
    inf, nan = np.inf, np.nan
    tiny, huge = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    subnormal = [tiny, dtype(13) * tiny, np.finfo(dtype).smallest_normal * dtype(0.75)]
    expected = {
        "exp": [(nan, nan), (inf, inf), (-inf, 0), (huge, inf), (-huge, 0), (0.0, 1), (-0.0, 1), (tiny, 1)],
        "log": [(nan, nan), (inf, inf), (-inf, nan), (0.0, -inf), (-0.0, -inf), (-tiny, nan), (-1, nan), (1, 0)],
        "tanh": [(nan, nan), (inf, 1), (-inf, -1), (huge, 1), (-huge, -1), (0.0, 0.0), (-0.0, -0.0)]
        + [(sign * v, sign * v) for v in subnormal for sign in (1, -1)],
        "logistic": [(nan, nan), (inf, 1), (-inf, 0), (huge, 1), (-huge, 0), (0.0, 0.5), (-0.0, 0.5)],
        "expm1": [(nan, nan), (inf, inf), (-inf, -1), (huge, inf), (-huge, -1), (0.0, 0.0)]
        + [(sign * v, sign * v) for v in subnormal for sign in (1, -1)],
        "log1p": [(nan, nan), (inf, inf), (-inf, nan), (-1, -inf), (-1.5, nan), (-huge, nan), (0.0, 0.0)]
        + [(sign * v, sign * v) for v in subnormal for sign in (1, -1)],
    }
    for name, pairs in expected.items():
        assert_special_values(lambda x, name=name: apply(name, x, frozenset(flags)), pairs, dtype, name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradual_underflow_and_the_edge_of_overflow(dtype):
    info = np.finfo(dtype)
    lowest = np.log(np.longdouble(info.smallest_subnormal))
    x = np.linspace(np.log(info.smallest_normal), lowest, 1000).astype(dtype)
    for name in ("exp", "logistic"):
        got = apply(name, x)
        assert ulps(got, reference(name, x)).max() <= 1
        assert got[-1] == info.smallest_subnormal
    below = np.array([lowest - 0.8, lowest - 1.5], dtype)  # half of the smallest float and less
    np.testing.assert_array_equal(apply("exp", below), 0)
    highest = dtype(np.log(info.max))
    if highest > np.log(np.longdouble(info.max)):
        highest = np.nextafter(highest, dtype(0))
    edge = np.array([highest, np.nextafter(highest, dtype(np.inf)) * (1 + info.eps)], dtype)
    got = apply("exp", edge)
    assert np.isfinite(got[0]) and got[1] == np.inf


@pytest.mark.parametrize("dtype", DTYPES)
def test_tanh_is_odd_and_log_of_powers_of_two_exact_to_rounding(dtype):
    x = np.random.RandomState(1).standard_normal(10_000).astype(dtype) * 3
    np.testing.assert_array_equal(apply("tanh", -x), -apply("tanh", x))
    assert abs(apply("tanh", x)).max() <= 1
    info = np.finfo(dtype)
    n = np.arange(info.minexp - info.nmant, info.maxexp)
    powers = np.ldexp(dtype(1), n)
    assert ulps(apply("log", powers), n * np.log(np.longdouble(2))).max() <= 1


@in_one_test()
@pytest.mark.parametrize("name", NAMES)
def test_result_has_the_type_of_the_argument(name):
    function = getattr(elementary, name)
    scalar = numba.njit(lambda x: function(x))
    for dtype, element in ELEMENT.items():
        scalar(dtype(0.5))
        assert scalar.overloads[(element,)].signature.return_type == element
    with pytest.raises(TypingError, match=f"{name}.x. takes a float32 or a float64, not int64"):
        scalar(1)


PACKED = {"x86_64": r"\bv?(add|sub|mul|fn?m(add|sub)\w*)p", "AMD64": r"\bv?(add|sub|mul|fn?m(add|sub)\w*)p"}


def vector_instructions(compiled, dtype):
    """Lines of assembly with packed additions and multiplications of this type."""
    machine = platform.machine()
    letter, dots = ("s", "4s") if dtype is np.float32 else ("d", "2d")
    if machine in PACKED:
        pattern = PACKED[machine] + letter + r"\b.*"
    elif machine in ("aarch64", "arm64"):
        pattern = rf"\bf(add|mul|mla|mls)(\.{dots}|\s+v\d+\.{dots}).*"
    else:
        pytest.skip(f"no pattern for the vector unit of {machine}")
    (assembler,) = compiled.inspect_asm().values()
    return [match.group() for match in re.finditer(pattern, assembler)]


@in_one_test()
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_loops_become_vector_code(name, dtype):
    lines = vector_instructions(loop(name, dtype), dtype)
    assert len(lines) >= 5
    if "+avx512f" in repr(cpu_target.target_context.codegen().magic_tuple()):
        assert any("zmm" in line for line in lines)


def test_prefer_wide_vectors_applies_to_inlined_helpers():
    @inline_llvm
    def twice(x):
        return elementary.exp(elementary.exp(x))

    def apply(out, inp):
        prefer_wide_vectors()
        for i in range(inp.size):
            out[i] = twice(inp[i])

    compiled = numba.njit("void(f4[::1], f4[::1])")(apply)
    x = np.linspace(-3, 1, 101, dtype=np.float32)
    out = np.empty_like(x)
    compiled(out, x)
    np.testing.assert_array_equal(out, apply_twice(x))
    lines = vector_instructions(compiled, np.float32)
    if "+avx512f" in repr(cpu_target.target_context.codegen().magic_tuple()):
        assert any("zmm" in line for line in lines)


def apply_twice(x):
    return apply("exp", apply("exp", x))


def test_formula_takes_llvm_vectors():
    """`function.formula` can be used in code that emits LLVM vectors."""

    @intrinsic
    def tanh_of_eight(typingctx, out, inp):
        def codegen(context, builder, signature, arguments):
            vector = ir.VectorType(ir.DoubleType(), 8)
            target, source = (builder.inttoptr(a, vector.as_pointer()) for a in arguments)
            result = elementary.tanh.formula(Lane(builder, builder.load(source, align=8)))
            builder.store(result.value, target, align=8)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp), codegen

    compiled = numba.njit(lambda out, inp: tanh_of_eight(out, inp))
    x = np.array([-np.inf, -30, -1, -0.0, 1e-300, 0.3, 2, np.nan])
    out = np.empty_like(x)
    compiled(out.ctypes.data, x.ctypes.data)
    np.testing.assert_array_equal(out, apply("tanh", x))
