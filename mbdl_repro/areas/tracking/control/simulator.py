"""The plant that a policy is trained in, which need not be the true one."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from mbdl_repro.areas.tracking.control.identification import identified
from mbdl_repro.areas.tracking.control.model import Plant, plant_arrays
from mbdl_repro.areas.tracking.control.policy import Policy, closed_loop, loop_cost
from mbdl_repro.areas.tracking.systems.arrays import like
from mbdl_repro.areas.tracking.systems.controlled import Controlled
from mbdl_repro.contract.scenario import Split

Kind = Literal["identified", "believed"]


class Simulator(nn.Module):
    """A plant in which a policy meets the disturbances that it makes out in recorded experiments.

    Args:
        belief: gives the cost and the inputs of the experiments; F and B, if these are believed.
        kind: whether F and B are ``identified`` from the experiments, or ``believed``.
    """

    F: Tensor
    B: Tensor
    H: Tensor
    Q: Tensor
    R: Tensor
    limit: Tensor

    def __init__(self, belief: Controlled, kind: Kind) -> None:
        super().__init__()
        self.belief, self.kind = belief, kind
        arrays = plant_arrays(belief, without="" if kind == "believed" else "FB")
        for name, array in arrays._asdict().items():
            self.register_buffer(name, torch.tensor(array))

    @torch.no_grad()
    def learn(self, train: Split) -> None:
        """Identify F and B, if they are to be.

        Args:
            train: recorded experiments, s (rows, T, m).
        """
        if self.kind == "identified":
            s = train.s.to(self.F)
            F, B, _ = identified(s, like(self.belief.probe, s))
            self.F.copy_(F)
            self.B.copy_(B)

    def cost(self, policy: Policy, split: Split) -> Annotated[Tensor, "(..., rows)"]:
        """Return what a policy costs a step in this plant, in place of each record (..., rows).

        Args:
            policy: the controller.
            split: records, x (..., rows, T, n) and s (..., rows, T, m).
        """
        plant = Plant(self.F, self.B, self.H, self.Q, self.R, self.limit)
        loop = closed_loop(policy, plant, split, like(self.belief.probe, split.s))
        return loop_cost(loop, plant)
