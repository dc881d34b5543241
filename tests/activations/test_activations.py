"""Every activation: f and f′ against references in guarded memory, far out, against graphs; f″; against PyTorch."""

import numpy as np
import pytest
from helpers.kernel_cases import SHAPES, TYPES, activate, in_type, tolerance
from oracles.reference_activations import CASES

from fastmlp.activations import ACTIVATIONS
from fastmlp.scalar import Value

KINKS = {
    "leaky_relu": [0], "elu": [0], "celu": [0], "selu": [0], "softsign": [0],
    "relu": [0], "relu6": [0, 6], "hard_tanh": [-1, 1], "hard_sigmoid": [-3, 3], "hard_swish": [-3, 3],
}  # fmt: skip
#: Where no two of the numbers are near a kink.
POINTS = np.linspace(-7.3, 7.4, 99)


def test_every_name_has_a_case():
    assert {case[0].name for case in CASES.values()} | {"softmax"} == {a.name for a in ACTIVATIONS.values()}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", TYPES)
def test_values_and_derivatives(dtype, case, shape):
    activation, reference, _ = CASES[case]
    z = in_type(np.random.RandomState(shape[1]).standard_normal(shape) * 3, dtype)
    a, derivative = activate(activation, z, dtype, shape[1] + 5)
    expected, expected_derivative = reference(z)
    np.testing.assert_allclose(a, expected, **tolerance(dtype, 8))
    np.testing.assert_allclose(derivative, expected_derivative, **tolerance(dtype, 8))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", TYPES)
