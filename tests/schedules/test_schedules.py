"""Schedules: closed forms, edges, parameters. Those that PyTorch has are compared with it in test_optimizers_torch."""

from dataclasses import fields

import numpy as np
import pytest
from helpers.frozen_values import assert_immutable_value, assert_refused
from helpers.merged import in_one_test
from oracles.reference_schedules import CASES

from fastmlp import schedules
from fastmlp.schedules import (
    Adaptive,
    Constant,
    Cosine,
    CosineRestarts,
    FlatCosine,
    InverseScaling,
    LogCosine,
    OneCycle,
    Polynomial,
    Schedule,
    WarmUp,
    count_steps,
    schedule_by_name,
)

T = np.arange(200)

#: Schedules that are functions of the step only.
CLOSED_FORMS = {name: (case.schedule, case.form) for name, case in CASES.items() if case.form}


def test_every_schedule_has_a_case():
    """Every class that users can import from `fastmlp.schedules`."""
    classes = {kind for kind in vars(schedules).values() if isinstance(kind, type) and issubclass(kind, Schedule)}
    missing = classes - {Schedule} - {type(case.schedule) for case in CASES.values()}
    assert not missing, f"add {missing} to CASES in tests/oracles/reference_schedules.py"
    assert {kind.__name__ for kind in classes} <= set(schedules.__all__)


@in_one_test()
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_form(name):
    schedule, form = CLOSED_FORMS[name]
    np.testing.assert_allclose(schedule(T), [form(t) for t in T.tolist()], rtol=1e-12)


@in_one_test()
@pytest.mark.parametrize("growth", [2, 3, 10])
@pytest.mark.parametrize("steps", [1, 7, 1000])
def test_restarts_after_many_steps(steps, growth):
    """The rate is full at each restart and nearly zero a step before it, in spite of rounded logarithms."""
    restarts = np.cumsum([steps * growth**i for i in range(1, 13)]) + steps
    schedule = CosineRestarts(0.3, steps, growth)
    assert np.all(schedule(restarts) == 0.3)
    assert np.all(schedule(restarts - 1) <= 0.3 * (np.pi / (2 * steps * growth)) ** 2 + 1e-15)


@in_one_test()
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 10])
@pytest.mark.parametrize("warm_up", [0.0, 0.3, 0.95, 1.0])
def test_one_cycle_of_few_steps(warm_up, steps):
    """However short, it rises to at most its peak, then falls to the final rate."""
    rates = OneCycle(0.5, steps, warm_up)(np.arange(steps + 5))
    top = rates.argmax()
    assert rates[top] <= 0.5
    assert np.all(np.diff(rates[: top + 1]) > 0)
    assert np.all(np.diff(rates[top:]) <= 0)
    np.testing.assert_allclose(rates[steps:], 0.5 / 25 / 1e4, rtol=1e-9)


@in_one_test()
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_pure_functions_of_the_step(name):
    """The same bits for single steps and arrays of any shape and order, in float64; there is no state."""
    schedule = CLOSED_FORMS[name][0]
    rates = schedule(T)
    assert rates.dtype == np.float64
    assert [float(schedule(t)) for t in T[::-1]] == rates[::-1].tolist()
    assert np.array_equal(schedule(T.reshape(4, 50)), rates.reshape(4, 50))
    assert np.array_equal(schedule(T[13:].tolist()), rates[13:])
    assert schedule([]).shape == (0,)
    assert np.isfinite(schedule(10**9))
    assert schedule.after_epoch(100) == schedule
    assert schedule.after_plateau() is None


# Schedules that change between epochs


class Halved(schedules.Schedule):
    """A user's schedule, whose steps the base class checks."""

    def at(self, t):
        return 0.5 ** (t + 1)


INVALID_STEPS = [
    -1, -1.0, [0, 1, -1], [[0], [-5]], np.int64(-3), np.array([3, -(2**40)]), -0.5, 0.5, [1, 2.5], np.nan, [0, np.nan],
    np.inf, -np.inf, "1", ["0", "1"], None, [None], True, 1j, [[1], [1, 2]], {}, np.datetime64(1, "s"), -(10**400),
]  # fmt: skip


@in_one_test()
@pytest.mark.parametrize(
    "schedule",
    [
        *(schedule for schedule, _ in CLOSED_FORMS.values()), InverseScaling(0.1), InverseScaling(0.1, rows_seen=9),
        Adaptive(0.1), WarmUp(WarmUp(Adaptive(0.1), 3), 5), Halved(), WarmUp(Halved(), 3),
    ],
    ids=repr,
)  # fmt: skip
def test_invalid_steps_are_refused(schedule):
    for step in INVALID_STEPS:
        with pytest.raises(ValueError, match=r"step must be 0, 1, 2, … \(integers"):
            pytest.fail(f"{step!r} gives {schedule(step)}")


def test_steps_of_any_integer_type():
    for step in (3, 3.0, np.int8(3), np.uint64(3), np.float32(3), np.array(3, object), 10**30, range(4), [], [[0, 7]]):
        rates = Cosine(0.1, 5)(step)
        assert rates.dtype == np.float64 and rates.shape == np.shape(step)


