"""Approximate and orthogonal approximate message passing: one step of each."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from mbdl_repro.areas.receivers.linear.posterior import LEAST_VARIANCE, posterior_mean


class Spectrum(NamedTuple):
    """A channel by its singular values, of which all its regularized inverses are made."""

    U: Tensor  # (n, N, r)
    d: Tensor  # (n, r)
    V: Tensor  # (n, K, r)

    @classmethod
    def of(cls, H: Annotated[Tensor, "(n, N, K)"]) -> Spectrum:
        """Return H = U diag(d) Vᵀ.

        Args:
            H: channels (n, N, K).
        """
        U, d, Vh = torch.linalg.svd(H, full_matrices=False)
        return cls(U, d, Vh.mT)


def error_variance(
    residual: Annotated[Tensor, "(n, N, T)"],
    energy: Annotated[Tensor, "(n, 1)"],
    noise_variance: float,
) -> Annotated[Tensor, "(n, T)"]:
    """Return the mean square v² (n, T) of s − ŝ, as the residual tells it; it may be negative.

    v² = (‖y − H ŝ‖² − N σ²) / tr HᵀH

    Args:
        residual: y − H ŝ (n, N, T).
        energy: tr HᵀH (n, 1).
        noise_variance: σ².
    """
    return (residual.square().sum(1) - residual.shape[1] * noise_variance) / energy


def decorrelated_mmse(
    channel: Spectrum,
    residual: Annotated[Tensor, "(n, N, T)"],
    variance: Annotated[Tensor, "(n, T)"],
    noise_variance: float,
) -> tuple[Annotated[Tensor, "(n, K, T)"], Annotated[Tensor, "(n, T)"]]:
    """Return W (y − H ŝ) (n, K, T), and c (n, T).

    W = c Ŵ,  Ŵ = Hᵀ(H Hᵀ + σ²/v² I)⁻¹,  c = K / tr(Ŵ H)

    so that tr W H = K: what the filter sees is off by errors that are orthogonal to s.

    Args:
        channel: H.
        residual: y − H ŝ (n, N, T).
        variance: v² > 0, mean square of s − ŝ (n, T).
        noise_variance: σ².
    """
    U, d, V = channel
    squares = d.square()[..., None]
    regular = squares + noise_variance / variance[:, None]  # (n, r, T)
    c = V.shape[1] / (squares / regular).sum(1)
    seen = V @ (d[..., None] / regular * (U.mT @ residual))
    return c[:, None] * seen, c


def filtered_variance(
    variance: Annotated[Tensor, "(n, T)"], c: Annotated[Tensor, "(n, T)"], theta: Tensor
) -> Annotated[Tensor, "(n, T)"]:
    """Return the variance τ² (n, T) that what the decorrelated filter sees is believed to have.

    τ² = v² (θ² c − 2θ + 1) = (v² ‖I − θ W H‖² + θ² σ² ‖W‖²) / K;  of θ = 1, v² (c − 1)

    Args:
        variance: v² (n, T).
        c: of the filter (n, T).
        theta: θ, a share of the filter's step.
    """
    return (variance * (theta.square() * c - 2 * theta + 1)).clamp_min(LEAST_VARIANCE)


def amp_step(
    H: Annotated[Tensor, "(n or 1, N, K)"],
    y: Annotated[Tensor, "(n, N, T)"],
    estimate: Annotated[Tensor, "(n, K, T)"],
    residual: Annotated[Tensor, "(n, N, T)"],
    variance: Annotated[Tensor, "(n, 1, T)"],
    noise_variance: float,
    levels: Annotated[Tensor, "(M,)"],
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the next estimate (n, K, T), residual (n, N, T) and error variance (n, 1, T).

    τ² = σ² + (K/N) v,  ŝ⁺ = E[s | s + N(0, τ²) = ŝ + Hᵀ r],  v⁺ its mean variance,
    r⁺ = y − H ŝ⁺ + (K/N) (v⁺/τ²) r

    Args:
        H: channels (n or 1, N, K), of columns of length about 1.
        y: received (n, N, T).
        estimate: ŝ (n, K, T).
        residual: r, with its memory (n, N, T).
        variance: v (n, 1, T).
        noise_variance: σ².
        levels: the amplitudes (M,).
    """
    load = H.shape[2] / H.shape[1]
    tau2 = noise_variance + load * variance
    mean, each = posterior_mean(estimate + H.mT @ residual, tau2, levels)
    after = each.mean(1, keepdim=True)
    return mean, y - H @ mean + load * after / tau2 * residual, after
