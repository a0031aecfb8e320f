"""AMP with the posterior mean under a prior that is learned from observations alone."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.bases import LearnedPriorAmp
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.amp import Pass, amp_passes
from mbdl_repro.areas.sparse_recovery.updates.bernoulli_gaussian import (
    negative_log_likelihood,
    posterior,
    updated_prior,
)
from mbdl_repro.contract.method import Family, Split

N_OBSERVATIONS = 300
"""Observations that a fit looks at, at most: more tell its two numbers no better."""


class EmAmp(LearnedPriorAmp):
    """Bayes-AMP whose p and v are learned by expectation maximization, and never from a signal.

    p ← mean π,    v ← Σ π E[S² | z, S ≠ 0] / Σ π,    over entries of all observations,

    π being the probability that the last of K steps of AMP, under the p and v before, gives an
    entry not to be 0. Its loss is −log p(z), of that step's z as independent entries in noise τ.
    The first v is the one that explains the energy of the observations.

    Args:
        belief: knows H, whose columns must be independent and of length one.
        rounds: how often p and v are set anew.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Section 5.1, generative learning; Vila and Schniter, 2013.
    """

    name = "em_amp"
    family = Family.GENERATIVE_LEARNING
    needs_targets = False

    def __init__(
        self, belief: SparseRecovery, *, rounds: Annotated[int, Ge(1)] = 15, **settings: Any
    ) -> None:
        super().__init__(belief, **settings)
        self.rounds = rounds

    def loss(
        self, x: Annotated[Tensor, "(n, n_observations)"], s: Annotated[Tensor, "(n, m)"]
    ) -> Tensor:
        """Return the mean over rows of −log p(z); the signals are not looked at."""
        last, v = self._last(x), self.log_variance.exp()
        return negative_log_likelihood(last.z, last.tau, self.logit_sparsity, v).sum(1).mean()

    def solve(self, train: Split) -> None:
        """Set p and v; the signals are not looked at."""
        x = train.x[:N_OBSERVATIONS]
        p = self.logit_sparsity.sigmoid()
        self.set_prior(p, x.square().sum(1).mean() / (p * self.H.shape[1]))
        for _ in range(self.rounds):
            last = self._last(x)
            known = posterior(last.z, last.tau, self.logit_sparsity, self.log_variance.exp())
            self.set_prior(*updated_prior(known))

    def _last(self, x: Tensor) -> Pass:
        """Return the last step of AMP."""
        *_, last = amp_passes(x, self.H, self.denoisers())
        return last
