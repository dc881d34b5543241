"""The kernels of losses at extreme outputs, at corners and at the margin: finite, with the values of the limits."""

import numpy as np
import pytest
from helpers.loss_kernels import compute, compute_through
from helpers.merged import in_one_test
from oracles import reference_losses

from fastmlp.losses import (
    AbsoluteError,
    Focal,
    Gamma,
    Hinge,
    Huber,
    LogCosh,
    LogLoss,
    Perceptron,
    Poisson,
    Quantile,
    Tweedie,
)

TYPES = [np.float32, np.float64]


def at_extremes(loss, output, z, y, dtype=np.float64):
    """(delta, losses) of single outputs."""
    z, y = np.reshape(z, (-1, 1)), np.reshape(y, (-1, 1))
    _, delta, losses = compute_through(loss, output, z, y, np.ones(len(z)), dtype)
    return delta[:, 0], losses[:, 0]


@pytest.mark.parametrize("dtype", TYPES)
class TestExtremes:
    """Extreme outputs, right and wrong: losses and deltas are finite and equal the limits."""

    def test_log_cosh(self, dtype):
        delta, losses = at_extremes(LogCosh(), "identity", [1e30, -1e30, 0.0, 1e-6], [0, 0, 0, 0], dtype)
        np.testing.assert_allclose(losses, [1e30, 1e30, 0.0, 0.5e-12], rtol=1e-6)
        np.testing.assert_allclose(delta, [1, -1, 0, 1e-6], rtol=1e-6)

    def test_huber(self, dtype):
        delta, losses = at_extremes(Huber(2.0), "identity", [1e30, -1e30], [0, 0], dtype)
        np.testing.assert_allclose(losses, [2e30, 2e30], rtol=1e-6)
        assert delta.tolist() == [2, -2]

    def test_label_smoothing(self, dtype):
        z, y = [1e4, -1e4, 1e4, -1e4], [1, 0, 0, 1]
        delta, losses = at_extremes(LogLoss(label_smoothing=0.5), "logistic", z, y, dtype)
        assert losses.tolist() == [2500, 2500, 7500, 7500]
        assert delta.tolist() == [0.25, -0.25, 0.75, -0.75]

    def test_label_smoothing_of_classes(self, dtype):
        z = np.array([[1e4, 0.0, -1e4, 0.0]])
        _, delta, losses = compute(LogLoss(label_smoothing=0.5), "softmax", z, np.zeros((1, 1)), np.ones(1), dtype)
        assert losses == [[5000]]  # log a = (0, −10⁴, −2 · 10⁴, −10⁴), t = (5, 1, 1, 1) / 8
        assert delta.tolist() == [[0.375, -0.125, -0.125, -0.125]]

    @in_one_test(shared=("dtype",))
    @pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
    def test_focal(self, dtype, gamma):
        delta, losses = at_extremes(Focal(gamma), "logistic", [1e4, -1e4, 1e4, -1e4], [1, 0, 0, 1], dtype)
        assert losses.tolist() == [0, 0, 1e4, 1e4]
        assert delta.tolist() == [0, 0, 1, -1]

    @in_one_test(shared=("dtype",))
    @pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
    def test_focal_of_classes(self, dtype, gamma):
        z = np.array([[1e4, 0.0, 5e3], [1e4, 0.0, 5e3]])
        _, delta, losses = compute(Focal(gamma), "softmax", z, np.array([[0.0], [1.0]]), np.ones(2), dtype)
        assert losses.ravel().tolist() == [0, 1e4]
        assert delta.tolist() == [[0, 0, 0], [1, -1, 0]]

    @in_one_test(shared=("dtype",))
    @pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
    def test_focal_of_nearly_certain_rows(self, dtype, gamma):
        """log p and 1 − p keep their last bits where p rounds to 1."""
        z = np.array([[30.0, 0.0]])
        p, q = 1 / (1 + np.exp(-30.0)), 1 / (1 + np.exp(30.0))
        loss, slope = -(q**gamma) * np.log1p(-q), q**gamma * (gamma * p * np.log1p(-q) - q)
        _, delta, losses = compute(Focal(gamma), "softmax", z, np.zeros((1, 1)), np.ones(1), dtype)
        np.testing.assert_allclose(losses, [[loss]], rtol=1e-4)
        np.testing.assert_allclose(delta, [[slope, -slope]], rtol=1e-4)
        delta, losses = at_extremes(Focal(gamma), "logistic", [30.0], [1], dtype)
        np.testing.assert_allclose([losses[0], delta[0]], [loss, slope], rtol=1e-4)

    @in_one_test(shared=("dtype",))
    @pytest.mark.parametrize("loss", [LogLoss(), Focal(), Focal(0.0)], ids=str)
    def test_probabilities_are_clipped(self, dtype, loss):
        """For outputs that were rounded to 0 and 1, the loss is at most −log ε, and the derivative at most 1 / ε."""
        epsilon = np.finfo(dtype).eps
        a, y = np.array([[0.0], [1.0], [0.0], [1.0]]), np.array([[1.0], [0.0], [0.0], [1.0]])
        _, delta, losses = compute(loss, "of a user", a, y, np.ones(4), dtype, 1.0)
        np.testing.assert_allclose(losses[:2, 0], -np.log(epsilon), rtol=1e-6)
        assert np.all(losses[2:] < 2 * epsilon)
        np.testing.assert_allclose(delta[:2, 0] * epsilon, [-1, 1], rtol=1e-5)
        assert np.all(abs(delta[2:]) <= 1.001)

    @in_one_test(shared=("dtype",))
    @pytest.mark.parametrize("loss", [Gamma(), Tweedie(1.5), Tweedie(2), Tweedie(1)], ids=str)
    def test_deviances_behind_exp(self, dtype, loss):
        """Outputs of e⁴⁰ and e⁻⁴⁰ give the values of the reference in float64."""
        z, y = np.array([40.0, -40.0]), np.array([2.0, 2.0])
        delta, losses = at_extremes(loss, "exp", z, y, dtype)
        _, plain_losses, plain_delta = reference_losses.through(loss, "exp", z[:, None], y[:, None])
        np.testing.assert_allclose(losses, plain_losses[:, 0], rtol=1e-5)
        np.testing.assert_allclose(delta, plain_delta[:, 0], rtol=1e-5)

    def test_gamma_is_finite_where_exp_overflows(self, dtype):
        delta, losses = at_extremes(Gamma(), "exp", [1e4], [2.0], dtype)
        np.testing.assert_allclose(losses, 1e4 - np.log(2) - 1, rtol=1e-7)
        assert delta == [1]

    @in_one_test(shared=("dtype",))
    @pytest.mark.parametrize("loss", [Poisson(), Gamma(), Tweedie(1.5)], ids=str)
    def test_deviances_of_an_output_that_underflowed(self, dtype, loss):
        """f′ underflowed too: delta is zero and not NaN."""
        _, delta, losses = compute(loss, "of a user", np.zeros((1, 1)), np.ones((1, 1)), np.ones(1), dtype, 0.0)
        assert delta == [[0]]
        assert np.isfinite(losses).all()

    @pytest.mark.parametrize("loss", [Poisson(), Tweedie(1.5)], ids=str)
    def test_deviances_of_zero_targets(self, dtype, loss):
        """With y = 0, log 0 does not reach the results."""
        for output in ("exp", "of a user"):
            a = np.zeros((1, 1)) if output == "exp" else np.ones((1, 1))
            _, delta, losses = compute(loss, output, a, np.zeros((1, 1)), np.ones(1), dtype, 1.0)
            assert losses == [[1 if loss.name == "poisson" else 2]]
            assert delta == [[1]]


def test_kinks():
    """The derivative at a kink is 0; a row that just reaches the margin of hinge or perceptron violates it."""
    for loss in (AbsoluteError(), Quantile(0.3), Huber(), LogCosh()):
        assert at_extremes(loss, "identity", [1.5], [1.5])[0] == [0]
    assert at_extremes(Hinge(), "identity", [1.0, -1.0], [1, 0])[0].tolist() == [-1, 1]
    assert at_extremes(Perceptron(), "identity", [0.0, 0.0], [1, 0])[0].tolist() == [-1, 1]
    _, delta, _ = compute(Perceptron(), "identity", np.zeros((1, 3)), np.ones((1, 1)), np.ones(1), np.float64, 1.0)
    assert delta.tolist() == [[1, -1, 0]]


def test_perceptron_rule():
    """With `step` outputs, mistakes are counted, and corrected by a − y, whatever f′ is."""
    a, y = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 1.0], [0.0, 0.0]])
    for dtype in TYPES:
        _, delta, losses = compute(Perceptron(), "step", a, y, np.array([1.0, 2.0]), dtype, 0.0)
        assert delta.tolist() == [[0, -1], [2, 0]]
        assert losses.tolist() == [[0, 1], [2, 0]]
