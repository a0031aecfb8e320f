"""What is measured of precoders."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np

from mbdl_repro.areas.precoding.scenario import HybridPrecoding
from mbdl_repro.contract.measure import metric
from mbdl_repro.contract.scenario import Split


@metric(label="rate (bits/s/Hz)")
def rate_bits(
    estimate: Annotated[np.ndarray, "(n, B, N, M)"], split: Split, truth: HybridPrecoding
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the mean rate of a band, through the channels as they are; higher is better.

    (1/B) Σ_b log₂ det(I + SNR H_b W_b W_bᴴ H_bᴴ), with W scaled to the power Σ_b ‖W_b‖² = N B

    Of real channels too: without their factor ½, as it is published.

    Args:
        estimate: Wᴴ (n, B, N, M).
        split: the pairs (x, H) that it belongs to.
        truth: gives the SNR.

    Returns:
        One value a row, (n,).

    Source: textbook.
    """
    import torch

    from mbdl_repro.areas.precoding.updates import rate_nats, to_power

    W, H = torch.as_tensor(estimate).mH, torch.as_tensor(split.s)
    W = W * to_power(W.nan_to_num())[:, None, None, None]
    answered = torch.isfinite(W).flatten(1).all(1)
    rates = rate_nats(math.sqrt(truth.snr) * H, W.nan_to_num()) / math.log(2)
    return rates.masked_fill(~answered, torch.nan).numpy()
