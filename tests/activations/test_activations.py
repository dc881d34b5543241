"""Every activation: f and f′ against references in guarded memory, at limits and against graphs; f″; PyTorch."""

import numpy as np
import pytest
from helpers.kernel_cases import SHAPES, TYPES, activate, in_type, tolerance
from helpers.merged import in_one_test
from oracles.reference_activations import CASES

from fastmlp.activations import ACTIVATIONS
from fastmlp.scalar import Value

#: Where no two of the numbers are near a kink.
POINTS = np.linspace(-7.3, 7.4, 99)
#: What may be wrong where small numbers lose their digits.
INEXACT = "the kernel or the reference loses digits: the reference must be exact as well, see docs/extending.md"


def test_every_registered_activation_has_a_case():
    covered = {case.activation for case in CASES.values()}
    missing = [name for name, a in ACTIVATIONS.items() if a.is_elementwise and a not in covered]
    assert not missing, f"add {missing} to CASES in tests/oracles/reference_activations.py"


@in_one_test("dtype")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", TYPES)
def test_values_and_derivatives(dtype, case, shape):
    activation, reference = CASES[case].activation, CASES[case].reference
    z = in_type(np.random.RandomState(shape[1]).standard_normal(shape) * 3, dtype)
    a, derivative = activate(activation, z, dtype, shape[1] + 5)
    expected, expected_derivative = reference(z)
    np.testing.assert_allclose(a, expected, **tolerance(dtype, 8))
    np.testing.assert_allclose(derivative, expected_derivative, **tolerance(dtype, 8))


@in_one_test()
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", TYPES)
def test_small_numbers_keep_their_digits(dtype, case):
    """The relative error near zero is small: expm1 and similar functions avoid cancellation."""
    activation, reference = CASES[case].activation, CASES[case].reference
    z = in_type(np.outer([-1, 1], 10.0 ** np.arange(-30, 0)), dtype)
    a, derivative = activate(activation, z, dtype, z.shape[1])
    expected, expected_derivative = reference(z)
    compared = {"rtol": 8 * np.finfo(dtype).eps, "err_msg": INEXACT}
    np.testing.assert_allclose(a, expected, **compared)
    np.testing.assert_allclose(derivative, expected_derivative, **compared)


@in_one_test()
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", TYPES)
def test_limits(dtype, case):
    """Infinities give the limits, huge numbers come close to them, and NaN stays NaN."""
    activation = CASES[case].activation
    low, high, low_derivative, high_derivative = CASES[case].limits
    for far in (np.inf, np.finfo(dtype).max / 8, 1e30):
        a, derivative = activate(activation, np.array([[-far, far]]), dtype, 2)
        expected = [
            low if np.isfinite(low) else -far * low_derivative,
            high if np.isfinite(high) else far * high_derivative,
        ]
        np.testing.assert_allclose(a[0], expected, rtol=4 * np.finfo(dtype).eps, atol=1e-29)
        np.testing.assert_allclose(
            derivative[0], [low_derivative, high_derivative], rtol=4 * np.finfo(dtype).eps, atol=1e-29
        )
    a, _ = activate(activation, np.array([[np.nan, 0.5]]), dtype, 2)
    assert np.isnan(a[0]).tolist() == [True, False]


@in_one_test()
@pytest.mark.parametrize("case", [name for name, case in CASES.items() if case.tail])
@pytest.mark.parametrize("dtype", TYPES)
def test_tails_keep_their_digits(dtype, case):
    """Small values keep their relative accuracy down to the smallest floats."""
    activation, reference = CASES[case].activation, CASES[case].reference
    z = in_type([CASES[case].tail], dtype)
    a, derivative = activate(activation, z, dtype, z.size)
    expected, expected_derivative = reference(z)
    np.testing.assert_allclose(a, expected, rtol=100 * np.finfo(dtype).eps)
    np.testing.assert_allclose(derivative, expected_derivative, rtol=100 * np.finfo(dtype).eps)


@in_one_test()
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_outputs_fill_their_range(name):
    """All outputs are inside the output range, and come close to its ends. Losses accept activations by their range."""
    activation = ACTIVATIONS[name]
    low, high = activation.output_range.low, activation.output_range.high
    z = np.concatenate([np.linspace(-400, 400, 8001), np.linspace(-8, 8, 4001)])
    outputs = activation(z) if activation.is_elementwise else activation(np.stack([z, np.zeros_like(z)], axis=1))
    assert low - 1e-6 <= outputs.min() <= (low + 2e-2 if np.isfinite(low) else -3.9)
    assert high + 1e-6 >= outputs.max() >= (high - 2e-2 if np.isfinite(high) else 399)


