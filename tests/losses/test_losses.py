"""Every loss's kernels, each through its address in guarded memory, against references; and far out."""

import numpy as np
import pytest
from helpers.guarded import Guarded, call
from helpers.loss_cases import CASES, activation, draw_targets
from oracles import reference_losses
from sklearn import metrics

from fastmlp.activations import ACTIVATIONS
from fastmlp.kernels.activations import softmax
from fastmlp.losses import (
    LOSSES,
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
    SquaredHinge,
    Tweedie,
)

TYPES = [np.float32, np.float64]
#: Rows: fewer and more than vectors hold, and no multiple of that.
ROWS = [1, 5, 37]


def in_type(values, dtype):
    """Rounded to `dtype`, as the kernel gets them, in float64, as the reference does."""
    return np.asarray(values).astype(dtype).astype(np.float64)


def assert_close(ours, plain, dtype, ulps, name):
    scale = max(1.0, abs(plain).max())
    tolerance = ulps * np.finfo(dtype).eps
    np.testing.assert_allclose(ours / scale, plain / scale, rtol=tolerance, atol=tolerance, err_msg=name)


def compute(loss, output, z, y, w, dtype, derivative=np.nan):
    """The unit's (z, delta, losses), once it is sure that it wrote nothing else; `derivative` lies in delta before."""
    n_outputs = z.shape[1]
    guarded_z, delta = Guarded(z, dtype), Guarded(np.broadcast_to(derivative, z.shape), dtype)
    target, weight = Guarded(y, dtype), Guarded(np.repeat(w[:, None], y.shape[1], axis=1), dtype)
    losses = Guarded(np.full(y.shape, np.nan), np.float64)
    constants = Guarded(np.array(loss.constants(output, n_outputs)), np.float64)
    shape = {"rows": len(z), "columns": n_outputs, "n_targets": y.shape[1]}
    arrays = {
        "z": guarded_z,
        "delta": delta,
        "target": target,
        "weight": weight,
        "loss": losses,
        "constants": constants,
    }
    call(loss.kernel(output), dtype, **arrays, **shape)
    for written in (delta, losses):
        written.assert_only_inside_written()
    for read in (target, weight, constants):
        read.assert_untouched()
    guarded_z.assert_only_inside_written() if loss.is_fused(output) else guarded_z.assert_untouched()
    return guarded_z.array, delta.array, losses.array


def compute_through(loss, output, z, y, w, dtype):
    """(outputs, delta, losses) from pre-activations, as the network goes: also through units of outputs."""
    if loss.is_fused(output):
        return compute(loss, output, z, y, w, dtype)
    a, derivative = Guarded(z, dtype), Guarded(np.full(z.shape, np.nan), dtype)
    name = activation(output)
    kernel = (
        softmax.softmax_beside_ones
        if output == "softmax"
        else getattr(name, "kernel", None) or ACTIVATIONS[name].kernel
    )
    rows, columns = z.shape
    call(kernel, dtype, z=a, derivative=derivative, rows=rows, stride=columns, columns=columns, constants=0)
    a, delta, losses = compute(loss, output, a.array, y, w, dtype, derivative.array)
    if output == "softmax":
        outputs, slopes = Guarded(a, dtype), Guarded(delta, dtype)
        call(softmax.softmax_backward, dtype, outputs=outputs, delta=slopes, rows=rows, columns=columns)
        outputs.assert_untouched()
        slopes.assert_only_inside_written()
        delta = slopes.array
    return a, delta, losses


def test_every_registered_loss_has_a_case():
    missing = LOSSES.keys() - reference_losses.CASES.keys()
    assert not missing, f"add {missing} to CASES in tests/oracles/reference_losses.py"
    for name, case in reference_losses.CASES.items():
        assert case.objects and {loss.name for loss, _ in case.objects} == {name}


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


@pytest.mark.parametrize("n_outputs", [1, 2, 7, 33])
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", TYPES)
def test_of_outputs(dtype, name, n_outputs):
    """Widths that divide by nothing; delta is f′, whatever it is, times the slope."""
    loss, output = LOSSES[name], "an activation of a user's"
    rng = np.random.RandomState(n_outputs)
    a = in_type(rng.uniform(0.05, 0.95, (13, n_outputs)), dtype)
    y = in_type(draw_targets(rng, loss, output, 13, n_outputs), dtype)
    w, derivative = in_type(rng.uniform(0.5, 2.0, 13), dtype), in_type(rng.standard_normal(a.shape), dtype)
    _, delta, losses = compute(loss, output, a, y, w, dtype, derivative)
    plain_losses, slope = reference_losses.unfused(loss, a, y)
    assert_close(delta, slope * derivative * w[:, None], dtype, 64, "delta")
    assert_close(losses, plain_losses * w[:, None], dtype, 64, "losses")


