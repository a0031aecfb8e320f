"""What is measured of detected symbols."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.contract.measure import metric
from mbdl_repro.contract.scenario import Split


@metric(label="symbol error rate", positive=True)
def symbol_error_rate(
    estimate: Annotated[np.ndarray, "(n, C, T)"], split: Split, truth: FiniteMemory
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the share of each row's symbols that are decided wrongly.

    mean over c and t of 1[sign ŝ_ct ≠ s_ct]; what has no answer is wrong.

    Args:
        estimate: ŝ, decisions or means (n, C, T).
        split: the pairs (x, s) that it belongs to.
        truth: the scenario that drew them (not needed).

    Returns:
        One value a row, (n,).

    Source: textbook.
    """
    wrong = np.sign(estimate) != split.s
    return wrong.reshape(len(wrong), -1).mean(1)


@metric(label="symbol errors per frame", positive=True)
def symbol_errors(
    estimate: Annotated[np.ndarray, "(n, C, T)"], split: Split, truth: FiniteMemory
) -> Annotated[np.ndarray, "(n,)"]:
    """Return how many symbols of each row are decided wrongly: what a rate stands on.

    Args:
        estimate: ŝ, decisions or means (n, C, T).
        split: the pairs (x, s) that it belongs to.
        truth: the scenario that drew them (not needed).

    Returns:
        One value a row, (n,).

    Source: textbook.
    """
    return symbol_error_rate(estimate, split, truth) * split.s[0].size
