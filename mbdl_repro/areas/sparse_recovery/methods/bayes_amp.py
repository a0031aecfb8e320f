"""AMP with the posterior mean: what Bayes makes of a prior that is known."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import repeat
from typing import Any

import torch
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.bases import DenoisingAmp
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.amp import Denoiser
from mbdl_repro.areas.sparse_recovery.updates.bernoulli_gaussian import posterior_mean
from mbdl_repro.contract.method import Family


class BayesAmp(DenoisingAmp):
    """AMP with the posterior mean of each entry as its denoiser.

    s_{k+1} = E[S | S + τ_k N = s_k + Hᵀr_k],    S = 0 with probability 1 − p, else N(0, v)

    The noise need not be known, since the residual shows it: τ_k = ‖r_k‖ / √n. In large problems
    with independent columns its error follows the state evolution, and where that has one limit no
    polynomial-time rule is known that has less.

    Args:
        belief: knows H, whose columns must be independent and of length one, the sparsity and
            ``nonzero_std``.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Donoho, Maleki and Montanari, 2010; Vila and Schniter, 2013, for the prior.
    """

    name = "bayes_amp"
    family = Family.MODEL_BASED

    logit_sparsity: Tensor
    variance: Tensor

    def __init__(self, belief: SparseRecovery, **settings: Any) -> None:
        super().__init__(belief, **settings)
        variance = belief.mean_energy / (belief.sparsity * belief.n_signal)
        p = torch.tensor(belief.sparsity, dtype=torch.float64)
        self.register_buffer("logit_sparsity", p.logit())
        self.register_buffer("variance", torch.tensor(variance, dtype=torch.float64))

    def denoisers(self) -> Iterator[Denoiser]:
        """Yield the posterior mean, of every step."""
        prior = {"logit_p": self.logit_sparsity, "v": self.variance}
        return repeat(partial(posterior_mean, **prior), self.iterations)
