"""LAMB: its direction, and the trust ratio of each layer. Its parameters are tested with those of all optimizers."""

import numpy as np
import pytest
from helpers import knobs
from helpers.guarded import Guarded, call
from helpers.merged import in_one_test
from helpers.problems import make_problem
from helpers.regularized import L2, check_training, make_epoch
from oracles import reference_optimizers

from fastmlp.kernels.lowlevel import records
from fastmlp.kernels.optimizers import lamb as kernels
from fastmlp.optimizers import LAMB
from fastmlp.regularization import Regularization
from fastmlp.training.full_batch_loss import FullBatch

TYPES = [np.float32, np.float64]
NOTHING = Regularization()


@pytest.fixture(autouse=True)
def small_networks_share_their_work(monkeypatch):
    knobs.let_threads_pay(monkeypatch)


@in_one_test()
@pytest.mark.parametrize("n", [1, 2, 15, 33, 131])
@pytest.mark.parametrize("dtype", TYPES)
def test_direction(dtype, n):
    """The kernel stores the direction, and does not change the parameters."""
    rng = np.random.RandomState(n)
    param, d_param = rng.standard_normal(n).astype(dtype), (rng.standard_normal(n) * 9).astype(dtype)
    moments = rng.uniform(0.1, 1.0, (3, n)).astype(dtype)
    hyperparameters = np.zeros(records.N_HYPERPARAMETERS)
    hyperparameters[[records.RATE_1, records.RATE_2, records.L2, records.SCALE]] = 1.5, 1.25, 0.5, 0.0625
    hyperparameters[[records.BETA_1, records.BETA_2, records.WEIGHT_DECAY, records.EPSILON]] = (
        0.75,
        0.96875,
        0.125,
        1e-3,
    )
    p, d, state = Guarded(param, dtype), Guarded(d_param, dtype), Guarded(moments, dtype, stride=n + 9)
    h = Guarded(hyperparameters, np.float64)
    call(kernels.lamb, dtype, param=p, d_param=d, state=state, n_params=state.stride, n=n, hyperparameters=h)
    param, moments = param.astype(float), moments.astype(float)
    g = (d_param + 0.5 * param) * 0.0625
    m, v = 0.75 * moments[0] + 0.25 * g, 0.96875 * moments[1] + 0.03125 * g**2
    u = 1.5 * m / (1.25 * np.sqrt(v) + 1e-3) + 0.125 * param
    np.testing.assert_allclose(state.array, [m, v, u], rtol=32 * np.finfo(dtype).eps, atol=32 * np.finfo(dtype).eps)
    state.assert_only_inside_written()
    for read in (p, d, h):
        read.assert_untouched()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", TYPES)
def test_the_first_step_is_as_long_as_the_weights(dtype, threads):
    """‖w − w₀‖ = η ‖w₀‖ for each layer's weights, for any gradient; biases change by −η sign(gradient)."""
    problem = make_problem("softmax log loss", features=33, hidden=(67, 131), rows=70, dtype=dtype, weighted=True)
    network = problem.network
    coefs, intercepts = ([array.astype(float) for array in arrays] for arrays in (network.coefs, network.intercepts))
    gradient = FullBatch(network, problem.dataset, L2)(network.params.copy())[1]
    make_epoch(problem, NOTHING, LAMB(0.01, epsilon=1e-12), batch_size=70, threads=threads).run(L2)
    for new, old in zip(network.coefs, coefs, strict=True):
        assert np.linalg.norm(new - old) == pytest.approx(0.01 * np.linalg.norm(old), rel=1e-5)
    d_intercepts = network.layout.intercepts(gradient)
    for new, old, d in zip(network.intercepts, intercepts, d_intercepts, strict=True):
        np.testing.assert_allclose(new - old, -0.01 * np.sign(d), rtol=1e-3)


@pytest.mark.parametrize("dtype", TYPES)
def test_weights_that_are_all_zero(dtype):
    """Without a norm, the ratio is 1, so that training can begin."""
    problem = make_problem("softmax log loss", hidden=(), rows=30, dtype=dtype)
    problem.network.params[...] = 0
    make_epoch(problem, NOTHING, LAMB(0.01, epsilon=1e-12)).run(0.0)
    np.testing.assert_allclose(abs(problem.network.coefs[0]), 0.01, rtol=1e-5)


@pytest.mark.parametrize("dtype", TYPES)
def test_a_direction_that_is_zero(dtype):
    """Without gradient and decay, the parameters stay, and there is no division by zero."""
    problem = make_problem("squared error, 3 outputs", hidden=(), rows=30, dtype=dtype)
    problem.X[...] = 0
    problem.y[...] = problem.network.intercepts[0]
    before = problem.network.params.copy()
    make_epoch(problem, NOTHING, LAMB(0.01, weight_decay=0.0)).run(0.0)
    assert np.array_equal(problem.network.params, before)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
def test_several_tiles_a_layer(dtype, sparse):
    """The bits are the same for any number of threads."""
    found = set()
    for threads in (1, 2, 3, 7):
        problem = make_problem(
            "softmax log loss", features=70, hidden=(131, 167), rows=60, dtype=dtype, sparse=sparse, weighted=True
        )
        check_training(problem, NOTHING, "lamb", 60, threads)
        found.add(problem.network.params.tobytes())
    assert len(found) == 1


def test_bias_corrections_continue():
    """Over epochs, and in another `EpochRunner` with the same optimizer."""
    problems = [make_problem("poisson", rows=48) for _ in range(2)]
    whole, halves = LAMB(0.02).begin(), LAMB(0.02).begin()
    together = make_epoch(problems[0], NOTHING, whole, batch_size=16)
    for _ in range(2):
        together.run(L2)
        make_epoch(problems[1], NOTHING, halves, batch_size=16).run(L2)
    assert whole.t == halves.t == 6
    assert np.array_equal(problems[0].network.params, problems[1].network.params)


def test_has_no_step_for_a_vector_without_layers():
    running, params = LAMB().begin(), np.ones(3)
    with pytest.raises(ValueError, match="LAMB scales its step layer by layer, and a vector of parameters has none"):
        running.step(params, np.ones(3))
    assert running.t == 0
    assert np.array_equal(params, np.ones(3))


def test_reference_of_one_parameter():
    """By hand: m = 0.1, v = 0.001, both corrected to 1, u = 1 + 0.5 · 2 = 2, ‖w‖ / ‖u‖ = 1: w = 2 − 0.25 · 2."""
    arguments = [np.array([[2.0]]), np.array([[1.0]]), [0.0, 0.0], 1, 0.25]
    p, moments = reference_optimizers.lamb(*arguments, beta_1=0.9, beta_2=0.999, epsilon=0.0, weight_decay=0.5)
    assert p.item() == pytest.approx(1.5)
    assert [m.item() for m in moments] == pytest.approx([0.1, 0.001])
