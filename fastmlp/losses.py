"""Losses by name: what users say → the unit that computes it, for the output activation that it stands behind."""

from __future__ import annotations

from dataclasses import dataclass, field

from ._jit import Unit
from .activations import Activation
from .kernels import losses as _kernels


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
    """

    name: str
    fused: dict[str, Unit] = field(repr=False)
    settings: tuple[float, ...] = ()

    def unit(self, output: Activation) -> Unit:
        """The kernel for this output activation."""
        return self.fused[output.name]

    def n_targets(self, output: Activation, n_outputs: int) -> int:
        """Columns of the targets: one for each output, or one that holds the class."""
        return 1 if output.name == "softmax" else n_outputs


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss("log_loss", {"softmax": _kernels.softmax_log_loss, "logistic": _kernels.logistic_log_loss}),
        Loss("squared_error", {"identity": _kernels.squared_error}),
        Loss("poisson", {"exp": _kernels.poisson}),
    )
}


def as_loss(loss: str | Loss) -> Loss:
    """The loss of this name, or the object itself."""
    return loss if isinstance(loss, Loss) else LOSSES[loss]
