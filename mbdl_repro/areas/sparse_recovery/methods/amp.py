"""AMP: approximate message passing with soft thresholding."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import repeat
from typing import Annotated, Any

from annotated_types import Gt

from mbdl_repro.areas.sparse_recovery.bases import DenoisingAmp
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.amp import Denoiser, soft_denoised
from mbdl_repro.contract.method import Family


class Amp(DenoisingAmp):
    """Iterative thresholding with the Onsager term, so that the thresholded error is white.

    r_k = x − H s_k + (‖s_k‖₀ / n) r_{k−1},    s_{k+1} = T_{ατ_k}(s_k + Hᵀr_k),    τ_k = ‖r_k‖ / √n

    It has no step and needs no ρ: the threshold follows the noise that the residual shows. In
    large problems the error of the typical signal follows the state evolution; in those of a few
    hundred entries some signals in a hundred diverge, and means say little.

    Args:
        threshold_factor: α, thresholds in standard deviations of the noise in what is thresholded;
            1.1402 is that of the source of the 250 × 500 benchmark.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Donoho, Maleki and Montanari, 2009; Borgerding, Schniter and Rangan, 2017, for α.
    """

    name = "amp"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        threshold_factor: Annotated[float, Gt(0)] = 1.1402,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.threshold_factor = threshold_factor

    def denoisers(self) -> Iterator[Denoiser]:
        """Yield soft thresholding, of every step."""
        return repeat(
            partial(soft_denoised, threshold_factor=self.threshold_factor), self.iterations
        )
