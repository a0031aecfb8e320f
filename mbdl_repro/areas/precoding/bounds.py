"""Rates that no hybrid precoder exceeds."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.precoding.scenario import HybridPrecoding
from mbdl_repro.contract.measure import bound
from mbdl_repro.contract.scenario import Split


@bound(metrics=("rate_bits",), kind="floor", label="fully digital, water-filling")
def fully_digital(truth: HybridPrecoding, test: Split) -> Annotated[np.ndarray, "(n,)"]:
    """Return the rate of one with a chain for every antenna, who knows the channels, (n,).

    (1/B) Σ_bk log₂(1 + SNR p_bk σ_bk²), with p by water-filling over the modes of all bands

    Args:
        truth: gives the SNR.
        test: pairs of which only the channels (n, B, N, M) are used.

    Source: textbook.
    """
    return _filled(truth, test, truth.n_receive)


@bound(metrics=("rate_bits",), kind="floor", label="L chains for each band")
def chains_for_each_band(truth: HybridPrecoding, test: Split) -> Annotated[np.ndarray, "(n,)"]:
    """Return the rate of one with L chains for each band, who knows the channels, (n,).

    Water-filling over the L strongest modes of each band: what is above it are chains, and what
    is below it is that W_a is shared. With L ≥ N it is the fully digital rate.

    Args:
        truth: gives the SNR, and L.
        test: pairs of which only the channels (n, B, N, M) are used.

    Source: textbook.
    """
    return _filled(truth, test, truth.n_chains)


def _filled(truth: HybridPrecoding, test: Split, n_modes: int) -> np.ndarray:
    import torch

    from mbdl_repro.areas.precoding.updates import water_filling

    modes = torch.linalg.svdvals(torch.as_tensor(test.s))[..., :n_modes]
    gains = truth.snr * modes.square().flatten(1)
    powers = water_filling(gains, float(truth.n_receive * truth.n_bands))
    rates: np.ndarray = (torch.log2(1 + gains * powers).sum(1) / truth.n_bands).numpy()
    return rates