def test_small_numbers_keep_their_digits(dtype, case):
    """Relative error near zero: expm1 and its like do not cancel."""
    activation, reference, _ = CASES[case]
    z = in_type(np.outer([-1, 1], 10.0 ** np.arange(-30, 0)), dtype)
    a, derivative = activate(activation, z, dtype, z.shape[1])
    expected, expected_derivative = reference(z)
    np.testing.assert_allclose(a, expected, rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_allclose(derivative, expected_derivative, rtol=8 * np.finfo(dtype).eps)


#: f(−∞), f(∞), f′(−∞), f′(∞)
LIMITS = {
    "identity": (-np.inf, np.inf, 1, 1), "logistic": (0, 1, 0, 0), "tanh": (-1, 1, 0, 0), "relu": (0, np.inf, 0, 1),
    "exp": (0, np.inf, 0, np.inf), "leaky_relu": (-np.inf, np.inf, 0.01, 1), "leaky_relu, 0": (0, np.inf, 0, 1),
    "leaky_relu, 0.2": (-np.inf, np.inf, 0.2, 1), "elu": (-1, np.inf, 0, 1), "elu, 2": (-2, np.inf, 0, 1),
    "celu": (-1, np.inf, 0, 1), "celu, 0.5": (-0.5, np.inf, 0, 1),
    "selu": (-1.7580993408473768, np.inf, 0, 1.0507009873554804), "gelu": (0, np.inf, 0, 1),
    "gelu_tanh": (0, np.inf, 0, 1), "silu": (0, np.inf, 0, 1), "silu, 1.75": (0, np.inf, 0, 1),
    "mish": (0, np.inf, 0, 1), "softplus": (0, np.inf, 0, 1), "softplus, 3": (0, np.inf, 0, 1),
    "softsign": (-1, 1, 0, 0), "relu6": (0, 6, 0, 0), "hard_tanh": (-1, 1, 0, 0), "hard_sigmoid": (0, 1, 0, 0),
    "hard_swish": (0, np.inf, 0, 1), "step": (0, 1, 1, 1),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", TYPES)
def test_limits(dtype, case):
    """Infinities have them, huge numbers come near them, and NaN stays NaN."""
    activation = CASES[case][0]
    low, high, low_slope, high_slope = LIMITS[case]
    for far in (np.inf, np.finfo(dtype).max / 8, 1e30):
        a, derivative = activate(activation, np.array([[-far, far]]), dtype, 2)
        expected = [low if np.isfinite(low) else -far * low_slope, high if np.isfinite(high) else far * high_slope]
        np.testing.assert_allclose(a[0], expected, rtol=4 * np.finfo(dtype).eps, atol=1e-29)
        np.testing.assert_allclose(derivative[0], [low_slope, high_slope], rtol=4 * np.finfo(dtype).eps, atol=1e-29)
    a, _ = activate(activation, np.array([[np.nan, 0.5]]), dtype, 2)
    assert np.isnan(a[0]).tolist() == [True, False]


@pytest.mark.parametrize("dtype", TYPES)
def test_tails(dtype):
    """What becomes small does not become zero before it must."""
    z = in_type([[-60.0, -30.0, -12.0, -8.0]], dtype)
    tolerance = {"rtol": 100 * np.finfo(dtype).eps}
    for name in ("softplus", "silu", "mish", "elu"):
        a, derivative = activate(ACTIVATIONS[name], z[:, :2], dtype, 2)
        expected = CASES[name][1](z[:, :2])
        np.testing.assert_allclose(a, expected[0], **tolerance)
        np.testing.assert_allclose(derivative, expected[1], **tolerance)
    a, derivative = activate(ACTIVATIONS["gelu"], z[:, 2:], dtype, 2)
    expected = CASES["gelu"][1](z[:, 2:])
    np.testing.assert_allclose(a, expected[0], **tolerance)
    np.testing.assert_allclose(derivative, expected[1], **tolerance)


@pytest.mark.parametrize("case", [case for case in CASES if CASES[case][2]])
def test_derivatives_against_graphs(case):
    activation, _, graph = CASES[case]
    kinks = KINKS.get(activation.name, [])
    points = [z for z in POINTS if z not in kinks]
    a, derivative = activate(activation, np.array([points]), np.float64, len(points))
    for z, f, slope in zip(points, a[0], derivative[0], strict=True):
        value = Value(z)
        result = graph(value)
        result.backward()
        assert f == pytest.approx(result.data, rel=1e-12, abs=1e-13)
        assert slope == pytest.approx(value.grad, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("case", [case for case in CASES if CASES[case][0].name in KINKS])
def test_kinks_have_the_slope_of_their_left_side(case):
    activation = CASES[case][0]
    kinks = KINKS[activation.name]
    if activation.name == "softsign":  # no kink of f
        return
    left, at = (activation.derivative([kink - side * 1e-12 for kink in kinks]) for side in (1, 0))
    clipped = activation.name in ("relu6", "hard_tanh", "hard_sigmoid")
    right = activation.derivative([kink + 1e-12 for kink in kinks])
    expected = np.zeros(2) if clipped else np.array([0.0, 1.0]) if activation.name == "hard_swish" else left
    np.testing.assert_allclose(at, expected, rtol=1e-11)
    assert np.all((at == left) | (abs(at - left) < 1e-11) | (abs(at - right) < 1e-11))


# f″


@pytest.mark.parametrize("case", CASES)
def test_second_derivatives_against_differences(case):
    """Central differences of the kernel's f′ at two steps: what they leave out goes with the step's fourth power."""
    activation = CASES[case][0]
    kinks = KINKS.get(activation.name, [])
    z = POINTS[[all(abs(point - kink) > 0.01 for kink in kinks) for point in POINTS]]
    near, far = ((activation.derivative(z + h) - activation.derivative(z - h)) / (2 * h) for h in (1e-3, 2e-3))
    np.testing.assert_allclose(activation.second_derivative(z), (4 * near - far) / 3, rtol=1e-9, atol=3e-10)


@pytest.mark.parametrize("case", CASES)
def test_second_derivatives_at_kinks_and_far_out(case):
    activation = CASES[case][0]
    for kink in KINKS.get(activation.name, []):
        assert activation.second_derivative(np.array([float(kink)])).tolist() == [0.0]
    far = activation.second_derivative(np.array([-np.inf, -1e300, 1e300, np.inf]))
    assert far.tolist() == [0, 0, np.inf if case == "exp" else 0, np.inf if case == "exp" else 0]
    assert np.isnan(activation.second_derivative(np.array([np.nan]))).all()


@pytest.mark.parametrize("case", CASES)
def test_second_derivatives_have_type_and_shape(case):
    activation = CASES[case][0]
    z = np.random.RandomState(0).standard_normal((3, 2, 5))
    wide = activation.second_derivative(z)
    narrow = activation.second_derivative(z.astype(np.float32))
    assert wide.dtype == np.float64 and narrow.dtype == np.float32 and wide.shape == narrow.shape == z.shape
    np.testing.assert_allclose(narrow, activation.second_derivative(z.astype(np.float32).astype(np.float64)), rtol=1e-7)


def test_softmax_has_no_second_derivative_of_single_numbers():
    assert ACTIVATIONS["softmax"].second_derivative is None


# Against PyTorch

IN_TORCH = {
    "logistic": "sigmoid", "tanh": "tanh", "relu": "relu", "leaky_relu": "leaky_relu", "elu": "elu", "celu": "celu",
    "selu": "selu", "gelu": "gelu", "silu": "silu", "mish": "mish", "softsign": "softsign", "relu6": "relu6",
    "hard_tanh": "hardtanh", "hard_sigmoid": "hardsigmoid", "hard_swish": "hardswish",
}  # fmt: skip
WITH_NUMBERS = {
    "leaky_relu, 0.2": ("leaky_relu", {"negative_slope": 0.2}), "elu, 2": ("elu", {"alpha": 2.0}),
    "celu, 0.5": ("celu", {"alpha": 0.5}), "gelu_tanh": ("gelu", {"approximate": "tanh"}),
    "softplus": ("softplus", {"threshold": 1e9}), "softplus, 3": ("softplus", {"beta": 3.0, "threshold": 1e9}),
}  # fmt: skip
TORCH = {name: (function, {}) for name, function in IN_TORCH.items()} | WITH_NUMBERS


@pytest.mark.parametrize("case", TORCH)
@pytest.mark.parametrize("dtype", TYPES)
def test_against_pytorch(dtype, case):
    """f, f′ and f″, kinks included."""
    torch = pytest.importorskip("torch")
    name, options = TORCH[case]
    activation = CASES[case][0]
    numbers = np.concatenate([POINTS, KINKS.get(activation.name, [])]).astype(dtype)
    z = torch.tensor(numbers, requires_grad=True)
    f = getattr(torch.nn.functional, name)(z, **options)
    (slope,) = torch.autograd.grad(f.sum(), z, create_graph=True)
    a, derivative = activate(activation, numbers[None], dtype, numbers.size)
    np.testing.assert_allclose(a[0], f.detach(), **tolerance(dtype, 32))
    rough = {"rtol": 1e-7} if case == "hard_sigmoid" else tolerance(dtype, 32)  # in float64 too, its 1/6 is a float32
    np.testing.assert_allclose(derivative[0], slope.detach(), **rough)
    if dtype == np.float64 and slope.requires_grad and case != "hard_sigmoid":  # of which it has no second one
        (bend,) = torch.autograd.grad(slope.sum(), z)
        smooth = slice(None, POINTS.size)
        np.testing.assert_allclose(activation.second_derivative(numbers)[smooth], bend[smooth], rtol=1e-12, atol=1e-13)
