"""L1 by proximal steps: every update rule against references and exact solutions, and sparse models."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.guarded import Guarded, call
from helpers.merged import in_one_test
from helpers.problems import make_problem
from helpers.regularized import L2, RULES, check_training, make_epoch, results
from oracles import reference_regularization as plain
from oracles.reference_optimizers import CASES
from sklearn.linear_model import Lasso, LogisticRegression

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.engine.dataset import Dataset
from fastmlp.engine.model import TrainableModel
from fastmlp.kernels.lowlevel import records
from fastmlp.kernels.optimizers import shrinkage
from fastmlp.optimizers import OPTIMIZERS, SGD, Adam
from fastmlp.regularization import Regularization
from fastmlp.schedules import Cosine
from fastmlp.training.epoch import EpochRunner

TYPES = [np.float32, np.float64]
#: So strong that some weights are zero after a few steps.
STRONG = Regularization(l1=30.0)


@pytest.fixture(autouse=True)
def small_networks_share_their_work(monkeypatch):
    knobs.let_threads_pay(monkeypatch)


def zeros_of(network):
    return sum(np.count_nonzero(coef == 0) for coef in network.coefs)


@in_one_test()
@pytest.mark.parametrize("n", [1, 2, 15, 33, 131])
@pytest.mark.parametrize("dtype", TYPES)
def test_the_threshold(dtype, n):
    """Weights come closer to zero, and not beyond it; NaN stays NaN."""
    param = np.linspace(-1, 1, n).astype(dtype)
    param[n // 2 :: 7] = np.nan
    hyperparameters = np.zeros(records.N_HYPERPARAMETERS)
    hyperparameters[records.MEAN] = 0.25
    p, unread = Guarded(param, dtype), Guarded([np.nan], dtype)
    call(
        shrinkage.shrink, dtype, param=p, d_param=unread, state=unread, n_params=n, n=n,
        hyperparameters=Guarded(hyperparameters, np.float64),
    )  # fmt: skip
    np.testing.assert_allclose(p.array, plain.soft(param.astype(float), 0.25), rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(p.array == 0, abs(param) <= 0.25)
    p.assert_only_inside_written()


@in_one_test("dtype")
@pytest.mark.parametrize("settings", [{}, {"clip_norm": 0.05}, {"clip_value": 0.01}, {"max_norm": 0.6}], ids=str)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("rule", RULES)
def test_training_steps(rule, dtype, settings):
    problem = make_problem("softmax log loss", features=9, hidden=(11, 5), rows=40, dtype=dtype, weighted=True)
    regularization = replace(STRONG, **settings)
    before = zeros_of(problem.network)
    check_training(problem, regularization, rule, 16, threads=2)
    assert settings or zeros_of(problem.network) > before


@in_one_test()
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("rule", ["adam", "nesterov", "lamb"])
def test_training_steps_of_wide_layers(rule, dtype, sparse, monkeypatch):
    """Several tiles a layer, and weight copies in panels, which must hold the shrunk weights."""
    knobs.set_panel_bytes(monkeypatch)
    problem = make_problem("multi-label", features=301, hidden=(251, 33), rows=50, dtype=dtype, sparse=sparse)
    check_training(problem, STRONG, rule, 30, threads=3)
    assert zeros_of(problem.network)


@in_one_test()
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("rule", RULES)
def test_threads_change_no_bit(rule, dtype):
    found = []
    for threads in (1, 2, 3, 7):
        problem = make_problem("softmax log loss", features=70, hidden=(131, 67), rows=130, dtype=dtype, weighted=True)
        regularization = replace(STRONG, clip_norm=0.1)
        found.append(results(problem, regularization, rule, batch_size=64, threads=threads))
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.parametrize("rule", ["adam", "nesterov", "lamb"])
def test_training_resumes_with_the_same_bits(rule):
    """The running mean of the penalty is kept with the moments, also by pickle."""
    whole, parts = (make_problem("multi-label", hidden=(37, 5), rows=96) for _ in range(2))
    epoch = make_epoch(whole, STRONG, rule, batch_size=16)
    for _ in range(4):
        epoch.run(L2)
    running = RULES[rule].begin()
    for _ in range(4):
        make_epoch(parts, STRONG, running, batch_size=16).run(L2)
        running = pickle.loads(pickle.dumps(running))
    assert running.mean_shrinkage > 0
    assert whole.network.params.tobytes() == parts.network.params.tobytes()


def test_negative_sum_of_weights_does_not_let_weights_grow():
    problem = make_problem("squared error, 1 output", hidden=(), rows=8, weighted=True)
    problem.weights[...] = -1.0
    problem.network.coefs[0][...] = [[0.5], [-0.5], [0.25]]
    plainly, shrunk = (make_epoch(problem, settings, SGD(1e-9)) for settings in (Regularization(), STRONG))
    plainly.run(0.0)
    before = problem.network.params.copy()
    shrunk.run(0.0)
    np.testing.assert_allclose(problem.network.params, before, atol=1e-8)


def test_biases_are_not_shrunk():
    problem = make_problem("softmax log loss", hidden=(5,), rows=40)
    make_epoch(problem, Regularization(l1=1e6), SGD(0.1)).run(0.0)
    assert zeros_of(problem.network) == problem.network.layout.size - 5 - 3
    assert all(np.all(intercept != 0) for intercept in problem.network.intercepts)


# Exact solutions


def few_of_many(n_features=20):
    """(X, y) with correlated features, of which y depends on three."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((200, n_features)) @ (np.eye(n_features) + 0.3 * rng.standard_normal((n_features,) * 2))
    return X, X[:, :1] - 2 * X[:, 1:2] + 0.5 * X[:, 4:5] + 0.5 * rng.standard_normal((200, 1))


