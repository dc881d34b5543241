"""A schedule that ends before the training causes a warning."""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from helpers.merged import in_one_test
from oracles.reference_schedules import CASES
from sklearn.exceptions import ConvergenceWarning

from fastmlp import SGD, Adam, MLPClassifier, MLPRegressor, Network
from fastmlp.schedules import (
    Cosine,
    FlatCosine,
    LogCosine,
    OneCycle,
    Polynomial,
    Schedule,
    WarmUp,
    count_steps,
)

RNG = np.random.RandomState(0)
#: 5 batches of 20.
X, Y = RNG.standard_normal((100, 3)), RNG.standard_normal(100)

ENDING = {
    "Cosine": lambda steps: Cosine(0.1, steps=steps),
    "Cosine to a rate": lambda steps: Cosine(0.1, steps=steps, final=0.01),
    "OneCycle": lambda steps: OneCycle(0.1, steps=steps),
    "Polynomial": lambda steps: Polynomial(0.1, steps=steps, power=2.0),
    "LogCosine": lambda steps: LogCosine(0.1, steps=steps),
    "FlatCosine": lambda steps: FlatCosine(0.1, steps=steps, final=0.01),
    "WarmUp": lambda steps: WarmUp(Cosine(0.1, steps=steps - 4), steps=4),
    "WarmUp of WarmUp": lambda steps: WarmUp(WarmUp(OneCycle(0.1, steps=steps - 6), steps=4), steps=2),
}
GOING_ON = [case.schedule for case in CASES.values() if case.ends_at is None]


def test_each_case_says_where_it_ends():
    for case in CASES.values():
        assert case.schedule.ends_at == case.ends_at
        if case.ends_at is not None:
            rates = case.schedule(np.arange(case.ends_at + 50))
            assert np.all(rates[case.ends_at :] == rates[-1]) and rates[case.ends_at - 2] != rates[-1]


@in_one_test()
@pytest.mark.parametrize("name", ENDING)
def test_where_it_ends(name):
    """The rate is constant from this step on, and not before it."""
    schedule = ENDING[name](40)
    assert schedule.ends_at == 40
    rates = schedule(np.arange(100))
    assert np.all(rates[40:] == rates[40])
    assert len(set(rates[30:40])) == 10


@in_one_test()
@pytest.mark.parametrize("schedule", GOING_ON, ids=str)
def test_schedules_without_end(schedule):
    assert schedule.ends_at is None
    assert not messages_of(lambda: make(schedule).fit(X, Y))


def make(schedule, max_iter=8, **params):
    return MLPRegressor(
        hidden_layer_sizes=[4], learning_rate=schedule, batch_size=20, max_iter=max_iter, random_state=0, **params
    )


def messages_of(call):
    """The messages of the warnings about schedules."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    said = [str(one.message) for one in caught if one.category is not ConvergenceWarning]
    assert all("ends after" in message for message in said)
    assert all(one.category in (UserWarning, ConvergenceWarning) for one in caught)
    return said


@in_one_test()
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("name", ENDING)
def test_fit_warns_once(name, solver):
    """There is no warning where the schedule lasts for the maximum number of epochs."""
    for steps, says in ((20, True), (39, True), (40, False), (60, False)):
        schedule = ENDING[name](steps)
        said = messages_of(lambda schedule=schedule: make(schedule, solver=solver).fit(X, Y))
        assert len(said) == says
        if says:
            rate = f"{float(schedule(steps)):g}"
            assert said[0].startswith(
                f"{schedule!r} ends after {steps} steps, but training may make 40 (8 epochs of 5): from step {steps} "
                f"on the learning rate stays at {rate}."
            )
            assert "count_steps(8, rows=100, batch_size=20)" in said[0]
    assert count_steps(8, rows=100, batch_size=20) == 40


def test_early_stopping_trains_on_fewer_rows():
    assert not messages_of(lambda: make(Cosine(0.1, steps=32), early_stopping=True, validation_fraction=0.2).fit(X, Y))
    (said,) = messages_of(lambda: make(Cosine(0.1, steps=31), early_stopping=True, validation_fraction=0.2).fit(X, Y))
    assert "8 epochs of 4" in said
    assert "count_steps(8, rows=80, batch_size=20)" in said


def test_solver_object_with_a_schedule():
    model = MLPClassifier([4], solver=Adam(Cosine(0.1, steps=20)), batch_size=20, max_iter=8, random_state=0)
    (said,) = messages_of(lambda: model.fit(X, Y > 0))
    assert said.startswith("Cosine(learning_rate=0.1, steps=20, final=0.0) ends after 20 steps")


def test_partial_fit_warns_when_it_passes_the_end():
    for steps, call in ((12, 3), (15, 4)):
        model = make(Cosine(0.1, steps=steps))
        said = [messages_of(lambda model=model: model.partial_fit(X, Y)) for _ in range(6)]
        assert [len(each) for each in said] == [number == call for number in range(1, 7)]
        assert f"training may make {5 * call} (after {5 * call - 5} before them, 1 epoch of 5)" in said[call - 1][0]


def test_warm_start_restarts_the_schedule():
    model = make(Cosine(0.1, steps=40), warm_start=True)
    assert not messages_of(lambda: model.fit(X, Y))
    assert not messages_of(lambda: model.fit(X, Y))
    assert messages_of(lambda: model.set_params(max_iter=9).fit(X, Y))


def test_network_without_estimator():
    net = Network([3, 1], ["identity"], "half_squared_error")
    assert not messages_of(lambda: net.train(X, Y, SGD(Cosine(0.1, steps=20)), epochs=4, batch_size=20))
    assert messages_of(lambda: net.train(X, Y, SGD(Cosine(0.1, steps=20)), epochs=5, batch_size=20))
    running = SGD(Cosine(0.1, steps=20)).begin()
    said = [messages_of(lambda: net.train(X, Y, running, epochs=2, batch_size=20)) for _ in range(4)]
    assert [len(each) for each in said] == [0, 0, 1, 0]


@dataclass(frozen=True)
class Mine(Schedule):
    """A user's schedule without `ends_at`."""

    def at(self, t):
        return np.where(t < 3, 0.1, 0.01)


@dataclass(frozen=True)
class MineThatEnds(Mine):
    @property
    def ends_at(self):
        return 3


def test_custom_schedule():
    assert not messages_of(lambda: make(Mine()).fit(X, Y))
    (said,) = messages_of(lambda: make(WarmUp(MineThatEnds(), steps=2)).fit(X, Y))
    assert "ends after 5 steps, but training may make 40" in said
    assert "stays at 0.01." in said
