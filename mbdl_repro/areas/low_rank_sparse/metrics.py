"""What is measured where bubbles are sought in tissue."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.low_rank_sparse.scenario import ContrastUltrasound
from mbdl_repro.contract.measure import metric
from mbdl_repro.contract.scenario import Split


@metric(label="squared error of bubbles ‖ŝ − s‖²", positive=True)
def squared_error(
    estimate: Annotated[np.ndarray, "(n, T, N, N)"], split: Split, truth: ContrastUltrasound
) -> Annotated[np.ndarray, "(n,)"]:
    """Return ‖ŝ − s‖² of each movie, summed over its entries.

    Args:
        estimate: ŝ (n, T, N, N), complex.
        split: the pairs (x, s) that it belongs to.
        truth: the scenario that drew them (not needed).

    Returns:
        One value a movie (n,).

    Source: textbook.
    """
    errors: np.ndarray = np.square(np.abs(estimate - split.s)).sum((1, 2, 3))
    return errors


@metric(label="NMSE of bubbles (dB)", decibels=True)
def bubble_nmse_db(
    estimate: Annotated[np.ndarray, "(n, T, N, N)"], split: Split, truth: ContrastUltrasound
) -> tuple[np.ndarray, np.ndarray]:
    """Return ‖ŝ − s‖² and ‖s‖² of each movie; what is reported is the ratio of their sums, in dB.

    0 dB is as good as to see no bubble.

    Args:
        estimate: ŝ (n, T, N, N), complex.
        split: the pairs (x, s) that it belongs to.
        truth: the scenario that drew them (not needed).

    Returns:
        Numerators (n,) and denominators (n,), not in dB.

    Source: Solomon et al., 2020, whose losses are such errors.
    """
    energy = np.square(np.abs(split.s)).sum((1, 2, 3))
    return squared_error(estimate, split, truth), energy


@metric(label="NMSE of the power image (dB)", decibels=True)
def power_nmse_db(
    estimate: Annotated[np.ndarray, "(n, T, N, N)"], split: Split, truth: ContrastUltrasound
) -> tuple[np.ndarray, np.ndarray]:
    """Return ‖p̂ − p‖² and ‖p‖² of each movie; what is reported is the ratio of their sums, in dB.

    p = Σ_t |s_t|² is the power Doppler image, in which bubbles draw the vessels.

    Args:
        estimate: ŝ (n, T, N, N), complex.
        split: the pairs (x, s) that it belongs to.
        truth: the scenario that drew them (not needed).

    Returns:
        Numerators (n,) and denominators (n,), not in dB.

    Source: ours.
    """
    ours, theirs = (np.square(np.abs(a)).sum(1) for a in (estimate, split.s))
    return np.square(ours - theirs).sum((1, 2)), np.square(theirs).sum((1, 2))
