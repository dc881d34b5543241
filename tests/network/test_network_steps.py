"""Whole passes of the compiled network against plain NumPy: training steps, full-batch loss and gradient, outputs.

The shapes are not multiples of any block. Inputs, targets and weights lie in guarded memory; after each pass the guard
zones of the workspace's buffers must be unchanged.
"""

from functools import partial

import numpy as np
import pytest
from helpers import knobs
from helpers.guarded import Guarded, assert_lines_are_zero
from helpers.guarded_rows import GuardedRows, assert_nothing_written_beside, take_step
from helpers.merged import in_one_test
from helpers.problem_shapes import problem_shapes
from helpers.problems import HIDDEN, TASKS, assert_weight_copies_are_current, batches_with_weight, make_problem
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import reference

from fastmlp.engine.prediction import predict
from fastmlp.kernels.linalg.register_tiles import TILE_ROWS
from fastmlp.kernels.lowlevel.records import ROW_TILE
from fastmlp.optimizers import SGD, Adam, AdamW
from fastmlp.schedules import Polynomial
from fastmlp.training.epoch import EpochRunner
from fastmlp.training.full_batch_loss import FullBatch

RATE = 0.002  # so small that trainings do not diverge and rounding errors do not grow
RULES = {
    "plain": SGD(RATE),
    "momentum": SGD(RATE, momentum=0.9),
    "nesterov": SGD(RATE, momentum=0.9, nesterov=True),
    "adam": Adam(RATE, 0.8, 0.95, 1e-3),
    "adamw": AdamW(Polynomial(RATE, steps=9, final=RATE / 2), 0.8, 0.95, 1e-3, weight_decay=0.5),  # decays no bias
}


def train_plainly(problem, optimizer, order, batch_size, l2):
    """Return the epoch's loss and the parameters after it, by reference implementations only."""
    coefs, intercepts, data = problem.in_float64()
    moments = [[0.0, 0.0] for _ in range(2 * len(coefs))]
    sum_of_losses, rows_counted = 0.0, 0
    for t, batch in enumerate(batches_with_weight(data, order, batch_size), start=1):
        rule = partial(take_step, optimizer, t, float(optimizer.schedule(t - 1)))
        epsilon = np.finfo(problem.network.dtype).eps
        activation = problem.activation
        loss = reference.train_step(coefs, intercepts, moments, rule, batch, l2, activation, problem.loss, epsilon)
        sum_of_losses += loss * len(batch[0])
        rows_counted += len(batch[0])
    return sum_of_losses / max(rows_counted, 1), coefs, intercepts


@pytest.fixture(autouse=True)
def small_networks_share_their_work(monkeypatch):
    knobs.let_threads_pay(monkeypatch)


def check_training(problem, rule, batch_size, l2=0.05, threads=1):
    """An epoch in compiled code against an epoch of references."""
    optimizer = RULES[rule]
    order = np.random.RandomState(3).permutation(len(problem.X)).astype(np.int64)
    expected_loss, coefs, intercepts = train_plainly(problem, optimizer, order, batch_size, l2)
    guarded = GuardedRows(problem)
    guarded_order = Guarded(order, np.int64)
    epoch = EpochRunner(problem.network, guarded.dataset, optimizer, guarded_order.array, batch_size, threads)
    assert epoch.team.size == max(1, min(threads, batch_size // ROW_TILE))
    loss = epoch.run(l2)
    tolerance = 1e-9 if problem.network.dtype == np.float64 else 1e-5
    assert loss == pytest.approx(expected_loss, rel=tolerance)
    for ours, plain in zip([*problem.network.coefs, *problem.network.intercepts], [*coefs, *intercepts], strict=True):
        np.testing.assert_allclose(ours, plain, rtol=tolerance, atol=tolerance)
    assert_nothing_written_beside(problem.network, epoch.workspace)
    assert_lines_are_zero(epoch.team.barrier)
    guarded.assert_untouched()
    guarded_order.assert_untouched()
    assert_weight_copies_are_current(epoch.workspace)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    rule=st.sampled_from(sorted(RULES)),
    batch_size=st.integers(1, 40),
    threads=st.integers(1, 4),
    **problem_shapes(rows=65),
)
def test_training_steps(task, rule, batch_size, threads, dtype, **shape):
    check_training(make_problem(task, dtype=dtype, **shape), rule, min(batch_size, shape["rows"]), threads=threads)


@in_one_test("dtype")
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("features", "hidden"), [(301, (451, 33)), (7, (190, 461, 5)), (1201, ()), (30, (2201,))])
def test_training_steps_of_wide_layers(features, hidden, threads, dtype, sparse):
    """Layers larger than the near caches, whose work is divided in other ways."""
    problem = make_problem(
        "softmax log loss", features=features, hidden=hidden, rows=150, dtype=dtype, sparse=sparse, weighted=True
    )
    check_training(problem, "momentum", 70, threads=threads)


@in_one_test("dtype")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("batch_size", [100, 131, 260])
@pytest.mark.parametrize("task", ["softmax log loss", "squared error, 1 output", "multi-label"])
def test_a_large_batch_in_microbatches(monkeypatch, task, batch_size, dtype):
    """Gradients of microbatches: the result of the whole batch, with the same bits for any number of threads."""
    knobs.set_large_batch_rows(monkeypatch, 100)
    found = []
    for threads in (1, 2, 3, 20):
        problem = make_problem(task, features=19, hidden=(33, 5), rows=260, weighted=True, dtype=dtype)
        workspace = EpochRunner(problem.network, problem.dataset, SGD(), np.arange(260), batch_size).workspace
        assert 0 < workspace.task["microbatch_rows"] <= 24
        check_training(problem, "momentum", batch_size, threads=threads)
        found.append(problem.network.params.tobytes())
    assert len(set(found)) == 1


