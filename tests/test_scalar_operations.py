"""Each operation of `fastmlp.scalar`: central differences, kinks and the ends of its domain."""

import math

import numpy as np
import pytest
from helpers.merged import in_one_test

from fastmlp.scalar import Value

EXACT = {"rtol": 1e-9, "atol": 0}

# Single operations

UNARY = {
    "neg": (lambda u: -u, -2, 2),
    "abs": (abs, -2, 2),
    "exp": (lambda u: u.exp(), -3, 3),
    "log": (lambda u: u.log(), 0.1, 5),
    "sqrt": (lambda u: u.sqrt(), 0.1, 5),
    "tanh": (lambda u: u.tanh(), -3, 3),
    "cos": (lambda u: u.cos(), -6, 6),
    "relu": (lambda u: u.relu(), -2, 2),
    "logistic": (lambda u: u.logistic(), -6, 6),
    "add number": (lambda u: u + 3, -2, 2),
    "number minus": (lambda u: 3 - u, -2, 2),
    "times itself": (lambda u: u * u, -2, 2),
    "number over": (lambda u: 3 / u, 0.2, 4),
    "square": (lambda u: u**2, -2, 2),
    "cube": (lambda u: u**3, -2, 2),
    "inverse root": (lambda u: u**-0.5, 0.2, 4),
    "power of two": (lambda u: 2**u, -2, 2),
    "maximum with number": (lambda u: u.maximum(0.25), -2, 2),
}


BINARY = {
    "add": (lambda u, v: u + v, -2, 2),
    "subtract": (lambda u, v: u - v, -2, 2),
    "multiply": (lambda u, v: u * v, -2, 2),
    "divide": (lambda u, v: u / v, 0.2, 4),
    "power": (lambda u, v: u**v, 0.2, 3),
    "maximum": (lambda u, v: u.maximum(v), -2, 2),
}


def central_difference(function, numbers, place, step=1e-5):
    ahead, behind = list(numbers), list(numbers)
    ahead[place] += step
    behind[place] -= step
    return (function(*map(Value, ahead)).data - function(*map(Value, behind)).data) / (2 * step)


@in_one_test()
@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_gradient_equals_central_difference(name):
    function, low, high = {**UNARY, **BINARY}[name]
    for numbers in np.random.default_rng(7).uniform(low, high, (20, 1 if name in UNARY else 2)):
        nodes = [Value(number) for number in numbers]
        function(*nodes).backward()
        expected = [central_difference(function, numbers, place) for place in range(len(nodes))]
        np.testing.assert_allclose([node.grad for node in nodes], expected, rtol=1e-7, atol=1e-9)


@in_one_test()
@pytest.mark.parametrize(
    "node, value, slopes",
    [
        (Value(0).relu(), 0, (0,)),
        (Value(0).cos(), 1, (0,)),
        (abs(Value(0)), 0, (0,)),
        (Value(2).maximum(2), 2, (0.5, 0.5)),
        (Value(0) ** 0, 1, (0,)),
        (Value(0) ** 1, 0, (1,)),
        (Value(-2) ** 3, -8, (12,)),
        (Value(1000).logistic(), 1, (0,)),
        (Value(-1000).logistic(), 0, (0,)),
    ],
)
def test_kinks_and_large_arguments(node, value, slopes):
    assert node.data == value
    assert node.local_gradients == slopes


def test_logistic_keeps_its_digits_far_below_zero():
    np.testing.assert_allclose(Value(-40).logistic().data, math.exp(-40), **EXACT)
    np.testing.assert_allclose(Value(40).logistic().local_gradients, [math.exp(-40)], **EXACT)


@in_one_test()
@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: Value(-1).log(), ValueError),
        (lambda: Value(-8) ** (1 / 3), ValueError),  # a plain float would give a complex number
        (lambda: Value(-8) ** Value(2), ValueError),  # the derivative with respect to the exponent has a logarithm
        (lambda: 1 / Value(0), ZeroDivisionError),
        (lambda: Value(1000).exp(), OverflowError),
        (lambda: Value(1) + "1", TypeError),
        (lambda: Value(1) ** "1", TypeError),
        (lambda: Value(1).maximum([1, 2]), TypeError),
    ],
)
def test_errors_outside_the_domain(make, error):
    with pytest.raises(error):
        make()
