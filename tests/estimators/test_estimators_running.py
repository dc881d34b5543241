"""Behavior during a fit: output, Ctrl-C, rows of weight zero, and the same bits in each run."""

import _thread
import re
import signal
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse
import sklearn.neural_network
from helpers.merged import in_one_test
from sklearn.exceptions import ConvergenceWarning

import fastmlp
from fastmlp import MLPClassifier, MLPRegressor

KINDS = ["MLPClassifier", "MLPRegressor"]
X = np.random.default_rng(0).normal(size=(80, 4))
TARGETS = {"MLPClassifier": (X[:, 0] > X[:, 1]).astype(int), "MLPRegressor": X[:, 0] - X[:, 1] ** 2}

ignores_max_iter = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def make(kind, module=fastmlp, **params):
    return getattr(module, kind)(**{"hidden_layer_sizes": (7,), "max_iter": 5, "random_state": 0, **params})


def arrays(model):
    return [*model.coefs_, *model.intercepts_]


def assert_same_bits(one, other):
    for a, b in zip(arrays(one), arrays(other), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.loss_ == other.loss_


# What is printed

NUMBER = re.compile(r"-?\d+\.\d+")
VERBOSE = {
    "every epoch": {"max_iter": 4},
    "until the loss stays": {"tol": 1e-2, "n_iter_no_change": 3, "max_iter": 300},
    "falling rates": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1},
    "until the score stays": {"early_stopping": True, "tol": 1e-2, "n_iter_no_change": 3, "max_iter": 300},
    "falling rates by score": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "early_stopping": True,
        "tol": 0.5,
        "n_iter_no_change": 1,
    },
}


@ignores_max_iter
@pytest.mark.parametrize("verbose", [True, 10])
@pytest.mark.parametrize("case", VERBOSE)
@pytest.mark.parametrize("kind", KINDS)
def test_verbose_prints_the_lines_of_scikit_learn(kind, case, verbose, capsys):
    printed = []
    for module in (fastmlp, sklearn.neural_network):
        params = {"max_iter": 200, "verbose": verbose, "learning_rate_init": 0.01, **VERBOSE[case]}
        make(kind, module, **params).fit(X, TARGETS[kind])
        printed.append(capsys.readouterr().out)
    ours, theirs = printed
    assert NUMBER.sub("#", ours) == NUMBER.sub("#", theirs)
    np.testing.assert_allclose(
        [float(number) for number in NUMBER.findall(ours)],
        [float(number) for number in NUMBER.findall(theirs)],
        atol=1.5e-8 if "score" not in case else 1.5e-6,
    )
    assert "Iteration 1, loss = " in ours
    assert ("Validation score: " in ours) == ("score" in case)
    assert ("Stopping." in ours) == (case != "every epoch")
    assert ("Setting learning rate to " in ours) == ("rates" in case)


@ignores_max_iter
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_printed_otherwise(kind, capfd):
    for solver in ("adam", "sgd", "lbfgs"):
        make(kind, solver=solver).fit(X, TARGETS[kind])
    assert capfd.readouterr() == ("", "")


def test_warnings_equal_scikit_learns():
    for solver in ("adam", "lbfgs"):
        caught = []
        for module in (fastmlp, sklearn.neural_network):
            with pytest.warns(ConvergenceWarning) as warned:
                make("MLPClassifier", module, solver=solver).fit(X, TARGETS["MLPClassifier"])
            caught.append([(warning.category, str(warning.message)) for warning in warned])
        assert caught[0] == caught[1]


def test_warnings_point_at_the_line_that_called_fit():
    with pytest.warns(ConvergenceWarning) as warned:
        make("MLPClassifier").fit(X, TARGETS["MLPClassifier"])
    assert warned[0].filename == __file__


# Ctrl-C


class InterruptingOutput:
    """A stream that raises KeyboardInterrupt when a line with these words is printed."""

    def __init__(self, words):
        self.words = words

    def write(self, text):
        if self.words in text:
            signal.raise_signal(signal.SIGINT)

    def flush(self):
        pass


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_interrupt_leaves_a_usable_model(kind, early_stopping, monkeypatch):
    params = {"early_stopping": early_stopping, "verbose": True, "max_iter": 100}
    monkeypatch.setattr(sys, "stdout", InterruptingOutput("Iteration 3,"))
    model = make(kind, **params)
    with pytest.warns(UserWarning, match=r"^Training interrupted by user\.$"):
        model.fit(X, TARGETS[kind])
    monkeypatch.undo()
    assert model.n_iter_ == len(model.loss_curve_) == 3
    assert np.isfinite(model.predict(X)).all()
    model.set_params(verbose=False, early_stopping=False).partial_fit(X, TARGETS[kind])
    assert np.isfinite(model.loss_)


