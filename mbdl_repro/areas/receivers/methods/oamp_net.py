"""OAMP-Net: OAMP unfolded, with a few numbers a layer that are learned."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from mbdl_repro.areas.receivers.linear.oamp_layers import Layer, OampLayers
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.contract.method import Family


class OampNet(OampLayers):
    """Layers of OAMP whose step γ, noise level θ, and combination φ, ξ are learned.

    r = u + γ W (y − H u),  τ² = v² (θ² c − 2θ + 1),  ŝ = E[s | s + N(0, τ²) = r],  u⁺ = φ (ŝ − ξ r)

    Unfitted it is OAMP: γ = θ = φ = 1 and ξ = 0. The loss is the squared error.

    Args:
        numbers: how many are learned of a layer: 4, or 2, γ and θ.

    Maps x (n, N, T), or (n, N, K + T) with H before what is received, to ŝ (n, K, T), means.

    Source: He, Wen, Jin and Li, 2018 and 2020, "OAMP-Net" (2 a layer) and "OAMP-Net2" (4).
    """

    name = "oamp_net"
    family = Family.UNFOLDED_HYPERPARAMETERS
    parent = "oamp"

    def __init__(self, belief: LinearMimo, *, numbers: Literal[2, 4] = 4, **settings: Any) -> None:
        super().__init__(belief, **settings)
        start = torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64)
        self.learned = nn.Parameter(start[:numbers].repeat(self.iterations, 1))
        self.register_buffer("kept", start[numbers:])
        self.kept: Tensor

    def layers(self) -> list[Layer]:
        """Return the numbers of each iteration."""
        return [Layer(*torch.cat([own, self.kept])) for own in self.learned]

    def loss(self, x: Annotated[Tensor, "(n, N, C)"], s: Annotated[Tensor, "(n, K, T)"]) -> Tensor:
        """Return the squared error of an amplitude, a mean over all.

        Args:
            x: observations (n, N, C), C = T, or K + T with H before.
            s: amplitudes (n, K, T).
        """
        return (self(x) - s).square().mean()