@in_one_test()
@pytest.mark.parametrize("case", [name for name, case in CASES.items() if case.graph])
def test_derivatives_against_graphs(case):
    activation, graph = CASES[case].activation, CASES[case].graph
    points = [z for z in POINTS if z not in CASES[case].kinks]
    a, derivative = activate(activation, np.array([points]), np.float64, len(points))
    for z, f, first in zip(points, a[0], derivative[0], strict=True):
        value = Value(z)
        result = graph(value)
        result.backward()
        assert f == pytest.approx(result.data, rel=1e-12, abs=1e-13)
        assert first == pytest.approx(value.grad, rel=1e-11, abs=1e-13)


@in_one_test()
@pytest.mark.parametrize("case", [name for name, case in CASES.items() if case.kinks])
def test_derivatives_at_kinks_are_those_from_the_left(case):
    activation, kinks, at_kinks = CASES[case].activation, CASES[case].kinks, CASES[case].at_kinks
    left, at = (activation.derivative([kink - side * 1e-12 for kink in kinks]) for side in (1, 0))
    right = activation.derivative([kink + 1e-12 for kink in kinks])
    np.testing.assert_allclose(at, left if at_kinks is None else at_kinks, rtol=1e-11)
    assert np.all((at == left) | (abs(at - left) < 1e-11) | (abs(at - right) < 1e-11))


# f″


@in_one_test()
@pytest.mark.parametrize("case", CASES)
def test_second_derivatives_against_differences(case):
    """Central differences of the kernel's f′ with two steps, combined so that the error is of fourth order."""
    activation, kinks = CASES[case].activation, CASES[case].all_kinks
    z = POINTS[[all(abs(point - kink) > 0.01 for kink in kinks) for point in POINTS]]
    near, far = ((activation.derivative(z + h) - activation.derivative(z - h)) / (2 * h) for h in (1e-3, 2e-3))
    np.testing.assert_allclose(activation.second_derivative(z), (4 * near - far) / 3, rtol=1e-9, atol=3e-10)


@in_one_test()
@pytest.mark.parametrize("case", CASES)
def test_second_derivatives_at_kinks_and_limits(case):
    activation = CASES[case].activation
    for kink in CASES[case].all_kinks:
        assert activation.second_derivative(np.array([float(kink)])).tolist() == [0.0]
    far = activation.second_derivative(np.array([-np.inf, -1e300, 1e300, np.inf]))
    low, high = CASES[case].second_limits
    assert far.tolist() == [low, low, high, high]
    assert np.isnan(activation.second_derivative(np.array([np.nan]))).all()


@in_one_test()
@pytest.mark.parametrize("case", CASES)
def test_second_derivatives_have_type_and_shape(case):
    activation = CASES[case].activation
    z = np.random.RandomState(0).standard_normal((3, 2, 5))
    wide = activation.second_derivative(z)
    narrow = activation.second_derivative(z.astype(np.float32))
    assert wide.dtype == np.float64 and narrow.dtype == np.float32 and wide.shape == narrow.shape == z.shape
    np.testing.assert_allclose(narrow, activation.second_derivative(z.astype(np.float32).astype(np.float64)), rtol=1e-7)


def test_softmax_has_no_elementwise_second_derivative():
    assert ACTIVATIONS["softmax"].second_derivative is None


# Against PyTorch


@in_one_test()
@pytest.mark.parametrize("case", [name for name, case in CASES.items() if case.torch])
@pytest.mark.parametrize("dtype", TYPES)
def test_against_pytorch(dtype, case):
    """f, f′ and f″ are compared, at kinks too."""
    torch = pytest.importorskip("torch")
    activation, exact = CASES[case].activation, CASES[case].torch_rtol is None
    numbers = np.concatenate([POINTS, CASES[case].all_kinks]).astype(dtype)
    z = torch.tensor(numbers, requires_grad=True)
    f = getattr(torch.nn.functional, CASES[case].torch)(z, **CASES[case].torch_options or {})
    (first,) = torch.autograd.grad(f.sum(), z, create_graph=True)
    a, derivative = activate(activation, numbers[None], dtype, numbers.size)
    np.testing.assert_allclose(a[0], f.detach(), **tolerance(dtype, 32))
    rough = tolerance(dtype, 32) if exact else {"rtol": CASES[case].torch_rtol}
    np.testing.assert_allclose(derivative[0], first.detach(), **rough)
    if dtype == np.float64 and first.requires_grad and exact:
        (second,) = torch.autograd.grad(first.sum(), z)
        smooth = slice(None, POINTS.size)
        np.testing.assert_allclose(
            activation.second_derivative(numbers)[smooth], second[smooth], rtol=1e-12, atol=1e-13
        )