@pytest.mark.parametrize("n_outputs", [2, 7, 33])
@pytest.mark.parametrize("loss", [LogLoss(label_smoothing=0.2), Focal(), LOSSES["half_squared_error"]], ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_behind_softmax(dtype, loss, n_outputs):
    """Widths that divide by nothing; whatever is added to a row changes nothing."""
    rng = np.random.RandomState(n_outputs)
    z = in_type(rng.standard_normal((11, n_outputs)), dtype)
    y = draw_targets(rng, loss, "softmax", 11, n_outputs)
    y = in_type(y, dtype)
    a, losses, delta = reference_losses.through(loss, "softmax", z, y)
    for shift in (0.0, 64.0, -64.0):
        got = compute_through(loss, "softmax", z + shift, y, np.ones(11), dtype)
        for name, ours, plain in zip(("outputs", "delta", "losses"), got, (a, delta, losses), strict=True):
            assert_close(ours, plain, dtype, 64 if not shift else 2048, name)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", TYPES)
def test_nan_stays_nan(dtype, case):
    """Divergence must be seen, in the row where it is and nowhere else."""
    loss, output, n_outputs = CASES[case]
    z, y = np.full((4, n_outputs), 0.25), np.ones((4, loss.n_targets(output, n_outputs)))
    z[2, n_outputs // 2] = np.nan
    outputs, delta, losses = compute_through(loss, output, z, y, np.ones(4), dtype)
    for array in (outputs, delta, losses):
        assert np.isnan(array).any(axis=1).tolist() == [False, False, True, False]


@pytest.mark.parametrize("wrong", range(5))
@pytest.mark.parametrize("loss", [Hinge(), SquaredHinge(), Perceptron()], ids=str)
def test_nan_of_any_class_is_seen(loss, wrong):
    z = np.linspace(-1, 1, 5)[None, :].copy()
    z[0, wrong] = np.nan
    for own in range(5):
        _, delta, losses = compute(loss, "identity", z, np.full((1, 1), own), np.ones(1), np.float64, 1.0)
        assert np.isnan(losses).all()
        assert np.isnan(delta).any()


# Far out


def far(loss, output, z, y, dtype=np.float64):
    """(delta, losses) of single outputs."""
    z, y = np.reshape(z, (-1, 1)), np.reshape(y, (-1, 1))
    _, delta, losses = compute_through(loss, output, z, y, np.ones(len(z)), dtype)
    return delta[:, 0], losses[:, 0]


@pytest.mark.parametrize("dtype", TYPES)
class TestFarOut:
    """Certain and right, certain and wrong: finite, and what the limits are."""

    def test_log_cosh(self, dtype):
        delta, losses = far(LogCosh(), "identity", [1e30, -1e30, 0.0, 1e-6], [0, 0, 0, 0], dtype)
        np.testing.assert_allclose(losses, [1e30, 1e30, 0.0, 0.5e-12], rtol=1e-6)
        np.testing.assert_allclose(delta, [1, -1, 0, 1e-6], rtol=1e-6)

    def test_huber(self, dtype):
        delta, losses = far(Huber(2.0), "identity", [1e30, -1e30], [0, 0], dtype)
        np.testing.assert_allclose(losses, [2e30, 2e30], rtol=1e-6)
        assert delta.tolist() == [2, -2]

    def test_label_smoothing(self, dtype):
        z, y = [1e4, -1e4, 1e4, -1e4], [1, 0, 0, 1]
        delta, losses = far(LogLoss(label_smoothing=0.5), "logistic", z, y, dtype)
        assert losses.tolist() == [2500, 2500, 7500, 7500]
        assert delta.tolist() == [0.25, -0.25, 0.75, -0.75]

    def test_label_smoothing_of_classes(self, dtype):
        z = np.array([[1e4, 0.0, -1e4, 0.0]])
        _, delta, losses = compute(LogLoss(label_smoothing=0.5), "softmax", z, np.zeros((1, 1)), np.ones(1), dtype)
        assert losses == [[5000]]  # log a = (0, −10⁴, −2 · 10⁴, −10⁴), t = (5, 1, 1, 1) / 8
        assert delta.tolist() == [[0.375, -0.125, -0.125, -0.125]]

    @pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
    def test_focal(self, dtype, gamma):
        delta, losses = far(Focal(gamma), "logistic", [1e4, -1e4, 1e4, -1e4], [1, 0, 0, 1], dtype)
        assert losses.tolist() == [0, 0, 1e4, 1e4]
        assert delta.tolist() == [0, 0, 1, -1]

    @pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
    def test_focal_of_classes(self, dtype, gamma):
        z = np.array([[1e4, 0.0, 5e3], [1e4, 0.0, 5e3]])
        _, delta, losses = compute(Focal(gamma), "softmax", z, np.array([[0.0], [1.0]]), np.ones(2), dtype)
        assert losses.ravel().tolist() == [0, 1e4]
        assert delta.tolist() == [[0, 0, 0], [1, -1, 0]]

    @pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
    def test_focal_of_nearly_certain_rows(self, dtype, gamma):
        """log p and 1 − p keep their last bits where p rounds to 1."""
        z = np.array([[30.0, 0.0]])
        p, q = 1 / (1 + np.exp(-30.0)), 1 / (1 + np.exp(30.0))
        loss, slope = -(q**gamma) * np.log1p(-q), q**gamma * (gamma * p * np.log1p(-q) - q)
        _, delta, losses = compute(Focal(gamma), "softmax", z, np.zeros((1, 1)), np.ones(1), dtype)
        np.testing.assert_allclose(losses, [[loss]], rtol=1e-4)
        np.testing.assert_allclose(delta, [[slope, -slope]], rtol=1e-4)
        delta, losses = far(Focal(gamma), "logistic", [30.0], [1], dtype)
        np.testing.assert_allclose([losses[0], delta[0]], [loss, slope], rtol=1e-4)

    @pytest.mark.parametrize("loss", [LogLoss(), Focal(), Focal(0.0)], ids=str)
    def test_probabilities_are_clipped(self, dtype, loss):
        """Of outputs that have rounded to 0 and 1: the loss is log ε at the worst, the slope 1 / ε."""
        epsilon = np.finfo(dtype).eps
        a, y = np.array([[0.0], [1.0], [0.0], [1.0]]), np.array([[1.0], [0.0], [0.0], [1.0]])
        _, delta, losses = compute(loss, "of a user", a, y, np.ones(4), dtype, 1.0)
        np.testing.assert_allclose(losses[:2, 0], -np.log(epsilon), rtol=1e-6)
        assert np.all(losses[2:] < 2 * epsilon)
        np.testing.assert_allclose(delta[:2, 0] * epsilon, [-1, 1], rtol=1e-5)
        assert np.all(abs(delta[2:]) <= 1.001)

    @pytest.mark.parametrize("loss", [Gamma(), Tweedie(1.5), Tweedie(2), Tweedie(1)], ids=str)
    def test_deviances_behind_exp(self, dtype, loss):
        """An output too large by e⁴⁰ or too small by e⁻⁴⁰: what plain float64 says."""
        z, y = np.array([40.0, -40.0]), np.array([2.0, 2.0])
        delta, losses = far(loss, "exp", z, y, dtype)
        _, plain_losses, plain_delta = reference_losses.through(loss, "exp", z[:, None], y[:, None])
        np.testing.assert_allclose(losses, plain_losses[:, 0], rtol=1e-5)
        np.testing.assert_allclose(delta, plain_delta[:, 0], rtol=1e-5)

    def test_gamma_has_no_infinite_loss_where_exp_overflows(self, dtype):
        delta, losses = far(Gamma(), "exp", [1e4], [2.0], dtype)
        np.testing.assert_allclose(losses, 1e4 - np.log(2) - 1, rtol=1e-7)
        assert delta == [1]

    @pytest.mark.parametrize("loss", [Poisson(), Gamma(), Tweedie(1.5)], ids=str)
    def test_deviances_of_an_output_that_underflowed(self, dtype, loss):
        """f′ underflowed with it: delta is zero and not a NaN."""
        _, delta, losses = compute(loss, "of a user", np.zeros((1, 1)), np.ones((1, 1)), np.ones(1), dtype, 0.0)
        assert delta == [[0]]
        assert np.isfinite(losses).all()

    @pytest.mark.parametrize("loss", [Poisson(), Tweedie(1.5)], ids=str)
    def test_deviances_of_zero_targets(self, dtype, loss):
        """y = 0: log 0 never shows."""
        for output in ("exp", "of a user"):
            a = np.zeros((1, 1)) if output == "exp" else np.ones((1, 1))
            _, delta, losses = compute(loss, output, a, np.zeros((1, 1)), np.ones(1), dtype, 1.0)
            assert losses == [[1 if loss.name == "poisson" else 2]]
            assert delta == [[1]]


def test_corners():
    """The slope at a corner is 0; a row that just reaches the margin of hinge or perceptron counts as missed."""
    for loss in (AbsoluteError(), Quantile(0.3), Huber(), LogCosh()):
        assert far(loss, "identity", [1.5], [1.5])[0] == [0]
    assert far(Hinge(), "identity", [1.0, -1.0], [1, 0])[0].tolist() == [-1, 1]
    assert far(Perceptron(), "identity", [0.0, 0.0], [1, 0])[0].tolist() == [-1, 1]
    _, delta, _ = compute(Perceptron(), "identity", np.zeros((1, 3)), np.ones((1, 1)), np.ones(1), np.float64, 1.0)
    assert delta.tolist() == [[1, -1, 0]]


def test_perceptron_rule():
    """Behind step: mistakes are counted, and corrected by a − y, whatever f′ is."""
    a, y = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 1.0], [0.0, 0.0]])
    for dtype in TYPES:
        _, delta, losses = compute(Perceptron(), "step", a, y, np.array([1.0, 2.0]), dtype, 0.0)
        assert delta.tolist() == [[0, -1], [2, 0]]
        assert losses.tolist() == [[0, 1], [2, 0]]


# scikit-learn's metrics, a second opinion


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