@in_one_test()
@pytest.mark.parametrize("rule", CASES)
def test_a_linear_network_is_the_lasso(rule):
    """Every rule finds the same minimum, with exactly the same zeros."""
    X, y = few_of_many()
    exact = Lasso(alpha=0.2, tol=1e-12, max_iter=100_000).fit(X, y[:, 0])
    optimizer = OPTIMIZERS.get(rule, CASES[rule].in_training)
    optimizer = replace(optimizer, learning_rate=Cosine(CASES[rule].lasso_rate, steps=3000))
    if hasattr(optimizer, "weight_decay"):
        optimizer = replace(optimizer, weight_decay=0.0)
    network = TrainableModel([20, 1], ["identity"], "squared_error", np.float64)
    network.params[...] = 0.3 * np.random.RandomState(1).standard_normal(21)
    epoch = EpochRunner(network, Dataset(X, y), optimizer, np.arange(200), 200, 1, Regularization(l1=0.2 * 200))
    for _ in range(3000):
        epoch.run(0.0)
    coef = network.coefs[0][:, 0]
    np.testing.assert_allclose(coef, exact.coef_, atol=1e-4)
    assert np.array_equal(coef == 0, exact.coef_ == 0)
    assert 0 < np.count_nonzero(coef) < 20


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("solver", ["sgd", "adam", "adamax"])
def test_a_classifier_without_hidden_layers_is_the_logistic_regression(solver, sparse):
    X, y = few_of_many()
    y = (y[:, 0] + np.random.RandomState(2).standard_normal(200) > 0).astype(int)
    exact = LogisticRegression(l1_ratio=1.0, C=1 / 12, solver="saga", tol=1e-10, max_iter=100_000).fit(X, y)
    X = scipy.sparse.csr_matrix(X) if sparse else X
    model = MLPClassifier(
        [], solver=solver, alpha=0.0, l1=12.0, batch_size=200, max_iter=4000, tol=0.0, n_iter_no_change=4000,
        learning_rate=Cosine(0.2 if solver == "sgd" else 0.02, steps=4000), random_state=0,
    )  # fmt: skip
    with pytest.warns(match="Maximum iterations"):
        model.fit(X, y)
    np.testing.assert_allclose(model.coefs_[0][:, 0], exact.coef_[0], atol=1e-4)
    assert np.array_equal(model.coefs_[0][:, 0] == 0, exact.coef_[0] == 0)


# Sparse models


@in_one_test()
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("solver", "rate"), [("momentum", 0.01), ("adam", 0.005), ("lion", 0.001)])
def test_features_without_signal_get_no_weight(solver, rate, dtype):
    """In mini-batch training with a hidden layer, all weights of these features are zero."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((2000, 30)).astype(dtype)
    y = 2 * X[:, 0] + 3 * np.sin(X[:, 1])
    model = MLPRegressor(
        hidden_layer_sizes=(20,), activation="tanh", solver=solver, learning_rate=Cosine(rate, steps=150 * 10),
        l1=10.0, batch_size=200, max_iter=150, tol=0.0, n_iter_no_change=150, random_state=0,
    )  # fmt: skip
    with pytest.warns(match="Maximum iterations"):
        model.fit(X, y)
    used = np.flatnonzero(abs(model.coefs_[0]).max(axis=1))
    assert used.tolist() == [0, 1]
    assert model.score(X, y) > 0.9
    assert model.coefs_[0].dtype == dtype


def test_the_loss_counts_the_penalty_before_the_step():
    X, y = few_of_many()
    network = TrainableModel([20, 1], ["identity"], "squared_error", np.float64)
    network.params[:20] = np.linspace(-1, 1, 20)
    errors = X @ network.params[:20] - y[:, 0]
    expected = 0.5 * np.mean(errors**2) + 3.0 / 200 * abs(network.params[:20]).sum()
    epoch = EpochRunner(network, Dataset(X, y), Adam(), np.arange(200), 200, 1, Regularization(l1=3.0))
    assert epoch.run(0.0) == pytest.approx(expected, rel=1e-12)
