"""What is measured in sparse recovery."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
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
