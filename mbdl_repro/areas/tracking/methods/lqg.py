"""Linear-quadratic Gaussian control: a Kalman filter and a regulator."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.tracking.control.linear_controller import LinearController, lqg_policy
from mbdl_repro.areas.tracking.control.model import (
    LinearPolicy,
    Plant,
    controlled,
    filter_arrays,
    plant_arrays,
)
from mbdl_repro.areas.tracking.control.simulator import Simulator
from mbdl_repro.areas.tracking.kalman.linear_filter import StoredModel
from mbdl_repro.areas.tracking.kalman.model import LinearModel
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family, Split


class Lqg(LinearController):
    """The Kalman filter of the believed model, and the regulator's gain on what it estimates.

    u_t = −L_t ŝ_t,  ŝ_t = p_t + K_t (x_t − H p_t),  p_t = F ŝ_{t−1} + B u_{t−1}

    No controller costs less on average where the belief is true and inputs have no limit: L is
    found as if the state were known, K as if nothing were controlled. What is beyond a limit is
    cut off.

    Args:
        belief: a controlled system.
        process_noise_scale: what V, a covariance, is multiplied by; larger than 1 where F or B is
            not quite right.
        force_cost_scale: what R is multiplied by where L is found; larger than 1 for a cautious
            regulator.
        judged_by: what tuning makes small on recorded experiments: the ``error`` of the states, or
            the ``cost`` in the plant that is identified from them.

    Maps measurements x (n_rows, T, n) of recorded experiments to ŝ (n_rows, T, m).

    Source: textbook; Shlezinger, Eldar and Boyd, 2022, on control.
    """

    name = "lqg"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: StateSpace,
        *,
        process_noise_scale: Annotated[float, Gt(0)] = 1.0,
        force_cost_scale: Annotated[float, Gt(0)] = 1.0,
        judged_by: Literal["error", "cost"] = "error",
    ) -> None:
        belief = controlled(belief)
        super().__init__(belief)
        plant = plant_arrays(belief)
        model = LinearModel(*map(torch.tensor, filter_arrays(belief)))
        self.model = StoredModel(model._replace(V=process_noise_scale * model.V))
        self.B: Tensor
        self.Q: Tensor
        self.R: Tensor
        self.limit: Tensor
        for name in ("B", "Q", "R", "limit"):
            self.register_buffer(name, torch.tensor(getattr(plant, name)))
        self.R.mul_(force_cost_scale)
        self.judged_by = judged_by

    def loss(
        self, x: Annotated[Tensor, "(rows, T, n)"], s: Annotated[Tensor, "(rows, T, m)"]
    ) -> Tensor:
        """Return the mean error, or cost, of a row.

        Args:
            x: measurements of recorded experiments, (rows, T, n).
            s: their states, (rows, T, m).
        """
        if self.judged_by == "error":
            return super().loss(x, s)
        records = Split(x, s)
        simulator = Simulator(self.belief, "identified").to(x.device)
        simulator.learn(records)
        return simulator.cost(self, records).mean()

    def matrices(self, T: int) -> LinearPolicy[Tensor]:
        """Return the filter, and the regulator's gains, for loops of T steps."""
        model = self.model()
        return lqg_policy(model, Plant(model.F, self.B, model.H, self.Q, self.R, self.limit), T)
