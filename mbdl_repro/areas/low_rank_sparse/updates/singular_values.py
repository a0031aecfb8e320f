"""Shrinkage of singular values, through the small matrix of products of frames.

Of A (T, P), whose rows are frames, A Aᴴ = V diag(σ²) Vᴴ is (T, T). What is done to the singular
values of A is then a product from the left: V diag(h(σ²)) Vᴴ A.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor

Frames = Annotated[Tensor, "(..., T, P)"]


def singular_value_threshold(A: Frames, threshold: Tensor | float) -> Frames:
    """Shrink singular values: argmin_L ½‖L − A‖² + τ‖L‖_*, the proximal step of the nuclear norm.

    U diag(max(σ − τ, 0)) Vᴴ of A = U diag(σ) Vᴴ. It has its exact derivative, also where singular
    values are equal, or vanish.

    Args:
        A: (..., T, P), real or complex; cheap where T is small.
        threshold: τ ≥ 0, a number.

    Source: Cai, Candès and Shen, 2010, theorem 2.1; the derivative is that of spectral functions
    by divided differences, Daleckii and Krein.
    """
    tau = torch.as_tensor(threshold, dtype=torch.float64, device=A.device)
    W, _, _ = _Shrinkage.apply(A @ A.mH, tau)
    return W @ A


def without_largest(A: Frames, n: int) -> Frames:
    """Return A without its n largest singular values.

    Args:
        A: (..., T, P).
        n: how many of the T are set to 0.
    """
    _, V = torch.linalg.eigh(A @ A.mH)
    kept = V[..., : V.shape[-1] - n]
    return kept @ (kept.mH @ A)


class _Shrinkage(torch.autograd.Function):
    """W = V diag(h(λ)) Vᴴ of a Gram matrix G = V diag(λ) Vᴴ, with h(λ) = max(1 − τ/√λ, 0).

    The derivative in the coordinates of V multiplies entry (i, j) by
    (h(λ_i) − h(λ_j)) / (λ_i − λ_j), on the diagonal h′(λ_i). Of two values that are kept,
    σ = √λ > τ, this is τ / (σ_i σ_j (σ_i + σ_j)), which knows no small differences.
    Decompositions are in double precision.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(G: Tensor, tau: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        wide = torch.complex128 if G.is_complex() else torch.float64
        eigenvalues, V = torch.linalg.eigh(G.to(wide))
        sigma = eigenvalues.clamp_min(0).sqrt()
        kept = sigma > tau
        h = torch.where(kept, 1 - tau / torch.where(kept, sigma, 1.0), 0.0)
        return ((V * h[..., None, :]) @ V.mH).to(G.dtype), sigma, V

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Any) -> None:
        _, sigma, V = output
        ctx.mark_non_differentiable(sigma, V)
        ctx.save_for_backward(sigma, V, inputs[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        sigma, V, tau = ctx.saved_tensors
        kept = sigma > tau
        safe = torch.where(kept, sigma, 1.0)
        along = V.mH @ gradients[0].to(V.dtype) @ V
        G_bar = V @ (_divided_differences(sigma, kept, safe, tau) * along) @ V.mH
        tau_bar = -(kept / safe * along.diagonal(dim1=-2, dim2=-1).real).sum()
        return G_bar.to(gradients[0].dtype), tau_bar


def _divided_differences(sigma: Tensor, kept: Tensor, safe: Tensor, tau: Tensor) -> Tensor:
    """Return (h_i − h_j) / (λ_i − λ_j) (..., T, T)."""
    a, b = safe[..., :, None], safe[..., None, :]
    here, there = kept[..., :, None], kept[..., None, :]
    h = torch.where(kept, 1 - tau / safe, 0.0)
    rise = h[..., :, None] - h[..., None, :]
    gap = sigma.square()[..., :, None] - sigma.square()[..., None, :]
    one = here ^ there
    mixed = torch.where(one, rise / torch.where(one, gap, 1.0), 0.0)
    return torch.where(here & there, tau / (a * b * (a + b)), mixed)
