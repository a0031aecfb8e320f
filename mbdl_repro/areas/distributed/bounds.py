"""What no agents reach, however much they speak."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.distributed.scenario import DistributedLasso
from mbdl_repro.contract.measure import bound
from mbdl_repro.contract.scenario import Split


@bound(metrics=("nmse_db",), kind="floor", label="all measurements, and the support")
def known_support(truth: DistributedLasso, test: Split) -> Annotated[np.ndarray, "(n,)"]:
    """Return the least NMSE of one who is told all measurements, and where s is not zero, (n,).

    tr (H_SᵀH_S/σ² + I)⁻¹ / k,  S the support of each signal

    Args:
        truth: gives H, σ and k.
        test: pairs, of which only the supports are used.

    Source: textbook; the conditional mean of Gaussian numbers.
    """
    H = truth.H.reshape(-1, truth.n_signal)
    gram = H.T @ H / truth.required("noise_std") ** 2 + np.eye(truth.n_signal)
    supports = np.nonzero(test.s[:, 0])[1].reshape(len(test.s), truth.n_nonzeros)
    inside = gram[supports[:, :, None], supports[:, None, :]]
    traces: np.ndarray = np.trace(np.linalg.inv(inside), axis1=1, axis2=2)
    return traces / truth.n_nonzeros
