"""Whole networks with every loss and its possible output activations.

Gradients are compared with `fastmlp.scalar.Value`, which shares no code with the kernels, with central differences of
the compiled loss, and with PyTorch where it has the same loss. The bits do not depend on the number of threads or the
kind of input.
"""

import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.central_differences import central_differences
from helpers.loss_cases import CASES, OWN, activation, make_problem
from helpers.merged import in_one_test
from helpers.seeds import choose, seed_of
from oracles.reference_losses import QUARTIC
from oracles.scalar_losses import differentiate

from fastmlp import warmup
from fastmlp.activations import as_activation
from fastmlp.engine.dataset import Dataset
from fastmlp.losses import (
    LOSSES,
    AbsoluteError,
    Focal,
    Gamma,
    HalfSquaredError,
    Hinge,
    Huber,
    LogCosh,
    LogLoss,
    Poisson,
    Quantile,
    SumSquaredError,
    Tweedie,
)
from fastmlp.network import Network
from fastmlp.optimizers import SGD
from fastmlp.training.epoch import EpochRunner
from fastmlp.training.full_batch_loss import FullBatch

L2 = 0.3
HIDDEN = ["identity", "logistic", "tanh", "relu"]


def full_batch(problem, l2=L2):
    return FullBatch(problem.network, problem.dataset, l2)(problem.network.params.copy())


def make_step(problem, rows=None, n_threads=1, batch_size=None, rate=1.0):
    """An epoch of plain gradient descent: (loss, change of the parameters)."""
    rows = problem.dataset if rows is None else rows
    before = problem.network.params.copy()
    order = np.arange(rows.n_rows, dtype=np.int64)
    epoch = EpochRunner(problem.network, rows, SGD(rate, momentum=0.0), order, batch_size or rows.n_rows, n_threads)
    loss = epoch.run(L2)
    change = problem.network.params - before
    problem.network.params[...] = before
    return loss, change


@in_one_test()
@pytest.mark.parametrize("case", CASES)
def test_against_scalars(case):
    """The full-batch gradient with weights, and a training step without; hidden activations vary."""
    problem = make_problem(CASES[case], hidden_activation=choose(case, HIDDEN), seed=seed_of(case, 7))
    expected, exact = differentiate(problem, L2)
    loss, gradient = full_batch(problem)
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, exact, rtol=1e-9, atol=1e-12)
    problem = make_problem(CASES[case], hidden=(), weighted=False, seed=seed_of(case, 5))
    expected, exact = differentiate(problem, L2)
    loss, step = make_step(problem)
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(-step, exact, rtol=1e-9, atol=1e-12)


@in_one_test()
@pytest.mark.parametrize("case", CASES)
def test_in_float32(case):
    problem = make_problem(CASES[case], dtype=np.float32)
    expected, exact = differentiate(problem, L2)
    loss, gradient = full_batch(problem)
    assert gradient.dtype == np.float32
    assert loss == pytest.approx(expected, rel=1e-5, abs=1e-6)
    np.testing.assert_allclose(gradient, exact, rtol=2e-4, atol=2e-5 * max(1, abs(exact).max()))


@in_one_test()
@pytest.mark.parametrize("case", CASES)
def test_against_central_differences(case):
    """Differences of the compiled loss; k squared errors are reported divided by k, and their sum is minimized."""
    problem = make_problem(CASES[case], seed=3)
    k = CASES[case][2] if problem.loss.name == "squared_error" else 1
    loss_and_gradient = FullBatch(problem.network, problem.dataset, L2 / k)
    params = problem.network.params.copy()
    gradient = full_batch(problem)[1]
    expected = k * central_differences(lambda shifted: loss_and_gradient(shifted)[0], params)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-8)


# The same results from other inputs and threads

SOME = {
    "fused with softmax": (LogLoss(label_smoothing=0.1), "softmax", 5),
    "focal": (Focal(), "softmax", 5),
    "labels": (Focal(alpha=0.25), "logistic", 5),
    "behind softmax": (HalfSquaredError(), "softmax", 5),
    "behind tanh": (Huber(0.2), "tanh", 5),
    "classes": (Hinge(), "identity", 5),
    "quantiles": (Quantile((0.1, 0.5, 0.9)), "identity", 6),
    "deviance": (Tweedie(1.5), "exp", 3),
    "a user's": (QUARTIC, "logistic", 3),
}


