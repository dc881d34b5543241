"""Dropout: the masks and their statistics, their effect on outputs and gradients, and how they continue."""

import numpy as np
import pytest
from helpers import knobs
from helpers.merged import in_one_test
from helpers.problems import make_problem
from helpers.regularized import L2, SEED, check_training, make_epoch, masks_of_step, results, shuffled, strides_of
from oracles import reference_regularization as plain

from fastmlp.engine.dataset import Dataset
from fastmlp.engine.model import TrainableModel
from fastmlp.engine.prediction import predict
from fastmlp.optimizers import SGD
from fastmlp.regularization import Regularization
from fastmlp.scalar import Value
from fastmlp.training.dropout_keys import DropoutKeys
from fastmlp.training.epoch import EpochRunner
from fastmlp.training.full_batch_loss import FullBatch

TYPES = [np.float32, np.float64]
#: With this learning rate no weight changes.
STILL = SGD(1e-30)


@pytest.fixture(autouse=True)
def small_networks_share_their_work(monkeypatch):
    knobs.let_threads_pay(monkeypatch)


def collect_masks(rate, steps, rows, width, dtype=np.float64, seed=SEED, batch_size=None):
    """The masked ones of inputs and two hidden layers, (steps, 3, rows, width); each step is one batch."""
    network = TrainableModel([width, width, width, 1], ["identity"] * 3, "squared_error", dtype)
    for intercept in network.intercepts[:-1]:
        intercept[...] = 1
    rows_of_ones = Dataset(np.ones((rows, width), dtype), np.zeros((rows, 1), dtype))
    settings = Regularization(dropout=rate, input_dropout=rate)
    epoch = EpochRunner(network, rows_of_ones, STILL, np.arange(rows), rows, 1, settings, DropoutKeys(seed))
    found = []
    for _ in range(steps):
        epoch.run(0.0)
        buffers = (epoch.workspace.buffers[name] for name in ("inputs", "output 0", "output 1"))
        found.append([buffer[:rows, :width].copy() for buffer in buffers])
    return np.array(found), strides_of(epoch)


# The masks


@in_one_test()
@pytest.mark.parametrize("rate", [0.5, 0.1, 0.997])
@pytest.mark.parametrize("dtype", TYPES)
def test_masks_equal_the_reference(dtype, rate):
    found, strides = collect_masks(rate, 3, 19, 37, dtype)
    settings = Regularization(dropout=rate, input_dropout=rate)
    for step in range(3):
        expected = masks_of_step(settings, [37, 37, 37, 1], strides, step, 19)
        np.testing.assert_allclose(found[step], expected, rtol=np.finfo(dtype).eps)


def test_random_bits_by_hand():
    """For a key of zero, the finalizer of MurmurHash3: the values are those of its author's C++ code."""
    assert [plain.random_bits(0, x) for x in (0, 1, 2, 0xDEADBEEF)] == [0, 0x514E28B7, 0x30F4C306, 0x0DE5C6A9]


def test_splitmix_by_hand():
    """The first two numbers of SplitMix64 with the seed 1234567, from its authors' C code."""
    golden = 0x9E3779B97F4A7C15
    assert plain._splitmix(1234567) == 6457827717110365317
    assert plain._splitmix(1234567 + golden) == 3203168211198807973


def test_keys():
    keys = DropoutKeys(SEED, step=5).keys(4, 3)
    assert keys.shape == (4, 3) and keys.dtype == np.int64
    expected = [[plain.mask_key(SEED, step, layer) for layer in range(3)] for step in range(5, 9)]
    assert keys.view(np.uint64).tolist() == expected
    assert len(np.unique(DropoutKeys(0).keys(1000, 5))) == 5000


