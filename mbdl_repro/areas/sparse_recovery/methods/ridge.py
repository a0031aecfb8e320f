"""The linear rule with the least penalized error on the training pairs."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor, nn

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.contract.method import ClosedFormMethod, Family, Split


class Ridge(ClosedFormMethod):
    """Ridge regression of signals on observations: it knows neither H nor that signals are sparse.

    ŝ = Ŵᵀx,    Ŵ = (XᵀX + λI)⁻¹ XᵀS

    Rows of X and S are the training pairs. With many of them it tends to ``linear_mmse``. Before
    it is fitted its estimate is the signal's mean, 0.

    Args:
        belief: gives ``n_signal`` and ``n_observations``; nothing else is read.
        penalty: λ, of the sum over pairs: the best one hardly depends on their number.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Section 5.1, discriminative learning; Hoerl and Kennard, 1970.
    """

    name = "ridge"
    family = Family.DISCRIMINATIVE_LEARNING

    def __init__(self, belief: SparseRecovery, *, penalty: Annotated[float, Gt(0)] = 0.5) -> None:
        super().__init__()
        self.penalty = penalty
        shape = (belief.n_observations, belief.n_signal)
        self.gain = nn.Parameter(torch.zeros(shape, dtype=torch.float64))  # W

    def forward(self, x: Annotated[Tensor, "(n, n_observations)"]) -> Annotated[Tensor, "(n, m)"]:
        """Return the estimates (n, m)."""
        return x @ self.gain

    def solve(self, train: Split) -> None:
        """Solve for W."""
        x, s = train
        gram = x.mT @ x
        gram.diagonal().add_(self.penalty)
        self.gain.copy_(torch.linalg.solve(gram, x.mT @ s))
