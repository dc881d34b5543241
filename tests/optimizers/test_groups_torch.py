"""Ten steps by PyTorch's optimizers with parameter groups, and by fastmlp's with factors for layers and schedules.

The L2 penalty, whose strength changes from step to step, is in PyTorch's loss; dropout's masks are the reference's.
"""

from dataclasses import replace

import numpy as np
import pytest
from helpers.grouped import DECAY, DROPOUT, L2, masks_of_step
from helpers.problems import make_problem
from helpers.regularized import SEED, strides_of
from oracles.reference_optimizers import CASES

from fastmlp import MLPClassifier
from fastmlp.optimizers import LayerWise
from fastmlp.regularization import Regularization
from fastmlp.training.dropout_keys import DropoutKeys
from fastmlp.training.epoch import EpochRunner

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")

#: Name → (fastmlp's optimizer, PyTorch's class, its parameters).
PAIRS = {name: case.torch for name, case in CASES.items() if case.torch}
BATCH, STEPS = 12, 10
FACTORS = {
    "rates": {"weight_rates": (0.5, 2.0, 0.25), "bias_rates": (1.0, 0.1, 3.0)},
    "decays": {"weight_decays": (0.5, 2.0, 0.0), "bias_decays": (0.1, 0.0, 1.0)},
    "frozen": {"weight_rates": (0.0, 1.5, 0.5), "bias_rates": (0.5, 0.0, 0.0), "bias_decays": 0.5},
    "ntk": {"weight_rates": "ntk"},
}
NO_MASKS = Regularization()


