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
class BaseLoss:
    """What training makes small.

    Attributes
    ----------
    name : str
    fused : dict of str to Unit
        For some output activations: the kernel from pre-activations to outputs, losses and delta.
    of_outputs : Unit or None
        For any other activation but softmax: the kernel from outputs and f′ to losses and delta.
    derivatives : callable or None
        From outputs and targets to d loss / d output and the second derivative.
    """

    name: str
    fused: dict[str, Unit] = field(repr=False)
    of_outputs: Unit | None = field(default=None, repr=False)
    derivatives: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]] | None = field(
        default=None, repr=False
    )

    def is_fused(self, output: Activation) -> bool:
        """Whether its kernel begins with pre-activations, and does the output activation's work too."""
        return output.name in self.fused

    def unit(self, output: Activation) -> Unit:
        """The kernel for this output activation."""
        unit = self.fused.get(output.name) or self.of_outputs
        assert unit is not None
        return unit

    def settings(self, output: Activation, n_outputs: int) -> tuple[float, ...]:
        """The loss's own numbers, as its kernel for this output activation reads them."""
        return ()

    def n_targets(self, output: Activation, n_outputs: int) -> int:
        """Columns of the targets: one for each output, or one that holds the class."""
        return 1 if output.name == "softmax" else n_outputs

    def check(self, output: Activation, n_outputs: int, y: np.ndarray | None = None) -> None:
        """Make sure that loss, output activation and targets fit together; ValueError if not."""
        if not self.is_fused(output) and (self.of_outputs is None or output.name == "softmax"):
            raise ValueError(f"loss={self.name!r} does not go with the output activation {output.name!r}.")
        if y is None:
            return
        n_classes = n_outputs if output.name == "softmax" else 2
        if self.name == "log_loss" and not np.isin(y, np.arange(n_classes)).all():
            what = f"class numbers 0 … {n_classes - 1}" if output.name == "softmax" else "labels 0 or 1"
            raise ValueError(f"loss='log_loss' reads {what}, but y holds values from {y.min()} to {y.max()}.")
        if self.name == "poisson" and y.min() < 0:
            raise ValueError(f"loss='poisson' needs targets y >= 0, got a smallest of {y.min()}.")

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and second derivatives of each row's loss with respect to its outputs."""
        if self.derivatives is None:
            raise ValueError(f"loss={self.name!r} has no second derivative.")
        return self.derivatives(a, target)

    def fused_derivatives(
        self, output: Activation, z: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """The same with respect to pre-activations, where `is_fused`: of pairs whose delta is a − y."""
        if output.name == "softmax":
            e = np.exp(z - z.max(axis=1, keepdims=True))
            a = e / e.sum(axis=1, keepdims=True)
            return a - (target == np.arange(z.shape[1])), lambda r: a * (r - (a * r).sum(axis=1, keepdims=True))
        a = {"identity": z, "logistic": 0.5 + 0.5 * np.tanh(z / 2), "exp": np.exp(z)}[output.name]
        slope = {"identity": np.ones_like(z), "logistic": a * (1 - a), "exp": a}[output.name]
        return a - target, lambda r: slope * r

    def __reduce__(self) -> tuple:
        return as_loss, (self.name,)


def curvature_times(h: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Row by row h r, h being a diagonal (n, n_outputs) or matrices (n, n_outputs, n_outputs)."""
    return h * r if h.ndim == 2 else np.einsum("nij,nj->ni", h, r)


LOSSES: dict[str, BaseLoss] = {
    loss.name: loss
    for loss in (
        BaseLoss("log_loss", {"softmax": _kernels.softmax_log_loss, "logistic": _kernels.logistic_log_loss}),
        BaseLoss("squared_error", {"identity": _kernels.squared_error}),
        BaseLoss("poisson", {"exp": _kernels.poisson}),
        BaseLoss("half_squared_error", {}, _squared.half_squared_error, curvatures.half_squared_error),
        BaseLoss("sum_squared_error", {}, _squared.sum_squared_error, curvatures.sum_squared_error),
    )
}


def as_loss(loss: str | BaseLoss) -> BaseLoss:
    """The loss of this name, or the object itself."""
    if isinstance(loss, BaseLoss):
        return loss
    if not isinstance(loss, str) or loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}.")
    return LOSSES[loss]
