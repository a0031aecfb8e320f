"""A filter with a constant recursion, whose two matrices are learned freely."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mbdl_repro.areas.tracking.kalman.linear_filter import linear_model, steady_state
from mbdl_repro.areas.tracking.kalman.model import LinearRule
from mbdl_repro.areas.tracking.learned.stacked import StackedMethod
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family


class LearnedRecursion(StackedMethod):
    """A linear recursion of the form of a steady-state Kalman filter, with all matrices learned.

    ŝ_t = A ŝ_{t−1} + K x_t,    at first A = (I − K H) F and K the gain of the limit

    A (m, m) and K (m, n) minimize the squared error on the training data; no F, H, V and W
    need stand behind them. An entry that is missing is taken for the one that is believed to
    follow, H F ŝ_{t−1}.

    Args:
        belief: knows F, H, V, W, none of which varies, and s̄_0: where to start.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Section 5.1, discriminative learning; the application is ours.
    """

    name = "learned_recursion"
    family = Family.DISCRIMINATIVE_LEARNING
    parent = "steady_state_kalman_filter"

    def __init__(self, belief: StateSpace) -> None:
        super().__init__(belief)
        model = linear_model(belief)
        gain, _ = steady_state(model)
        ahead = model.H @ model.F
        self.gain = nn.Parameter(gain)  # K
        self.recursion = nn.Parameter(model.F - gain @ ahead)  # A
        self.ahead: Tensor
        self.mean_0: Tensor
        self.register_buffer("ahead", ahead)
        self.register_buffer("mean_0", model.mean_0)

    def linear_rule(self, T: int) -> LinearRule[Tensor]:
        """Return what the filter does over T steps where nothing is missing: H is 0 in it."""
        gains = self.gain.detach().expand(T, -1, -1)
        return LinearRule(self.recursion.detach(), 0 * self.ahead, gains, self.mean_0)

    def states(self, x: Tensor) -> Tensor:
        """Return the estimates (..., rows, T, m)."""
        A, K, ahead = self.recursion.mT, self.gain.mT, self.ahead.mT
        missing = x.isnan()
        has_gaps = bool(missing.any())
        s = self.mean_0.unsqueeze(-2).expand(*x.shape[:-2], -1)
        estimates = []
        for x_t, missing_t in zip(x.unbind(-2), missing.unbind(-2), strict=True):
            seen = torch.where(missing_t, s @ ahead, x_t) if has_gaps else x_t
            s = s @ A + seen @ K
            estimates.append(s)
        return torch.stack(estimates, -2)
