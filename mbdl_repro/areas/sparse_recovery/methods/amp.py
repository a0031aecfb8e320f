"""AMP: approximate message passing with soft thresholding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.amp import amp_step
from mbdl_repro.contract.method import Family, IterativeMethod


class Amp(IterativeMethod):
    """Iterative thresholding whose residual remembers, so that what is thresholded is white.

    r_k = x − H s_k + (‖s_k‖₀ / n) r_{k−1},    s_{k+1} = T_{ατ_k}(s_k + Hᵀr_k),    τ_k = ‖r_k‖ / √n

    It has no step and needs no ρ: the threshold follows the noise that the residual shows. In
    large problems the error of the typical signal follows the state evolution; in those of a few
    hundred entries some signals in a hundred diverge, and means say little.

    Args:
        belief: knows H, whose columns must be independent and of length one.
        iterations: K, number of steps.
        threshold_factor: α, thresholds in standard deviations of the noise in what is thresholded;
            1.1402 is that of the source of the 250 × 500 benchmark.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Donoho, Maleki and Montanari, 2009; Borgerding, Schniter and Rangan, 2017, for α.
    """

    name = "amp"
    family = Family.MODEL_BASED

    H: Tensor

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        iterations: Annotated[int, Ge(1)],
        threshold_factor: Annotated[float, Gt(0)] = 1.1402,
    ) -> None:
        super().__init__()
        if not belief.has_unit_columns:
            raise ValueError(
                "the columns of H are not of length one: AMP is for columns of independent "
                "entries and of length one, as in observation_matrix: unit_columns"
            )
        self.register_buffer("H", torch.tensor(belief.H))
        self.iterations: int = iterations
        self.threshold_factor = threshold_factor

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, m)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, m)."""
        s, r = x.new_zeros(len(x), self.H.shape[1]), torch.zeros_like(x)
        yield s
        for _ in range(self.iterations):
            s, r = amp_step(s, r, x, self.H, self.threshold_factor)
            yield s
