"""Losses as objects: their numbers, what they refuse, their derivatives in NumPy, and a user's own."""

import copy
import math
import pickle
import re

import numpy as np
import pytest
from helpers.loss_cases import CASES, draw_targets, make_problem
from oracles import reference_losses
from oracles.reference_losses import QUARTIC, quartic, quartic_derivative, quartic_second_derivative
from sklearn.base import clone

from fastmlp import ELU, Activation, LeakyReLU, Network, Softplus
from fastmlp.activations import ACTIVATIONS, as_written
from fastmlp.losses import (
    LOSSES,
    TASKS,
    Focal,
    Gamma,
    Hinge,
    Huber,
    LogLoss,
    Loss,
    Perceptron,
    Poisson,
    Quantile,
    SquaredHinge,
    Tweedie,
    as_loss,
    names_for,
    second_derivative_times,
)
from fastmlp.training.full_batch_loss import FullBatch

OBJECTS = [*LOSSES.values(), LogLoss(0.1), Focal(1.5, 0.25), Focal(alpha=(1, 2)), Huber(2.0), Quantile((0.1, 0.9)),
           Quantile((0.1, 0.9), crossing=False), Tweedie(1.7), QUARTIC]  # fmt: skip


# Objects


@pytest.mark.parametrize("loss", OBJECTS, ids=str)
def test_copies_are_equal(loss):
    for same in (pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss), clone(loss, safe=False)):
        assert same == loss
        assert hash(same) == hash(loss)
        assert same.kernel("tanh") is loss.kernel("tanh")
    assert [other for other in OBJECTS if other == loss] == [loss]
    with pytest.raises(AttributeError):
        loss.gamma = 3.0


def test_parameters_are_in_repr_and_kept_as_tuples():
    assert repr(OBJECTS[-8:-1]) == (
        "[LogLoss(label_smoothing=0.1), Focal(gamma=1.5, alpha=0.25), Focal(gamma=2.0, alpha=(1, 2)), "
        "Huber(delta=2.0), Quantile(quantiles=(0.1, 0.9)), Quantile(quantiles=(0.1, 0.9), crossing=False), "
        "Tweedie(power=1.7)]"
    )
    assert Quantile([0.1, 0.9]) == Quantile(np.array([0.1, 0.9])) == Quantile((0.1, 0.9))
    assert Focal(alpha=[1, 2]) == Focal(alpha=(1, 2))


def test_by_name():
    assert as_loss("huber") == Huber()
    assert as_loss(QUARTIC) is QUARTIC
    for wrong in ("hubert", None, Huber):
        with pytest.raises(
            ValueError, match=r"^loss=.* is unknown: it is one of log_loss, .*tweedie, or an object such as"
        ):
            as_loss(wrong)
    assert sorted(names_for("classifier") + names_for("regressor")) == sorted(LOSSES)


@pytest.mark.parametrize("loss", OBJECTS, ids=str)
def test_default_output_activations_are_accepted(loss):
    """Natural output activations are accepted by `check`, and tasks without one are refused."""
    for task in TASKS:
        if task not in loss.natural:
            with pytest.raises(
                ValueError, match=rf"loss={re.escape(loss.as_written())} (is not for|takes one class a row)"
            ):
                loss.default_output_activation(task)
            continue
        output = loss.default_output_activation(task)
        assert output in ACTIVATIONS
        n_outputs = loss.n_outputs(task, 1 if task == "binary" else 2)
        y = draw_targets(np.random.RandomState(0), loss, output, 5, n_outputs)
        if not (task == "multi-label" and isinstance(loss, Hinge)):
            loss.check(output, n_outputs, y)
            assert loss.kernel(output) is loss.fused.get(output, loss.unfused)


# Refusals

