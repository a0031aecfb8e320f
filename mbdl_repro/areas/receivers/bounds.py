"""What no receiver can beat."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.special import ndtr

from mbdl_repro.areas.receivers.decoding.binary import lightest_words
from mbdl_repro.areas.receivers.linear.theory import (
    error_probabilities,
    matched_filter_error,
    state_evolution,
)
from mbdl_repro.areas.receivers.systems.coded_words import CodedWords
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.contract.measure import bound

MOST_OTHERS = 18
"""Other symbols, all of whose values are gone through."""


@bound(metrics=("symbol_error_rate",), kind="floor", label="matched-filter bound")
def matched_filter_bound(truth: FiniteMemory) -> float:
    """Return the error rate of one who knows all other symbols, a mean over the channels.

    mean over c, and over the other symbols, of Q(√A d / 2σ),  d² = Σ_t (m_t(s = 1) − m_t(s = −1))²

    with m_t what is received on average. Of a linear channel d = 2‖h‖, whatever the others are.
    Of a source with memory, whose other symbols say something of this one, it is weighed with
    what is received:

    π Q(μ + λ/2μ) + (1 − π) Q(μ − λ/2μ),  μ = √A d / 2σ,  λ = log π/(1 − π),  π = p(s | others)

    Args:
        truth: in Gaussian noise, with taps without errors.

    Raises:
        ValueError: of another channel, or of one that remembers too much to try all others; of a
            source with memory before a channel that is not linear.

    Source: textbook; Forney, 1972.
    """
    if truth.noise != "gaussian" or truth.tap_error_variance:
        raise ValueError(
            "the matched-filter bound is that of a channel in Gaussian noise, whose taps have no "
            "errors"
        )
    distances = np.stack([_distances(truth, h) for h in truth.taps])
    reach = distances * np.sqrt(truth.n_antennas) / (2 * truth.noise_std)
    if truth.stay_probability == 0.5:
        return float(ndtr(-reach).mean())
    if truth.output != "linear":
        raise ValueError(
            f"stay_probability is {truth.stay_probability}: the matched-filter bound of a source "
            "with memory is that of a linear channel"
        )
    return _error_of_a_source(reach, truth.stay_probability, truth.n_symbols)


def _error_of_a_source(reach: np.ndarray, q: float, n_symbols: int) -> float:
    """Return the error of one who knows all other symbols of a source, a mean over frame and μ."""

    def error(pi: float) -> float:
        shift = np.log(pi / (1 - pi)) / (2 * reach)
        return float((pi * ndtr(-reach - shift) + (1 - pi) * ndtr(-reach + shift)).mean())

    alike = q**2 + (1 - q) ** 2  # both neighbours, of whatever lies between them
    inner = alike * error(q**2 / alike) + (1 - alike) * error(0.5)
    # The known symbols after a frame say nothing of its last one.
    return ((n_symbols - 1) * inner + error(q)) / n_symbols


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


@bound(metrics=("bit_error_rate",), kind="floor", label="matched-filter bound")
def matched_filter_bit_bound(truth: LinearMimo) -> float:
    """Return the bit error rate of one who knows all other symbols, a mean over the channels.

    mean over users and channels of Q(‖h_k‖/σ), of BPSK and QPSK

    Args:
        truth: a linear channel without errors.

    Raises:
        ValueError: of another scenario, or of a channel with errors.

    Source: textbook.
    """
    return matched_filter_error(_exact(truth), bits=True)


@bound(metrics=("bit_error_rate",), kind="theory", label="AMP in large systems")
def large_system(truth: LinearMimo, iteration: int | None) -> float:
    """Return the bit error rate of AMP in large systems with independent entries of H.

    That of an amplitude seen in noise τ², with τ² ← σ² + (K/N) mmse(τ²): where this has one limit,
    no detector does better in large systems. In small ones it is no bound.

    Args:
        truth: an ``iid`` channel without errors.
        iteration: number of iterations; ``None``: the limit.

    Raises:
        ValueError: of another channel.

    Source: Guo and Verdú, 2005; Jeon, Ghods, Maleki and Studer, 2015.
    """
    if _exact(truth).channel != "iid":
        raise ValueError(f"channel is {truth.channel}: the state evolution is that of iid entries")
    tau2 = state_evolution(truth, iteration)
    return float(error_probabilities(truth.levels, np.sqrt(tau2), bits=True))


def _exact(truth: LinearMimo) -> LinearMimo:
    if not isinstance(truth, LinearMimo) or truth.channel_error_variance:
        raise ValueError("this is known of a LinearMimo, whose channel has no errors")
    return truth


@bound(metrics=("bit_error_rate",), kind="reference", label="without a code")
def uncoded(truth: CodedWords) -> float:
    """Return the error rate of a bit that is sent by itself, with all of the energy of a bit.

    Q(√(2 Eb/N0))

    Args:
        truth: gives Eb/N0.

    Source: textbook.
    """
    return float(ndtr(-np.sqrt(2 * 10 ** (truth.required("ebn0_db") / 10))))


@bound(metrics=("bit_error_rate", "word_error_rate"), kind="floor", label="nearest word")
def nearest_word(truth: CodedWords) -> float:
    """Return the error rate of one who is told that one of two words was sent, for each bit.

    mean over v of Q(√w_v / σ),  w_v the least weight that was found of a word with a 1 at v

    For bit v a genie names the word that was sent and the one that differs from it by this word:
    nobody who is told less errs less, whatever the word. So w_v need not be the least there is,
    which for cyclic codes is the least distance. A word is wrong at least as often as a bit is.

    Args:
        truth: gives the code, and Eb/N0.

    Source: textbook; the genie's bound.
    """
    weights = lightest_words(truth.linear_code.G)
    return float(ndtr(-np.sqrt(weights) / truth.noise_std).mean())
