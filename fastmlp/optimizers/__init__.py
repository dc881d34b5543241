"""First-order optimizers: frozen objects with their parameters; `begin` starts a training with them.

The learning rate comes first, a number or a schedule (`fastmlp.schedules`):

>>> from fastmlp.optimizers import AdamW, OPTIMIZERS, as_optimizer
>>> from fastmlp.schedules import OneCycle
>>> AdamW(1e-3, weight_decay=1e-2)
AdamW(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-08, weight_decay=0.01)
>>> AdamW(OneCycle(3e-3, steps=1000)).schedule([0, 299]).round(5).tolist()
[0.00012, 0.003]

By name they have the parameters of their papers, or PyTorch's where a paper leaves them open; each class says where its
parameters come from.

>>> "lion" in OPTIMIZERS
True
>>> as_optimizer("momentum", learning_rate=0.1)
SGD(learning_rate=0.1, momentum=0.9, nesterov=False)

`LayerWise` gives layers, and biases, factors of their own; a factor of 0 freezes them:

>>> from fastmlp.optimizers import LayerWise
>>> LayerWise(AdamW(1e-3), weight_rates=(0, 1, 1), bias_rates=(0, 0.1, 0.1)).weight_rates
(0.0, 1.0, 1.0)

The arithmetic is in `fastmlp.kernels`, one compiled pass over gradient, moments and parameters for each rule (LAMB,
which needs the norms of whole layers, has a second pass).
"""

from __future__ import annotations

from ..common.lookup import look_up
from ..schedules import Schedule
from .adam import Adam, AdaMax, AdamW, AMSGrad
from .adaptive import AdaDelta, AdaGrad, RMSProp
from .base import Optimizer
from .lamb import LAMB
from .layer_wise import LayerWise
from .nadam_radam import NAdam, RAdam
from .sgd import SGD, Lion
from .state import RunningOptimizer

__all__ = [
    "LAMB",
    "OPTIMIZERS",
    "SGD",
    "AMSGrad",
    "AdaDelta",
    "AdaGrad",
    "AdaMax",
    "Adam",
    "AdamW",
    "LayerWise",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSProp",
    "RunningOptimizer",
    "as_optimizer",
]

#: Every optimizer that can be had by name, with its usual numbers.
OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": SGD(),
    "momentum": SGD(momentum=0.9),
    "nesterov": SGD(momentum=0.9, nesterov=True),
    "adagrad": AdaGrad(),
    "adadelta": AdaDelta(),
    "rmsprop": RMSProp(),
    "adam": Adam(),
    "amsgrad": AMSGrad(),
    "adamax": AdaMax(),
    "nadam": NAdam(),
    "radam": RAdam(),
    "adamw": AdamW(),
    "lion": Lion(),
    "lamb": LAMB(),
}


def as_optimizer(optimizer: str | Optimizer, learning_rate: float | Schedule | None = None) -> Optimizer:
    """Return the optimizer of this name, or the object itself; with another learning rate, if one is given.

    Raises
    ------
    UnknownNameError
        A ValueError and a KeyError, if there is no optimizer of this name.
    """
    if not isinstance(optimizer, Optimizer):
        optimizer = look_up("optimizer", optimizer, OPTIMIZERS, "an object such as AdamW(1e-3, weight_decay=1e-2)")
    return optimizer if learning_rate is None else optimizer.with_learning_rate(learning_rate)
