"""DANSE: a recurrent network for the prior of each state, trained on observations alone."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.tracking.learned.gru_prior import GruPrior
from mbdl_repro.contract.method import Family


class Danse(GruPrior):
    """A recurrent network predicts the prior of each state; H and W update it in closed form.

    It is fitted to make the observations likely, −log p(x_1 … x_T), and never sees a state. What
    it cannot find is what observations do not tell: an H that is believed wrongly.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Ghosh, Honoré and Chatterjee, 2024, whose network sees observations alone, and gives
    the mean itself; here it sees and gives differences, since states wander.
    """

    name = "danse"
    family = Family.DNN_AIDED_PRIOR
    needs_targets = False

    def loss(
        self, x: Annotated[Tensor, "(rows, T, n)"], s: Annotated[Tensor, "(rows, T, m)"]
    ) -> Tensor:
        """Return the mean of −log p(x_1 … x_T) over rows, a scalar; of a stack (members,).

        Args:
            x: observations, (rows, T, n), NaN where missing.
            s: the true states, (rows, T, m), which are not looked at.
        """
        return self.negative_log_likelihood(x).mean(-1)

    def losses(self, x: Tensor, s: Tensor) -> Annotated[Tensor, "(members,)"]:
        """Return the loss of each fit of a stack, (members,)."""
        return self.loss(x, s)
