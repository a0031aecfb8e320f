"""A linear map of a window of observations, fitted to labelled trajectories by least squares."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn
from torch.nn import functional

from mbdl_repro.areas.tracking.kalman.linear_filter import check_observations
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import ClosedFormMethod, Family, Split


class WindowedRegression(ClosedFormMethod):
    """Ridge regression of each state on a window of observations, without a model of dynamics.

    ŝ_t = Σ_l A_l x_{t−l},  l = −a, …, L − 1,    A = arg min Σ ‖ŝ_t − s_t‖² + λ Σ ‖A_l‖²

    With a = 0 it is a filter, of finite impulse response; else it waits for a more
    observations. What is before the first is 0, as is what is missing. Of the last a states,
    after which fewer follow, each has a map of its own. Before it is fitted its estimate is 0.

    Args:
        belief: gives ``n_state`` and ``n_observations``; nothing else is read.
        window: L, how many observations it looks at, that of time t the last of them.
        ahead: a, how many later ones.
        penalty: λ, of the sum over trajectories and steps.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Section 5.1, discriminative learning; Hoerl and Kennard, 1970.
    """

    name = "windowed_regression"
    family = Family.DISCRIMINATIVE_LEARNING

    def __init__(
        self,
        belief: StateSpace,
        *,
        window: Annotated[int, Ge(1)] = 8,
        ahead: Annotated[int, Ge(0)] = 0,
        penalty: Annotated[float, Gt(0)] = 1.0,
    ) -> None:
        super().__init__()
        self.n, self.window, self.ahead, self.penalty = belief.n, window, ahead, penalty
        shape = (ahead + 1, (window + ahead) * belief.n, belief.m)
        self.maps = nn.Parameter(torch.zeros(shape, dtype=torch.float64))  # that of the last first

    def forward(
        self, x: Annotated[Tensor, "(n_rows, T, n)"]
    ) -> Annotated[Tensor, "(n_rows, T, m)"]:
        """Return the estimates of the states (n_rows, T, m)."""
        check_observations(x, self.n)
        windows = self._windows(x).transpose(0, 1)
        return (windows @ self.maps[self._following(x)]).transpose(0, 1)

    def solve(self, train: Split) -> None:
        """Solve for the maps, one after another."""
        windows, following = self._windows(train.x), self._following(train.x)
        for k in range(self.ahead + 1):
            X, S = (part[:, following == k].flatten(0, 1) for part in (windows, train.s))
            gram = X.mT @ X
            gram.diagonal().add_(self.penalty)
            self.maps[k] = torch.linalg.solve(gram, X.mT @ S)

    def _windows(self, x: Tensor) -> Tensor:
        """Return the observations around each step, side by side (n_rows, T, (L + a) n)."""
        around = (0, 0, self.window - 1, self.ahead)
        padded = functional.pad(x.masked_fill(x.isnan(), 0.0), around)
        return padded.unfold(1, self.window + self.ahead, 1).flatten(2)

    def _following(self, x: Tensor) -> Tensor:
        """Return how many observations follow each step, a at most (T,)."""
        T = x.shape[1]
        return torch.arange(T - 1, -1, -1, device=x.device).clamp_max(self.ahead)