@in_one_test()
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", SOME)
def test_threads_and_batches(case, dtype, monkeypatch):
    """The same bits for any number of threads, at batch sizes that do not divide the rows."""
    knobs.let_threads_pay(monkeypatch)
    problem = make_problem(SOME[case], rows=61, dtype=dtype)
    for batch_size in (1, 13, 61):
        loss, step = make_step(problem, batch_size=batch_size, rate=0.05)
        assert np.isfinite(step).all()
        for n_threads in (2, 3, 5):
            other_loss, other = make_step(problem, n_threads=n_threads, batch_size=batch_size, rate=0.05)
            assert other_loss == loss
            assert np.array_equal(other, step)


@in_one_test()
@pytest.mark.parametrize("case", SOME)
def test_sparse_input_and_weights(case):
    """Sparse rows equal dense ones; weight 0 equals a row that is left out, and weight 2 a repeated one."""
    problem = make_problem(SOME[case], rows=23)
    problem.weights[...] = np.arange(23) % 3
    loss, gradient = full_batch(problem)
    sparse = Dataset(scipy.sparse.csr_matrix(problem.X), problem.y, problem.weights)
    repeated = np.repeat(np.arange(23), np.arange(23) % 3)
    for rows in (sparse, Dataset(problem.X[repeated], problem.y[repeated])):
        other_loss, other = FullBatch(problem.network, rows, L2)(problem.network.params.copy())
        assert other_loss == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(other, gradient, rtol=1e-10, atol=1e-13)


# What is compiled


def test_another_loss_compiles_only_its_kernel(monkeypatch):
    """Kernels are counted as in a new process."""
    kernels = warmup.all_kernels()
    for kernel in kernels:
        monkeypatch.setattr(kernel, "compiled", {})
        monkeypatch.setattr(kernel, "_entries", {})

    def asked_for(case):
        """The kernels that this case loads first."""
        before = {kernel.__name__ for kernel in kernels if kernel.compiled}
        full_batch(make_problem(case))
        return {kernel.__name__ for kernel in kernels if kernel.compiled} - before

    activations = ("identity", "logistic", "tanh", "relu", "exp", "softmax")
    assert len(set().union(*(asked_for((HalfSquaredError(), output, 3)) for output in activations))) > 10
    counted = set()
    for name, (loss, output, n_outputs) in CASES.items():
        if output not in OWN and loss is not QUARTIC:
            new = asked_for((loss, output, n_outputs))
            own = {loss.kernel(output).__name__}
            assert new <= own | {as_activation(output).kernel.__name__}, name  # none if fused
            counted |= new & own
    assert len(counted) > 15


# PyTorch


def torch_losses():
    """Name → (loss, output activation, outputs, PyTorch's loss as a function of pre-activations z and targets y)."""
    torch = pytest.importorskip("torch")
    f = torch.nn.functional

    def binary(z, y, s=0.0):
        return f.binary_cross_entropy_with_logits(z, y * (1 - s) + s / 2, reduction="sum")

    def classes(z, y, s=0.0):
        return f.cross_entropy(z, y[:, 0].long(), reduction="sum", label_smoothing=s)

    def poisson(z, y):
        return f.poisson_nll_loss(z, y, reduction="sum") + torch.special.xlogy(y, y).sum() - y.sum()

    def focal(z, y):
        log_p = f.logsigmoid(z * (2 * y - 1))
        return -((1 - log_p.exp()) ** 2 * log_p).sum()

    return {
        "classes": (LogLoss(), "softmax", 4, classes),
        "smoothed classes": (LogLoss(0.1), "softmax", 4, lambda z, y: classes(z, y, 0.1)),
        "labels": (LogLoss(), "logistic", 3, binary),
        "smoothed labels": (LogLoss(0.1), "logistic", 3, lambda z, y: binary(z, y, 0.1)),
        "focal": (Focal(), "logistic", 3, focal),
        "squares": (SumSquaredError(), "identity", 3, lambda z, y: f.mse_loss(z, y, reduction="sum")),
        "squares of tanh": (SumSquaredError(), "tanh", 3, lambda z, y: f.mse_loss(z.tanh(), y, reduction="sum")),
        "half squares of softmax": (
            HalfSquaredError(), "softmax", 3, lambda z, y: f.mse_loss(z.softmax(1), y, reduction="sum") / 2,
        ),
        "absolute": (AbsoluteError(), "identity", 3, lambda z, y: f.l1_loss(z, y, reduction="sum")),
        "huber": (Huber(0.7), "identity", 3, lambda z, y: f.huber_loss(z, y, reduction="sum", delta=0.7)),
        "log-cosh": (LogCosh(), "identity", 3, lambda z, y: (z - y).cosh().log().sum()),
        "poisson": (Poisson(), "exp", 3, poisson),
        "gamma": (Gamma(), "exp", 3, lambda z, y: (z - y.log() + y / z.exp() - 1).sum()),
        "hinge": (
            Hinge(), "identity", 1,
            lambda z, y: f.hinge_embedding_loss(z * (2 * y - 1), -torch.ones_like(z), reduction="sum"),
        ),
    }  # fmt: skip


