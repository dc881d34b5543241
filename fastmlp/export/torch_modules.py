"""Modules that PyTorch does not have, for `to_torch`; this file alone imports PyTorch."""

from __future__ import annotations

import torch
from torch import nn


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
