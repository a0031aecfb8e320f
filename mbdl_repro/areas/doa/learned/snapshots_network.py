"""What networks see of a look, whatever its level and phase, and what they begin with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, cast

import torch
from torch import Tensor, nn

from mbdl_repro.learning.layers import Affine

Invariance = Literal["phase", "level"]


def normalized(
    x: Annotated[Tensor, "(n, N, T)"], invariance: Invariance
) -> tuple[Annotated[Tensor, "(n, T, 2N)"], Annotated[Tensor, "(n, T)"]]:
    """Return snapshots whose size and phase are taken off, and what they are to be given back.

    z_t = x_t / c_t,  c_t = r m_t / |m_t|,  with m_t the sum of the sensors and r² their mean power

    Any complex number times a row leaves its z as it is; of ``level``, with c_t = r, any positive
    one. Powers of snapshots of a row stay what they are to each other.

    Args:
        x: snapshots (n, N, T).
        invariance: ``phase``, and level, or ``level`` alone.

    Returns:
        Real and imaginary parts of z (n, T, 2N), and c (n, T); c is 1 of snapshots of zeros.
    """
    level = x.abs().square().mean((1, 2), keepdim=True).sqrt()[:, 0]
    total = x.sum(1)
    c = level * (torch.sgn(total) if invariance == "phase" else torch.ones_like(total))
    c = torch.where(c == 0, torch.ones_like(c), c)
    return torch.view_as_real((x / c[:, None]).mT).flatten(2), c


def antirectified(z: Tensor) -> Tensor:
    """Return relu(y) and relu(−y), with y = z less its mean, over its norm; (..., 2k) of (..., k).

    Source: Luijten et al., 2020.
    """
    y = z - z.mean(-1, keepdim=True)
    y = y / y.square().sum(-1, keepdim=True).add(1e-12).sqrt()
    return torch.cat((y.relu(), (-y).relu()), -1)


class SnapshotsNetwork(nn.Module):
    """Fully connected layers on each snapshot, with antirectifiers after them.

    Args:
        n_sensors: N.
        widths: entries of each layer; what comes out is twice as wide as the last.
    """

    def __init__(self, n_sensors: int, widths: Sequence[int]) -> None:
        super().__init__()
        inputs = (2 * n_sensors, *(2 * width for width in widths))
        self.layers = nn.ModuleList(map(Affine, inputs[:-1], widths))
        self.n_out = inputs[-1]

    @torch.no_grad()
    def draw(self, rng: torch.Generator) -> None:
        """Draw the weights."""
        for layer in self.layers:
            cast(Affine, layer).draw(rng)

    def forward(self, z: Annotated[Tensor, "(n, T, 2N)"]) -> Annotated[Tensor, "(n, T, K)"]:
        """Return features (n, T, K) of normalized snapshots (n, T, 2N)."""
        z = z.to(cast(Affine, self.layers[0]).weight.dtype)
        for layer in self.layers:
            z = antirectified(layer(z))
        return z
