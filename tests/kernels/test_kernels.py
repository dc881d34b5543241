"""Activations and losses: each kernel, called through its address, against its reference, in guarded memory."""

import numpy as np
import pytest
from helpers.guarded import Guarded, call
from helpers.kernel_cases import SHAPES, TYPES, in_type, tolerance
from helpers.merged import in_one_test
from helpers.problems import draw_targets
from oracles import reference

from fastmlp.activations import ACTIVATIONS
from fastmlp.losses import LOSSES

# Activations


def activate(name, z, dtype, stride, whole_rows):
    """Return the kernel's (f, f′) after checking that it wrote nothing else."""
    z = Guarded(z, dtype, stride)
    derivative = Guarded(np.full(z.shape, 0.25), dtype, stride)
    rows, columns = z.shape
    shape = {"rows": rows, "stride": stride, "columns": columns}
    call(ACTIVATIONS[name].kernel, dtype, z=z, derivative=derivative, **shape, constants=0)
    for guarded in (z, derivative):
        guarded.assert_only_inside_written(columns=stride if whole_rows else None)
    return z.array, derivative.array


@in_one_test("dtype")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", reference.ACTIVATIONS)
@pytest.mark.parametrize("dtype", TYPES)
def test_activation_and_derivative(dtype, name, shape):
    """z is overwritten with f, derivative with f′, including the padding between columns and stride."""
    z = in_type(np.random.RandomState(shape[1]).standard_normal(shape) * 3, dtype)
    a, derivative = activate(name, z, dtype, shape[1] + 5, whole_rows=True)
    expected, expected_derivative = reference.ACTIVATIONS[name](z)
    np.testing.assert_allclose(a, expected, **tolerance(dtype))
    np.testing.assert_allclose(derivative, expected_derivative, **tolerance(dtype))


@in_one_test("dtype")
@pytest.mark.parametrize("name", ["identity", "relu", "logistic", "tanh"])
@pytest.mark.parametrize("dtype", TYPES)
def test_activation_at_its_limits(dtype, name):
    """Zeros, huge numbers and infinities have their limits; NaN stays NaN."""
    z = np.array([[0.0, -0.0, 1e-30, -1e-30, 100.0, -100.0, 1e30, -1e30, np.inf, -np.inf, np.nan]])
    a, derivative = activate(name, z, dtype, 11, whole_rows=True)
    with np.errstate(invalid="ignore"):
        expected, expected_derivative = reference.ACTIVATIONS[name](z)
    np.testing.assert_allclose(a, expected, **tolerance(dtype))
    np.testing.assert_allclose(derivative[:, :-1], expected_derivative[:, :-1], **tolerance(dtype))


@in_one_test("dtype")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shift", [0, 1e4, -1e4])
@pytest.mark.parametrize("dtype", TYPES)
def test_softmax(dtype, shift, shape):
    """Rows are contiguous. A number added to a row neither changes the result nor overflows; f′ is not written."""
    z = in_type(np.random.RandomState(shape[1]).standard_normal(shape) * 3 + shift, dtype)
    a, derivative = activate("softmax", z, dtype, shape[1], whole_rows=False)
    np.testing.assert_allclose(a, reference.softmax(z), **tolerance(dtype))
    assert np.all(derivative == 0.25)


# Losses


def compute_loss(loss, z, y, w, dtype):
    """Return the kernel's (outputs, delta, losses) after checking that it wrote nothing else; w are sample weights."""
    rows, columns = z.shape
    z, delta, y = Guarded(z, dtype), Guarded(np.zeros_like(z), dtype), Guarded(y, dtype)
    w = Guarded(np.repeat(w[:, None], y.shape[1], axis=1), dtype)
    losses = Guarded(np.zeros(y.shape), np.float64)
    shape = {"rows": rows, "columns": columns, "n_targets": y.shape[1]}
    kernel = LOSSES[loss[0]].fused[loss[1]]
    call(kernel, dtype, z=z, delta=delta, target=y, weight=w, loss=losses, **shape, constants=0)
    for written in (z, delta, losses):
        written.assert_only_inside_written()
    for read in (y, w):
        read.assert_untouched()
    return z.array, delta.array, losses.array.sum(axis=1)


@in_one_test("dtype")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("loss", reference.LOSSES)
@pytest.mark.parametrize("dtype", TYPES)
def test_loss_and_delta(dtype, loss, shape):
    rng = np.random.RandomState(shape[1])
    z = in_type(rng.standard_normal(shape) * 2, dtype)
    y = in_type(draw_targets(rng, loss, *shape), dtype)
    w = in_type(rng.uniform(0.5, 2.0, shape[0]) * rng.randint(3, size=shape[0]), dtype)
    got = compute_loss(loss, z, y, w, dtype)
    expected = reference.LOSSES[loss](z, y, w, np.finfo(dtype).eps)
    for name, ours, plain in zip(("outputs", "delta", "loss"), got, expected, strict=True):
        scale = max(1.0, abs(plain).max())
        np.testing.assert_allclose(ours / scale, plain / scale, err_msg=name, **tolerance(dtype, 32))


@pytest.mark.parametrize("loss", [("log_loss", "softmax"), ("log_loss", "logistic")])
@pytest.mark.parametrize("dtype", TYPES)
def test_log_loss_is_clipped_at_the_types_epsilon(dtype, loss):
    """A certain prediction has the loss −log(1 − ε) if it is right and −log ε if it is wrong."""
    z = np.array([[2000.0, -2000.0], [-2000.0, 2000.0], [2000.0, -2000.0], [-2000.0, 2000.0]])
    y = np.array([[0.0], [0.0], [1.0], [1.0]])
    if loss[1] == "logistic":
        z, y = z[:, :1], 1.0 - y
    _, delta, row_losses = compute_loss(loss, z, y, np.ones(4), dtype)
    epsilon = np.finfo(dtype).eps
    np.testing.assert_allclose(row_losses, -np.log([1 - epsilon, epsilon, epsilon, 1 - epsilon]), rtol=1e-6)
    assert np.all(abs(delta[:, 0]) == [0, 1, 1, 0])


@in_one_test("dtype")
@pytest.mark.parametrize("loss", reference.LOSSES)
@pytest.mark.parametrize("dtype", TYPES)
def test_loss_of_nan_is_nan(dtype, loss):
    """A NaN is not clipped, so that divergence is noticed, and stays in its row."""
    z = np.array([[0.5, 0.25], [np.nan, 0.25], [0.5, 0.125]])
    y = np.ones((3, 1 if loss == ("log_loss", "softmax") else 2))
    outputs, delta, row_losses = compute_loss(loss, z, y, np.ones(3), dtype)
    assert np.isnan(row_losses).tolist() == [False, True, False]
    assert np.isnan(outputs[:, 0]).tolist() == np.isnan(delta[:, 0]).tolist() == [False, True, False]


@pytest.mark.parametrize("dtype", TYPES)
def test_poisson_without_events(dtype):
    """y log y is 0 at y = 0: the loss is the rate itself, and finite."""
    y = np.array([[0.0], [1.0]])
    _, delta, row_losses = compute_loss(("poisson", "exp"), np.zeros((2, 1)), y, np.ones(2), dtype)
    assert row_losses.tolist() == [1.0, 0.0]
    assert delta.ravel().tolist() == [1.0, 0.0]
