"""Linear rules, and what interference they leave."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor


def matched_filter(
    H: Annotated[Tensor, "(n or 1, N, K)"], y: Annotated[Tensor, "(n, N, T)"]
) -> Annotated[Tensor, "(n, K, T)"]:
    """Return h_kᵀ y / ‖h_k‖² (n, K, T): of each user as if there were no other.

    Args:
        H: channels (n or 1, N, K).
        y: received (n, N, T).
    """
    return H.mT @ y / H.square().sum(1)[..., None]


def zero_forcing(
    H: Annotated[Tensor, "(n or 1, N, K)"], y: Annotated[Tensor, "(n, N, T)"]
) -> Annotated[Tensor, "(n, K, T)"]:
    """Return (HᵀH)⁻¹ Hᵀ y (n, K, T), by the pseudoinverse: no interference is left.

    Args:
        H: channels (n or 1, N, K).
        y: received (n, N, T).
    """
    return torch.linalg.pinv(H) @ y


def linear_mmse(
    H: Annotated[Tensor, "(n or 1, N, K)"],
    y: Annotated[Tensor, "(n, N, T)"],
    noise_ratio: float,
) -> Annotated[Tensor, "(n, K, T)"]:
    """Return (HᵀH + λ I)⁻¹ Hᵀ y (n, K, T).

    Args:
        H: channels (n or 1, N, K).
        y: received (n, N, T).
        noise_ratio: λ, variance of the noise over the mean square of amplitudes.
    """
    gram = H.mT @ H
    regular = gram + noise_ratio * torch.eye(gram.shape[-1], dtype=H.dtype, device=H.device)
    return torch.linalg.solve(regular, H.mT @ y)


def without_interference(
    H: Annotated[Tensor, "(n or 1, N, K)"],
    y: Annotated[Tensor, "(n, N, T)"],
    mean: Annotated[Tensor, "(n, K, T)"],
    variance: Annotated[Tensor, "(n, K, T)"],
    noise_variance: float,
) -> tuple[Annotated[Tensor, "(n, K, T)"], Annotated[Tensor, "(n, K, T)"]]:
    """Return what each amplitude is seen by, once the means of all others are taken away.

    z_k = y − Σ_{j≠k} h_j e_j,  R_k = σ² I + Σ_{j≠k} v_j h_j h_jᵀ,  m_k = h_kᵀ R_k⁻¹ z_k,
    g_k = h_kᵀ R_k⁻¹ h_k,  so that log p(s_k | z_k) = m_k s_k − g_k s_k²/2 + constant

    Of all k with one matrix, R = R_k + v_k h_k h_kᵀ, by the matrix inversion lemma.

    Args:
        H: channels (n or 1, N, K).
        y: received (n, N, T).
        mean: e, what others are believed to be (n, K, T).
        variance: v, of that belief (n, K, T).
        noise_variance: σ².

    Returns:
        m and g (n, K, T).
    """
    channels = H[:, None]  # (n, 1, N, K), one for each time
    spread = channels * variance.mT[:, :, None]  # (n, T, N, K)
    eye = torch.eye(H.shape[1], dtype=H.dtype, device=H.device)
    R = spread @ channels.mT + noise_variance * eye
    W = torch.linalg.solve(R, channels.expand(*R.shape[:2], *H.shape[1:]))  # R⁻¹ H
    own = (W * channels).sum(2).mT  # h_kᵀ R⁻¹ h_k, (n, K, T)
    residual = (y - H @ mean).mT[:, :, None]  # (n, T, 1, N)
    seen = (residual @ W)[:, :, 0].mT + own * mean  # the user's own mean is put back
    left = 1 - variance * own
    return seen / left, own / left
