"""MoDL: a learned regularizer between steps that agree with the data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.networks.convolutional import ConvolutionalNetwork
from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.restoration import IterativeRestoration
from mbdl_repro.areas.image_restoration.solvers.updates import data_step
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split


class Modl(IterativeRestoration):
    """Least squares with a learned regularizer λ/2 ‖s − D(s)‖², one network for all iterations.

    s_{k+1} = (HᵀH + λ I)⁻¹(Hᵀx + λ D(s_k)),    D(s) = g s + c N(a (s − ½))

    Unfitted, the network is N = 0 and the gate is g = 0: every iterate but s_0 is then the Tikhonov
    estimate of weight λ. A fit starts at g = 1, at which N is what is added to an image; g, N
    and λ are trained. The inverse is a few iterations of conjugate gradients from s_k, exact
    after two where H has orthonormal rows, and with more iterations for any H.

    Args:
        channels: of each hidden layer of N.
        layers: of convolutions in N.
        weight: λ before training.
        inner_iterations: of conjugate gradients, in each of K.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.4; Aggarwal, Mani and Jacob, 2019.
    """

    name = "modl"
    family = Family.DNN_AIDED_PRIOR
    parent = "tikhonov"

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)] = 8,
        channels: Annotated[int, Ge(1)] = 8,
        layers: Annotated[int, Ge(2)] = 3,
        weight: Annotated[float, Gt(0)] = 0.01,
        inner_iterations: Annotated[int, Ge(1)] = 3,
    ) -> None:
        super().__init__(belief, iterations=iterations)
        self.inner_iterations = inner_iterations
        self.network = ConvolutionalNetwork(channels, layers)
        self.gate = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.log_weight = nn.Parameter(torch.tensor(math.log(weight), dtype=torch.float64))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of N, all but those of its last layer, and open the gate."""
        self.network.draw(rng)
        self.gate.fill_(1.0)

    def iterates(
        self, x: Annotated[Tensor, "(n, …)"]
    ) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield s_0 = H.start(x), s_1, …, s_K (n, side, side)."""
        s = self.H.start(x)
        weight = self.log_weight.exp()
        yield s
        for _ in range(self.iterations):
            z = self.gate * s + self.network.correction(s)
            s = data_step(s, z, x, self.H, weight, self.inner_iterations)
            yield s