def assert_standard(z, within=5.0):
    """Assert that standardized sums of independent numbers have no outliers, and variance 1."""
    z = np.ravel(z)
    assert abs(z).max() < within
    if z.size >= 100:
        assert np.mean(z**2) == pytest.approx(1.0, abs=6 * np.sqrt(2 / z.size))


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.8])
class TestStatistics:
    """50 steps, 3 layers, 64 rows, 48 columns, standardized: sums of independent elements have variance 1."""

    @pytest.fixture
    def z(self, rate):
        found, _ = collect_masks(rate, 50, 64, 48)
        values = np.unique(found)
        np.testing.assert_allclose(values, [0, 1 / (1 - rate)], rtol=1e-12)
        return ((found > 0) - (1 - rate)) / np.sqrt(rate * (1 - rate))

    def test_rate(self, z):
        """Over all elements, and in each step, layer, row and column."""
        assert_standard(z.sum() / np.sqrt(z.size))
        for axis in range(4):
            others = tuple(a for a in range(4) if a != axis)
            assert_standard(z.sum(axis=others) / np.sqrt(z.size / z.shape[axis]))
        for pair in ((0, 1), (2, 3), (0, 2), (0, 3)):
            assert_standard(z.sum(axis=pair) / np.sqrt(z.shape[pair[0]] * z.shape[pair[1]]))

    @pytest.mark.parametrize("axis", range(4))
    def test_independence(self, z, axis):
        """Any two steps, layers, rows or columns are independent."""
        lines = np.moveaxis(z, axis, 0).reshape(z.shape[axis], -1)
        products = (lines @ lines.T / np.sqrt(lines.shape[1]))[np.triu_indices(len(lines), 1)]
        assert_standard(products, within=5.5)  # there are up to two thousand of them

    def test_neighbours(self, z):
        """Elements that are adjacent along two axes are independent."""
        for one, other in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)):
            shifted = np.roll(z, (1, 1), (one, other))
            assert_standard((z * shifted).sum() / np.sqrt(z.size))


def test_seeds_differ():
    found = [collect_masks(0.5, 4, 32, 16, seed=seed)[0] for seed in (0, 1, 2, 2**63)]
    for one in range(4):
        for other in range(one):
            agreeing = np.mean(found[one] == found[other])
            assert abs(agreeing - 0.5) < 5 * 0.5 / np.sqrt(found[one].size)


def test_a_seed_is_one_number():
    ours, plain_state = np.random.RandomState(3), np.random.RandomState(3)
    assert DropoutKeys.draw(ours) == DropoutKeys(int(plain_state.randint(2**63 - 1, dtype=np.int64)))
    assert ours.randint(10**9) == plain_state.randint(10**9)


