"""Projected gradient ascent on the rate of a hybrid precoder."""

from __future__ import annotations

from mbdl_repro.areas.precoding.bases import AscentSteps
from mbdl_repro.contract.method import Family


class ProjectedGradientAscent(AscentSteps):
    """Gradient steps on the rate, in W_a and in W_d by turns, each scaled to the power allowed.

    W_a ← p (W_a + μ_a ∂R/∂W_a*),    W_{d,b} ← p (W_{d,b} + μ_d ∂R/∂W_{d,b}*)

    R is in nats, a mean over bands.

    Maps x (n, B, N, M) to Wᴴ (n, B, N, M).

    Source: Agiv and Shlezinger, 2022, "Learn to rapidly optimize hybrid precoding".
    """

    name = "projected_gradient_ascent"
    family = Family.MODEL_BASED
