"""The Kalman smoother with an H that is fitted to labelled trajectories by least squares."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mbdl_repro.areas.tracking.kalman.linear_filter import StoredModel
from mbdl_repro.areas.tracking.kalman.method import PosteriorMethod
from mbdl_repro.areas.tracking.kalman.model import LinearModel, linear_arrays
from mbdl_repro.areas.tracking.kalman.regression import regression
from mbdl_repro.areas.tracking.kalman.smoother import kalman_smoother
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import ClosedFormMethod, Family, Split


class LeastSquaresSmoother(PosteriorMethod, ClosedFormMethod):
    """A Kalman smoother with H fitted to labelled trajectories in closed form.

    Ĥ = arg min Σ ‖x_t − H s_t‖²,    ŝ_{t|T} = E[s_t | x_1 … x_T] of F, Ĥ, V, W

    Entries that are missing are left out of the sum. Before it is fitted Ĥ = 0.

    Args:
        belief: knows F, V, W and the law of the first state; H is not read.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Section 5.1, generative learning.
    """

    name = "least_squares_smoother"
    family = Family.GENERATIVE_LEARNING

    def __init__(self, belief: StateSpace) -> None:
        super().__init__()
        known = linear_arrays(belief, without="H")
        self.model = StoredModel(LinearModel(*map(torch.tensor, known)))
        self.observation = nn.Parameter(self.model.H.clone())

    def solve(self, train: Split) -> None:
        """Fit H by least squares."""
        x, s = (part.flatten(0, 1) for part in train)
        self.observation.copy_(regression(s, x))

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and variances of the states, given all observations."""
        return kalman_smoother(x, self.model()._replace(H=self.observation)).moments()
