"""The kernels of every loss against references, in guarded memory, and against scikit-learn's metrics."""

import numpy as np
import pytest
from helpers.kernel_cases import in_type
from helpers.loss_cases import CASES, draw_targets
from helpers.loss_kernels import assert_close, compute, compute_through
from helpers.merged import in_one_test
from oracles import reference_losses
from sklearn import metrics

from fastmlp.losses import (
    LOSSES,
    AbsoluteError,
    Focal,
    Gamma,
    Hinge,
    LogLoss,
    Perceptron,
    Poisson,
    Quantile,
    SquaredHinge,
    Tweedie,
)

TYPES = [np.float32, np.float64]
#: Numbers of rows: fewer and more than the elements of a vector, and no multiples.
ROWS = [1, 5, 37]


def test_every_registered_loss_has_a_case():
    missing = LOSSES.keys() - reference_losses.CASES.keys()
    assert not missing, f"add {missing} to CASES in tests/oracles/reference_losses.py"
    for name, case in reference_losses.CASES.items():
        assert case.objects and {loss.name for loss, _ in case.objects} == {name}


@in_one_test("dtype")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", TYPES)
def test_from_pre_activations(dtype, case):
    loss, output, n_outputs = CASES[case]
    for rows in ROWS:
        rng = np.random.RandomState(rows)
        z = in_type(rng.standard_normal((rows, n_outputs)) * 1.5, dtype)
        y = in_type(draw_targets(rng, loss, output, rows, n_outputs), dtype)
        w = in_type(rng.uniform(0.5, 2.0, rows) * rng.randint(3, size=rows), dtype)
        got = dict(zip(("outputs", "delta", "losses"), compute_through(loss, output, z, y, w, dtype), strict=True))
        a, losses, delta = reference_losses.through(loss, output, z, y)
        for name, plain in (("outputs", a), ("delta", delta * w[:, None]), ("losses", losses * w[:, None])):
            assert_close(got[name], plain, dtype, 64, name)


@in_one_test()
@pytest.mark.parametrize("n_outputs", [1, 2, 7, 33])
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", TYPES)
def test_of_outputs(dtype, name, n_outputs):
    """At widths that are no multiples of vectors, delta is any f′ times the derivative of the loss."""
    loss, output = LOSSES[name], "an activation of a user's"
    rng = np.random.RandomState(n_outputs)
    a = in_type(rng.uniform(0.05, 0.95, (13, n_outputs)), dtype)
    y = in_type(draw_targets(rng, loss, output, 13, n_outputs), dtype)
    w, derivative = in_type(rng.uniform(0.5, 2.0, 13), dtype), in_type(rng.standard_normal(a.shape), dtype)
    _, delta, losses = compute(loss, output, a, y, w, dtype, derivative)
    plain_losses, slope = reference_losses.unfused(loss, a, y)
    assert_close(delta, slope * derivative * w[:, None], dtype, 64, "delta")
    assert_close(losses, plain_losses * w[:, None], dtype, 64, "losses")


@in_one_test()
@pytest.mark.parametrize("n_outputs", [2, 7, 33])
@pytest.mark.parametrize("loss", [LogLoss(label_smoothing=0.2), Focal(), LOSSES["half_squared_error"]], ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_behind_softmax(dtype, loss, n_outputs):
    """At widths that are no multiples of vectors; a number added to a row of z changes nothing."""
    rng = np.random.RandomState(n_outputs)
    z = in_type(rng.standard_normal((11, n_outputs)), dtype)
    y = draw_targets(rng, loss, "softmax", 11, n_outputs)
    y = in_type(y, dtype)
    a, losses, delta = reference_losses.through(loss, "softmax", z, y)
    for shift in (0.0, 64.0, -64.0):
        got = compute_through(loss, "softmax", z + shift, y, np.ones(11), dtype)
        for name, ours, plain in zip(("outputs", "delta", "losses"), got, (a, delta, losses), strict=True):
            assert_close(ours, plain, dtype, 64 if not shift else 2048, name)


@in_one_test()
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", TYPES)
def test_nan_stays_nan(dtype, case):
    """NaN is not hidden, so that divergence is noticed, and stays in its row."""
    loss, output, n_outputs = CASES[case]
    z, y = np.full((4, n_outputs), 0.25), np.ones((4, loss.n_targets(output, n_outputs)))
    z[2, n_outputs // 2] = np.nan
    outputs, delta, losses = compute_through(loss, output, z, y, np.ones(4), dtype)
    for array in (outputs, delta, losses):
        assert np.isnan(array).any(axis=1).tolist() == [False, False, True, False]


@in_one_test()
@pytest.mark.parametrize("wrong", range(5))
@pytest.mark.parametrize("loss", [Hinge(), SquaredHinge(), Perceptron()], ids=str)
def test_nan_of_any_class_reaches_the_loss(loss, wrong):
    z = np.linspace(-1, 1, 5)[None, :].copy()
    z[0, wrong] = np.nan
    for own in range(5):
        _, delta, losses = compute(loss, "identity", z, np.full((1, 1), own), np.ones(1), np.float64, 1.0)
        assert np.isnan(losses).all()
        assert np.isnan(delta).any()


# Comparison with scikit-learn's metrics


def mean_loss(loss, a, y):
    """The loss of outputs, averaged over rows."""
    a, y = np.reshape(a, (len(a), -1)), np.reshape(y, (len(y), -1))
    return compute(loss, "of a user", a, y, np.ones(len(a)), np.float64, 1.0)[2].sum() / len(a)


def test_losses_are_those_of_scikit_learn():
    rng = np.random.RandomState(0)
    a, y, labels = rng.uniform(0.1, 3, 50), rng.uniform(0.1, 3, 50), rng.randint(2, size=50)
    scores, classes = rng.standard_normal((50, 4)), rng.randint(4, size=50)
    for power in (-1, 0, 1, 1.2, 1.9, 2, 3):
        assert 2 * mean_loss(Tweedie(power), a, y) == pytest.approx(metrics.mean_tweedie_deviance(y, a, power=power))
    assert 2 * mean_loss(Poisson(), a, y) == pytest.approx(metrics.mean_poisson_deviance(y, a))
    assert 2 * mean_loss(Gamma(), a, y) == pytest.approx(metrics.mean_gamma_deviance(y, a))
    assert mean_loss(Quantile(0.2), a, y) == pytest.approx(metrics.mean_pinball_loss(y, a, alpha=0.2))
    assert mean_loss(LOSSES["sum_squared_error"], a, y) == pytest.approx(metrics.mean_squared_error(y, a))
    assert mean_loss(AbsoluteError(), a, y) == pytest.approx(metrics.mean_absolute_error(y, a))
    assert mean_loss(LogLoss(), a / 4, labels) == pytest.approx(metrics.log_loss(labels, a / 4))
    assert mean_loss(Hinge(), scores, classes) == pytest.approx(metrics.hinge_loss(classes, scores))
    assert mean_loss(Hinge(), scores[:, 0], labels) == pytest.approx(metrics.hinge_loss(labels, scores[:, 0]))
