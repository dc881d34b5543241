"""Regularization: L1, max-norm, and all options together, against references."""

import ctypes

import numpy as np
import pytest
from helpers import knobs
from helpers.merged import in_one_test
from helpers.problem_shapes import problem_shapes
from helpers.problems import make_problem
from helpers.regularized import EACH, L2, OPTIMIZERS, check_training, make_epoch, results
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import reference_regularization as plain

from fastmlp.engine.dataset import Dataset
from fastmlp.engine.model import TrainableModel
from fastmlp.kernels.lowlevel.records import CANCELLED
from fastmlp.optimizers import LAMB, SGD
from fastmlp.regularization import Regularization
from fastmlp.scalar import Value
from fastmlp.training.epoch import EpochRunner

TYPES = [np.float32, np.float64]


@pytest.fixture(autouse=True)
def small_networks_share_their_work(monkeypatch):
    knobs.let_threads_pay(monkeypatch)


# L1


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("hidden", [(), (5, 4)], ids=str)
def test_l1_against_scalars(hidden, sparse):
    """A step of plain descent with rate 1 is the gradient of the smooth part; then weights move towards zero by λ."""
    problem = make_problem("softmax log loss", hidden=hidden, sparse=sparse, weighted=True)
    problem.network.coefs[-1][0] = 0.0
    coefs, intercepts, (X, y, weights) = problem.in_float64()
    as_values = np.vectorize(Value, otypes=[object])
    coefs, intercepts = [as_values(c) for c in coefs], [as_values(b) for b in intercepts]
    objective, penalty = Value(0), 0.0
    for w in np.concatenate([coef.ravel() for coef in coefs]):
        objective += L2 / 2 * w**2
        penalty += 0.3 * abs(w.data) / weights.sum()
    for x, t, weight in zip(X, y, weights, strict=True):
        h = x
        for coef, intercept in zip(coefs[:-1], intercepts[:-1], strict=True):
            h = np.array([z.tanh() for z in h @ coef + intercept])
        powers = [z.exp() for z in h @ coefs[-1] + intercepts[-1]]
        objective -= weight * (powers[int(t[0])] / sum(powers, start=Value(0))).log()
    objective /= weights.sum()
    objective.backward()
    before = problem.network.params.copy()
    epoch = make_epoch(problem, Regularization(l1=0.3), SGD(1.0))
    assert epoch.run(L2) == pytest.approx(objective.data + penalty, rel=1e-12)
    network, layout = problem.network, problem.network.layout
    read = np.vectorize(lambda node: node.grad, otypes=[float])
    zeros = 0
    for ours, old, exact in zip(network.coefs, layout.coefs(before), coefs, strict=True):
        expected = plain.soft(old - read(exact), 0.3 / weights.sum())
        np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-13)
        assert np.array_equal(ours == 0, expected == 0)
        zeros += np.count_nonzero(ours == 0)
    for ours, old, exact in zip(network.intercepts, layout.intercepts(before), intercepts, strict=True):
        np.testing.assert_allclose(ours, old - read(exact), rtol=1e-10, atol=1e-13)
    assert zeros


# Max-norm


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", TYPES)
def test_no_output_has_weights_longer_than_max_norm(dtype, threads):
    problem = make_problem("softmax log loss", features=33, hidden=(67, 131), rows=70, dtype=dtype)
    problem.network.coefs[0][...] *= np.linspace(0.01, 2.0, 67).astype(dtype)  # some are longer than max_norm
    make_epoch(problem, Regularization(max_norm=0.75), batch_size=70, threads=threads).run(L2)
    for coef in problem.network.coefs:
        norms = np.sqrt((coef.astype(float) ** 2).sum(axis=0))
        assert norms.max() < 0.75 * (1 + 4 * np.finfo(dtype).eps)
    first = np.sqrt((problem.network.coefs[0].astype(float) ** 2).sum(axis=0))
    assert first[0] < 0.02
    np.testing.assert_allclose(first[-10:], 0.75, rtol=4 * np.finfo(dtype).eps)


# Everything together


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    batch_size=st.integers(1, 40),
    dtype=st.sampled_from(TYPES),
    threads=st.integers(1, 4),
    l1=st.sampled_from([0.0, 0.05]),
    clip_value=st.sampled_from([None, 0.02]),
    clip_norm=st.sampled_from([None, 0.1]),
    max_norm=st.sampled_from([None, 0.6]),
    dropout=st.sampled_from([0.0, 0.4]),
    input_dropout=st.sampled_from([0.0, 0.3]),
    **problem_shapes(rows=40),
)
def test_training_steps(
    task, optimizer, batch_size, threads, l1, clip_value, clip_norm, max_norm, dropout, input_dropout, **shape
):
    regularization = Regularization(l1, dropout, input_dropout, max_norm, clip_norm, clip_value)
    check_training(make_problem(task, **shape), regularization, optimizer, batch_size, threads)


@in_one_test()
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("features", "hidden"), [(301, (251, 33)), (7, (190, 161, 5)), (30, (1201,))], ids=str)
def test_training_steps_of_wide_layers(features, hidden, optimizer, dtype, sparse, monkeypatch):
    """Several tiles a layer, layers in panels, layers divided by columns, and narrow ones."""
    knobs.set_panel_bytes(monkeypatch)
    problem = make_problem(
        "softmax log loss", features=features, hidden=hidden, rows=50, dtype=dtype, sparse=sparse, weighted=True
    )
    regularization = Regularization(**{**EACH["all"], "dropout": 0.0, "input_dropout": 0.0})
    check_training(problem, regularization, optimizer, 30, threads=3)


