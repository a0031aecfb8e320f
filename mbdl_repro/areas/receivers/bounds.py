"""What no receiver can beat."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.special import ndtr

from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.contract.measure import bound

MOST_OTHERS = 18
"""Other symbols, all of whose values are gone through."""


@bound(metrics=("symbol_error_rate",), kind="floor", label="matched-filter bound")
def matched_filter_bound(truth: FiniteMemory) -> float:
    """Return the error rate of one who knows all other symbols, a mean over the channels.

    mean over c, and over the other symbols, of Q(√A d / 2σ),  d² = Σ_t (m_t(s = 1) − m_t(s = −1))²

    with m_t what is received on average. Of a linear channel d = 2‖h‖, whatever the others are.

    Args:
        truth: in Gaussian noise, with taps without errors.

    Raises:
        ValueError: of another channel, or of one that remembers too much to try all others.

    Source: textbook; Forney, 1972.
    """
    if truth.noise != "gaussian" or truth.tap_error_variance:
        raise ValueError(
            "the matched-filter bound is that of a channel in Gaussian noise, whose taps have no "
            "errors"
        )
    distances = np.stack([_distances(truth, h) for h in truth.taps])
    return float(ndtr(-distances * np.sqrt(truth.n_antennas) / (2 * truth.noise_std)).mean())


def _distances(truth: FiniteMemory, h: np.ndarray) -> np.ndarray:
    """Return d for each value of the symbols around one, or the only one there is."""
    if truth.output == "linear":
        return np.array([2 * np.linalg.norm(h)])
    n_others = 2 * (len(h) - 1)
    if n_others > MOST_OTHERS:
        raise ValueError(
            f"n_taps is {len(h)}: the matched-filter bound of a channel that is not linear goes "
            f"through all other symbols, and allows n_taps {MOST_OTHERS // 2 + 1} at most"
        )
    others = np.array(list(itertools.product([1.0, -1.0], repeat=n_others)))
    sent = np.insert(others, len(h) - 1, 0.0, axis=1)
    around = np.lib.stride_tricks.sliding_window_view(sent, len(h), axis=1) @ h[::-1]
    difference = truth.mean_output(around + h) - truth.mean_output(around - h)
    found: np.ndarray = np.linalg.norm(difference, axis=1)
    return found
