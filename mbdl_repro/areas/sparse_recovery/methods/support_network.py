"""A network that decides where the signal is, and least squares for how large it is there."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor
from torch.nn import functional

from mbdl_repro.areas.sparse_recovery.bases import LassoSolver
from mbdl_repro.areas.sparse_recovery.exact_lasso import lasso_solution, least_squares_on_support
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.contract.method import Family, FitInputs, Split
from mbdl_repro.learning.layers import Perceptron
from mbdl_repro.learning.training import History

TRUST = 2.0
"""The logit of what the LASSO says, before training."""

CUTS = [k / 4 for k in range(-24, 25)]
"""Candidates for the logit above which an entry is kept."""


class SupportNetwork(LassoSolver):
    """The LASSO, a network that classifies each entry as on or off the support, then least squares.

    A = {i : ±2 + M(φ_i) > b},    ŝ_A = (H_AᵀH_A)⁻¹ H_Aᵀ x,
    φ_i = (log(1 + |s*_i|/ρ), log(1 + |s*_i + h_iᵀr|/ρ), |h_iᵀr|/ρ),    r = x − H s*

    The sign is that of s*_i ≠ 0. M is trained on the cross-entropy of s_i ≠ 0, and b is then
    chosen by the error on validation. At first M and b are 0, and it is debiased LASSO. Where the
    columns of H_A are dependent, that row keeps the LASSO's answer s*.

    Args:
        hidden_widths: entries of each hidden layer of M (tanh).

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Section 5.5, DNN-aided inference; Yamaç et al., 2022, and Kim and Chung, 2019, for
    networks that find supports.
    """

    name = "support_network"
    family = Family.DNN_AIDED_INFERENCE
    parent = "debiased_lasso"

    cut: Tensor

    def __init__(
        self, belief: SparseRecovery, *, hidden_widths: tuple[int, ...] = (16,), **settings: Any
    ) -> None:
        super().__init__(belief, **settings)
        self.network = Perceptron((3, *hidden_widths, 1), "tanh")
        self.register_buffer("cut", torch.tensor(0.0, dtype=torch.float64))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of all layers of M but the last, which stays 0."""
        self.network.draw(rng, gain=1, last_gain=0)

    def forward(self, x: Annotated[Tensor, "(n, n_observations)"]) -> Annotated[Tensor, "(n, m)"]:
        """Return the estimates (n, m)."""
        s = self._lasso(x)
        return self._refitted(x, s, self.logits(self._features(x, s)) > self.cut)

    def logits(self, features: Annotated[Tensor, "(n, m, 3)"]) -> Annotated[Tensor, "(n, m)"]:
        """Return the logits of entries not to be 0 (n, m) of their features φ (n, m, 3)."""
        says = 2 * (features[..., 0] > 0).to(features) - 1
        answer: Tensor = self.network(features)
        return TRUST * says + answer[..., 0]

    @torch.no_grad()
    def prepare(self, split: Split) -> Split:
        """Return the features (n, m, 3) in place of the observations."""
        return Split(self._features(split.x, self._lasso(split.x)), split.s)

    def loss(self, x: Annotated[Tensor, "(n, m, 3)"], s: Annotated[Tensor, "(n, m)"]) -> Tensor:
        """Return the mean over rows of the cross-entropy, summed over entries.

        Args:
            x: features φ (n, m, 3).
            s: signals (n, m).
        """
        logits, nonzero = self.logits(x), (s != 0).to(x)
        entropies = functional.binary_cross_entropy_with_logits(logits, nonzero, reduction="none")
        return entropies.sum(1).mean()

    @torch.no_grad()
    def _choose_cut(self, validation: Split) -> None:
        x, truth = validation
        s = self._lasso(x)
        logits = self.logits(self._features(x, s))
        errors = [
            (self._refitted(x, s, logits > cut) - truth).square().sum(1).nanmean() for cut in CUTS
        ]
        self.cut.fill_(CUTS[int(torch.stack(errors).argmin())])

    def _fit(self, inputs: FitInputs) -> History:
        """Descend, then choose the cut."""
        history = super()._fit(inputs)
        self._choose_cut(inputs.validation)
        return history

    def _lasso(self, x: Tensor) -> Tensor:
        return lasso_solution(x, self.H, self.rho, self.gap_tolerance, self.max_iterations)

    def _features(self, x: Tensor, s: Tensor) -> Tensor:
        correlation = torch.addmm(x, s, self.H.mT, alpha=-1) @ self.H
        sizes = torch.stack([s, s + correlation], -1).abs() / self.rho
        return torch.cat([sizes.log1p(), correlation.abs()[..., None] / self.rho], -1)

    def _refitted(self, x: Tensor, s: Tensor, support: Tensor) -> Tensor:
        refitted = least_squares_on_support(support.to(s), x, self.H)
        return torch.where(refitted.isnan(), s, refitted)
