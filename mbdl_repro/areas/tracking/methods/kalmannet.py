"""KalmanNet: an extended Kalman filter whose gain three small recurrent networks give."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.tracking.learned.filter import Track, squared_error
from mbdl_repro.areas.tracking.learned.kalmannet import ThreeGruGain
from mbdl_repro.contract.method import Family


class Kalmannet(ThreeGruGain):
    """A filter with known f and h, whose gain K_t comes from three gated recurrent units.

    ŝ_t = f(ŝ_{t−1}) + K_t (x_t − h(f(ŝ_{t−1})))

    One unit stands for each covariance that a gain is made of: of the process noise, of the
    prediction and of the innovation, of m², m² and n² hidden entries. All they see are
    directions of differences, so that a gain does not depend on the signals' scale. Unfitted it
    is an observer of a fixed gain.

    Args:
        belief: gives f, h and s̄_0; V and W only to :meth:`claimed_variance`.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Section 5.5; Revach et al., 2022, architecture #2.
    """

    name = "kalmannet"
    family = Family.DNN_AIDED_INFERENCE

    def error(self, track: Track, s: Tensor) -> Tensor:
        """Return the squared error of each row (rows,)."""
        return squared_error(track, s)

    def claimed_variance(
        self, x: Annotated[Tensor, "(n_rows, T, n)"]
    ) -> Annotated[Tensor, "(rows, T, m)"]:
        """Return the error variances (rows, T, m) that the gains imply: the diagonal of K W (H⁺)ᵀ.

        They are NaN at steps where an entry of x is missing, of which a gain says nothing.

        Raises:
            ValueError: if the belief withholds W, or H has not as many independent columns as the
                state has entries, so that the gain does not determine a covariance.
        """
        return self.implied_variances(x)
