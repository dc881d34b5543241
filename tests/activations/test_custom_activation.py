"""Activations made from a user's Python functions: values, types, allowed syntax, and messages."""

import math
import re
import types
import warnings

import numpy as np
import pytest
from helpers import custom_functions
from helpers.custom_functions import PAIRS
from helpers.kernel_cases import TYPES, activate, in_type
from helpers.merged import in_one_test

from fastmlp import Activation
from fastmlp.activations import ACTIVATIONS
from fastmlp.compiler.numba_backend import build
from fastmlp.engine.dataset import Dataset
from fastmlp.engine.prediction import predict
from fastmlp.network import Network


def slope_one(z):
    return 1.0


def quietly(f, derivative=slope_one):
    """An activation with a wrong derivative, without the warning about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return Activation(f, derivative)


def without_a_file(function):
    """The function as if typed at a prompt: it is not cached on disk, so it is compiled in this process."""
    code = function.__code__.replace(co_filename="<stdin>")
    copied = types.FunctionType(code, {}, function.__name__, function.__defaults__)
    for name in set(code.co_names) & function.__globals__.keys():
        value = function.__globals__[name]
        itself = value is function or not isinstance(value, types.FunctionType)
        copied.__globals__[name] = value if itself else without_a_file(value)
    return copied


# Values


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", TYPES)
def test_same_values_as_python(dtype, name):
    """In guarded memory, with padding between rows."""
    f, derivative = PAIRS[name]
    z = in_type(np.random.RandomState(0).standard_normal((7, 13)) * 3, dtype)
    a, slope = activate(Activation(f, derivative), z, dtype, 21)
    tolerance = 16 * np.finfo(dtype).eps
    for got, function in ((a, f), (slope, derivative)):
        expected = np.array([[function(one) for one in row] for row in z.tolist()])
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@in_one_test()
@pytest.mark.parametrize("name", PAIRS)
def test_float32_stays_float32(name):
    """No literal, integer, constant or global number makes the loop compute in float64; and it is vectorized."""
    activation = Activation(*map(without_a_file, PAIRS[name]))
    code = build(activation.kernel.source, np.float32, is_package_kernel=False)[0].get_llvm_str()
    assert "fpext" not in code and "fptrunc" not in code
    if name not in ("cubic", "arctan"):  # they have an inner loop, or a call of libm
        assert re.search(r"fmul .*<\d+ x float>", code) or name == "relu"
        assert re.search(r"store <\d+ x float>", code)


@pytest.mark.parametrize("dtype", TYPES)
def test_math_and_numpy_functions_are_replaced(dtype):
    """The results have the same bits as those of the built-in activations."""
    z = np.linspace(-9, 9, 997).astype(dtype)
    for same in (np.tanh, math.tanh, lambda z: np.tanh(z), lambda z: math.tanh(z)):
        own = quietly(same)
        np.testing.assert_array_equal(own(z), ACTIVATIONS["tanh"](z))
        assert own(z).dtype == dtype
    special = pytest.importorskip("scipy.special")
    expit = quietly(lambda z: special.expit(z))
    np.testing.assert_array_equal(quietly(special.expit)(z), ACTIVATIONS["logistic"](z))
    np.testing.assert_array_equal(expit(z), ACTIVATIONS["logistic"](z))


def test_functions_of_integers_and_of_constants():
    """The argument may be a constant or an integer: math.exp(1), math.exp(2)."""
    activation = quietly(lambda z: z * math.exp(1) + math.log(2) + np.tanh(True))
    expected = 3 * math.e + math.log(2) + math.tanh(1)
    np.testing.assert_allclose(activation([3.0]), [expected], rtol=1e-15)
    np.testing.assert_allclose(activation(np.float32([3.0])), [expected], rtol=1e-6)


def test_allowed_syntax():
    """Outer and inner functions, defaults, recursion, tuples, arrays, compiled functions."""
    table = np.array([0.5, 2.0])
    factor = 3

    def recursive(z):
        return z if abs(z) < 1 else recursive(z / 2)

    def inside(z):
        def twice(t, times=2.0):
            return times * t

        return twice(z) + (lambda t: t * factor)(z)

    cases = {
        recursive: [0.5, -0.75, 0.625],
        inside: [2.5, -15, 50],
        (lambda z: table[0] + table[1] * z): [1.5, -5.5, 20.5],
        (lambda z: z % 1 + z // 1): [0.5, -3, 10],
        (lambda z: True if z > 0 else False): [1, 0, 1],  # noqa: SIM210
        (lambda z: np.where(z > 0, z, 2 * z) + np.maximum(z, 1) + np.sign(z)): [2.5, -6, 21],
        (lambda z: z if -1 <= z <= 1 else (1 if z > 0 else -1)): [0.5, -1, 1],
    }
    for function, expected in cases.items():
        activation = quietly(function)
        for dtype in TYPES:
            np.testing.assert_allclose(activation(np.array([0.5, -3, 10], dtype)), expected, rtol=1e-6)


def test_outside_numbers_are_read_at_creation(monkeypatch):
    """Both types use the numbers read at creation; an activation created later uses the changed ones."""
    before = Activation(custom_functions.elu, custom_functions.elu_derivative)
    assert before([-1000.0]).tolist() == [-1.5]
    monkeypatch.setattr(custom_functions, "DEPTH", 2.5)
    after = Activation(custom_functions.elu, custom_functions.elu_derivative)
    for dtype in TYPES:
        assert before(np.array([-1000.0], dtype)).tolist() == [-1.5]
        assert after(np.array([-1000.0], dtype)).tolist() == [-2.5]
    assert before != after
    monkeypatch.undo()
    assert Activation(custom_functions.elu, custom_functions.elu_derivative) == before


def test_arrays_and_modules_are_read_at_creation():
    """Changes before the first use, or between compilations for two types, have no effect on any kind of array."""
    constants, package = types.ModuleType("constants"), types.ModuleType("package")
    package.constants, constants.slope, constants.table = constants, 2.0, np.full(3, 2.0)
    small, large, strided = np.full(2, 2.0), np.full(200_000, 2.0), np.full(10, 2.0)[::2]
    pair = (np.full(2, 2.0), 1.0)

    def with_default(z, table=small):
        return table[1] * z

    functions = [
        lambda z: small[1] * z, lambda z: large[1] * z, lambda z: strided[1] * z, with_default,
        lambda z: pair[0][1] * z, lambda z: constants.slope * z, lambda z: constants.table[1] * z,
        lambda z: package.constants.slope * z,
    ]  # fmt: skip
    activations = [Activation(function, lambda z: 2.0) for function in functions]
    for dtype, changed in zip(TYPES, (3.0, 4.0), strict=True):
        for table in (small, large, strided, constants.table, pair[0]):
            table[:] = changed
        constants.slope = changed
        assert [activation(np.ones(1, dtype)).tolist() for activation in activations] == [[2.0]] * len(functions)
    assert quietly(functions[1])([1.0]).tolist() == [4.0]


def test_closures_with_other_values_differ():
    def made(slope):
        return Activation(lambda z: slope * z, lambda z: slope)

    assert [made(slope)([3.0]).tolist() for slope in (0.5, 2, 2.0, 4)] == [[1.5], [6], [6], [12]]


# In a network


@pytest.mark.parametrize("dtype", TYPES)
def test_in_a_network(dtype):
    """A custom activation is called like a built-in one: the same formulas give the same bits."""
    X = np.random.RandomState(0).standard_normal((37, 4)).astype(dtype)
    outputs = []
    for activation in ("tanh", Activation(custom_functions.tanh, custom_functions.tanh_derivative)):
        network = Network([4, 11, 3], [activation, "identity"], "squared_error", dtype)
        network.params[...] = np.random.RandomState(1).standard_normal(network.params.size)
        outputs.append(predict(network, Dataset(X)))
    np.testing.assert_array_equal(*outputs)


def test_its_second_derivative():
    """It is compiled like the other functions, and None where it was not given."""
    first_two = custom_functions.tanh, custom_functions.tanh_derivative
    assert Activation(*first_two).second_derivative is None
    activation = Activation(*first_two, custom_functions.tanh_second_derivative)
    z = np.linspace(-3, 3, 24).reshape(2, 3, 4)
    np.testing.assert_allclose(
        activation.second_derivative(z), ACTIVATIONS["tanh"].second_derivative(z), rtol=1e-13, atol=1e-15
    )
    assert activation.second_derivative(z.astype(np.float32)).dtype == np.float32


# Messages


def no_number(z):
    return "one"


def pair(z):
    return z, z


def of_two(z, y):
    return z + y


def sometimes_nothing(z):
    if z != 0:
        return z


def sometimes_raises(z):
    if z > 1e9:
        raise OverflowError(z)
    return z


def undefined(z):
    return z if z < 1e9 else there_is_no_such_function(z)  # noqa: F821


def of_another_library(z):
    return z if z < 1e9 else np.linalg.det(z)


class Callable:
    def __call__(self, z):
        return z


@in_one_test()
@pytest.mark.parametrize("function", [no_number, pair, of_two, Callable(), 3, "tanh", print])
def test_other_objects_are_refused(function):
    with pytest.raises(TypeError, match="What is allowed: functions take numbers and return one"):
        Activation(function, slope_one)
    with pytest.raises(TypeError, match="What is allowed"):
        Activation(custom_functions.tanh, function)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (sometimes_nothing, "returns None, for some numbers"),
        (sometimes_raises, "raise and assert have no place"),
        (undefined, "there_is_no_such_function"),
        (of_another_library, "No implementation|cannot|Invalid use"),
    ],
)
def test_uncompilable_functions_are_refused(function, reason):
    """The error is raised at every first use: no partial result is kept."""
    activation = Activation(function, slope_one)
    for dtype in TYPES:
        with pytest.raises(ValueError, match=reason) as caught:
            activation.kernel.load(dtype)
        assert str(caught.value).startswith(f"{function.__name__}, slope_one cannot be compiled: ")
        assert "What is allowed: functions take numbers and return one" in str(caught.value)


def test_missing_derivative_is_refused():
    with pytest.raises(ValueError, match=r"Activation\(tanh\) has no derivative, .*: Activation\(f, derivative\)"):
        Activation(custom_functions.tanh)


@in_one_test()
@pytest.mark.parametrize("name", PAIRS)
def test_right_derivatives_give_no_warning(name):
    """A warning would be an error here."""
    Activation(*PAIRS[name])


def test_kinks_give_no_warning():
    """At a kink, the derivatives of both sides, and all values between them, are accepted."""
    kink = 1.2183
    for at_kink in (0.0, 0.5, 1.0):
        Activation(lambda z: max(z, kink), lambda z: at_kink if z == kink else 1.0 * (z > kink))  # noqa: B023
    Activation(lambda z: math.log(z), lambda z: 1 / z)  # no value for half of the numbers
    Activation(lambda z: math.exp(300 * z), lambda z: 300 * math.exp(300 * z))  # no finite one


@in_one_test()
@pytest.mark.parametrize("name", PAIRS)
def test_wrong_derivatives_warn(name):
    f, derivative = PAIRS[name]
    with pytest.warns(
        UserWarning, match=rf"<lambda>\(.*\) is .*, but the derivative of {f.__name__} is about .* there"
    ) as caught:
        Activation(f, lambda z: derivative(z) * 1.01)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="but the derivative of"):
        Activation(f, derivative, lambda z: 17.0)
