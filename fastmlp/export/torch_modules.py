"""Modules that PyTorch does not have, for `to_torch`; this file and `torch_tables.py` alone import PyTorch."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ..tabular.classifier import exponent_of


class Exp(nn.Module):
    """exp z."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Compute f(z)."""
        return torch.exp(z)


class Step(nn.Module):
    """1 where z > 0, else 0; its gradient is 1, passed straight through."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Compute f(z)."""
        return z + ((z > 0).to(z.dtype) - z).detach()


class Swish(nn.Module):
    """z σ(βz), with any β."""

    def __init__(self, beta: float) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Compute f(z)."""
        return z * torch.sigmoid(self.beta * z)

    def extra_repr(self) -> str:
        """Return the parameter."""
        return f"beta={self.beta}"


class BothClasses(nn.Module):
    """The probabilities 1 − p and p of two classes, from p (n, 1)."""

    def forward(self, p: torch.Tensor) -> torch.Tensor:
        """Return (n, 2)."""
        return torch.cat([1 - p, p], dim=1)


class Sorted(nn.Module):
    """Groups of `n` neighbouring outputs in ascending order, such as the quantiles of a target."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def forward(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return the outputs, sorted within each group."""
        groups = torch.sort(outputs.reshape(len(outputs), -1, self.n), dim=2)
        return torch.flatten(groups.values, 1)

    def extra_repr(self) -> str:
        """Return the parameter."""
        return str(self.n)


class Unsmoothed(nn.Module):
    """The probabilities for which estimates with label smoothing stand; see `tabular.classifier.undo_smoothing`."""

    def __init__(self, smoothing: float, n_classes: int, is_multilabel: bool) -> None:
        super().__init__()
        self.smoothing, self.n_classes, self.is_multilabel = smoothing, n_classes, is_multilabel

    def forward(self, estimates: torch.Tensor) -> torch.Tensor:
        """Return (n, n_classes)."""
        exponent = exponent_of(self.smoothing, 2 if self.is_multilabel else estimates.shape[1])
        if self.is_multilabel:
            shares = estimates**exponent
            return shares / (shares + (1 - estimates) ** exponent)
        if self.n_classes == 1:
            return torch.ones_like(estimates[:, :1])
        shares = estimates[:, : self.n_classes] ** exponent
        return shares / shares.sum(dim=1, keepdim=True)

    def extra_repr(self) -> str:
        """Return the parameter."""
        return f"smoothing={self.smoothing}"


class TargetUnits(nn.Module):
    """Predictions in the units of the targets, from outputs (n, n_outputs); clipped to `limits` if there are any."""

    def __init__(self, scale: np.ndarray, mean: np.ndarray, limits: np.ndarray | None) -> None:
        super().__init__()
        limits = np.array([[-np.inf], [np.inf]]) if limits is None else limits
        for name, array in (("scale", scale), ("mean", mean), ("limits", limits)):
            self.register_buffer(name, torch.from_numpy(array.astype(np.float32)))

    def forward(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return (n, n_outputs)."""
        y = outputs * self.get_buffer("scale") + self.get_buffer("mean")
        least, most = self.get_buffer("limits")
        return torch.minimum(torch.maximum(y, least), most)
