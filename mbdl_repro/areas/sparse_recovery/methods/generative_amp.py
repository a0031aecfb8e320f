"""AMP with the posterior mean under a prior, and perhaps a matrix, that are fitted to pairs."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Gt
from torch import Tensor, nn

from mbdl_repro.areas.sparse_recovery.bases import LearnedPriorAmp
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.contract.method import Family, Split


class GenerativeAmp(LearnedPriorAmp):
    """Bayes-AMP under the model that is most likely given the training pairs.

    p̂ = share of entries that are not 0,    v̂ = mean square of those,
    Ĥ = H + (X − S Hᵀ)ᵀ S (SᵀS + λI)⁻¹

    Rows of X and S are pairs. Ĥ has the posterior mean of entries that are believed to be those
    of H up to N(0, σ²/λ). At the true p and v it is ``bayes_amp``.

    Args:
        belief: knows H, whose columns must be independent and of length one.
        matrix_penalty: λ; ``None``: H is taken as it is believed to be.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Section 5.1, generative learning; Vila and Schniter, 2013, for AMP with this prior.
    """

    name = "generative_amp"
    family = Family.GENERATIVE_LEARNING

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        matrix_penalty: Annotated[float, Gt(0)] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.matrix_penalty = matrix_penalty
        if matrix_penalty is not None:
            self.observation_matrix = nn.Parameter(self.H.clone())

    def matrix(self) -> Annotated[Tensor, "(n_observations, m)"]:
        """Return Ĥ, or the H of the belief (n_observations, m)."""
        return self.H if self.matrix_penalty is None else self.observation_matrix

    def solve(self, train: Split) -> None:
        """Set p, v and, if it is learned, H.

        Raises:
            ValueError: if all entries of all signals are 0.
        """
        x, s = train
        nonzero = s != 0
        n = int(nonzero.sum())
        if not n:
            raise ValueError("no entry of any training signal differs from 0: no variance to fit")
        # Half an entry: a share of all of them would be a certainty.
        p = s.new_tensor(min(n, s.numel() - 0.5) / s.numel())
        self.set_prior(p, s.square().sum() / n)
        if self.matrix_penalty is not None:
            gram = s.mT @ s
            gram.diagonal().add_(self.matrix_penalty)
            residual = x - s @ self.H.mT
            self.observation_matrix.copy_(self.H + torch.linalg.solve(gram, s.mT @ residual).mT)
