"""Networks for tables as modules of PyTorch, which read the encoded array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from .table_description import MemberDescription, TableEncoding


def _parameter(array: np.ndarray) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(array.copy()))


class Periodic(nn.Module):
    """V cos(2π w x + c) + d of each of the first numbers of a row: (n, n_plain) becomes (n, 3 n_periodic)."""

    def __init__(self, member: MemberDescription) -> None:
        super().__init__()
        self.frequencies, self.phases = _parameter(member.frequencies), _parameter(member.phases)
        self.projections, self.offsets = _parameter(member.projections), _parameter(member.offsets)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the embeddings."""
        turns = x[:, : len(self.phases), None] * self.frequencies + self.phases / (2 * torch.pi)
        cosines = torch.cos(2 * torch.pi * (turns - torch.round(turns).detach()))
        return torch.flatten(torch.einsum("nck,cmk->ncm", cosines, self.projections) + self.offsets, 1)


class Slopes(nn.Module):
    """α f(z) + (1 − α) z with a slope α for each unit."""

    def __init__(self, activation: nn.Module, slopes: np.ndarray) -> None:
        super().__init__()
        self.activation, self.slopes = activation, _parameter(slopes)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Compute it."""
        return self.slopes * self.activation(z) + (1 - self.slopes) * z


class TableNetwork(nn.Module):
    """One network of an ensemble: an encoded array (n, n_plain + n_codes) becomes its outputs (n, n_outputs)."""

    def __init__(self, member: MemberDescription, encoding: TableEncoding, activations: Sequence[nn.Module]) -> None:
        super().__init__()
        columns = np.arange(encoding.n_plain)
        if not member.reads_bins:
            columns = np.delete(columns, slice(encoding.scaled.size, encoding.scaled.size + encoding.bins.size))
        self.n_plain = encoding.n_plain
        self.register_buffer("columns", torch.from_numpy(columns))
        self.periodic = Periodic(member) if member.n_periodic else None
        self.tables = nn.ModuleList(
            nn.Embedding.from_pretrained(torch.from_numpy(table.copy()), freeze=False) for table in member.tables
        )
        self.scales = _parameter(member.scales)
        layers: list[nn.Module] = []
        for number, (coef, intercept) in enumerate(zip(member.coefs, member.intercepts, strict=True)):
            layer = nn.Linear(coef.shape[0], coef.shape[1])
            layer.weight, layer.bias = _parameter(coef.T), _parameter(intercept)
            has_slopes = number < len(member.slopes)
            layers += [layer, Slopes(activations[number], member.slopes[number]) if has_slopes else activations[number]]
        self.layers = nn.Sequential(*layers)

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        """Compute the outputs."""
        plain = encoded[:, self.get_buffer("columns")]
        parts = [plain] if self.periodic is None else [plain, self.periodic(plain)]
        codes = encoded[:, self.n_plain :].long()
        parts += [table(codes[:, column]) for column, table in enumerate(self.tables)]
        outputs: torch.Tensor = self.layers(torch.cat(parts, dim=1) * self.scales)
        return outputs


class Ensemble(nn.Module):
    """The mean outputs of several networks."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        """Return (n, n_outputs)."""
        return torch.stack([member(encoded) for member in self.members]).mean(dim=0)
