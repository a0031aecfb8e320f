"""The LASSO, and a network that corrects what it answers."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.bases import LassoSolver
from mbdl_repro.areas.sparse_recovery.exact_lasso import lasso_solution
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Perceptron


class AugmentedLasso(LassoSolver):
    """The LASSO corrected entry by entry, by a share of what it shrank away.

    ŝ_i = s*_i + q_i M(φ_i),    q = s* + c,    c = Hᵀr,    r = x − H s*,
    φ_i = (log(1 + |s*_i|/ρ), log(1 + |q_i|/ρ), |c_i|/ρ, s*_i ≠ 0, log(1 + ‖r‖/(√n ρ)))

    One network M for all entries: it knows nothing of positions, and ŝ is odd in x. At first M
    is 0, and it is the LASSO.

    Args:
        hidden_widths: entries of each hidden layer of M (tanh).

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Section 5.5, neural augmentation; ours.
    """

    name = "augmented_lasso"
    family = Family.NEURAL_AUGMENTATION
    parent = "lasso"

    def __init__(
        self, belief: SparseRecovery, *, hidden_widths: tuple[int, ...] = (16, 16), **settings: Any
    ) -> None:
        super().__init__(belief, **settings)
        self.network = Perceptron((5, *hidden_widths, 1), "tanh")

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of all layers of M but the last, which stays 0."""
        self.network.draw(rng, gain=1, last_gain=0)

    def forward(self, x: Annotated[Tensor, "(n, n_observations)"]) -> Annotated[Tensor, "(n, m)"]:
        """Return the estimates (n, m)."""
        return self.corrected(self._answer(x))

    def corrected(self, answer: Annotated[Tensor, "(n, m, 3)"]) -> Annotated[Tensor, "(n, m)"]:
        """Return ŝ (n, m) of what the LASSO leaves of each entry: s*_i, c_i and ‖r‖/√n.

        Args:
            answer: these three, side by side (n, m, 3).
        """
        s, c, level = answer.unbind(-1)
        q = s + c
        sizes = (torch.stack([s, q, level], -1).abs() / self.rho).log1p()
        others = torch.stack([c.abs() / self.rho, (s != 0).to(s)], -1)
        gain: Tensor = self.network(torch.cat([sizes, others], -1))
        return s + q * gain[..., 0]

    @torch.no_grad()
    def prepare(self, split: Split) -> Split:
        """Return what the LASSO leaves (n, m, 3) in place of the observations."""
        return Split(self._answer(split.x), split.s)

    def loss(self, x: Annotated[Tensor, "(n, m, 3)"], s: Annotated[Tensor, "(n, m)"]) -> Tensor:
        """Return the mean over rows of the squared error.

        Args:
            x: what the LASSO leaves (n, m, 3).
            s: signals (n, m).
        """
        return (self.corrected(x) - s).square().sum(1).mean()

    def _answer(self, x: Tensor) -> Tensor:
        s = lasso_solution(x, self.H, self.rho, self.gap_tolerance, self.max_iterations)
        r = torch.addmm(x, s, self.H.mT, alpha=-1)
        level = torch.linalg.vector_norm(r, dim=1, keepdim=True) / len(self.H) ** 0.5
        return torch.stack([s, r @ self.H, level.expand_as(s)], -1)
