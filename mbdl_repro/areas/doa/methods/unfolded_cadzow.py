"""Cadzow's iteration, unfolded, with a network in each step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.cadzow_method import CadzowMethod
from mbdl_repro.areas.doa.signal.periodic import periodic_loss
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Perceptron

GAIN = 0.3
"""Of the networks' outputs, in the mean power of a sensor."""


class UnfoldedCadzow(CadzowMethod):
    """Y_{k+1} = Y_0 + μ_k (B(Y_k) Y_k − Y_0) + 0.3 M_k(Y_k), K times, trained end to end.

    B projects each piece of L sensors on what M sources may span of it, as in Cadzow's iteration,
    and M_k is a perceptron of the 2N² real numbers of Y_k, and of as many. Trained are all M_k and
    μ_k, on the mean RMSPE of what ESPRIT says of Y_K. At first μ_k is 1 and M_k is 0: then it is
    Cadzow's iteration.

    Args:
        hidden_widths: entries of each hidden layer of M_k (rectifiers).

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Section 5.3, DNN conversion; ours.
    """

    name = "unfolded_cadzow"
    family = Family.UNFOLDED_NETWORK
    parent = "cadzow"

    def __init__(
        self, belief: SensorArray, *, hidden_widths: tuple[int, ...] = (64, 64), **settings: Any
    ) -> None:
        super().__init__(belief, **settings)
        entries = 2 * self.n_sensors**2
        self.networks = nn.ModuleList(
            Perceptron((entries, *hidden_widths, entries)) for _ in range(self.iterations)
        )
        self.mixing = nn.Parameter(torch.ones(self.iterations, dtype=torch.float64))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of all layers of all M_k but the last, which stays 0."""
        for network in self.networks:
            assert isinstance(network, Perceptron)
            network.draw(rng, gain=2, last_gain=0)

    def steps(self, Y: Annotated[Tensor, "(n, N, N)"]) -> Iterator[Tensor]:
        """Yield Y_0 … Y_K (n, N, N) from Y_0."""
        start = Y
        yield Y
        for network, mixing in zip(self.networks, self.mixing, strict=True):
            assert isinstance(network, Perceptron)
            parts = torch.view_as_real(Y).flatten(1)
            out: Tensor = network(parts).unflatten(-1, (*Y.shape[1:], 2))
            added = torch.complex(out[..., 0], out[..., 1])
            Y = start + mixing * (self.projected(Y) - start) + GAIN * added
            yield Y

    def prepare(self, split: Split) -> Split:
        """Return Y_0 (n, N, N) in place of snapshots."""
        return Split(self.start(self.covariance(split.x)), split.s)

    def loss(self, x: Annotated[Tensor, "(n, N, N)"], s: Annotated[Tensor, "(n, M)"]) -> Tensor:
        """Return the mean RMSPE, in rad.

        Args:
            x: Y_0 (n, N, N).
            s: true angles (n, M), in rad.
        """
        *_, Y = self.steps(x)
        return periodic_loss(self.angles(Y), s)
