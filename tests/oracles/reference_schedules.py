"""`CASES`: the table that all tests of schedules read, with closed forms for a single step."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastmlp.schedules import (
    Adaptive,
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    FlatCosine,
    InverseScaling,
    InverseTime,
    LogCosine,
    OneCycle,
    Polynomial,
    Schedule,
    StepDecay,
    WarmUp,
)


@dataclass(frozen=True)
class Case:
    """One schedule, as all tests of schedules see it.

    Attributes
    ----------
    schedule : Schedule
    form : callable or None
        Its rate at the single step t; None where epochs or plateaus change it.
    ends_at : int or None
        The step after which the learning rate is constant.
    torch : callable or None
        (`torch.optim.lr_scheduler`, an optimizer with the learning rate 0.3) → PyTorch's scheduler, which is compared
        with `torch_schedule`, by default with `schedule`.
    forbidden : dict
        For fields that no other schedule has: (what the message says is allowed, values that are refused).
    """

    schedule: Schedule
    form: Callable | None
    ends_at: int | None = None
    torch: Callable | None = None
    torch_schedule: Schedule | None = None
    forbidden: dict | None = None

    @property
    def in_torch(self):
        return self.torch_schedule or self.schedule, self.torch


def one_cycle(t, peak, steps, share, first, last):
    top, end = share * steps - 1, steps - 1
    if t <= top:
        return first + (peak - first) * (1 - np.cos(np.pi * t / top)) / 2
    return peak + (last - peak) * (1 - np.cos(np.pi * min(t - top, end - top) / (end - top))) / 2


def log_cosine(t, peak, steps, cycles):
    """Cycle k = 0, 1, … lasts 2ᵏ of 2^cycles − 1 shares of the steps."""
    share = min(t, steps) * (2**cycles - 1) / steps
    for k in range(cycles):
        if share <= 2**k:
            phase = np.log((2**k + share) / 2**k) / np.log(2)  # from 0 to 1, and slower towards the end
            return peak * (1 - np.cos(2 * np.pi * phase)) / 2
        share -= 2**k
    raise AssertionError("the last cycle ends with the last step")


CASES = {
    "constant": Case(Constant(0.3), lambda t: 0.3),
    "step": Case(
        StepDecay(0.3, every=7, factor=0.5), lambda t: 0.3 * 0.5 ** (t // 7),
        torch=lambda schedulers, o: schedulers.StepLR(o, 7, 0.5),
    ),
    "exponential": Case(
        Exponential(0.3, 0.9), lambda t: 0.3 * 0.9**t, torch=lambda schedulers, o: schedulers.ExponentialLR(o, 0.9)
    ),
    "exponential, slow": Case(Exponential(0.3, 0.5, every=30), lambda t: 0.3 * 0.5 ** (t / 30)),
    "polynomial": Case(
        Polynomial(0.3, 90, 2.0, 0.1), lambda t: 0.1 + 0.2 * (1 - t / 90) ** 2 if t < 90 else 0.1, 90,
        torch=lambda schedulers, o: schedulers.PolynomialLR(o, 30, 1.5), torch_schedule=Polynomial(0.3, 30, 1.5),
    ),
    "a rising line": Case(
        Polynomial(0.1, 90, final=0.3), lambda t: 0.1 + 0.2 * min(t, 90) / 90, 90,
        torch=lambda schedulers, o: schedulers.LinearLR(o, 1.0, 0.2, 30),
        torch_schedule=Polynomial(0.3, 30, final=0.06),
    ),
    "inverse time": Case(InverseTime(0.3, 0.2), lambda t: 0.3 / (1 + 0.2 * t)),
    "inverse root": Case(InverseTime(0.3, 1.0, power=0.5), lambda t: 0.3 / (1 + t) ** 0.5),
    "cosine": Case(
        Cosine(0.3, 90, 0.1), lambda t: 0.2 + 0.1 * np.cos(np.pi * t / 90) if t < 90 else 0.1, 90,
        torch=lambda schedulers, o: schedulers.CosineAnnealingLR(o, 40, 0.01), torch_schedule=Cosine(0.3, 40, 0.01),
    ),
    "restarts": Case(
        CosineRestarts(0.3, 7, final=0.1), lambda t: 0.2 + 0.1 * np.cos(np.pi * (t % 7) / 7),
        torch=lambda schedulers, o: schedulers.CosineAnnealingWarmRestarts(o, 7, 1, 0.1),
    ),
    "restarts, longer and longer": Case(
        CosineRestarts(0.3, 3, 2), lambda t: 0.15 + 0.15 * np.cos(np.pi * restarted(t, 3)),
        torch=lambda schedulers, o: schedulers.CosineAnnealingWarmRestarts(o, 3, 2),
    ),
    "one cycle": Case(
        OneCycle(0.3, 101, 0.2, 10.0, 50.0), lambda t: one_cycle(t, 0.3, 101, 0.2, 0.03, 0.0006), 101,
        torch=lambda schedulers, o: schedulers.OneCycleLR(o, 0.3, 41, cycle_momentum=False),
        torch_schedule=OneCycle(0.3, 41),
    ),
    "one cycle, other numbers": Case(
        OneCycle(0.3, 45, 0.45, 5.0, 10.0), lambda t: one_cycle(t, 0.3, 45, 0.45, 0.06, 0.006), 45,
        torch=lambda schedulers, o: schedulers.OneCycleLR(
            o, 0.3, 45, pct_start=0.45, div_factor=5.0, final_div_factor=10.0, cycle_momentum=False
        ),
    ),
    "cycles, longer and longer": Case(LogCosine(0.3, 90), lambda t: log_cosine(t, 0.3, 90, 4), 90),
    "two cycles": Case(LogCosine(0.3, 77, cycles=2), lambda t: log_cosine(t, 0.3, 77, 2), 77),
    "flat, then cosine": Case(
        FlatCosine(0.3, 90, 0.1), lambda t: 0.3 if t <= 45 else 0.2 - 0.1 * np.cos(2 * np.pi * min(t, 90) / 90), 90
    ),
    "flat, then cosine to 0": Case(
        FlatCosine(0.3, 77), lambda t: 0.3 if t <= 38.5 else 0.15 - 0.15 * np.cos(2 * np.pi * min(t, 77) / 77), 77
    ),
    "warm-up": Case(
        WarmUp(0.3, 9), lambda t: 0.3 * min(t + 1, 10) / 10,
        torch=lambda schedulers, o: schedulers.LinearLR(o, 0.1, 1.0, 9),
    ),
    "warm-up to a decay": Case(
        WarmUp(Exponential(0.3, 0.9), 9), lambda t: 0.3 * (t + 1) / 10 if t < 9 else 0.3 * 0.9 ** (t - 9)
    ),
    "invscaling": Case(InverseScaling(0.1), None),
    "adaptive": Case(Adaptive(0.1), None),
}  # fmt: skip


def restarted(t, steps):
    """Return which share of a cycle has passed, where each cycle is twice as long as the one before."""
    while t >= steps:
        t, steps = t - steps, 2 * steps
    return t / steps