def test_the_message_names_the_step():
    with pytest.raises(ValueError, match=r"counted from the beginning of the training\), but holds -7\."):
        Cosine(0.1, 5)([3, -7, 2])


def test_invscaling_counts_rows():
    schedule = InverseScaling(0.3, 0.7)
    assert np.all(schedule(T) == 0.3)
    later = schedule.after_epoch(40).after_epoch(80)
    assert later(T).tolist() == [0.3 / 81**0.7] * 200
    assert later == InverseScaling(0.3, 0.7, rows_seen=80)


def test_adaptive_is_divided_down_to_smallest():
    schedule, rates = Adaptive(0.3), []
    while schedule:
        rates.append(float(schedule(5)))
        schedule = schedule.after_plateau()
    expected = [0.3]
    while expected[-1] > 1e-6:
        expected.append(expected[-1] / 5)
    assert rates == expected


def test_warm_up_before_epochwise_schedules():
    schedule = WarmUp(Adaptive(0.5, smallest=0.1), 4)
    assert schedule.after_plateau() == WarmUp(Adaptive(0.1, smallest=0.1), 4)
    assert schedule.after_plateau().after_plateau() is None
    assert WarmUp(InverseScaling(0.5), 4).after_epoch(24)([0, 9]).tolist() == pytest.approx([0.02, 0.1])


def test_scikit_learns_names():
    assert schedule_by_name("constant", 0.3, 0.5) == Constant(0.3)
    assert schedule_by_name("invscaling", 0.3, 0.7) == InverseScaling(0.3, 0.7)
    assert schedule_by_name("adaptive", 0.3, 0.5) == Adaptive(0.3)


def test_count_steps():
    assert count_steps(1, rows=200, batch_size=200) == 1
    assert count_steps(10, rows=201, batch_size=200) == 20
    assert count_steps(0.5, rows=1000, batch_size=10) == 50


# Parameters

EVERY = {name: case.schedule for name, case in CASES.items()}


@in_one_test()
@pytest.mark.parametrize("name", EVERY)
def test_parameters_are_immutable_values(name):
    assert_immutable_value(EVERY[name], vars(schedules))


ABOVE_ZERO, FROM_ZERO, COUNT = "a number greater than 0", "a number of at least 0", "an integer of at least 1"
FORBIDDEN = {
    "learning_rate": (ABOVE_ZERO, [0, -0.1, np.nan, np.inf, "0.1", None, Constant(0.1)]),
    "schedule": (ABOVE_ZERO + r", or a schedule \(see fastmlp.schedules\)", [0, -0.1, np.nan, None, "cosine"]),
    "steps": (COUNT, [0, -1, 0.5, 1.5, 2.0, np.inf, None, True]),
    "every": (COUNT, [0, 1.5]),
    "cycles": (COUNT, [0, 1.5]),
    "growth": (COUNT, [0, 1.5]),
    "factor": (ABOVE_ZERO, [0, -1, np.inf]),
    "power": (FROM_ZERO, [-0.5, np.nan]),
    "decay": (FROM_ZERO, [-0.5, np.inf]),
    "final": (FROM_ZERO, [-1e-9, None]),
    "warm_up": (r"a number in \[0, 1\]", [-0.1, 1.1]),
    "div_factor": (ABOVE_ZERO, [0]),
    "final_div_factor": (ABOVE_ZERO, [0]),
    "divisor": ("a number greater than 1", [1, 0.2]),
    "smallest": (ABOVE_ZERO, [0]),
    "rows_seen": ("an integer of at least 0", [-1, 0.5]),
}
#: Other rules for a field of this name.
OR_NONE = f"None or {COUNT}", [0, -1, 0.5, 1.5, 2.0, np.inf, "all", True]
DIFFERENT = {
    **{(kind, "steps"): OR_NONE for kind in (Cosine, FlatCosine, LogCosine, OneCycle, Polynomial)},
    (FlatCosine, "learning_rate"): (FROM_ZERO, [-0.1, np.nan, np.inf, "0.1", None, Constant(0.1)]),
    (WarmUp, "steps"): (
        rf"{COUNT}, or a share of the training, a number in \(0, 1\)", [0, -1, 1.5, 0.0, 1.0, np.nan, None]
    ),
}  # fmt: skip
CLASSES = sorted({type(schedule) for schedule in EVERY.values()}, key=lambda kind: kind.__name__)


@in_one_test()
@pytest.mark.parametrize(("kind", "name"), [(kind, field.name) for kind in CLASSES for field in fields(kind)])
def test_parameters_out_of_range_are_refused(kind, name):
    good = next(schedule for schedule in EVERY.values() if type(schedule) is kind)
    others = {field.name: getattr(good, field.name) for field in fields(kind)}
    own = {key: value for case in CASES.values() for key, value in (case.forbidden or {}).items()}
    allowed, values = DIFFERENT.get((kind, name)) or {**own, **FORBIDDEN}[name]
    assert_refused(kind, name, allowed, values, **others)