def test_interrupt_of_lbfgs_leaves_a_usable_model(monkeypatch):
    monkeypatch.setattr(sys, "stdout", InterruptingOutput("Iteration 3,"))
    model = make("MLPRegressor", solver="lbfgs", verbose=True, max_iter=100)
    with pytest.warns(UserWarning, match=r"^Training interrupted by user\.$"):
        model.fit(X, TARGETS["MLPRegressor"])
    monkeypatch.undo()
    assert model.n_iter_ == 3
    assert np.isfinite(model.loss_)
    residuals = model.predict(X) - TARGETS["MLPRegressor"]
    squares = sum(float((coef**2).sum()) for coef in model.coefs_)
    np.testing.assert_allclose(model.loss_, (residuals @ residuals / 2 + 0.5e-4 * squares) / len(X), rtol=1e-9)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_interrupt_in_the_middle_of_compiled_work(solver):
    """A very long fit is interrupted by Ctrl-C from another thread."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(20_000, 30))
    model = MLPClassifier((64, 64), solver=solver, max_iter=1, tol=0, n_iter_no_change=np.inf, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows[:500], rows[:500, 0] > 0)  # whatever has to be compiled is now
    model.set_params(max_iter=10**6, max_fun=10**6)
    ctrl_c = threading.Timer(0.5, _thread.interrupt_main)
    ctrl_c.start()
    try:
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            model.fit(rows, rng.random(20_000) > 0.5)
    finally:
        ctrl_c.cancel()
        ctrl_c.join()
    probabilities = model.predict_proba(rows[:100])
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert all(np.isfinite(array).all() for array in arrays(model))


# Rows without weight


@in_one_test()
@ignores_max_iter
@pytest.mark.parametrize("container", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("kind", KINDS)
def test_batch_without_weight_makes_no_step(kind, solver, container):
    """Two of four batches have weight zero: the result is that of the other two."""
    weights = np.ones(80)
    weights[:20] = weights[40:60] = 0
    params = {"solver": solver, "batch_size": 20, "shuffle": False, "alpha": 0.1}
    whole = make(kind, **params).fit(container(X), TARGETS[kind], sample_weight=weights)
    heavy = weights > 0
    part = make(kind, **params).fit(container(X[heavy]), TARGETS[kind][heavy])
    for a, b in zip(arrays(whole), arrays(part), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    np.testing.assert_allclose(whole.loss_curve_, part.loss_curve_, rtol=1e-9)
    assert whole.t_ == 5 * 80


@in_one_test()
@ignores_max_iter
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_weight_zero_are_ignored(kind, solver):
    weights = np.ones(80)
    weights[::2] = 0
    params = {"solver": solver, "shuffle": False}
    whole = make(kind, **params).fit(X, TARGETS[kind], sample_weight=weights)
    part = make(kind, **params).fit(X[1::2], TARGETS[kind][1::2])
    for a, b in zip(arrays(whole), arrays(part), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


# The same bits


@in_one_test()
@ignores_max_iter
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_twice_gives_the_same_bits(kind, solver, dtype):
    for container in (np.asarray, scipy.sparse.csr_array):
        data = container(X.astype(dtype))
        one, other, another = (
            make(kind, solver=solver, random_state=state).fit(data, TARGETS[kind]) for state in (1, 1, 2)
        )
        assert_same_bits(one, other)
        assert not np.array_equal(one.coefs_[0], another.coefs_[0])
        seeded = make(kind, solver=solver, random_state=np.random.RandomState(1)).fit(data, TARGETS[kind])
        assert_same_bits(one, seeded)


@ignores_max_iter
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_fits_in_threads_do_not_disturb_each_other(solver):
    def fit(seed):
        kind = KINDS[seed % 2]
        return make(kind, solver=solver, max_iter=20, random_state=seed).fit(X, TARGETS[kind])

    alone = [fit(seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(fit, range(8)))
    for one, other in zip(alone, together, strict=True):
        assert_same_bits(one, other)


@ignores_max_iter
def test_predictions_do_not_depend_on_the_rows_beside_them():
    for kind in (MLPClassifier, MLPRegressor):
        model = kind(hidden_layer_sizes=(33, 17), max_iter=5, random_state=0).fit(X, TARGETS[kind.__name__])
        method = model.predict_proba if kind is MLPClassifier else model.predict
        together = method(X)
        for rows in (slice(0, 1), slice(3, 12), slice(70, 80)):
            np.testing.assert_array_equal(method(X[rows]), together[rows])