@in_one_test(pairs=True)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_threads_change_no_bit(optimizer, name, dtype, sparse):
    found = []
    for threads in (1, 2, 3, 7):
        problem = make_problem(
            "softmax log loss", features=70, hidden=(131, 67), rows=130, dtype=dtype, sparse=sparse, weighted=True
        )
        found.append(results(problem, Regularization(**EACH[name]), optimizer, batch_size=64, threads=threads))
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_blocks_and_slices_change_no_bit(monkeypatch, optimizer, dtype):
    """Blocks of rows, and slices of steps between which Python handles Ctrl-C."""
    found = []
    for block_bytes, seconds in ((1 << 19, 1.0), (1, 1.0), (1 << 19, 0.0)):
        knobs.set_block_bytes(monkeypatch, block_bytes)
        knobs.set_slice(monkeypatch, seconds)
        problem = make_problem("multi-label", hidden=(37, 5), rows=259, dtype=dtype, weighted=True)
        found.append(results(problem, Regularization(**EACH["all"]), optimizer, batch_size=101))
    assert found[0] == found[1] == found[2]


@in_one_test(pairs=True)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("name", "optimizer"), [*((name, "momentum") for name in EACH), ("none", "lamb"), ("all", "lamb")]
)
def test_a_large_batch_in_microbatches(monkeypatch, name, optimizer, dtype, activation):
    """A row has the mask of its place in the batch, with and without microbatches."""
    problem = {"features": 19, "hidden": (33, 5), "rows": 260, "weighted": True, "dtype": dtype}
    problem, regularization = {**problem, "activation": activation}, Regularization(**EACH.get(name, {}))
    whole = make_problem("softmax log loss", **problem)
    assert not check_training(whole, regularization, optimizer, 131).workspace.task["microbatch_rows"]
    knobs.set_large_batch_rows(monkeypatch, 100)
    found = set()
    for threads in (1, 2, 3, 20):
        parts = make_problem("softmax log loss", **problem)
        epoch = check_training(parts, regularization, optimizer, 131, threads)
        assert 0 < epoch.workspace.task["microbatch_rows"] <= 16
        found.add(parts.network.params.tobytes())
    assert len(found) == 1
    eps = 200 * np.finfo(dtype).eps
    np.testing.assert_allclose(parts.network.params, whole.network.params, rtol=eps, atol=eps)


def test_threads_that_have_no_tile_in_phase_two():
    """Seven threads, five tiles of rows, twenty flat tiles: clipping's update rule has its rates in all threads."""
    found = set()
    for threads in (1, 7):
        network = TrainableModel([40, 2000], ["logistic"], "log_loss", np.float32)
        rng = np.random.RandomState(0)
        X, y = rng.standard_normal((56, 40)).astype(np.float32), rng.randint(2, size=(56, 2000)).astype(np.float32)
        settings = Regularization(clip_value=0.01, clip_norm=0.1)
        epoch = EpochRunner(network, Dataset(X, y), LAMB(0.1), np.arange(56), 56, threads, settings)
        assert epoch.team.size == threads
        epoch.run(L2)
        found.add(network.params.tobytes())
    assert len(found) == 1


@in_one_test()
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", EACH)
def test_batches_without_weight_make_no_step(name, threads):
    problem = make_problem("poisson", rows=96, weighted=True)
    problem.weights[...] = np.random.RandomState(1).uniform(0.5, 2.0, 96)
    order = np.random.RandomState(3).permutation(96)  # the order of `make_epoch`
    problem.weights[order[:16]] = problem.weights[order[48:64]] = 0.0
    epoch = check_training(problem, Regularization(**EACH[name]), "lamb", 16, threads)
    assert epoch.workspace.tasks["steps_made"].tolist() == [4] * threads


def test_a_team_cancelled_between_phases_returns():
    """No thread waits at the barrier for ever, and no later phase begins: there is a gradient, but no step."""
    problem = make_problem("multi-label", hidden=(37, 5), rows=96)
    epoch = make_epoch(problem, Regularization(clip_norm=1.0, max_norm=0.1), threads=3)
    assert epoch.team.size == 3
    seen, before = [], problem.network.params.copy()
    phase = ctypes.CFUNCTYPE(None, *[ctypes.c_ssize_t] * 3)

    @phase
    def cancel(task, layers, like):
        seen.append(task)
        if task == epoch.workspace.arguments(1)[0]:
            epoch.team.barrier[CANCELLED // 8] = 1

    epoch.workspace.buffers["phases"][0] = ctypes.cast(cancel, ctypes.c_void_p).value
    epoch.run(L2)
    assert sorted(seen) == [epoch.workspace.arguments(thread)[0] for thread in range(3)]
    assert np.array_equal(problem.network.params, before)
    assert epoch.workspace.buffers["gradient"].any()


@pytest.mark.parametrize("dtype", TYPES)
def test_unused_options_cost_nothing(dtype):
    """They need no kernel and no memory, and the bits are those of a training without `Regularization`."""
    problems = [make_problem("multi-label", rows=40, dtype=dtype) for _ in range(2)]
    epoch = make_epoch(problems[0], Regularization(), SGD())
    bare = EpochRunner(problems[1].network, problems[1].dataset, SGD(), np.random.RandomState(3).permutation(40), 40)
    assert epoch.run(L2) == bare.run(L2)
    assert problems[0].network.params.tobytes() == problems[1].network.params.tobytes()
    assert epoch.workspace.buffers.keys() == bare.workspace.buffers.keys()
    task = epoch.workspace.task
    assert not any(task[name] for name in ("store_magnitudes", "run_global_phases", "n_phases", "phases", "masks"))
    assert task["update"] == task["rule"]
    assert not epoch.workspace.layers["mask"].any()
