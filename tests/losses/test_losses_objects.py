"""Losses as objects: their parameters, what they refuse, and their derivatives in NumPy."""

import copy
import math
import pickle
import re

import numpy as np
import pytest
from helpers.loss_cases import CASES, draw_targets
from helpers.merged import in_one_test
from oracles import reference_losses
from oracles.reference_losses import QUARTIC
from sklearn.base import clone

from fastmlp import ELU, Activation, LeakyReLU, Softplus
from fastmlp.activations import ACTIVATIONS, as_written
from fastmlp.losses import (
    LOSSES,
    TASKS,
    Focal,
    Gamma,
    Hinge,
    Huber,
    LogLoss,
    Perceptron,
    Poisson,
    Quantile,
    SquaredHinge,
    Tweedie,
    as_loss,
    names_for,
    second_derivative_times,
)

OBJECTS = [*LOSSES.values(), LogLoss(0.1), Focal(1.5, 0.25), Focal(alpha=(1, 2)), Huber(2.0), Quantile((0.1, 0.9)),
           Quantile((0.1, 0.9), crossing=False), Tweedie(1.7), QUARTIC]  # fmt: skip


# Objects


@in_one_test()
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


@in_one_test()
@pytest.mark.parametrize("loss", OBJECTS, ids=str)
def test_default_output_activations_are_accepted(loss):
    """`check` accepts default output activations, and tasks without one are refused."""
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


@in_one_test()
@pytest.mark.parametrize("message", REFUSED)
def test_incompatible_outputs_and_parameters_are_refused(message):
    for loss, output, n_outputs in REFUSED[message]:
        with pytest.raises(ValueError, match=message):
            loss.check(output, n_outputs)


def test_output_activations_are_judged_by_their_range():
    """The range depends on the activation's parameters, not on its name; custom activations are always accepted."""
    Hinge().check(LeakyReLU(0.1), 1)
    Poisson().check(Softplus(3.0), 1)
    for loss, output in ((Hinge(), LeakyReLU(0)), (Hinge(), ELU(0)), (LogLoss(), ELU()), (Gamma(), LeakyReLU())):
        with pytest.raises(ValueError, match=f"needs outputs .*{re.escape(as_written(output))} does not give"):
            loss.check(output, 1)
    for loss in (Hinge(), LogLoss(), Poisson()):
        loss.check(Activation(math.tanh, lambda z: 1 - math.tanh(z) ** 2), 1)


@in_one_test()
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


@in_one_test()
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


@in_one_test()
@pytest.mark.parametrize("loss", OBJECTS, ids=str)
def test_output_derivatives(loss):
    """First derivatives equal the reference's, second ones central differences of the first."""
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


@in_one_test()
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
    """At saturated outputs they are finite and equal the limits."""
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
    assert loss.count_crossings(np.zeros((4, 3))) == 0  # equal quantiles do not cross
    assert Quantile().count_crossings(outputs) == 0
