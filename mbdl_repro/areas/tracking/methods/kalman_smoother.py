"""The Kalman smoother."""

from __future__ import annotations

from torch import Tensor

from mbdl_repro.areas.tracking.kalman.method import LinearMethod
from mbdl_repro.areas.tracking.kalman.smoother import kalman_smoother
from mbdl_repro.contract.method import Family


class KalmanSmoother(LinearMethod):
    """The mean of each state, given all observations of its trajectory, those to come included.

    ŝ_{t|T} = E[s_t | x_1 … x_T]

    A filter answers at once; what may wait until the end has less error, and no estimator of
    any kind has less than this one where the belief is true. It is the smoother of Rauch, Tung
    and Striebel, in a form that inverts no covariance of the state.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Rauch, Tung and Striebel, 1965; Bierman, 1973.
    """

    name = "kalman_smoother"
    family = Family.MODEL_BASED

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and variances of the states, given all observations."""
        return kalman_smoother(x, self.model()).moments()
