"""What is measured in sparse recovery."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.systems.blinking_emitters import BlinkingEmitters
from mbdl_repro.areas.sparse_recovery.systems.random_generator import RandomGenerator
from mbdl_repro.contract.measure import metric
from mbdl_repro.contract.scenario import Split

if TYPE_CHECKING:
    from mbdl_repro.contract.method import Method


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


@metric(label="training error ‖ŝ − s‖²", positive=True)
def training_error(method: Method) -> float | None:
    """Return the mean of ‖ŝ − s‖² over the training signals.

    Args:
        method: after its fit.

    Returns:
        A number, exact; ``None`` for a method that does not remember it.
    """
    return _remembered(method, lambda one: one.training_errors[0].item())


@metric(label="test less training error, ‖ŝ − s‖²")
def generalization_gap(
    estimate: Annotated[np.ndarray, "(n, m)"], split: Split, method: Method
) -> Annotated[np.ndarray, "(n,)"] | None:
    """Return ‖ŝ − s‖² of each signal, less its mean over the training signals.

    Args:
        estimate: ŝ (n, m).
        split: the pairs (x, s) that it belongs to; s is (n, m).
        method: the fitted method that gave it.

    Returns:
        One value a signal (n,); ``None`` for a method that does not remember its training error.

    Source: Shultzman, Azar, Rodrigues and Eldar, 2023.
    """
    trained = training_error(method)
    return None if trained is None else np.square(estimate - split.s).sum(1) - trained


@metric(label="test less training error, |ŝ − s|")
def absolute_gap(
    estimate: Annotated[np.ndarray, "(n, m)"], split: Split, method: Method
) -> Annotated[np.ndarray, "(n,)"] | None:
    """Return the mean |ŝ − s| over the entries of each signal, less that of training.

    Args:
        estimate: ŝ (n, m).
        split: the pairs (x, s) that it belongs to; s is (n, m).
        method: the fitted method that gave it.

    Returns:
        One value a signal (n,); ``None`` for a method that does not remember its training error.
    """
    trained = _remembered(method, lambda one: one.training_errors[1].item())
    return None if trained is None else np.abs(estimate - split.s).mean(1) - trained


@metric(label="bound on test less training error, |ŝ − s|", positive=True)
def gap_bound(method: Method) -> float | None:
    """Return what bounds :func:`absolute_gap` in the mean, for all networks of such norms.

    Args:
        method: after its fit.

    Returns:
        A number; ``None`` for a method without such a bound.

    Source: see ``FreeLayers.gap_bound``.
    """
    return _remembered(method, lambda one: one.gap_bound())


@metric(label="log₁₀ condition of the tangent kernel")
def tangent_condition(method: Method) -> float | None:
    """Return log₁₀ of the condition number of the tangent kernel at the start of the fit.

    Args:
        method: after a fit that worked it out.

    Returns:
        A number; ``None`` for a method that has none.

    Source: Shah et al., 2024, whose condition is that its least eigenvalue is not 0.
    """
    found = _remembered(method, lambda one: one.tangent.item())
    return None if found is None else math.log10(found)


def _remembered(method: Method, value: Callable[[Any], float]) -> float | None:
    """Return what a network of free layers remembers of its fit; ``None`` where there is none."""
    from mbdl_repro.areas.sparse_recovery.free_layers import UNKNOWN, FreeLayers

    found = value(method) if isinstance(method, FreeLayers) else UNKNOWN
    return None if found == UNKNOWN else found


@metric(label="relative error ‖ŝ − s‖ / ‖s‖", summary="median", positive=True)
def relative_error(
    estimate: Annotated[np.ndarray, "(n, m)"],
    split: Split,
    truth: SparseRecovery | RandomGenerator,
) -> Annotated[np.ndarray, "(n,)"]:
    """Return ‖ŝ − s‖ / ‖s‖ of each signal, of which the median is reported.

    Args:
        estimate: ŝ (n, m).
        split: the pairs (x, s) that it belongs to; s is (n, m).
        truth: the scenario that drew them (not needed).

    Returns:
        One value a signal (n,).
    """
    return np.linalg.norm(estimate - split.s, axis=1) / np.linalg.norm(split.s, axis=1)


@metric(label="share of signals off by a tenth or more")
def share_missed(
    estimate: Annotated[np.ndarray, "(n, m)"],
    split: Split,
    truth: SparseRecovery | RandomGenerator,
) -> Annotated[np.ndarray, "(n,)"]:
    """Return 1 for each signal whose :func:`relative_error` is .1 or more, else 0.

    Args:
        estimate: ŝ (n, m).
        split: the pairs (x, s) that it belongs to; s is (n, m).
        truth: the scenario that drew them (not needed).

    Returns:
        One value a signal (n,); 1 where there is no answer.
    """
    return 1.0 - (relative_error(estimate, split, truth) < 0.1)


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
