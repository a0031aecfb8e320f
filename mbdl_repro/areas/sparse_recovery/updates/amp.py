"""AMP, approximate message passing: thresholding by the noise that the residual shows."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold


def amp_step(
    s: Annotated[Tensor, "(n, m)"],
    r: Annotated[Tensor, "(n, n_observations)"],
    x: Annotated[Tensor, "(n, n_observations)"],
    H: Annotated[Tensor, "(n_observations, m)"],
    threshold_factor: Tensor | float,
) -> tuple[Tensor, Tensor]:
    """Take the residual with its Onsager term, then shrink by a multiple of the noise it shows.

    r ← x − H s + (‖s‖₀ / n) r,    s ← T_{ατ}(s + Hᵀr),    τ = ‖r‖ / √n

    The term makes up for what s owes to H: where the columns of H are independent and of length
    one, s + Hᵀr is the signal in white noise of standard deviation τ.

    Args:
        s: (n, m); 0 at first.
        r: residual (n, n_observations); 0 at first.
        x: (n, n_observations).
        H: (n_observations, m), n of the equation being n_observations.
        threshold_factor: α.

    Returns:
        s and r.

    Source: Donoho, Maleki and Montanari, 2009; Montanari, 2012, for τ.
    """
    onsager = (s != 0).sum(1, keepdim=True, dtype=r.dtype) / len(H)
    r = torch.addmm(x, s, H.mT, alpha=-1).addcmul(onsager, r)
    tau = torch.linalg.vector_norm(r, dim=1, keepdim=True) / len(H) ** 0.5
    return soft_threshold(torch.addmm(s, r, H), threshold_factor * tau), r
