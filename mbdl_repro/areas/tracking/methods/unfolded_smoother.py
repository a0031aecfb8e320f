"""Block-Jacobi steps towards the most probable trajectory, unfolded: their sizes are learned."""

from __future__ import annotations

from mbdl_repro.areas.tracking.kalman.map_steps import LearnedMapSteps
from mbdl_repro.contract.method import Family


class UnfoldedSmoother(LearnedMapSteps):
    """K steps towards the smoother's estimate, with K trained step sizes.

    s ← s + μ_k D⁻¹(b − Q s),  from s = H⁺ x

    Learned are the logarithms of μ_k. What such steps reach is a polynomial in D⁻¹Q, the best of
    which is a least-squares fit: where the belief is wrong, no sizes mend it.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Section 5.3, learned hyperparameters; the application is ours.
    """

    name = "unfolded_smoother"
    family = Family.UNFOLDED_HYPERPARAMETERS
