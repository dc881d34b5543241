"""Users' schedules and optimizers: frozen dataclasses with plain types, wherever they are defined."""

import math
import pickle
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
from helpers.merged import in_one_test
from sklearn.base import clone

from fastmlp import SGD, MLPClassifier
from fastmlp.schedules import Constant, Cosine

#: A user's module, with and without types as strings; `inside` defines a class and a type in a function.
MODULE = """
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Optional

import numpy as np

from fastmlp.optimizers import Optimizer, SGD
from fastmlp.schedules import Schedule
from fastmlp.common.frozen_params import Range

@dataclass(frozen=True)
class Halving(Schedule):
    learning_rate: float
    steps: int = 10
    flag: bool = True
    label: str = "halving"
    floor: Optional[float] = None
    cap: float | None = None
    table: Any = None
    numbers: tuple[float, ...] = ()
    noted: Annotated[float, "per step"] = 0.5
    ruled: Annotated[float, Range(0, 1), "a share"] = 0.5

    def at(self, t):
        return np.maximum(self.learning_rate * 0.5 ** (t // self.steps), self.floor or 0.0)

@dataclass(frozen=True)
class Heavy(SGD):
    momentum: float = 0.5
    learning_rate: float = 0.05
    factor: float = 2.0

    def step_rates(self, t, eta):
        return super().step_rates(t, self.factor * eta)

@dataclass(frozen=True)
class Heavier(Heavy):
    steps: int = 3

def inside():
    Local = float

    @dataclass(frozen=True)
    class Inner(Schedule):
        learning_rate: float
        other: Local = 1.0

        def at(self, t):
            return np.full(t.shape, self.learning_rate)

    return Inner
"""
STRINGS = "from __future__ import annotations\n"


@pytest.fixture(params=["", STRINGS], ids=["types", "strings"])
def own(request, monkeypatch):
    """The module, registered so that pickle finds it."""
    module = types.ModuleType("own_settings")
    monkeypatch.setitem(sys.modules, "own_settings", module)
    exec(request.param + MODULE, vars(module))
    return module


X = np.random.RandomState(0).standard_normal((40, 3))
y = X[:, 0] > 0


def coefs(solver):
    model = MLPClassifier((5,), solver=solver, max_iter=3, batch_size=10, random_state=0, tol=0, n_iter_no_change=99)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        return model.fit(X, y).coefs_[0]


def test_a_schedule_of_plain_types(own):
    schedule = own.Halving(1, np.int64(4), np.True_, "x", 0.1, None, table := {"a": 1}, (1, 2))
    assert (schedule.learning_rate, schedule.steps, schedule.flag, schedule.floor) == (1.0, 4, True, 0.1)
    assert type(schedule.learning_rate) is float and type(schedule.steps) is int and type(schedule.flag) is bool
    assert schedule.table is table and schedule.numbers == (1, 2) and schedule.cap is None
    assert schedule([0, 4, 8, 400]).tolist() == [1.0, 0.5, 0.25, 0.1]
    assert own.Halving(math.inf).learning_rate == math.inf


@in_one_test(shared=("own",))
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("learning_rate", "fast", "learning_rate must be a number"),
        ("learning_rate", True, "learning_rate must be a number"),
        ("learning_rate", None, "learning_rate must be a number"),
        ("steps", 2.5, "steps must be an integer"),
        ("flag", 1, "flag must be True or False"),
        ("label", 3, "label must be a string"),
        ("floor", "low", "floor must be None or a number"),
        ("cap", "x", "cap must be None or a number"),
        ("noted", "no", "noted must be a number"),
        ("ruled", 2.0, r"ruled must be a number in \[0, 1\]"),
    ],
)
def test_values_of_another_type_are_refused(own, field, value, message):
    with pytest.raises(ValueError, match=f"Halving: {message}, but {value!r} was given"):
        own.Halving(**{"learning_rate": 0.1, field: value})


def test_a_class_defined_in_a_function(own):
    """Types that cannot be resolved are not checked."""
    inner = own.inside()
    assert inner(2)([0, 1]).tolist() == [2.0, 2.0]
    with pytest.raises(ValueError, match="Inner: learning_rate must be a number"):
        inner("fast")


def test_rules_of_a_base_class_are_inherited(own):
    """With plain types too, a learning rate may be a schedule, and a momentum is in [0, 1]."""
    for kind in (own.Heavy, own.Heavier):
        assert kind().momentum == 0.5
        assert kind(learning_rate=Cosine(0.1, 20)).schedule == Cosine(0.1, 20)
        assert replace(kind(), learning_rate=1).learning_rate == 1.0
        with pytest.raises(ValueError, match=r"momentum must be a number in \[0, 1\]"):
            kind(momentum=1.5)
        with pytest.raises(ValueError, match="learning_rate must be a number greater than 0, or a schedule"):
            kind(learning_rate=-1.0)
    with pytest.raises(ValueError, match="Heavier: steps must be an integer"):
        own.Heavier(steps=1.5)


def test_in_an_estimator(own):
    """Custom classes equal built-in ones with the same parameters, and can be cloned and pickled."""
    expected = coefs(SGD(0.1, momentum=0.5))
    for solver in (own.Heavy(), SGD(own.Halving(0.1, steps=1000), momentum=0.5), own.Heavier(own.Halving(0.05, 1000))):
        np.testing.assert_array_equal(coefs(solver), expected)
        model = clone(MLPClassifier(solver=solver))
        assert model.solver == solver
        again = pickle.loads(pickle.dumps(model)).solver
        assert again == solver and hash(again) == hash(solver)
    assert not np.array_equal(coefs(SGD(own.Halving(0.1, steps=2))), coefs(SGD(Constant(0.1))))
