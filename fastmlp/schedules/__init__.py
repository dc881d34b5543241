"""Schedules: the learning rate as a function of the step.

A schedule is called with step numbers, 0, 1, 2, …, one for each mini-batch, and returns as many rates in float64.
It depends on nothing else and has no state, so it may be shared, plotted and pickled, and training may resume anywhere:

>>> import numpy as np
>>> from fastmlp.schedules import Cosine, WarmUp, count_steps
>>> Cosine(0.1, steps=4)(np.arange(6)).round(4).tolist()
[0.1, 0.0854, 0.05, 0.0146, 0.0, 0.0]

It can be given wherever a learning rate can, and a warm-up can precede any of them:

>>> from fastmlp.optimizers import SGD
>>> SGD(WarmUp(Cosine(0.1, steps=900), steps=100), momentum=0.9).schedule([0, 99, 100]).round(4).tolist()
[0.001, 0.099, 0.1]

`Cosine`, `FlatCosine`, `LogCosine`, `OneCycle` and `Polynomial` without `steps` last as long as the training, and a
warm-up may take a share of it: `fit` counts the steps. `count_steps` converts epochs to steps where you count yourself:

>>> WarmUp(Cosine(0.1), steps=0.1).for_training(1000)
WarmUp(schedule=Cosine(learning_rate=0.1, steps=900, final=0.0), steps=100)
>>> Cosine(0.1, steps=count_steps(50, rows=10_000, batch_size=200))
Cosine(learning_rate=0.1, steps=2500, final=0.0)

The estimators' `alpha`, `weight_decay`, `dropout` and `input_dropout` may be schedules as well.
"""

from .base import Constant, DecayRate, NumberOrSchedule, Rate, Schedule, as_schedule, count_steps, values_at
from .cosine import Cosine, CosineRestarts, OneCycle
from .cyclic import FlatCosine, LogCosine
from .decay import Exponential, InverseTime, Polynomial, StepDecay
from .epochwise import Adaptive, InverseScaling, schedule_by_name
from .warm_up import WarmUp

__all__ = [
    "Adaptive",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "DecayRate",
    "Exponential",
    "FlatCosine",
    "InverseScaling",
    "InverseTime",
    "LogCosine",
    "NumberOrSchedule",
    "OneCycle",
    "Polynomial",
    "Rate",
    "Schedule",
    "StepDecay",
    "WarmUp",
    "as_schedule",
    "count_steps",
    "schedule_by_name",
    "values_at",
]
