"""AMP, approximate message passing: thresholding by the noise that the residual shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold

Denoiser = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From z (n, m), the signal in white noise, and τ (n, 1), its standard deviation: f(z; τ) and its
derivative in z, entry by entry (n, m)."""


class Pass(NamedTuple):
    """The state of AMP after one step."""

    z: Tensor
    """What is denoised (n, m)."""
    tau: Tensor
    """τ, standard deviation of the noise in it (n, 1)."""
    s: Tensor
    """The estimate (n, m)."""


def soft_denoised(
    z: Annotated[Tensor, "(n, m)"], tau: Annotated[Tensor, "(n, 1)"], threshold_factor: float
) -> tuple[Tensor, Tensor]:
    """Return T_{ατ}(z), and its derivative in z: 1 where it is not 0.

    Args:
        z: the signal in white noise (n, m).
        tau: τ, its standard deviation (n, 1).
        threshold_factor: α.
    """
    s = soft_threshold(z, threshold_factor * tau)
    return s, (s != 0).to(s.dtype)


def amp_passes(
    x: Annotated[Tensor, "(n, n_observations)"],
    H: Annotated[Tensor, "(n_observations, m)"],
    denoisers: Iterable[Denoiser],
) -> Iterator[Pass]:
    """Yield what each step of AMP denoises, the noise in it, and what comes of it.

    r ← x − H s + (Σ_i f′(z_i) / n) r,    z = s + Hᵀr,    τ = ‖r‖ / √n,    s ← f(z; τ)

    from s = r = 0. The memory of r makes up for what s owes to H: where the columns of H are
    independent and of length one, z is the signal in white noise of standard deviation τ.

    Args:
        x: (n, n_observations).
        H: (n_observations, m), n of the equation being n_observations.
        denoisers: f of each step.

    Source: Donoho, Maleki and Montanari, 2009; 2010, for any f; Montanari, 2012, for τ.
    """
    s, r, onsager = x.new_zeros(len(x), H.shape[1]), torch.zeros_like(x), x.new_zeros(len(x), 1)
    for denoise in denoisers:
        r = torch.addmm(x, s, H.mT, alpha=-1).addcmul(onsager, r)
        tau = torch.linalg.vector_norm(r, dim=1, keepdim=True) / len(H) ** 0.5
        # No residual at all, as of x = 0, is no noise to divide by.
        tau = tau.clamp_min(torch.finfo(x.dtype).tiny ** 0.25)
        z = torch.addmm(s, r, H)
        s, slope = denoise(z, tau)
        onsager = slope.sum(1, keepdim=True) / len(H)
        yield Pass(z, tau, s)