COLUMN = np.ones((4, 1))
REFUSED = {
    "label_smoothing must be": [(LogLoss(s), "logistic", 1) for s in (1.0, -0.1, np.nan, "a")],
    "gamma must be": [(Focal(-1.0), "logistic", 1), (Focal(np.nan), "logistic", 1)],
    "alpha must be": [(Focal(alpha=2.0), "logistic", 1), (Focal(alpha=(1, -1)), "softmax", 2)],
    "alpha=.* does not fit 3 classes": [(Focal(alpha=0.25), "softmax", 3), (Focal(alpha=(1, 2)), "softmax", 3)],
    "alpha=.* does not fit 2 classes": [(Focal(alpha=(1, 2, 3)), "logistic", 3)],
    "delta must be": [(Huber(0.0), "identity", 1), (Huber(np.inf), "identity", 1), (Huber(None), "identity", 1)],
    r"quantiles must be numbers in \(0, 1\), in ascending order": [
        (Quantile(q), "identity", 2)
        for q in (0.0, 1.0, -0.1, (0.1, 1.5), (0.9, 0.1), (0.5, 0.5), (), np.nan, ("a", 0.5))
    ],
    "a multiple of 3 outputs, got 4": [(Quantile((0.1, 0.5, 0.9)), "identity", 4)],
    "power must be": [(Tweedie(0.5), "exp", 1), (Tweedie(np.inf), "exp", 1)],
    r"needs outputs in \[0, 1\].*'tanh'.*'logistic', 'softmax'": [(LogLoss(), "tanh", 1), (Focal(), "tanh", 3)],
    r"needs outputs in \[0, 1\]": [(LogLoss(), "identity", 1), (LogLoss(), "exp", 1), (LogLoss(), "relu", 1)],
    "needs outputs greater than 0.*'identity'.*'exp', 'logistic'": [
        (loss, "identity", 1) for loss in (Poisson(), Gamma(), Tweedie(), Tweedie(-1.0))
    ],
    "needs outputs greater than 0": [(Poisson(), "relu", 1), (Gamma(), "tanh", 1)],
    "needs outputs of both signs.*'logistic'.*'identity'.*'tanh'": [
        (loss, "logistic", 1) for loss in (Hinge(), SquaredHinge(), Perceptron())
    ],
    "needs outputs of both signs": [(Hinge(), "softmax", 3), (Hinge(), "relu", 1), (Hinge(), "step", 1)],
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_incompatible_outputs_and_parameters_are_refused(message):
    for loss, output, n_outputs in REFUSED[message]:
        with pytest.raises(ValueError, match=message):
            loss.check(output, n_outputs)


def test_output_activations_are_judged_by_their_range():
    """Whatever they are called: objects with parameters by what these make of the range, custom ones never."""
    Hinge().check(LeakyReLU(0.1), 1)
    Poisson().check(Softplus(3.0), 1)
    for loss, output in ((Hinge(), LeakyReLU(0)), (Hinge(), ELU(0)), (LogLoss(), ELU()), (Gamma(), LeakyReLU())):
        with pytest.raises(ValueError, match=f"needs outputs .*{re.escape(as_written(output))} does not give"):
            loss.check(output, 1)
    for loss in (Hinge(), LogLoss(), Poisson()):
        loss.check(Activation(math.tanh, lambda z: 1 - math.tanh(z) ** 2), 1)


@pytest.mark.parametrize("message, loss, output, n_outputs, y", [
    ("one class a row", Hinge(), "identity", 3, np.ones((4, 3))),
    ("one class a row", Perceptron(), "identity", 3, np.ones((4, 3))),
    ("reads 1 column, the number of the class", LogLoss(), "softmax", 3, np.ones((4, 3))),
    ("reads 3 columns, a target for each output", LogLoss(), "logistic", 3, COLUMN),
    ("reads 3 columns", LOSSES["half_squared_error"], "identity", 3, COLUMN),
    ("reads 2 columns", Quantile((0.1, 0.9)), "identity", 4, np.ones((4, 4))),
    ("y has shape", Huber(), "identity", 1, np.ones(4)),
    ("class numbers 0 … 2", LogLoss(), "softmax", 3, COLUMN * 3),
    ("class numbers 0 … 2", Hinge(), "identity", 3, COLUMN * -1),
    ("class numbers 0 … 2", Focal(), "softmax", 3, COLUMN * 0.5),
    ("labels 0 or 1", LogLoss(), "logistic", 1, COLUMN * 2),
    ("labels 0 or 1", Hinge(), "identity", 1, -COLUMN),
    ("NaN or infinity", Huber(), "identity", 1, COLUMN * np.nan),
    ("NaN or infinity", LogLoss(), "softmax", 3, COLUMN * np.inf),
    ("needs targets y >= 0, got a smallest of -1", Poisson(), "exp", 1, -COLUMN),
    ("needs targets y >= 0", Tweedie(1.5), "exp", 1, -COLUMN),
    ("needs targets y >= 0", Tweedie(1), "exp", 1, -COLUMN),
    ("needs targets y > 0", Gamma(), "exp", 1, COLUMN * 0),
    ("needs targets y > 0", Tweedie(2), "exp", 1, COLUMN * 0),
    ("needs targets y > 0", Tweedie(3), "exp", 1, COLUMN * 0),
])  # fmt: skip
def test_invalid_targets_are_refused(message, loss, output, n_outputs, y):
    with pytest.raises(ValueError, match=message):
        loss.check(output, n_outputs, y)


@pytest.mark.parametrize("case", CASES)
def test_every_case_is_accepted(case):
    loss, output, n_outputs = CASES[case]
    loss.check(output, n_outputs)
    loss.check(output, n_outputs, draw_targets(np.random.RandomState(0), loss, output, 5, n_outputs))


def test_tweedie_targets_depend_on_power():
    Tweedie(1.5).check("exp", 1, COLUMN * 0)
    Tweedie(-1.0).check("exp", 1, -COLUMN)
    Tweedie(0).check("identity", 1, -COLUMN)


# Derivatives in NumPy


def slopes_of(function, at):
    """d function(x)ᵢⱼ / d xᵢₖ by central differences, (n, J, K)."""
    columns = []
    for k in range(at.shape[1]):
        step = np.zeros(at.shape)
        step[:, k] = 1e-5
        columns.append((function(at + step) - function(at - step)) / 2e-5)
    return np.stack(columns, axis=2)


@pytest.mark.parametrize("loss", OBJECTS, ids=str)
def test_output_derivatives(loss):
    """First ones are the references', second ones central differences of the first."""
    for n_outputs in (2, 4):
        rng = np.random.RandomState(n_outputs)
        a, output = rng.uniform(0.1, 0.9, (7, n_outputs)), "of a user"
        y = draw_targets(rng, loss, output, 7, n_outputs)
        g, h = loss.output_derivatives(a, y)
        np.testing.assert_allclose(g, reference_losses.unfused(loss, a, y)[1], rtol=1e-10, atol=1e-12)
        matrix = slopes_of(lambda x, y=y: loss.output_derivatives(x, y)[0], a)
        r = rng.standard_normal(a.shape)
        expected = np.einsum("nij,nj->ni", matrix, r)
        np.testing.assert_allclose(second_derivative_times(h, r), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", [name for name, (loss, output, _) in CASES.items() if loss.is_fused(output)])
def test_fused_derivatives(case):
    loss, output, n_outputs = CASES[case]
    rng = np.random.RandomState(0)
    z = rng.standard_normal((7, n_outputs))
    y = draw_targets(rng, loss, output, 7, n_outputs)
    delta, times = loss.fused_derivatives(output, z, y)
    np.testing.assert_allclose(delta, reference_losses.through(loss, output, z, y)[2], rtol=1e-10, atol=1e-12)
    matrix = slopes_of(lambda x: loss.fused_derivatives(output, x, y)[0], z)
    r = rng.standard_normal(z.shape)
    np.testing.assert_allclose(times(r), np.einsum("nij,nj->ni", matrix, r), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("loss", [LogLoss(), LogLoss(0.1), Focal(), Focal(0.0), Focal(0.5)], ids=str)
def test_fused_derivatives_of_large_outputs(loss):
    """Outputs that have saturated: finite, and what the limits are."""
    z, r = np.array([[1e4, -1e4, 0.0]]), np.ones((1, 3))
    for output, y in (("softmax", [[0]]), ("softmax", [[1]]), ("logistic", [[1, 0, 1]]), ("logistic", [[0, 1, 0]])):
        delta, times = loss.fused_derivatives(output, z, np.array(y))
        assert np.isfinite(delta).all()
        assert np.isfinite(times(r)).all()
    delta, times = loss.fused_derivatives("softmax", z, np.array([[1]]))
    smoothing = getattr(loss, "label_smoothing", 0.0)
    np.testing.assert_allclose(delta, [[1 - smoothing / 3, smoothing - 1 - smoothing / 3, -smoothing / 3]], atol=1e-12)


# Quantiles


def test_crossings_are_counted():
    loss = Quantile((0.1, 0.5, 0.9))
    ascending, crossing = [0.0, 1.0, 2.0], [0.0, 3.0, 2.0]
    outputs = np.array([ascending + ascending, ascending + crossing, crossing + crossing])
    assert loss.count_crossings(outputs) == 3
    assert loss.count_crossings(np.zeros((4, 3))) == 0  # equal is not crossed
    assert Quantile().count_crossings(outputs) == 0


# A user's own


def test_user_functions_are_compiled_once():
    assert Loss(quartic, quartic_derivative).kernel("tanh") is QUARTIC.kernel("identity")
    other = Loss(quartic, lambda a, y: (a - y) ** 3 * 4)
    assert other != QUARTIC
    assert other.kernel("tanh") is not QUARTIC.kernel("tanh")
    assert all(loss.kernel("tanh").source.identity for loss in (other, QUARTIC))  # what the cache tells them apart by


def test_two_custom_losses_are_kept_apart():
    """They share a template, and so would share an entry on disk."""
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
    """Nor are kinks, nor places without a value. Warnings are errors here."""
    Loss(value, derivative)


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
    """Once, at the line that made the loss; not again for a copy or by training."""

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


def test_a_new_loss_reads_outside_numbers_again(monkeypatch):
    def value():
        net = Network([1, 1], ["identity"], Loss(scaled, scaled_slope))
        net.set_weights([[[1]]], [[0]])
        return net.loss([[1.0]], [[0.0]])

    assert value() == 2.0
    monkeypatch.setitem(globals(), "FACTOR", 10.0)
    assert value() == 10.0
