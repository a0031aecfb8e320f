"""DANSE trained on labelled trajectories."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.tracking.learned.gru_prior import GruPrior
from mbdl_repro.contract.method import Family


class SupervisedDanse(GruPrior):
    """DANSE, fitted to minimize its squared error: a network gives the prior of each state.

    Where H is believed wrongly, the prior may make up for a part of it.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Ghosh, Honoré and Chatterjee, 2024, for the rule; trained on states by us.
    """

    name = "supervised_danse"
    family = Family.DNN_AIDED_PRIOR

    def loss(
        self, x: Annotated[Tensor, "(rows, T, n)"], s: Annotated[Tensor, "(rows, T, m)"]
    ) -> Tensor:
        """Return the mean squared error over rows, a scalar; of a stack (members,).

        Args:
            x: observations, (rows, T, n), NaN where missing.
            s: the true states, (rows, T, m).
        """
        return (self.follow(x).states - s).square().flatten(-2).sum(-1).mean(-1)
