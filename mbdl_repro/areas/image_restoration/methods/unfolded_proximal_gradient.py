"""Proximal gradient descent, unfolded: a small network is the proximal operator."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.networks.convolutional import (
    CORRECTION_SCALE,
    PIXEL_SCALE,
    ConvolutionalNetwork,
)
from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.restoration import GradientRestoration, step_of
from mbdl_repro.areas.image_restoration.solvers.updates import gradient_step
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split


class UnfoldedProximalGradient(GradientRestoration):
    """K steps of proximal gradient descent, whose proximal operators are trained networks.

    s_{k+1} = z_k + c N_k(a (z_k − ½)),    z_k = s_k − μ_k Hᵀ(H s_k − x)

    The last layer of each N_k starts at 0: then it is gradient descent on ½‖x − H s‖².

    With ``memory`` networks hand on more than an image: N_k sees m_k, some channels beside it, and
    answers with as many more, (r_k, q_k) = N_k(a (z_k − ½), m_k), so that s_{k+1} = z_k + c r_k
    and m_{k+1} = m_k + q_k, from m_0 = 0 on. Where each has a network of its own, the first one
    sees the image alone, and the last one answers with it alone.

    Args:
        iterations: K, number of layers of the unfolded network.
        channels: of each hidden layer of each N_k.
        layers: of convolutions in each N_k.
        tied: whether all iterations share one network and one step.
        memory: channels that networks hand on beside the image.
        step: μ_k before training; ``None``: 1/L, L the largest eigenvalue of HᵀH.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.3; Mardani et al., 2018 (neural proximal gradient descent); Adler and Öktem,
    2018, for memory.
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
        memory: Annotated[int, Ge(0)] = 0,
        **settings: Any,
    ) -> None:
        super().__init__(belief, iterations=iterations, **settings)
        first = step_of(self.H, self.step, belief.patch_side)
        own = 1 if tied else iterations
        self.memory = memory
        self.tied = tied
        seen = [1 + memory] * (own + 1)
        if not tied:
            seen[0] = seen[-1] = 1
        self.networks = nn.ModuleList(
            ConvolutionalNetwork(channels, layers, *pair) for pair in itertools.pairwise(seen)
        )
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
        s = self.first(x)
        memory = s.new_zeros(len(s), self.memory, *s.shape[1:])
        own = list(zip(self.networks, self.log_step.exp(), strict=True))
        yield s
        for k, (network, step) in enumerate(own if len(own) > 1 else own * self.iterations):
            z = gradient_step(s, x, self.H, step)
            image = PIXEL_SCALE * (z[:, None] - 0.5)
            alone = k == 0 and not self.tied
            found = network(image if alone else torch.cat([image, memory], 1))
            s = z + CORRECTION_SCALE * found[:, 0]
            if found.shape[1] > 1:
                memory = memory + found[:, 1:]
            yield s
