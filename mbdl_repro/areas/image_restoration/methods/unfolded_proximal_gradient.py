"""Proximal gradient descent, unfolded: a small network is the proximal operator."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, cast

import torch
from annotated_types import Ge
from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.networks.convolutional import ConvolutionalNetwork
from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.restoration import GradientRestoration, step_of
from mbdl_repro.areas.image_restoration.solvers.updates import proximal_gradient_iterates
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split


class UnfoldedProximalGradient(GradientRestoration):
    """K steps of proximal gradient descent, whose proximal operators are trained networks.

    s_{k+1} = z_k + c N_k(a (z_k − ½)),    z_k = s_k − μ_k Hᵀ(H s_k − x)

    The last layer of each N_k starts at 0: then it is gradient descent on ½‖x − H s‖².

    Args:
        iterations: K, number of layers of the unfolded network.
        channels: of each hidden layer of each N_k.
        layers: of convolutions in each N_k.
        tied: whether all iterations share one network and one step.
        step: μ_k before training; ``None``: 1/L, L the largest eigenvalue of HᵀH.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.3; Mardani et al., 2018 (neural proximal gradient descent).
    """

    name = "unfolded_proximal_gradient"
    family = Family.UNFOLDED_NETWORK
    parent = "gradient_descent"

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)] = 8,
        channels: Annotated[int, Ge(1)] = 8,
        layers: Annotated[int, Ge(2)] = 3,
        tied: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(belief, iterations=iterations, **settings)
        first = step_of(self.H, self.step, belief.patch_side)
        own = 1 if tied else iterations
        self.networks = nn.ModuleList(ConvolutionalNetwork(channels, layers) for _ in range(own))
        self.log_step = nn.Parameter(torch.full((own,), math.log(first), dtype=torch.float64))

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of the networks, all but those of their last layers."""
        for network in self.networks:
            assert isinstance(network, ConvolutionalNetwork)
            network.draw(rng)

    def iterates(
        self, x: Annotated[Tensor, "(n, …)"]
    ) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield s_0, s_1, …, s_K (n, side, side)."""
        own = [
            (partial(_proximal, cast(ConvolutionalNetwork, network)), step)
            for network, step in zip(self.networks, self.log_step.exp(), strict=True)
        ]
        stages = own if len(own) > 1 else own * self.iterations
        return proximal_gradient_iterates(self.first(x), x, self.H, stages)


def _proximal(network: ConvolutionalNetwork, z: Tensor) -> Tensor:
    return z + network.correction(z)