@pytest.fixture(autouse=True)
def in_float64():
    """Run in float64: PyTorch keeps NAdam's product of momenta in its default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def steps_of_torch(problem, name, parameters, factors, l2, decay, regularization, strides, schedule=None):
    """Weights and biases after ten batches; each matrix and vector is a group of its own."""
    weights, biases = ([torch.tensor(a.copy(), requires_grad=True) for a in some] for some in problem.in_float64()[:2])
    params = [tensor for pair in zip(weights, biases, strict=True) for tensor in pair]
    factors = np.reshape(factors, (-1, 2)).tolist()
    groups = [{"params": [tensor], "lr": parameters["lr"] * f} for tensor, (f, _) in zip(params, factors, strict=True)]
    optimizer = getattr(torch.optim, name)(groups, **parameters)
    for t in range(STEPS):
        for group, (f, d) in zip(optimizer.param_groups, factors, strict=True):
            if schedule is not None:
                group["lr"] = float(schedule(t)) * f
            if decay is not None:
                group["weight_decay"] = float(decay(t)) * d
        masks = masks_of_step(regularization, problem.network.layout.layer_sizes, strides, t, BATCH)
        masks = [1.0 if mask is None else torch.tensor(mask) for mask in masks]
        rows = slice(t * BATCH, (t + 1) * BATCH)
        h = torch.tensor(problem.X[rows]) * masks[0]
        for weight, bias, mask in zip(weights[:-1], biases[:-1], masks[1:], strict=True):
            h = torch.tanh(h @ weight + bias) * mask
        target = torch.tensor(problem.y[rows, 0].astype(np.int64))
        loss = torch.nn.functional.cross_entropy(h @ weights[-1] + biases[-1], target)
        penalty = sum(d * (tensor**2).sum() for tensor, (_, d) in zip(params, factors, strict=True))
        loss = loss + float(l2(t)) / (2 * BATCH) * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [array.detach().numpy() for array in (*weights, *biases)]


def check(optimizer, name, parameters, decay=None, regularization=NO_MASKS, schedule=None):
    problem = make_problem("softmax log loss", features=5, hidden=(7, 6), rows=STEPS * BATCH, seed=3)
    before, factors = problem.network.params.copy(), optimizer.factors(problem.network.layout.shapes)
    factors = [[[1.0, 1.0], [1.0, 0.0]]] * 3 if factors is None else factors
    epoch = EpochRunner(
        problem.network, problem.dataset, optimizer, np.arange(STEPS * BATCH), BATCH, 1, regularization,
        DropoutKeys(SEED),
    )  # fmt: skip
    expected = steps_of_torch(
        problem, name, parameters, factors, L2, decay, regularization, strides_of(epoch), schedule
    )
    epoch.run(L2)
    assert epoch.optimizer.t == STEPS
    assert abs(problem.network.params - before).max() > 0.01  # the parameters have changed
    for ours, theirs in zip([*problem.network.coefs, *problem.network.intercepts], expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("factors", FACTORS)
@pytest.mark.parametrize("name", PAIRS)
def test_layer_wise(name, factors):
    """With schedules of `alpha` and, where there is one, of weight decay."""
    optimizer, theirs, parameters = PAIRS[name]
    decay = DECAY if hasattr(optimizer, "weight_decay") else None
    optimizer = optimizer if decay is None else replace(optimizer, weight_decay=decay)
    check(LayerWise(optimizer, **FACTORS[factors]), theirs, parameters, decay)


@pytest.mark.parametrize("name", PAIRS)
def test_schedules_of_decay_and_dropout(name):
    optimizer, theirs, parameters = PAIRS[name]
    decay = DECAY if hasattr(optimizer, "weight_decay") else None
    optimizer = optimizer if decay is None else replace(optimizer, weight_decay=decay)
    check(optimizer, theirs, parameters, decay, Regularization(**DROPOUT))


@pytest.mark.parametrize(
    "name", [name for name in PAIRS if "momentum" not in name and name not in ("nesterov", "rmsprop, centred")]
)
def test_schedules_of_rate_and_decay_together(name):
    """(PyTorch's momentum is another one where the rate changes.)"""
    optimizer, theirs, parameters = PAIRS[name]
    schedule, decay = replace(L2, learning_rate=0.03), DECAY if hasattr(optimizer, "weight_decay") else None
    optimizer = replace(optimizer, learning_rate=schedule, **({"weight_decay": decay} if decay else {}))
    check(LayerWise(optimizer, **FACTORS["frozen"]), theirs, parameters, decay, Regularization(**DROPOUT), schedule)


def test_the_estimator_too():
    """A fit without shuffling: three epochs."""
    from fastmlp import Adam

    problem = make_problem("softmax log loss", features=5, hidden=(7, 6), rows=60, seed=3)
    y = problem.y[:, 0].astype(int)
    solver = LayerWise(Adam(0.01, epsilon=1e-16), (0.5, 0.0, 2.0), 0.1, (1.0, 1.0, 0.5), 0.25)
    model = MLPClassifier(
        (7, 6), activation="tanh", solver=solver, alpha=L2, batch_size=12, max_iter=3, shuffle=False, random_state=0
    )
    start = MLPClassifier(**{**model.get_params(), "max_iter": 1, "solver": LayerWise(Adam(), 0, 0)})
    with pytest.warns(UserWarning, match="Maximum iterations"):
        start.fit(problem.X, y)
    weights, biases = (
        [torch.tensor(a.copy(), requires_grad=True) for a in some] for some in (start.coefs_, start.intercepts_)
    )
    params = [*weights, *biases]
    rates, decays = (0.5, 0.0, 2.0, 0.1, 0.1, 0.1), (1.0, 1.0, 0.5, 0.25, 0.25, 0.25)
    optimizer = torch.optim.Adam(
        [{"params": [p], "lr": 0.01 * f} for p, f in zip(params, rates, strict=True)], eps=1e-16
    )
    for t in range(15):
        rows = slice(t % 5 * 12, (t % 5 + 1) * 12)
        h = torch.tensor(problem.X[rows])
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            h = torch.tanh(h @ weight + bias)
        loss = torch.nn.functional.cross_entropy(h @ weights[-1] + biases[-1], torch.tensor(y[rows]))
        loss = loss + float(L2(t)) / 24 * sum(d * (p**2).sum() for p, d in zip(params, decays, strict=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(problem.X, y)
    for ours, theirs in zip([*model.coefs_, *model.intercepts_], params, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-9, atol=1e-12)
