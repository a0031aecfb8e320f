"""What layers of unfolded methods do beyond a step of ISTA, and how their weights start."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from mbdl_repro.areas.sparse_recovery.updates.thresholding import trusting_soft_threshold


def coupled_step(
    s: Annotated[Tensor, "(n, m)"],
    x: Annotated[Tensor, "(n, n_observations)"],
    H: Annotated[Tensor, "(n_observations, m)"],
    W: Annotated[Tensor, "(n_observations, m)"],
    threshold: Tensor | float,
    step: Tensor | float = 1.0,
    n_trusted: int = 0,
) -> Tensor:
    """Go along the residual seen through weights, then shrink: s ← T_β(s + γ Wᵀ(x − H s)).

    With W = H it is ISTA's step. In LISTA's T_β(A x + C s), where A and C are free, it is the
    coupling C = I − A H, which thresholds tending to zero and fast convergence need.

    Args:
        s: (n, m).
        x: (n, n_observations).
        H: (n_observations, m).
        W: weights (n_observations, m).
        threshold: β.
        step: γ.
        n_trusted: largest entries of a row that are not shrunk.

    Source: Chen, Liu, Wang and Yin, 2018, theorems 1 and 2; Liu, Chen, Wang and Yin, 2019.
    """
    residual = torch.addmm(x, s, H.mT, alpha=-1)
    return trusting_soft_threshold(torch.addmm(s, step * residual, W), threshold, n_trusted)


def trusted_counts(iterations: int, n_signal: int, fraction: float) -> list[int]:
    """Return how many of m entries each layer trusts: ⌊(k + 1)/K · fraction · m⌋, k = 0, …, K − 1.

    Args:
        iterations: K, number of layers.
        n_signal: m, entries of a signal.
        fraction: share of entries that the last layer trusts, 0 to 1.

    Source: Chen, Liu, Wang and Yin, 2018, section 3.2, where shares grow by 1.2 % a layer.
    """
    # Rounded first: 0.12 · 500 is a little less than 60 in floating point.
    most = round(fraction * n_signal, 6)
    return [int((k + 1) * most / iterations) for k in range(iterations)]


def analytic_weights(H: Annotated[Tensor, "(n, m)"]) -> Annotated[Tensor, "(n, m)"]:
    """Return the W nearest to a left inverse of H, column by column: least ‖WᵀH − I‖_F.

    w_i = (H Hᵀ)⁻¹h_i / (h_iᵀ(H Hᵀ)⁻¹h_i), which minimizes ‖WᵀH − I‖_F over all W with
    w_iᵀh_i = 1, i = 1, …, m (a quadratic problem with one Lagrange multiplier a column).

    Args:
        H: (n, m) with linearly independent rows.

    Returns:
        W (n, m).

    Source: Liu, Chen, Wang and Yin, 2019, equation 16, which is solved there by iteration.
    """
    rank = int(torch.linalg.matrix_rank(H))
    if rank < len(H):
        raise ValueError(
            f"analytic weights need independent rows of H: {len(H)} rows have rank {rank} "
            f"(n_observations is {len(H)}, n_signal {H.shape[1]})"
        )
    W = torch.linalg.solve(H @ H.mT, H)
    return W / (W * H).sum(0)


def learning_coordinates(H: Annotated[Tensor, "(n, m)"]) -> Annotated[Tensor, "(n, n)"]:
    """Return an invertible P for which W = P V is learned faster through V than entry by entry.

    P = (H Hᵀ/c + I/100)^(−½) / √n,  c = tr(H Hᵀ)/n

    Then Wᵀ(x − H s) = Vᵀ(P x − P H s), where the residual is about white, so that no direction of
    V learns much more slowly than another; and for W of the size of H, entries of V are of order
    one, so that one learning rate serves them and logarithms.

    Args:
        H: (n, m).

    Returns:
        P (n, n), symmetric.
    """
    eigenvalues, vectors = torch.linalg.eigh(H @ H.mT)
    scaled = eigenvalues.clamp_min(0.0) / eigenvalues.mean() + 0.01
    return (vectors * scaled.rsqrt()) @ vectors.mT / len(H) ** 0.5


def layerwise(iterations: int, value: float) -> nn.Parameter:
    """Return one positive weight a layer, all equal at first: what is learned is the logarithm.

    Args:
        iterations: K, number of layers.
        value: each weight before training, above 0.

    Returns:
        Logarithms (K,).
    """
    return nn.Parameter(torch.full((iterations,), value, dtype=torch.float64).log())