@in_one_test()
@pytest.mark.parametrize("name", [
    "classes", "smoothed classes", "labels", "smoothed labels", "focal", "squares", "squares of tanh",
    "half squares of softmax", "absolute", "huber", "log-cosh", "poisson", "gamma", "hinge",
])  # fmt: skip
def test_against_pytorch(name):
    """Loss and gradients of the whole network."""
    torch = pytest.importorskip("torch")
    loss, output, n_outputs, of_rows = torch_losses()[name]
    problem = make_problem((loss, output, n_outputs), rows=20, weighted=False)
    params = [
        torch.tensor(array, requires_grad=True) for array in (*problem.network.coefs, *problem.network.intercepts)
    ]
    h = torch.tensor(problem.X) @ params[0] + params[2]
    value = of_rows(h.tanh() @ params[1] + params[3], torch.tensor(problem.y)) / 20
    value.backward()
    ours, gradient = full_batch(problem, l2=0.0)
    assert ours == pytest.approx(value.item(), rel=1e-12)
    layout = problem.network.layout
    for mine, theirs in zip([*layout.coefs(gradient), *layout.intercepts(gradient)], params, strict=True):
        np.testing.assert_allclose(mine, theirs.grad.numpy(), rtol=1e-9, atol=1e-12)


# Training


def test_perceptron_rule_separates_separable_rows():
    """Rosenblatt's theorem: the number of mistakes is finite. Weights begin at zero; one input is the constant 1."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((60, 2))
    X = X[abs(X @ [1.0, -2.0] + 0.5) > 0.1]
    y = (X @ [[1.0], [-2.0]] + 0.5 > 0).astype(float)
    for output in ("step", "identity"):
        network = Network([2, 1], [activation(output)], "perceptron", np.float64)
        epoch = EpochRunner(network, Dataset(X, y), SGD(1.0, momentum=0.0), np.arange(len(X)), 1)
        losses = [epoch.run(0.0) for _ in range(100)]
        assert losses[0] > 0
        assert losses[-1] == 0


@in_one_test()
@pytest.mark.parametrize("name", LOSSES)
def test_training_reduces_every_loss(name):
    """By plain gradient descent, with the default output activation."""
    loss = LOSSES[name]
    task = "multi-class" if "classifier" in loss.kinds else "regression"
    output, n_outputs = loss.default_output_activation(task), loss.n_outputs(task, 3)
    problem = make_problem((loss, output, n_outputs), rows=40, weighted=False)
    truth = make_problem((loss, output, n_outputs), rows=40, weighted=False, seed=5)
    z = np.tanh(problem.X @ truth.network.coefs[0]) @ truth.network.coefs[1]
    classes = z.argmax(axis=1)[:, None].astype(float)
    y = classes if task == "multi-class" else np.exp(z) if output == "exp" else z
    loss.check(output, n_outputs, y)
    epoch = EpochRunner(problem.network, Dataset(problem.X, y), SGD(0.05, momentum=0.9), np.arange(40), 10)
    losses = [epoch.run(0.0) for _ in range(150)]
    assert losses[-1] < 0.35 * losses[0]
