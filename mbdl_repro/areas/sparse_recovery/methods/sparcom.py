"""SPARCOM: sparse recovery of emitters from the variance image of a movie."""

from __future__ import annotations

from mbdl_repro.areas.sparse_recovery.microscopy import EmitterFista
from mbdl_repro.contract.method import Family


class Sparcom(EmitterFista):
    """The sparse, non-negative map of variances that explains the variance image, by FISTA.

    min_{s ≥ 0} ½‖g − B s Bᵀ‖² + ρ Σ s,    g = (Var(x) − σ²) / (a² p (1 − p)),    B = A ∘ A

    Source: Solomon, Eldar, Mutzafi and Segev, 2019; Section 5.3 for what is unfolded.
    """

    name = "sparcom"
    family = Family.MODEL_BASED
