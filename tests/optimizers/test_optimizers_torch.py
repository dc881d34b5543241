"""Ten steps of a small network by PyTorch's optimizers, and by ours with PyTorch's numbers; schedules too.

Where only the place of ε differs, it is so small that its place does not matter: 1e-16, or 1e-32 under a root.
"""

import numpy as np
import pytest
from helpers.problems import make_problem

from fastmlp.optimizers import SGD, AdaDelta, AdaGrad, Adam, AdaMax, AdamW, AMSGrad, NAdam, RAdam, RMSProp
from fastmlp.schedules import Cosine, CosineRestarts, Exponential, OneCycle, Polynomial, StepDecay, WarmUp
from fastmlp.training.epoch import EpochRunner

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")
lr_scheduler = torch.optim.lr_scheduler

TINY = 1e-16
#: Ours, PyTorch's class and its settings.
PAIRS = {
    "sgd": (SGD(0.3), "SGD", {"lr": 0.3}),
    "momentum": (SGD(0.1, 0.8), "SGD", {"lr": 0.1, "momentum": 0.8}),
    "nesterov": (SGD(0.1, 0.8, True), "SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True}),
    "adagrad": (AdaGrad(0.1, 1e-3), "Adagrad", {"lr": 0.1, "eps": 1e-3}),
    "adadelta": (AdaDelta(0.9, 0.8, 1e-3), "Adadelta", {"lr": 0.9, "rho": 0.8, "eps": 1e-3}),
    "rmsprop": (RMSProp(0.01, 0.8, epsilon=TINY**2), "RMSprop", {"lr": 0.01, "alpha": 0.8, "eps": TINY}),
    "rmsprop, momentum": (
        RMSProp(0.01, 0.8, 0.7, TINY**2),
        "RMSprop",
        {"lr": 0.01, "alpha": 0.8, "momentum": 0.7, "eps": TINY},
    ),
    "rmsprop, centred": (
        RMSProp(0.01, 0.8, 0.7, TINY**2, True),
        "RMSprop",
        {"lr": 0.01, "alpha": 0.8, "momentum": 0.7, "eps": TINY, "centered": True},
    ),
    "adam": (Adam(0.01, 0.8, 0.95, TINY), "Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": TINY}),
    "amsgrad": (
        AMSGrad(0.01, 0.8, 0.75, TINY),
        "Adam",
        {"lr": 0.01, "betas": (0.8, 0.75), "eps": TINY, "amsgrad": True},
    ),
    "adamax": (AdaMax(0.01, 0.8, 0.95, 1e-3), "Adamax", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3}),
    "nadam": (
        NAdam(0.01, 0.8, 0.95, TINY, 0.4),
        "NAdam",
        {"lr": 0.01, "betas": (0.8, 0.95), "eps": TINY, "momentum_decay": 0.4},
    ),
    "radam": (RAdam(0.05, 0.8, 0.999, 1e-3), "RAdam", {"lr": 0.05, "betas": (0.8, 0.999), "eps": 1e-3}),
    "adamw": (
        AdamW(0.01, 0.8, 0.95, TINY, 0.5),
        "AdamW",
        {"lr": 0.01, "betas": (0.8, 0.95), "eps": TINY, "weight_decay": 0.5},
    ),
}
L2, BATCH = 0.2, 12


@pytest.fixture(autouse=True)
def in_float64():
    """PyTorch keeps NAdam's product of momenta in its default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def ten_steps_of_torch(problem, name, settings):
    """Weights and biases after ten batches; biases are a group of their own, without decay."""
    weights, biases = ([torch.tensor(a.copy(), requires_grad=True) for a in some] for some in problem.in_float64()[:2])
    group = {"params": biases, "weight_decay": 0.0} if "weight_decay" in settings else {"params": biases}
    optimizer = getattr(torch.optim, name)([{"params": weights}, group], **settings)
    for start in range(0, 10 * BATCH, BATCH):
        h = torch.tensor(problem.X[start : start + BATCH])
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            h = torch.tanh(h @ weight + bias)
        target = torch.tensor(problem.y[start : start + BATCH, 0].astype(np.int64))
        loss = torch.nn.functional.cross_entropy(h @ weights[-1] + biases[-1], target)
        loss = loss + L2 / (2 * BATCH) * sum((weight**2).sum() for weight in weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [array.detach().numpy() for array in (*weights, *biases)]


@pytest.mark.parametrize("name", PAIRS)
def test_ten_steps(name):
    optimizer, theirs, settings = PAIRS[name]
    problem = make_problem("softmax log loss", features=5, hidden=(7, 6), rows=10 * BATCH, seed=3)
    before = problem.network.params.copy()
    expected = ten_steps_of_torch(problem, theirs, settings)
    epoch = EpochRunner(problem.network, problem.dataset, optimizer, np.arange(10 * BATCH), BATCH)
    epoch.run(L2)
    assert epoch.optimizer.t == 10
    assert abs(problem.network.params - before).max() > 0.02  # they went somewhere
    for ours, plain in zip([*problem.network.coefs, *problem.network.intercepts], expected, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-9, atol=1e-12)


# Schedules: ours, and PyTorch's scheduler for an optimizer whose rate is `learning_rate`

SCHEDULES = {
    "step": (StepDecay(0.3, every=7, factor=0.5), lambda o: lr_scheduler.StepLR(o, 7, 0.5)),
    "exponential": (Exponential(0.3, 0.9), lambda o: lr_scheduler.ExponentialLR(o, 0.9)),
    "polynomial": (Polynomial(0.3, 30, 1.5), lambda o: lr_scheduler.PolynomialLR(o, 30, 1.5)),
    "line": (Polynomial(0.3, 30, final=0.06), lambda o: lr_scheduler.LinearLR(o, 1.0, 0.2, 30)),
    "cosine": (Cosine(0.3, 40, 0.01), lambda o: lr_scheduler.CosineAnnealingLR(o, 40, 0.01)),
    "restarts": (CosineRestarts(0.3, 7, 1, 0.01), lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 7, 1, 0.01)),
    "longer and longer": (CosineRestarts(0.3, 3, 2), lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3, 2)),
    "one cycle": (OneCycle(0.3, 41), lambda o: lr_scheduler.OneCycleLR(o, 0.3, 41, cycle_momentum=False)),
    "one cycle, other numbers": (
        OneCycle(0.3, 45, 0.45, 5.0, 10.0),
        lambda o: lr_scheduler.OneCycleLR(
            o, 0.3, 45, pct_start=0.45, div_factor=5.0, final_div_factor=10.0, cycle_momentum=False
        ),
    ),
    "warm-up": (WarmUp(0.3, 9), lambda o: lr_scheduler.LinearLR(o, 0.1, 1.0, 9)),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name):
    schedule, make = SCHEDULES[name]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler, expected = make(optimizer), []
    for step in range(41):
        if step:
            optimizer.step()
            scheduler.step()
        expected.append(optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(schedule(np.arange(41)), expected, rtol=1e-9, atol=1e-15)
