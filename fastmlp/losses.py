"""Losses by name, each with the output activation that it goes with: what users say → the unit that computes it."""

from __future__ import annotations

from ._jit import Unit
from .kernels import losses as _kernels

#: (loss, output activation) → loss and delta with respect to the pre-activation, in one pass.
LOSSES: dict[tuple[str, str], Unit] = {
    ("log_loss", "softmax"): _kernels.softmax_log_loss,
    ("log_loss", "logistic"): _kernels.logistic_log_loss,
    ("squared_error", "identity"): _kernels.squared_error,
    ("poisson", "exp"): _kernels.poisson,
}
