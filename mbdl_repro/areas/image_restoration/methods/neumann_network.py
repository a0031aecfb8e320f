"""Neumann network: the series of an inverse, with a network in it, cut off."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.networks.convolutional import ConvolutionalNetwork
from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.restoration import IterativeRestoration, step_of
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split


class NeumannNetwork(IterativeRestoration):
    """The first K terms of the Neumann series of (HᵀH + R)⁻¹Hᵀx, R a trained network.

    ŝ = Σ_{j=0}^{K−1} b_j,    b_0 = η Hᵀx,    b_{j+1} = b_j − η HᵀH b_j − η R(b_j)

    All terms share R and η. The last layer of R starts at 0: then the sum is
    Σ_j (I − η HᵀH)ʲ η Hᵀx, what K steps of gradient descent on ½‖x − H s‖² reach from s = 0.

    With a linear start s_0 = H.start(x) the series is that of what s_0 lacks: were R linear too,
    (HᵀH + R)⁻¹Hᵀx = s_0 + (HᵀH + R)⁻¹(Hᵀx − HᵀH s_0 − R(s_0)), so

    ŝ = s_0 + Σ_{j=0}^{K−1} b_j,    b_0 = η (Hᵀ(x − H s_0) − R(s_0)).

    Args:
        iterations: K, number of terms; from black images R takes part from the second on.
        channels: of each hidden layer of R.
        layers: of convolutions in R.
        step: η before training; ``None``: 1/L, L the largest eigenvalue of HᵀH.
        start: s_0: a black image, as in the source, or the linear estimate H.start(x).

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Gilton, Ongie and Willett, 2020.
    """

    name = "neumann_network"
    family = Family.UNFOLDED_NETWORK
    parent = "gradient_descent"

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(2)] = 6,
        channels: Annotated[int, Ge(1)] = 16,
        layers: Annotated[int, Ge(2)] = 3,
        step: Annotated[float, Gt(0)] | None = None,
        start: Literal["zero", "linear"] = "zero",
    ) -> None:
        super().__init__(belief, iterations=iterations)
        self.start = start
        first = step_of(self.H, step, belief.patch_side)
        self.network = ConvolutionalNetwork(channels, layers)
        self.log_step = nn.Parameter(torch.tensor(math.log(first), dtype=torch.float64))

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of R, all but those of its last layer."""
        self.network.draw(rng)

    def iterates(
        self, x: Annotated[Tensor, "(n, side, side)"]
    ) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield s_0 and its sums with the first 1, 2, …, K terms, each (n, side, side)."""
        self.H.check(x)
        step = self.log_step.exp()
        term = step * self.H.adjoint(x)
        s = term.new_zeros(term.shape)
        if self.start == "linear":
            s = self.H.start(x)
            term = term - step * self._seen(s)
        yield s
        for j in range(self.iterations):
            s = s + term
            yield s
            if j < self.iterations - 1:
                term = term - step * self._seen(term)

    def _seen(self, s: Tensor) -> Tensor:
        """Return HᵀH s + R(s)."""
        return self.H.adjoint(self.H(s)) + self.network(s[:, None])[:, 0]
