"""Losses by name: what users say → the unit that computes it, for the output activation that it stands behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from . import curvatures
from ._jit import Unit
from .activations import Activation
from .kernels import losses as _kernels
from .kernels import squared_losses as _squared


@dataclass(frozen=True)
class Loss:
    """What training makes small.

    Attributes
    ----------
    name : str
    fused : dict of str to Unit
        For some output activations: the kernel from pre-activations to outputs, losses and delta.
    settings : tuple of float
        The loss's own numbers, where the kernel looks for them.
    of_outputs : Unit or None
        For any other activation but softmax: the kernel from outputs and f′ to losses and delta.
    output_derivatives : callable or None
        From outputs and targets, (n, n_outputs) each, to d loss / d output and the second derivative.
    canonical : tuple of str
        Output activations behind which delta is a − y, times the row's weight.
    """

    name: str
    fused: dict[str, Unit] = field(repr=False)
    settings: tuple[float, ...] = ()
    of_outputs: Unit | None = field(default=None, repr=False)
    output_derivatives: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]] | None = field(
        default=None, repr=False
    )
    canonical: tuple[str, ...] = field(default=(), repr=False)

    def unit(self, output: Activation) -> Unit:
        """The kernel for this output activation.

        Raises
        ------
        ValueError
            If there is none.
        """
        if output.name in self.fused:
            return self.fused[output.name]
        if self.of_outputs is None or output.name == "softmax":
            others = "any activation of single numbers" if self.of_outputs else " or ".join(self.fused)
            raise ValueError(f"loss={self.name!r} does not go with output activation {output.name!r}: use {others}.")
        return self.of_outputs

    def reads_outputs(self, output: Activation) -> bool:
        """Whether the kernel begins with outputs and f′, not with pre-activations."""
        return output.name not in self.fused

    def n_targets(self, output: Activation, n_outputs: int) -> int:
        """Columns of the targets: one for each output, or one that holds the class."""
        return 1 if output.name == "softmax" else n_outputs


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss(
            "log_loss", {"softmax": _kernels.softmax_log_loss, "logistic": _kernels.logistic_log_loss},
            canonical=("softmax", "logistic"),
        ),
        Loss("squared_error", {"identity": _kernels.squared_error}, canonical=("identity",)),
        Loss("poisson", {"exp": _kernels.poisson}, canonical=("exp",)),
        Loss(
            "half_squared_error", {},
            of_outputs=_squared.half_squared_error, output_derivatives=curvatures.half_squared_error,
        ),
        Loss(
            "sum_squared_error", {},
            of_outputs=_squared.sum_squared_error, output_derivatives=curvatures.sum_squared_error,
        ),
    )
}


def as_loss(loss: str | Loss) -> Loss:
    """The loss of this name, or the object itself."""
    return loss if isinstance(loss, Loss) else LOSSES[loss]
