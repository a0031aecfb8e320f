"""What is measured of an estimate of a Gaussian signal."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.linear_estimation.bounds import minimum_mean_squared_error
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.contract.measure import metric
from mbdl_repro.contract.scenario import Split


@metric(label="squared error per signal", positive=True)
def squared_error(
    estimate: Annotated[np.ndarray, "(n, n_signal)"], split: Split, truth: LinearGaussian
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the squared error of each row, summed over the signal's entries.

    ‖ŝ - s‖²

    Args:
        estimate: ŝ, (n, n_signal).
        split: the pairs (x, s) that it belongs to.
        truth: the scenario that drew them (not needed).

    Returns:
        One value a row, (n,).

    Source: Section 5.1, whose figures show its mean.
    """
    return ((estimate - split.s) ** 2).sum(axis=1)


@metric(label="squared error / minimum", positive=True)
def relative_error(
    estimate: Annotated[np.ndarray, "(n, n_signal)"], split: Split, truth: LinearGaussian
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the squared error of each row, in units of the least that can be expected.

    ‖ŝ - s‖² / MMSE, whose mean is 1 for the MMSE estimator at every SNR.

    Args:
        estimate: ŝ, (n, n_signal).
        split: the pairs (x, s) that it belongs to.
        truth: the scenario that drew them.

    Returns:
        One value a row, (n,).

    Source: ours; over four decades of error, the book's figure hides what differs by half.
    """
    return squared_error(estimate, split, truth) / minimum_mean_squared_error(truth)
