"""Ten steps of a small network by PyTorch's optimizers and by fastmlp's with the same parameters; schedules too.

Where only the place of ε differs, it is so small that its place does not matter: 1e-16, or 1e-32 under a root.
"""

import numpy as np
import pytest
from helpers.problems import make_problem
from oracles.reference_optimizers import CASES
from oracles.reference_schedules import CASES as SCHEDULES

from fastmlp.training.epoch import EpochRunner

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")

#: Name → (fastmlp's optimizer, PyTorch's class, its parameters).
PAIRS = {name: case.torch for name, case in CASES.items() if case.torch}
L2, BATCH = 0.2, 12


@pytest.fixture(autouse=True)
def in_float64():
    """Run in float64: PyTorch keeps NAdam's product of momenta in its default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def ten_steps_of_torch(problem, name, settings):
    """Weights and biases after ten batches; biases are a separate group, without decay."""
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
    assert abs(problem.network.params - before).max() > 0.02  # the parameters have changed
    for ours, plain in zip([*problem.network.coefs, *problem.network.intercepts], expected, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", [name for name, case in SCHEDULES.items() if case.torch])
def test_schedule(name):
    schedule, make = SCHEDULES[name].in_torch
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler, expected = make(torch.optim.lr_scheduler, optimizer), []
    for step in range(41):
        if step:
            optimizer.step()
            scheduler.step()
        expected.append(optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(schedule(np.arange(41)), expected, rtol=1e-9, atol=1e-15)