# Outputs and gradients


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("hidden", [(), (5, 4)], ids=str)
def test_gradient_against_scalars(hidden, sparse):
    """A step of plain descent with rate 1 is the gradient of the masked network's loss."""
    problem = make_problem("softmax log loss", features=6, hidden=hidden, rows=9, sparse=sparse, weighted=True)
    settings = Regularization(dropout=0.4, input_dropout=0.3)
    epoch = make_epoch(problem, settings, SGD(1.0))
    coefs, intercepts, (X, y, weights) = problem.in_float64()
    as_values = np.vectorize(Value, otypes=[object])
    coefs, intercepts = [as_values(c) for c in coefs], [as_values(b) for b in intercepts]
    masks = masks_of_step(settings, problem.network.layout.layer_sizes, strides_of(epoch), 0, 9)
    objective = sum((L2 / 2 * w**2 for coef in coefs for w in coef.ravel()), start=Value(0))
    for row, number in enumerate(shuffled(problem)):
        h = X[number] * masks[0][row]
        for coef, intercept, mask in zip(coefs[:-1], intercepts[:-1], masks[1:], strict=True):
            h = np.array([z.tanh() for z in h @ coef + intercept]) * mask[row]
        powers = [z.exp() for z in h @ coefs[-1] + intercepts[-1]]
        objective -= weights[number] * (powers[int(y[number, 0])] / sum(powers, start=Value(0))).log()
    objective /= weights.sum()
    objective.backward()
    before = problem.network.params.copy()
    assert epoch.run(L2) == pytest.approx(objective.data, rel=1e-12)
    layout, step = problem.network.layout, problem.network.params - before
    read = np.vectorize(lambda node: node.grad, otypes=[float])
    for ours, exact in zip([*layout.coefs(step), *layout.intercepts(step)], [*coefs, *intercepts], strict=True):
        np.testing.assert_allclose(-ours, read(exact), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("activation", ["relu", "logistic"])
def test_gradient_against_central_differences(activation):
    """Differences of the reported loss with the masks of the first step; no weight is close to zero."""
    settings = Regularization(dropout=(0.5, 0.2), input_dropout=0.3, l1=0.1)

    def loss_and_step(shift, rate):
        problem = make_problem("multi-label", features=4, activation=activation, rows=8, weighted=True, seed=4)
        problem.network.params[...] += shift
        before = problem.network.params.copy()
        loss = make_epoch(problem, settings, SGD(rate)).run(L2)
        return loss, before - problem.network.params

    gradient = loss_and_step(0.0, 2.0**-20)[1] * 2.0**20
    for number in range(gradient.size):
        shift = 1e-6 * (np.arange(gradient.size) == number)
        slope = (loss_and_step(shift, 1e-30)[0] - loss_and_step(-shift, 1e-30)[0]) / 2e-6
        assert gradient[number] == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("sparse", [False, True])
def test_outputs_keep_their_expectation(sparse):
    """The mean output of a linear network over 2,000 equal rows with different masks is the output without masks."""
    problem = make_problem(
        "squared error, 3 outputs", features=9, hidden=(40, 30), activation="identity", rows=2000, sparse=sparse
    )
    problem.X[...] = problem.X[0] + 0.5
    expected = predict(problem.network, problem.dataset)[0]
    epoch = make_epoch(problem, Regularization(dropout=0.5, input_dropout=0.2), STILL)
    epoch.run(0.0)
    outputs = epoch.workspace.buffers["output 2"][:2000]
    spread = outputs.std(axis=0)
    assert np.all(spread > 0.1)
    assert np.all(abs(outputs.mean(axis=0) - expected) < 4.5 * spread / np.sqrt(2000))


def test_predictions_and_full_batch_gradients_apply_no_dropout():
    """Their records contain no masks, unlike those of the training."""
    problem = make_problem("multi-label", rows=40)
    expected = predict(problem.network, problem.dataset), FullBatch(problem.network, problem.dataset, L2)
    expected = expected[0], expected[1](problem.network.params.copy())
    epoch = make_epoch(problem, Regularization(dropout=0.5, input_dropout=0.5), STILL)
    epoch.run(L2)
    np.testing.assert_array_equal(predict(problem.network, problem.dataset), expected[0])
    loss, gradient = FullBatch(problem.network, problem.dataset, L2)(problem.network.params.copy())
    assert loss == expected[1][0]
    np.testing.assert_array_equal(gradient, expected[1][1])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
def test_sparse_inputs_have_the_masks_of_dense_ones(dtype, weighted):
    found = []
    for sparse in (False, True):
        problem = make_problem(
            "softmax log loss", features=29, hidden=(11,), rows=60, dtype=dtype, sparse=sparse, weighted=weighted
        )
        make_epoch(problem, Regularization(input_dropout=0.5, dropout=0.2), batch_size=17).run(L2)
        found.append(problem.network.params)
    eps = 200 * np.finfo(dtype).eps
    np.testing.assert_allclose(*found, rtol=eps, atol=eps)


def test_sparse_inputs_are_not_changed():
    problem = make_problem("poisson", features=13, rows=60, sparse=True)
    rows = problem.dataset
    before = rows.values.copy()
    make_epoch(problem, Regularization(input_dropout=0.5), rows=rows, batch_size=16).run(L2)
    np.testing.assert_array_equal(rows.values, before)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
def test_wide_layers(dtype, sparse, monkeypatch):
    """Weights too large for the caches: layers are processed one at a time for many rows, through panels."""
    knobs.set_panel_bytes(monkeypatch)
    problem = make_problem(
        "softmax log loss", features=130, hidden=(270, 33), rows=24, dtype=dtype, sparse=sparse, weighted=True
    )
    check_training(problem, Regularization(dropout=(0.5, 0.25), input_dropout=0.2), batch_size=24, threads=3)


# Continuation


def test_keys_continue_over_epochs_and_fits():
    """Two epochs of one `EpochRunner` equal an epoch of each of two with the same `DropoutKeys`."""
    settings = Regularization(dropout=0.5)
    together = results(make_problem("poisson", rows=48), settings, epochs=2)
    problem, masks, descent = make_problem("poisson", rows=48), DropoutKeys(SEED), SGD(0.002, momentum=0.9).begin()
    losses = []
    for made in (3, 6):
        losses.append(make_epoch(problem, settings, descent, batch_size=16, masks=masks).run(L2))
        assert masks.step == made
    assert (losses, problem.network.params.tobytes()) == together[:2]


def test_an_interrupt_leaves_the_counter_where_the_parameters_are(monkeypatch):
    knobs.set_slice(monkeypatch)
    problem, masks = make_problem("poisson", rows=64), DropoutKeys(SEED)
    epoch = make_epoch(problem, Regularization(dropout=0.5), batch_size=16, masks=masks)
    steps, calls = epoch._steps, []

    def interrupted(start, stop):
        calls.append(stop)
        if len(calls) == 2:
            raise KeyboardInterrupt
        steps(start, stop)

    monkeypatch.setattr(epoch, "_steps", interrupted)
    with pytest.raises(KeyboardInterrupt):
        epoch.run(L2)
    assert masks.step == epoch.workspace.task["steps_made"] == calls[0] == 1


def test_no_keys_are_needed_without_dropout():
    problem = make_problem("poisson")
    masks = DropoutKeys(SEED)
    epoch = make_epoch(problem, Regularization(dropout=(0.0, 0.0)), masks=masks)
    epoch.run(L2)
    assert masks.step == 0
    assert not epoch.workspace.layers["mask"].any()
