"""Two recurrent networks, one in each direction of time, that know nothing of the dynamics."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.tracking.learned.stacked import StackedMethod
from mbdl_repro.areas.tracking.learned.units import root_mean_square
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Affine, Gru


class Bidirectional(StackedMethod):
    """Gated recurrent units forwards and backwards in time: a black box that smooths.

    ŝ_t = Σ E [h_t; g_t] + e,    h_t = GRU(u_t, h_{t−1}),    g_t = GRU'(u_t, g_{t+1})

    u_t is the observation and how it has changed, each divided by its size over the training
    data, 0 where that is missing, and a mark for each missing entry. Σ holds the sizes of the
    states.

    Args:
        belief: gives ``n_state`` and ``n_observations``; nothing else is read.
        hidden_size: units of each direction.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Schuster and Paliwal, 1997, with the units of Cho et al., 2014.
    """

    name = "bidirectional"
    family = Family.DEEP_LEARNING

    def __init__(self, belief: StateSpace, *, hidden_size: Annotated[int, Ge(1)] = 24) -> None:
        super().__init__(belief)
        m, n = belief.m, belief.n
        self.forwards, self.backwards = Gru(3 * n, hidden_size), Gru(3 * n, hidden_size)
        self.output = Affine(2 * hidden_size, m)
        self.input_unit: Tensor
        self.output_unit: Tensor
        self.register_buffer("input_unit", torch.ones(2 * n, dtype=torch.float64))
        self.register_buffer("output_unit", torch.ones(m, dtype=torch.float64))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw all weights, and measure sizes."""
        for layer in (self.forwards, self.backwards, self.output):
            layer.draw(rng)
        self.input_unit.copy_(root_mean_square(_with_changes(train.x)))
        self.output_unit.copy_(root_mean_square(train.s))

    def states(self, x: Tensor) -> Tensor:
        """Return the estimates (..., rows, T, m)."""
        units = (unit[..., None, None, :] for unit in (self.input_unit, self.output_unit))
        input_unit, output_unit = units
        u = torch.cat((_with_changes(x) / input_unit, x.isnan().to(x)), -1)
        past, future = self.forwards.states(u), self.backwards.states(u.flip(-2)).flip(-2)
        return self.output(torch.cat((past, future), -1)) * output_unit


def _with_changes(x: Tensor) -> Tensor:
    """Return x_t and x_t − x_{t−1} side by side (..., T, 2n), 0 where missing; x_0 = 0."""
    before = torch.cat((torch.zeros_like(x[..., :1, :]), x[..., :-1, :]), -2)
    both = torch.cat((x, x - before), -1)
    return both.masked_fill(both.isnan(), 0.0)
