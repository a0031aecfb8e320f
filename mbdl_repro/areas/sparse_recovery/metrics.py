"""What is measured in sparse recovery."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.systems.blinking_emitters import BlinkingEmitters
from mbdl_repro.contract.measure import metric
from mbdl_repro.contract.scenario import Split


@metric(label="squared error ‖ŝ − s‖²", positive=True)
def squared_error(
    estimate: Annotated[np.ndarray, "(n, m)"], split: Split, truth: SparseRecovery
) -> Annotated[np.ndarray, "(n,)"]:
    """Return ‖ŝ − s‖² of each signal, summed over its entries.

    Args:
        estimate: ŝ (n, m).
        split: the pairs (x, s) that it belongs to; s is (n, m).
        truth: the scenario that drew them (not needed).

    Returns:
        One value a signal (n,).

    Source: Examples 5.4 to 5.6, which print it as the MSE.
    """
    return np.square(estimate - split.s).sum(1)


@metric(label="NMSE (dB)", decibels=True)
def nmse_db(
    estimate: Annotated[np.ndarray, "(n, m)"], split: Split, truth: SparseRecovery
) -> tuple[np.ndarray, np.ndarray]:
    """Return ‖ŝ − s‖² and ‖s‖² of each signal; what is reported is the ratio of their sums, in dB.

    Args:
        estimate: ŝ (n, m).
        split: the pairs (x, s) that it belongs to; s is (n, m).
        truth: the scenario that drew them (not needed).

    Returns:
        Numerators (n,) and denominators (n,), not in dB.

    Source: Chen, Liu, Wang and Yin, 2018, section 4.
    """
    return np.square(estimate - split.s).sum(1), np.square(split.s).sum(1)


@metric(label="median NMSE of a signal (dB)", summary="median", decibels=True)
def median_nmse_db(
    estimate: Annotated[np.ndarray, "(n, m)"], split: Split, truth: SparseRecovery
) -> Annotated[np.ndarray, "(n,)"]:
    """Return ‖ŝ − s‖² / E‖s‖² of each signal, whose median no few signals that diverge can move.

    Args:
        estimate: ŝ (n, m).
        split: the pairs (x, s) that it belongs to; s is (n, m).
        truth: the scenario that drew them, for E‖s‖².

    Returns:
        Ratios (n,), not in dB.

    Source: the state evolution of AMP predicts the typical signal, Donoho, Maleki and
    Montanari, 2009.
    """
    return np.square(estimate - split.s).sum(1) / truth.mean_energy


@metric(label="squared residual ‖x − H ŝ‖²", positive=True, targets=False)
def squared_residual(
    estimate: Annotated[np.ndarray, "(n, m)"], split: Split, truth: SparseRecovery
) -> Annotated[np.ndarray, "(n,)"]:
    """Return ‖x − H ŝ‖² of each signal, with the true H.

    Args:
        estimate: ŝ (n, m).
        split: the pairs (x, s) that it belongs to; only x (n, n_observations) is used.
        truth: the scenario that drew them, for H.

    Returns:
        One value a signal (n,).

    Source: Examples 3.6 and 3.8, which plot it by iteration; it is the distance from the
    observation, not from the signal.
    """
    return np.square(split.x - estimate @ truth.H.T).sum(1)


@metric(label="error of the map", positive=True)
def map_error(
    estimate: Annotated[np.ndarray, "(n, G, G)"], split: Split, truth: BlinkingEmitters
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the error of each map, blurred by the tolerance and at its best scale, over the truth.

    min_c ‖c ŝ′ − s′‖² / ‖s′‖²,  s′ = K s Kᵀ: 0 is right, 1 as bad as nothing at all.

    Args:
        estimate: ŝ (n, G, G).
        split: the pairs (x, s) that it belongs to; s is (n, G, G).
        truth: the scenario that drew them, for K.

    Returns:
        One value a map (n,).

    Source: ours.
    """
    import torch

    from mbdl_repro.areas.sparse_recovery.updates.emitter_maps import map_errors

    maps = (torch.tensor(a, dtype=torch.float64) for a in (estimate, split.s, truth.blur))
    return map_errors(*maps).numpy()


@metric(label="emitters missed or made up (1 − F1)", positive=True)
def detection_error(
    estimate: Annotated[np.ndarray, "(n, G, G)"], split: Split, truth: BlinkingEmitters
) -> Annotated[np.ndarray, "(n,)"]:
    """Return 1 − F1 of the pixels above a threshold, the best of 20 for each map.

    F1 is the harmonic mean of two shares: of those pixels that have an emitter within one fine
    pixel, diagonals too, and of emitters that have such a pixel. Thresholds are 0 to 95 % of the
    map's maximum. What has no answer finds nothing.

    Args:
        estimate: ŝ (n, G, G).
        split: the pairs (x, s) that it belongs to; s is (n, G, G).
        truth: the scenario that drew them (not needed).

    Returns:
        One value a map (n,).

    Source: ours; Sage et al., 2019, for scores of detection in microscopy.
    """
    emitters = split.s > 0
    largest = estimate.max((1, 2), keepdims=True)
    scores = [
        _f1(emitters, (estimate > share * largest) & (estimate > 0))
        for share in np.linspace(0, 0.95, 20)
    ]
    best: np.ndarray = 1 - np.max(scores, axis=0)
    return best


def _f1(emitters: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return F1 (n,) of maps of truth and answer, booleans (n, G, G); of nothing in both, 1."""
    from scipy.ndimage import maximum_filter

    right, seen = (
        (a & maximum_filter(b, (1, 3, 3))).sum((1, 2)) / np.maximum(a.sum((1, 2)), 1)
        for a, b in ((found, emitters), (emitters, found))
    )
    f1 = 2 * right * seen / np.maximum(right + seen, np.finfo(float).tiny)
    return np.where((emitters | found).any((1, 2)), f1, 1.0)
