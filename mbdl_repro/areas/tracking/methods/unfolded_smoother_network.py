"""Block-Jacobi steps towards the most probable trajectory, a small convolution in each."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor, nn

from mbdl_repro.areas.tracking.kalman.map_steps import LearnedMapSteps, chain_of, seen_states
from mbdl_repro.areas.tracking.learned.units import root_mean_square
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split


class UnfoldedSmootherNetwork(LearnedMapSteps):
    """K steps towards the smoother's estimate, each with a correction by its own convolution.

    s ← s + μ_k (μ_past + μ_future + μ_seen) + Σ C_k(relu(B_k([s; μ_past; μ_future; μ_seen]))),
    from s = H⁺ x

    B_k and C_k are convolutions in time of three taps, without offsets: what is twice as large is
    corrected twice as much. Steps and convolutions are learned. C_k starts at 0, where it is
    the block-Jacobi smoother. Inputs are in units of their size at the start, and Σ holds the
    errors there, on the training data.

    Args:
        channels: outputs of B_k.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Section 5.3, DNN conversion; the application is ours.
    """

    name = "unfolded_smoother_network"
    family = Family.UNFOLDED_NETWORK

    def __init__(
        self, belief: StateSpace, *, channels: Annotated[int, Ge(1)] = 8, **settings: Any
    ) -> None:
        super().__init__(belief, **settings)
        m, K = belief.m, self.iterations
        self.inner = nn.Parameter(torch.zeros(K, 12 * m, channels, dtype=torch.float64))
        self.outer = nn.Parameter(torch.zeros(K, 3 * channels, m, dtype=torch.float64))
        self.input_unit: Tensor
        self.output_unit: Tensor
        self.register_buffer("input_unit", torch.ones(4 * m, dtype=torch.float64))
        self.register_buffer("output_unit", torch.ones(m, dtype=torch.float64))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the inner convolutions, and measure sizes where the steps start."""
        drawn = torch.randn(self.inner.shape, generator=rng, dtype=torch.float64)
        self.inner.copy_(drawn * (2 / self.inner.shape[1]) ** 0.5)
        self.outer.zero_()
        x, truth = (part.to(self.input_unit) for part in train)
        chain = chain_of(x, self.model())
        s = seen_states(chain)
        inputs = torch.cat((s, *chain.messages(s)), -1)
        self.input_unit.copy_(root_mean_square(inputs))
        self.output_unit.copy_(root_mean_square(s - truth.transpose(0, 1)))

    def correction(self, k: int, s: Tensor, messages: tuple[Tensor, ...]) -> Tensor:
        """Return what the k-th network adds (T, n_rows, m)."""
        inputs = torch.cat((s, *messages), -1) / self.input_unit
        hidden = _three_taps(inputs, self.inner[k]).relu()
        return self.output_unit * _three_taps(hidden, self.outer[k])


def _three_taps(series: Tensor, weight: Tensor) -> Tensor:
    """Return a convolution in time (T, n_rows, k) of series (T, n_rows, c) by weights (3c, k)."""
    edge = torch.zeros_like(series[:1])
    around = torch.cat((edge, series[:-1])), series, torch.cat((series[1:], edge))
    return torch.cat(around, -1) @ weight
