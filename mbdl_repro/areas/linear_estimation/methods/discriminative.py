"""The estimator that learns the rule itself, in the form that the model implies."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.updates import linear_regression
from mbdl_repro.contract.method import ClosedFormMethod, Family, Split


class Discriminative(ClosedFormMethod):
    """The affine rule with the least squared error on the training pairs (sample LMMSE).

    ŝ = Ĉ_sx Ĉ_xx⁻¹ (x - x̄) + s̄

    It knows that the best rule is affine, and no more. Before it is fitted its estimate is the
    signal's mean, 0.

    Args:
        belief: gives ``n_signal`` and ``n_observations``; nothing else is read.

    Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: Section 5.1, discriminative learning.
    """

    name = "discriminative"
    family = Family.DISCRIMINATIVE_LEARNING

    def __init__(self, belief: LinearGaussian) -> None:
        super().__init__()
        shape = (belief.n_signal, belief.n_observations)
        self.gain = nn.Parameter(torch.zeros(shape, dtype=torch.float64))  # A
        self.offset = nn.Parameter(torch.zeros(belief.n_signal, dtype=torch.float64))  # b

    def forward(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Annotated[Tensor, "(n, n_signal)"]:
        """Return the estimates of the signals."""
        return x @ self.gain.mT + self.offset

    def solve(self, train: Split) -> None:
        """Fit the affine map of observations to signals."""
        A, b = linear_regression(train.x, train.s)
        self.gain.copy_(A)
        self.offset.copy_(b)
