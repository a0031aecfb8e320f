"""What is measured of detected symbols."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.receivers.linear.constellation import bit_differences, nearest
from mbdl_repro.areas.receivers.systems.coded_words import CodedWords
from mbdl_repro.areas.receivers.systems.fading_memory import FadingMemory
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.contract.measure import metric
from mbdl_repro.contract.scenario import Split

Sent = FiniteMemory | LinearMimo | CodedWords
"""What symbols are sent through."""

HARD_LLR = 3.0
"""Of a decision that is given to a decoder: wrong in one of twenty."""


@metric(label="symbol error rate", positive=True)
def symbol_error_rate(
    estimate: Annotated[np.ndarray, "(n, ..., T)"], split: Split, truth: Sent
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the share of each row's symbols that are decided wrongly.

    mean of 1[sign ŝ ≠ s], of a linear channel of 1[nearest amplitude of ŝ ≠ s]; what has no answer
    is wrong. Of complex symbols each real amplitude counts by itself.

    Args:
        estimate: ŝ, decisions or means (n, ..., T).
        split: the pairs (x, s) that it belongs to.
        truth: the scenario that drew them; gives the amplitudes.

    Returns:
        One value a row, (n,).

    Source: textbook.
    """
    if isinstance(truth, LinearMimo):
        levels = truth.levels
        wrong = nearest(estimate, levels) != nearest(split.s, levels)
    else:
        wrong = np.sign(estimate) != split.s
    return wrong.reshape(len(wrong), -1).mean(1)


@metric(label="symbol errors per frame", positive=True)
def symbol_errors(
    estimate: Annotated[np.ndarray, "(n, ..., T)"], split: Split, truth: Sent
) -> Annotated[np.ndarray, "(n,)"]:
    """Return how many symbols of each row are decided wrongly: what a rate stands on.

    Args:
        estimate: ŝ, decisions or means (n, ..., T).
        split: the pairs (x, s) that it belongs to.
        truth: the scenario that drew them.

    Returns:
        One value a row, (n,).

    Source: textbook.
    """
    return symbol_error_rate(estimate, split, truth) * split.s[0].size


@metric(label="bit error rate", positive=True)
def bit_error_rate(
    estimate: Annotated[np.ndarray, "(n, ..., T)"], split: Split, truth: Sent
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the share of each row's bits that are decided wrongly.

    Neighbouring amplitudes differ in one bit (Gray labels), so that of BPSK and QPSK this is the
    symbol error rate; all bits of what has no answer are wrong.

    Args:
        estimate: ŝ, decisions or means (n, ..., T).
        split: the pairs (x, s) that it belongs to.
        truth: the scenario that drew them; gives the amplitudes.

    Returns:
        One value a row, (n,).

    Source: textbook.
    """
    if not isinstance(truth, LinearMimo):
        return symbol_error_rate(estimate, split, truth)
    levels = truth.levels
    differing = bit_differences(len(levels))
    decided, sent = nearest(estimate, levels), nearest(split.s, levels)
    bits = differing[0].max()
    wrong = np.where(decided < 0, bits, differing[decided, sent]) / bits
    return wrong.reshape(len(wrong), -1).mean(1)


@metric(label="bit errors per frame", positive=True)
def bit_errors(
    estimate: Annotated[np.ndarray, "(n, ..., T)"], split: Split, truth: Sent
) -> Annotated[np.ndarray, "(n,)"]:
    """Return how many bits of each row are decided wrongly: what a rate stands on.

    Args:
        estimate: ŝ, decisions or means (n, ..., T).
        split: the pairs (x, s) that it belongs to.
        truth: the scenario that drew them; gives the amplitudes.

    Returns:
        One value a row, (n,).

    Source: textbook.
    """
    bits = int(np.log2(len(truth.levels))) if isinstance(truth, LinearMimo) else 1
    return bit_error_rate(estimate, split, truth) * split.s[0].size * bits


@metric(label="word error rate", positive=True)
def word_error_rate(
    estimate: Annotated[np.ndarray, "(n, N)"], split: Split, truth: CodedWords
) -> Annotated[np.ndarray, "(n,)"]:
    """Return whether any bit of each word is decided wrongly.

    1[sign ŝ ≠ s]; what has no answer is wrong.

    Args:
        estimate: ŝ, decisions or means (n, N).
        split: the pairs (x, s) that it belongs to.
        truth: the scenario that drew them (not needed).

    Returns:
        One value a row, (n,).

    Source: textbook.
    """
    wrong = np.sign(estimate) != split.s
    return wrong.reshape(len(wrong), -1).any(1).astype(float)


@metric(label="word error rate, decoded", positive=True)
def decoded_word_error_rate(
    estimate: Annotated[np.ndarray, "(n, ..., T)"], split: Split, truth: CodedWords | FadingMemory
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the share of each row's words that are wrong after decoding.

    Belief propagation, the same for all methods, is told the decisions alone: log-likelihood
    ratios of ±3. Words with symbols that have no answer are wrong.

    Args:
        estimate: ŝ, decisions or means (n, ..., T), words one after the other.
        split: the pairs (x, s) that it belongs to.
        truth: the scenario that drew them; gives the code.

    Returns:
        One value a row, (n,).

    Source: textbook; Gallager, 1962.
    """
    import torch

    from mbdl_repro.areas.receivers.decoding.tanner_graph import TannerGraph

    graph = TannerGraph(truth.linear_code.H)
    decisions, sent = (np.sign(part).reshape(-1, graph.n_bits) for part in (estimate, split.s))
    words, _ = graph.corrected(HARD_LLR * torch.as_tensor(decisions).nan_to_num())
    wrong = (words.numpy() != sent).any(1) | np.isnan(decisions).any(1)
    return wrong.reshape(len(estimate), -1).mean(1)
