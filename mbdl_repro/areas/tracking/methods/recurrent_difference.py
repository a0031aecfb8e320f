"""A recurrent network that corrects predictions, and sees what KalmanNet sees."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.tracking.learned.filter import LearnedFilter
from mbdl_repro.areas.tracking.learned.one_gru import OneGru
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family


class RecurrentDifference(LearnedFilter):
    """The prediction by f plus a correction by a gated recurrent unit, without a gain.

    ŝ_t = f(ŝ_{t−1}) + u ⊙ g(x_t − x_{t−1}, x_t − h(f(ŝ_{t−1})), ŝ_{t−1} − ŝ_{t−2}, last correction)

    Differences, each entry in units of its own root mean square → layer → gated recurrent unit →
    layer → linear output. The units, and u, are those that the best observer of a fixed
    gain κ H⁺ meets on the training data. Unfitted it returns the prediction.

    Args:
        belief: gives f, h and s̄_0; nothing else is read.
        input_multiplier: a, the first layer has a (m + n) entries.
        hidden_multiplier: b, the unit has b (m² + n²).

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Revach et al., 2022, the recurrent network with difference features of Table I, whose
    released code ends in a rectifier, so that no correction can be negative; this one is linear.
    """

    name = "recurrent_difference"
    family = Family.DEEP_LEARNING

    def __init__(
        self,
        belief: StateSpace,
        *,
        input_multiplier: Annotated[int, Ge(1)] = 8,
        hidden_multiplier: Annotated[int, Ge(1)] = 4,
    ) -> None:
        super().__init__(belief)
        m, n = belief.m, belief.n
        widths = (input_multiplier * (m + n), hidden_multiplier * (m**2 + n**2), 4 * m * n)
        self.network = OneGru(n, 2 * m + n, widths, torch.zeros(m, dtype=torch.float64))
        self.unit_of_changes: Tensor
        self.unit_of_features: Tensor
        self.unit_of_correction: Tensor
        for name, size in (("changes", n), ("features", 2 * m + n), ("correction", m)):
            self.register_buffer(f"unit_of_{name}", torch.ones(size, dtype=torch.float64))

    def set_units(self, changes: Tensor, differences: Tensor) -> None:
        """Set the units of the differences, and of the correction."""
        m = self.model.m
        self.unit_of_changes.copy_(changes)
        self.unit_of_features.copy_(differences)
        self.unit_of_correction.copy_(differences[m : 2 * m])

    def start_from(self, gain: float) -> None:
        """Start from the prediction, whatever gain is best."""

    def features(self, differences: Annotated[Tensor, "(rows, 2m + n)"]) -> Tensor:
        """Return them in their units (rows, 2m + n)."""
        return differences / self.unit_of_features.unsqueeze(-2)

    def features_of_changes(self, changes: Annotated[Tensor, "(T, rows, n)"]) -> Tensor:
        """Return them in their units (T, rows, n)."""
        return changes / self.unit_of_changes.unsqueeze(-2)

    def correction(self, output: Tensor, innovation: Tensor, predicted: Tensor, t: int) -> Tensor:
        """Return the network's output in the units of a correction (rows, m)."""
        return output * self.unit_of_correction.unsqueeze(-2)
