"""Total variation: images whose pixels differ little from the next ones, except at edges."""

from __future__ import annotations

from mbdl_repro.areas.image_restoration.solvers.analysis_admm import TotalVariationAdmm
from mbdl_repro.contract.method import Family


class TotalVariation(TotalVariationAdmm):
    """ADMM on ½‖x − H s‖² + ρ Σ_f ‖c_f ∗ s‖₁, where c_f are differences of neighbouring pixels.

    What fits x, and the differences, are one block of variables, and the image that both agree
    on is the other: each step is in closed form, whatever H is.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Rudin, Osher and Fatemi, 1992; Boyd, Parikh, Chu, Peleato and Eckstein, 2011, for ADMM.
    """

    name = "total_variation"
    family = Family.MODEL_BASED
