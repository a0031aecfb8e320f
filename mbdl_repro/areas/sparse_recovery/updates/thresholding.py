"""Shrinkage of signals: the proximal step of the ℓ₁ norm, and what derives from it."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor


def soft_threshold(z: Tensor, threshold: Tensor | float) -> Tensor:
    """Shrink every entry towards zero: the proximal step of the ℓ₁ norm.

    T_β(z) = sign(z) max(|z| − β, 0) = argmin_s ½(s − z)² + β|s|

    Args:
        z: any shape.
        threshold: β ≥ 0, broadcast over z.

    Source: Example 3.6.
    """
    # The same numbers either way: with the fewest passes over memory where no threshold is
    # learned, and else twice as fast, with the derivative, as by signs and absolute values.
    if isinstance(threshold, float):
        return z - z.clamp(-threshold, threshold)
    if not torch.is_grad_enabled():
        return z - torch.minimum(torch.maximum(z, -threshold), threshold)
    return (z - threshold).relu() - (-z - threshold).relu()


def trusting_soft_threshold(
    z: Annotated[Tensor, "(n, m)"], threshold: Tensor | float, n_trusted: int
) -> Tensor:
    """Shrink towards zero, except the largest of the entries that do not vanish.

    The n_trusted entries of largest magnitude in each row are taken to be on the support: those
    of them above the threshold stay as they are, T_β without its bias.

    Args:
        z: (n, m).
        threshold: β ≥ 0.
        n_trusted: how many entries a row, 0 to m; with 0 it is :func:`soft_threshold`.

    Source: Chen, Liu, Wang and Yin, 2018, equation 15 (support selection).
    """
    shrunk = soft_threshold(z, threshold)
    if n_trusted == 0:
        return shrunk
    magnitude = z.detach().abs()
    least_trusted = magnitude.kthvalue(z.shape[1] - n_trusted + 1, dim=1, keepdim=True).values
    return torch.where((magnitude >= least_trusted) & (shrunk != 0), z, shrunk)


def smooth_soft_threshold(z: Tensor, threshold: float, sharpness: float) -> Tensor:
    """Shrink every entry towards zero, with all derivatives.

    (log(1 + e^{β(z−λ)}) − log(1 + e^{β(−z−λ)})) / β → T_λ(z) as β → ∞

    Args:
        z: any shape.
        threshold: λ ≥ 0.
        sharpness: β > 0.

    Source: Shah et al., 2024, who smooth T_λ for their theory; the form is ours.
    """
    above, below = (torch.nn.functional.softplus(sharpness * (y - threshold)) for y in (z, -z))
    return (above - below) / sharpness
