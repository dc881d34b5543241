"""Activations by name: what users say → the unit that computes it."""

from __future__ import annotations

from ._jit import Unit
from .kernels import activations as _kernels

ACTIVATIONS: dict[str, Unit] = {
    "identity": _kernels.identity,
    "logistic": _kernels.logistic,
    "tanh": _kernels.tanh,
    "relu": _kernels.relu,
    "softmax": _kernels.softmax,
    "exp": _kernels.exponential,
}
