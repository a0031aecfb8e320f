"""Rates of precoders, their gradients, and what steps along these share.

Channels are in units in which noise has variance 1: H is √SNR times the channel.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from torch import Tensor


class Factors(NamedTuple):
    """A hybrid precoder: W_b = W_a W_{d,b}."""

    analog: Tensor  # W_a (n, M, L)
    digital: Tensor  # W_d (n, B, L, N)

    @property
    def product(self) -> Annotated[Tensor, "(n, B, M, N)"]:
        """W (n, B, M, N)."""
        return self.analog[:, None] @ self.digital


def rate_nats(
    H: Annotated[Tensor, "(n, B, N, M)"], W: Annotated[Tensor, "(n, B, M, N)"]
) -> Annotated[Tensor, "(n,)"]:
    """Return the mean rate of a band, in nats, of each row (n,).

    (1/B) Σ_b log det(I + H_b W_b W_bᴴ H_bᴴ)

    Args:
        H: channels (n, B, N, M).
        W: precoders (n, B, M, N).

    Source: textbook.
    """
    return torch.linalg.slogdet(_received(H @ W)).logabsdet.mean(-1)


def _received(G: Annotated[Tensor, "(n, B, N, N)"]) -> Annotated[Tensor, "(n, B, N, N)"]:
    """Return the covariance I + G Gᴴ of what is received."""
    return torch.eye(G.shape[-2], dtype=G.dtype, device=G.device) + G @ G.mH


def analog_gradient(
    H: Annotated[Tensor, "(n, B, N, M)"], W: Factors
) -> Annotated[Tensor, "(n, M, L)"]:
    """Return the gradient of the rate in W_a, (n, M, L).

    ∂R/∂W_a* = (1/B) Σ_b H_bᴴ(I + G_b G_bᴴ)⁻¹ G_b W_{d,b}ᴴ,  G_b = H_b W_a W_{d,b}

    Of real numbers it is half of the gradient, as in the published code.

    Args:
        H: channels (n, B, N, M).
        W: the precoder.

    Source: Agiv and Shlezinger, 2022.
    """
    G = H @ W.product
    return (H.mH @ torch.linalg.solve(_received(G), G) @ W.digital.mH).mean(-3)


def digital_gradient(
    H: Annotated[Tensor, "(n, B, N, M)"], W: Factors
) -> Annotated[Tensor, "(n, B, L, N)"]:
    """Return the gradient of the rate in each W_{d,b}, (n, B, L, N).

    ∂R/∂W_{d,b}* = (1/B) W_aᴴ H_bᴴ (I + G_b G_bᴴ)⁻¹ G_b

    Args:
        H: channels (n, B, N, M).
        W: the precoder.

    Source: Agiv and Shlezinger, 2022.
    """
    HA = H @ W.analog[:, None]
    G = HA @ W.digital
    return HA.mH @ torch.linalg.solve(_received(G), G) / H.shape[-3]


def to_power(W: Annotated[Tensor, "(n, B, M, N)"]) -> Annotated[Tensor, "(n,)"]:
    """Return the factor (n,) that gives precoders the power Σ_b ‖W_b‖² = N B; 1 where W is 0.

    Args:
        W: precoders (n, B, M, N).
    """
    power = W.abs().square().sum((-3, -2, -1))
    return torch.where(power > 0, W.shape[-1] * W.shape[-3] / power, 1.0).sqrt()


def scaled_digital(W: Factors) -> Factors:
    """Return a precoder of the power that is allowed, by its W_d.

    Args:
        W: the precoder.
    """
    return W._replace(digital=W.digital * to_power(W.product)[:, None, None, None])


def ascent_step(
    H: Annotated[Tensor, "(n, B, N, M)"],
    W: Factors,
    analog_step: Tensor | float,
    digital_step: Annotated[Tensor, "(B,)"] | float,
) -> Factors:
    """Return the precoder after a projected gradient step in W_a, then one in every W_{d,b}.

    W_a ← p (W_a + μ_a ∂R/∂W_a*),    W_{d,b} ← p (W_{d,b} + μ_{d,b} ∂R/∂W_{d,b}*)

    p scales to the power that is allowed. No step of a constant size ascends always.

    Args:
        H: channels (n, B, N, M).
        W: the precoder.
        analog_step: μ_a.
        digital_step: μ_d, for all bands, or for each (B,).

    Source: Agiv and Shlezinger, 2022.
    """
    analog = W.analog + analog_step * analog_gradient(H, W)
    W = W._replace(analog=analog * to_power(analog[:, None] @ W.digital)[:, None, None])
    steps = torch.as_tensor(digital_step, dtype=H.real.dtype, device=H.device)
    return scaled_digital(
        W._replace(digital=W.digital + steps.reshape(-1, 1, 1) * digital_gradient(H, W))
    )


def water_filling(gains: Annotated[Tensor, "(n, K)"], power: float) -> Annotated[Tensor, "(n, K)"]:
    """Return the powers (n, K) with the greatest Σ_k log(1 + g_k p_k), of which the sum is given.

    p_k = (μ − 1/g_k)₊, Σ_k p_k = P

    Args:
        gains: g, 0 or more (n, K).
        power: P.

    Source: textbook.
    """
    inverse = 1 / gains.clamp_min(torch.finfo(gains.dtype).eps)
    rising = inverse.sort(-1).values
    levels = (power + rising.cumsum(-1)) / torch.arange(1, gains.shape[-1] + 1).to(gains)
    n_used = (levels > rising).sum(-1, keepdim=True).clamp_min(1)
    level = levels.gather(-1, n_used - 1)
    return (level - inverse).clamp_min(0.0)


def filled_precoder(
    G: Annotated[Tensor, "(n, B, N, L)"],
) -> Annotated[Tensor, "(n, B, L, N)"]:
    """Return the precoders (n, B, L, N) of channels with the greatest rate, at the power N B.

    W_b = V_b P_b^½ U_bᴴ,  G_b = U_b Σ_b V_bᴴ,  P by water-filling over the modes of all bands

    That Uᴴ stands last changes no rate, and makes W a function of G where U and V are not.

    Args:
        G: channels (n, B, N, L).

    Source: textbook.
    """
    U, S, Vh = torch.linalg.svd(G, full_matrices=False)
    powers = water_filling(S.square().flatten(-2), float(G.shape[-2] * G.shape[-3])).view_as(S)
    return (Vh.mH * powers.sqrt()[..., None, :]) @ U.mH


def strongest_subspace(
    H: Annotated[Tensor, "(n, B, N, M)"], n_chains: int
) -> Annotated[Tensor, "(n, M, L)"]:
    """Return orthonormal columns (n, M, L) that hold most energy of the channels of all bands.

    The L first eigenvectors of Σ_b H_bᴴH_b

    Args:
        H: channels (n, B, N, M).
        n_chains: L.

    Source: textbook.
    """
    return torch.linalg.eigh((H.mH @ H).sum(-3)).eigenvectors[..., -n_chains:]


def mean_channel_subspace(
    H: Annotated[Tensor, "(n, B, N, M)"], n_chains: int
) -> Annotated[Tensor, "(n, M, L)"]:
    """Return the first right singular vectors (n, M, L) of the mean channel of the bands.

    Args:
        H: channels (n, B, N, M).
        n_chains: L; beyond N, columns that the mean channel does not see.

    Source: Agiv and Shlezinger, 2022.
    """
    return torch.linalg.svd(H.mean(-3), full_matrices=True).Vh.mH[..., :n_chains]