@pytest.mark.parametrize("rows", [1, 2, TILE_ROWS, TILE_ROWS + 1, 259])
def test_a_batch_in_many_blocks(monkeypatch, rows):
    """Blocks of any number of rows form one batch."""
    knobs.set_block_bytes(monkeypatch, 1)
    for threads in (1, 2, 5):
        check_training(make_problem("multi-label", rows=rows, weighted=True), "nesterov", rows, threads=threads)


@in_one_test("dtype")
@pytest.mark.parametrize("activation", HIDDEN)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_blocks_and_slices_change_no_bit(monkeypatch, dtype, task, activation):
    """Blocks of rows, and runs of steps between which Python handles Ctrl-C."""
    found = []
    for block_bytes, seconds in ((1 << 19, 1.0), (1, 1.0), (1 << 19, 0.0)):
        knobs.set_block_bytes(monkeypatch, block_bytes)
        knobs.set_slice(monkeypatch, seconds)
        problem = make_problem(task, hidden=(37, 5), activation=activation, rows=259, dtype=dtype, weighted=True)
        epoch = EpochRunner(problem.network, problem.dataset, Adam(), np.arange(259), 101)
        found.append(
            (epoch.run(0.1), epoch.run(0.1), problem.network.params.tobytes(), epoch.workspace.task["block_rows"])
        )
    assert found[0][:3] == found[1][:3] == found[2][:3]
    assert found[0][3] > found[1][3]


@in_one_test()
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rule", RULES)
def test_batches_without_weight_make_no_step(rule, threads):
    each = 1 if threads == 1 else ROW_TILE  # rows with the same weight; a batch has three of these
    problem = make_problem("poisson", rows=12 * each, weighted=True)
    problem.weights[...] = np.repeat([0, 0, 0, 1, 2, 3, 0, 0, 0, 0, 1, 0], each)
    order, batch_size = np.arange(12 * each), 3 * each
    optimizer = RULES[rule]
    expected_loss, coefs, _ = train_plainly(problem, optimizer, order, batch_size, 0.1)
    epoch = EpochRunner(problem.network, problem.dataset, optimizer, order, batch_size, threads)
    assert epoch.run(0.1) == pytest.approx(expected_loss, rel=1e-12)
    assert epoch.workspace.tasks["steps_made"].tolist() == [2] * threads
    assert epoch.workspace.tasks["rows_counted"].tolist() == [2 * batch_size] * threads
    np.testing.assert_allclose(problem.network.coefs[0], coefs[0], rtol=1e-11)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_subnormal_numbers_count_again_afterwards(dtype):
    """Kernels may flush them to zero while they run; the caller's arithmetic is unchanged."""
    problem = make_problem("poisson", dtype=dtype)
    EpochRunner(problem.network, problem.dataset, Adam(), np.arange(7, dtype=np.int64), 3).run(0.0)
    FullBatch(problem.network, problem.dataset, 0.0)(problem.network.params.copy())
    predict(problem.network, problem.dataset)
    integer = np.dtype(f"u{np.dtype(dtype).itemsize}")  # compares bits: floats might be flushed
    assert np.all((np.full(40, 2, integer).view(dtype) * 3).view(integer) == 6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(threads=st.integers(1, 4), **problem_shapes(rows=70))
def test_full_batch_and_outputs(task, threads, dtype, **shape):
    """Loss and gradient over all rows, and the outputs."""
    problem = make_problem(task, dtype=dtype, **shape)
    network, guarded = problem.network, GuardedRows(problem)
    coefs, intercepts, batch = problem.in_float64()
    tolerance = 1e-9 if network.dtype == np.float64 else 1e-5

    full_batch = FullBatch(network, guarded.dataset, 0.05, threads)
    loss, gradient = full_batch(network.params.copy())
    expected, d_coefs, d_intercepts = reference.loss_and_gradients(
        coefs, intercepts, *batch, 0.05, problem.activation, problem.loss, np.finfo(network.dtype).eps
    )
    assert loss == pytest.approx(expected, rel=tolerance)
    got = [*network.layout.coefs(gradient), *network.layout.intercepts(gradient)]
    for ours, plain in zip(got, [*d_coefs, *d_intercepts], strict=True):
        np.testing.assert_allclose(ours, plain, rtol=tolerance, atol=tolerance)
    assert_nothing_written_beside(network, full_batch.workspace)

    outputs = predict(network, guarded.dataset, n_threads=threads)
    plain = reference.predict(coefs, intercepts, batch[0], problem.activation, problem.loss[1])
    np.testing.assert_allclose(outputs, plain, rtol=tolerance, atol=tolerance)
    guarded.assert_untouched()


@in_one_test("dtype")
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("activation", HIDDEN)
def test_a_rows_outputs_do_not_depend_on_the_others(activation, task, dtype, sparse):
    """The same bits for a row alone, among all, and in any order."""
    problem = make_problem(
        task, activation=activation, features=11, hidden=(33, 17), rows=150, dtype=dtype, sparse=sparse
    )
    together = predict(problem.network, problem.dataset)
    order = np.random.RandomState(0).permutation(150)
    assert np.array_equal(predict(problem.network, problem.dataset, order), together[order])
    for number in (0, 77, 149):
        assert np.array_equal(predict(problem.network, problem.dataset, np.array([number])), together[[number]])
    assert predict(problem.network, problem.dataset, np.arange(0)).shape == (0, together.shape[1])
