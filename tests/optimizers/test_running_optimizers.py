"""Optimizers in use: trainings that are interrupted, step rates, schedules, and what they compile."""

import ctypes
import pickle
from dataclasses import replace

import numpy as np
import pytest
from helpers import knobs
from helpers.merged import in_one_test
from helpers.problems import make_problem
from oracles.reference_optimizers import CASES, RULES

from fastmlp import MLPClassifier
from fastmlp.compiler import kernel as kernels
from fastmlp.kernels.lowlevel import records
from fastmlp.optimizers import SGD, Adam, AdamW
from fastmlp.schedules import Adaptive, Cosine, Exponential, InverseScaling, WarmUp
from fastmlp.training.epoch import EpochRunner
from fastmlp.training.step_rates import STEPS_AHEAD, RateBuffer

#: Every update rule, those that need a network's layers included.
OF_NETWORKS = {name: case.optimizer for name, case in CASES.items()}


@pytest.fixture
def problem():
    return make_problem("softmax log loss", features=11, hidden=(17, 5), rows=90, weighted=True)


SCHEDULE = WarmUp(Cosine(0.01, steps=30), steps=5)


def train(optimizer, orders, between=lambda running: running):
    """State of a network and its optimizer after an epoch over each of the orders."""
    problem = make_problem("softmax log loss", features=11, hidden=(17, 5), rows=90, weighted=True)
    running = optimizer.begin()
    for order in orders:
        running = between(running)
        EpochRunner(problem.network, problem.dataset, running, order, 7).run(0.1)
    return problem.network.params.tobytes(), running.state.tobytes(), running.t, running.learning_rate


@in_one_test()
@pytest.mark.parametrize("rule", OF_NETWORKS)
def test_interrupted_training_has_the_same_bits(rule, monkeypatch):
    """In slices, in parts, after pickling: moments, steps and schedule continue."""
    optimizer, order = replace(OF_NETWORKS[rule], learning_rate=SCHEDULE), np.arange(90)
    whole = train(optimizer, [order, order])
    assert whole[2] == 26
    assert train(optimizer, [order[:49], order[49:], order[:7], order[7:]]) == whole
    assert train(optimizer, [order, order], lambda running: pickle.loads(pickle.dumps(running))) == whole
    knobs.set_slice(monkeypatch)
    assert train(optimizer, [order, order]) == whole
    assert train(optimizer, [order]) != whole


@in_one_test()
@pytest.mark.parametrize("rule", OF_NETWORKS)
def test_step_rates_do_not_depend_on_their_number(rule):
    whole, parts = (replace(OF_NETWORKS[rule], learning_rate=SCHEDULE).begin() for _ in range(2))
    expected = whole.step_rates(500)
    for steps in (1, 0, 2, 13, 484):
        got = parts.step_rates(steps)
        assert got.shape == (steps, records.N_STEP_RATES)
        assert np.array_equal(got, expected[parts.t : parts.t + steps])
        parts.advance(steps)
    assert np.isfinite(expected).all()
    assert np.isfinite(OF_NETWORKS[rule].step_rates(np.array([1e12]), np.array([0.1]))).all()


@in_one_test()
@pytest.mark.parametrize("rule", OF_NETWORKS)
def test_buffered_rates_are_those_of_their_steps(rule):
    """Computed ahead or not: for epochs of one step and many, a changed schedule, and steps in between."""
    running, plain = (replace(OF_NETWORKS[rule], learning_rate=SCHEDULE).begin() for _ in range(2))
    ahead = RateBuffer(running)
    for steps in (1, 2, 1, STEPS_AHEAD - 4, 1, 3, STEPS_AHEAD + 7, 1, 0, 5):
        for optimizer in (running, plain):
            if steps == 2:
                optimizer.schedule = Cosine(0.5, steps=1000)
            elif steps == 3:
                optimizer.advance(100)
        address, expected = ahead.address(steps), plain.step_rates(steps)
        got = (ctypes.c_double * expected.size).from_address(address)
        assert np.array_equal(np.reshape(got, expected.shape), expected)
        running.advance(steps)
        plain.advance(steps)


def test_training_does_not_change_the_optimizer(problem):
    """One object can be used in many trainings: each has a state of its own."""
    optimizer = AdamW(SCHEDULE)
    before, params = pickle.dumps(optimizer), problem.network.params.copy()
    first = EpochRunner(problem.network, problem.dataset, optimizer, np.arange(90), 7)
    first.run(0.1)
    after_first = problem.network.params.copy()
    problem.network.params[...] = params
    EpochRunner(problem.network, problem.dataset, optimizer, np.arange(90), 7).run(0.1)
    assert np.array_equal(problem.network.params, after_first)
    assert pickle.dumps(optimizer) == before
    assert first.optimizer.begin() is first.optimizer


def test_schedules_of_epochs_and_plateaus():
    """They replace the running schedule, and not the one in the optimizer's parameters."""
    running = SGD(InverseScaling(0.5, power=0.5)).begin()
    running.advance(3)
    running.after_epoch(rows_seen=24)
    assert running.learning_rate == 0.1
    assert running.step_rates(2)[:, 0].tolist() == [0.1, 0.1]
    assert not running.after_plateau()
    running = Adam(Adaptive(0.5, smallest=0.1)).begin()
    assert running.after_plateau()
    assert running.learning_rate == 0.1
    assert not running.after_plateau()
    assert running.schedule == Adaptive(0.1, smallest=0.1)
    assert running.optimizer == Adam(Adaptive(0.5, smallest=0.1))


# Compiling


@pytest.fixture
def asked_for(monkeypatch):
    """The names of the kernels that are requested from the cache or the compiler."""
    names, find = [], kernels.Kernel._from_cache

    def count(kernel, dtype):
        names.append(kernel.__name__)
        return find(kernel, dtype)

    monkeypatch.setattr(kernels.Kernel, "_from_wheel", lambda kernel, dtype: None)  # where a wheel is tested
    monkeypatch.setattr(kernels.Kernel, "_from_cache", count)
    return names


def test_another_optimizer_compiles_only_its_kernel(problem, asked_for, monkeypatch):
    def run(optimizer):
        asked_for.clear()
        EpochRunner(problem.network, problem.dataset, optimizer, np.arange(90), 7).run(0.1)
        return list(dict.fromkeys(asked_for))  # the compiler asks the cache again

    run(Adam())
    assert run(Adam()) == []
    for optimizer in RULES.values():
        with monkeypatch.context() as patch:
            patch.setattr(optimizer.kernel(), "compiled", {})  # as in a new process
            assert run(optimizer) == [optimizer.kernel().__name__]
            assert run(replace(optimizer, learning_rate=SCHEDULE)) == []
    for schedule in (Cosine(0.1, 9), Exponential(0.1, 0.9), WarmUp(Adaptive(0.1), 3), InverseScaling(0.1)):
        assert run(Adam(schedule)) == []


def test_estimators_keep_their_running_optimizer():
    """`partial_fit` continues with it, also after pickling."""
    problem = make_problem("softmax log loss", rows=40)
    y = problem.y.ravel().astype(int)
    model = MLPClassifier((5,), random_state=0).partial_fit(problem.X, y, classes=[0, 1, 2])
    assert model._optimizer.t == 1
    again = pickle.loads(pickle.dumps(model))
    for estimator in (model, again):
        estimator.random_state = 0
        estimator.partial_fit(problem.X, y)
    assert again._optimizer.t == 2
    assert np.array_equal(model.coefs_[0], again.coefs_[0])
    assert np.array_equal(model._optimizer.state, again._optimizer.state)
