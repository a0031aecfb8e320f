"""Linear-quadratic Gaussian control of a model that is identified by least squares."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mbdl_repro.areas.tracking.control.identification import identified
from mbdl_repro.areas.tracking.control.linear_controller import LinearController, lqg_policy
from mbdl_repro.areas.tracking.control.model import (
    LinearPolicy,
    Plant,
    controlled,
    plant_arrays,
)
from mbdl_repro.areas.tracking.kalman.model import LinearModel
from mbdl_repro.areas.tracking.systems.arrays import like
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.covariance import covariance_root
from mbdl_repro.contract.method import ClosedFormMethod, Family, Split


class IdentifiedLqg(LinearController, ClosedFormMethod):
    """LQG control with F, B, V and W as recorded experiments have them.

    F̂, B̂ = arg min Σ ‖s_t − F s_{t−1} − B u_{t−1}‖²,  V̂ = mean of the squares that are left,
    Ŵ = mean of (x_t − H s_t)(x_t − H s_t)ᵀ

    The identified model is used as if it were true. Before a fit F̂ = 0 and B̂ = 0.

    Args:
        belief: gives H, the cost, the inputs of the experiments and the law of the first state;
            nothing else is read.

    Maps measurements x (n_rows, T, n) of recorded experiments to ŝ (n_rows, T, m).

    Source: Section 5.1, generative learning; textbook, certainty-equivalent control.
    """

    name = "identified_lqg"
    family = Family.GENERATIVE_LEARNING

    def __init__(self, belief: StateSpace) -> None:
        belief = controlled(belief)
        super().__init__(belief)
        plant = plant_arrays(belief, without="FB")
        self.F = nn.Parameter(torch.tensor(plant.F))
        self.B = nn.Parameter(torch.tensor(plant.B))
        # V and W are kept as roots, V = L Lᵀ, and so never indefinite.
        self.process_root = nn.Parameter(torch.eye(belief.m, dtype=torch.float64))
        self.observation_root = nn.Parameter(torch.eye(belief.n, dtype=torch.float64))
        known = {"H": plant.H, "Q": plant.Q, "R": plant.R, "limit": plant.limit}
        known |= {"mean_0": belief.mean_0, "cov_0": belief.cov_0}
        self.H: Tensor
        self.Q: Tensor
        self.R: Tensor
        self.limit: Tensor
        self.mean_0: Tensor
        self.cov_0: Tensor
        for name, array in known.items():
            self.register_buffer(name, torch.tensor(array))

    def solve(self, train: Split) -> None:
        """Identify the plant, and the covariances of what disturbs it."""
        x, s = train
        F, B, V = identified(s, like(self.belief.probe, s))
        noise = (x - s @ self.H.mT).flatten(0, 1)
        W = noise.mT @ noise / len(noise)
        self.F.copy_(F)
        self.B.copy_(B)
        for root, covariance in ((self.process_root, V), (self.observation_root, W)):
            root.copy_(torch.from_numpy(covariance_root(covariance.cpu().numpy())))

    def matrices(self, T: int) -> LinearPolicy[Tensor]:
        """Return the filter, and the regulator's gains, for loops of T steps."""
        V, W = (root @ root.mT for root in (self.process_root, self.observation_root))
        model = LinearModel(self.F, self.H, V, W, self.mean_0, self.cov_0)
        return lqg_policy(model, Plant(self.F, self.B, self.H, self.Q, self.R, self.limit), T)
