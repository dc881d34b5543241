"""Losses made from a user's Python functions."""

import copy
import math

import numpy as np
import pytest
from helpers.loss_cases import make_problem
from helpers.merged import in_one_test
from oracles.reference_losses import QUARTIC, quartic, quartic_derivative, quartic_second_derivative

from fastmlp import Network
from fastmlp.losses import LOSSES, Huber, Loss
from fastmlp.training.full_batch_loss import FullBatch


def test_user_functions_are_compiled_once():
    assert Loss(quartic, quartic_derivative).kernel("tanh") is QUARTIC.kernel("identity")
    other = Loss(quartic, lambda a, y: (a - y) ** 3 * 4)
    assert other != QUARTIC
    assert other.kernel("tanh") is not QUARTIC.kernel("tanh")
    assert all(loss.kernel("tanh").source.identity for loss in (other, QUARTIC))  # distinguishes cache entries


def test_two_custom_losses_do_not_share_code():
    """They share a template, so without a distinction they would share an entry on disk."""
    for factor in (1.0, 3.0):
        loss = Loss(lambda a, y, f=factor: f * (a - y) ** 2, lambda a, y, f=factor: 2 * f * (a - y))
        ours = make_problem((loss, "logistic", 2))
        theirs = make_problem((LOSSES["sum_squared_error"], "logistic", 2))
        theirs.y[...] = ours.y
        (value, gradient), (plain, expected) = [
            FullBatch(problem.network, problem.dataset, 0.0)(problem.network.params.copy())
            for problem in (ours, theirs)
        ]
        assert value == pytest.approx(factor * plain, rel=1e-12)
        np.testing.assert_allclose(gradient, factor * expected, rtol=1e-10, atol=1e-14)


def uses_a_list(a, y):
    return [a, y][object()]


def test_user_functions_that_cannot_be_compiled():
    for wrong in (3.0, np.exp, print, lambda a: a, Huber):
        with pytest.raises(ValueError, match=r"must be a plain Python function of 2 numbers"):
            Loss(quartic, wrong).check("identity", 1)
    with pytest.raises(ValueError, match=r"quartic_derivative cannot be compiled: .*What is allowed"):
        Loss(uses_a_list, quartic_derivative).kernel("identity").address(np.float64)


@in_one_test()
@pytest.mark.parametrize(
    ("value", "derivative"),
    [
        (lambda a, y: abs(a - y), lambda a, y: (a > y) - (a < y)),
        (lambda a, y: max(0.0, 1 - (2 * y - 1) * a), lambda a, y: 1 - 2 * y if (2 * y - 1) * a < 1 else 0),
        (lambda a, y: -math.log(a) if y == 1 else -math.log(1 - a), lambda a, y: (a - y) / (a * (1 - a))),
        (lambda a, y: a - y * math.log(a), lambda a, y: 1 - y / a),
        (lambda a, y: math.log(a) + y / a + math.log(y), lambda a, y: 1 / a - y / a**2),
        (lambda a, y: math.exp(90 * a) - y, lambda a, y: 90 * math.exp(90 * a)),
        (lambda a, y: np.logaddexp(0, a) - y * a, lambda a, y: 1 / (1 + np.exp(-a)) - y),
        (lambda a, y: max(0.95 * (y - a), 0.05 * (a - y)), lambda a, y: 0.05 if a > y else -0.95),
    ],
)
def test_right_derivatives_give_no_warning(value, derivative):
    """Kinks and points without a value give none either. A warning would be an error here."""
    Loss(value, derivative)


@in_one_test()
@pytest.mark.parametrize(
    "wrong",
    [
        lambda a, y: 2 * (y - a),
        lambda a, y: a - y,
        lambda a, y: 2 * (a - y) * 1.01,
        lambda a, y: 2 * a,
        lambda a, y: 0.0,
        lambda a, y: 2 * (a - y) if y == 0 else 1.0,
    ],
)
def test_wrong_derivatives_warn(wrong):
    """Once, at the line that made the loss; copies and training do not warn again."""

    def square(a, y):
        return (a - y) ** 2

    with pytest.warns(
        UserWarning, match=r"<lambda>\(.*, [01]\.0\) is .*, but the derivative of square is about .* there"
    ) as caught:
        loss = Loss(square, wrong)
    assert [one.filename for one in caught] == [__file__]
    copy.deepcopy(loss)
    loss.check("identity", 1)
    with pytest.warns(UserWarning, match="the derivative of quartic_derivative is about"):
        Loss(quartic, quartic_derivative, lambda a, y: 12 * (a - y))


def test_functions_without_a_number_are_refused():
    for wrong in (lambda a, y: "low", lambda a, y: (a, y), lambda a, y: None, lambda a, y: 1j * a):
        with pytest.raises(TypeError, match=r"gives .*, no real number. What is allowed"):
            Loss(wrong, quartic_derivative)
        with pytest.raises(TypeError, match=r"gives .*, no real number"):
            Loss(quartic, wrong)


def test_user_losses_without_a_second_derivative():
    with pytest.raises(ValueError, match=r"Loss\(quartic, quartic_derivative\) has no second derivative"):
        Loss(quartic, quartic_derivative).output_derivatives(np.ones((1, 1)), np.ones((1, 1)))
    assert repr(QUARTIC) == "Loss(quartic, quartic_derivative, quartic_second_derivative)"
    assert quartic_second_derivative(3.0, 1.0) == 48


FACTOR = 2.0


def scaled(a, y):
    return FACTOR * (a - y) ** 2


def scaled_slope(a, y):
    return 2 * FACTOR * (a - y)


def test_a_new_loss_reads_global_numbers_again(monkeypatch):
    def value():
        net = Network([1, 1], ["identity"], Loss(scaled, scaled_slope))
        net.set_weights([[[1]]], [[0]])
        return net.loss([[1.0]], [[0.0]])

    assert value() == 2.0
    monkeypatch.setitem(globals(), "FACTOR", 10.0)
    assert value() == 10.0
