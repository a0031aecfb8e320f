"""The recurrent network that knows nothing of the dynamics."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor, nn

from mbdl_repro.areas.tracking.kalman.linear_filter import check_observations
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family, Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Affine, Gru


class Recurrent(Method):
    """Gated recurrent units from observations to states, with a linear output: a black box.

    r, z = σ(A u_t + B h_{t−1} + b),  g = tanh(C u_t + c + r ∘ (D h_{t−1} + d)),
    h_t = z ∘ h_{t−1} + (1 − z) ∘ g,  ŝ_t = Σ E h_t + e,    h_0 = 0

    u_t is the observation, divided by its standard deviation over the training data, and a mark
    for each missing entry, which is 0 itself. Σ holds the standard deviations of the states.
    Units are bounded, and states that wander are not: it is of use where it was trained, up to
    that many steps. Weights are drawn from U(−1/√h, 1/√h), h the hidden size.

    Args:
        belief: gives ``n_state`` and ``n_observations``; nothing else is read.
        hidden_size: units of each layer.
        layers: layers of units, one after another.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: the black box that Revach et al., 2022, compare with, whose output cannot be negative;
    Cho et al., 2014, for the units.
    """

    name = "recurrent"
    family = Family.DEEP_LEARNING

    def __init__(
        self,
        belief: StateSpace,
        *,
        hidden_size: Annotated[int, Ge(1)] = 48,
        layers: Annotated[int, Ge(1)] = 1,
    ) -> None:
        super().__init__()
        m, n = belief.m, belief.n
        widths = (2 * n, *[hidden_size] * (layers - 1))
        self.units = nn.ModuleList(Gru(width, hidden_size) for width in widths)
        self.output = Affine(hidden_size, m)
        self.input_unit: Tensor
        self.output_unit: Tensor
        self.register_buffer("input_unit", torch.ones(n, dtype=torch.float64))
        self.register_buffer("output_unit", torch.ones(m, dtype=torch.float64))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw all weights, and measure the standard deviations."""
        for layer in self._layers():
            layer.draw(rng)
        for unit, data in ((self.input_unit, train.x), (self.output_unit, train.s)):
            size = data.square().nanmean((0, 1)).sqrt()
            unit.copy_(size.where(size > 0, 1))

    def forward(
        self, x: Annotated[Tensor, "(n_rows, T, n)"]
    ) -> Annotated[Tensor, "(n_rows, T, m)"]:
        """Return the estimates of the states."""
        check_observations(x, self.input_unit.shape[0])
        return self._states(x)

    def losses(
        self,
        x: Annotated[Tensor, "(members, rows, T, n)"],
        s: Annotated[Tensor, "(members, rows, T, m)"],
    ) -> Annotated[Tensor, "(members,)"]:
        """Return the loss of each fit of a stack, (members,).

        Args:
            x: observations, (members, rows, T, n), NaN where missing.
            s: the true states, (members, rows, T, m).
        """
        return (self._states(x) - s).square().flatten(-2).sum(-1).mean(-1)

    def _states(self, x: Tensor) -> Tensor:
        """Return the estimates (..., rows, T, m), of a stack of fits too."""
        missing = x.isnan()
        unit, output_unit = (u[..., None, None, :] for u in (self.input_unit, self.output_unit))
        u = torch.cat((torch.where(missing, 0, x) / unit, missing.to(x)), -1)
        *units, output = self._layers()
        for unit in units:
            u = unit.states(u)
        return output(u) * output_unit

    def _layers(self) -> list[Any]:
        return [*self.units, self.output]
