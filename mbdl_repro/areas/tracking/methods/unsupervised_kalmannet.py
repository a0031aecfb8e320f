"""KalmanNet trained on observations alone."""

from __future__ import annotations

from torch import Tensor

from mbdl_repro.areas.tracking.learned.filter import Track
from mbdl_repro.areas.tracking.learned.kalmannet import ThreeGruGain
from mbdl_repro.contract.method import Family


class UnsupervisedKalmannet(ThreeGruGain):
    """KalmanNet trained without states, by the size of its innovations.

    Σ_t ‖x_t − h(ŝ_{t|t−1})‖²,  ŝ_{t|t−1} = f(ŝ_{t−1})

    ŝ_{t|t−1} is made of x_1 … x_{t−1} only, so that no gain brings this to 0 by copying x_t, as
    it could the residual of ŝ_t itself. Where h is linear its mean is that of the prediction's
    error, H P Hᵀ, plus the noise's: the best gain is the same. What is missing is left out.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Revach et al., 2022, "Unsupervised learned Kalman filtering".
    """

    name = "unsupervised_kalmannet"
    family = Family.DNN_AIDED_INFERENCE
    needs_targets = False

    def error(self, track: Track, s: Tensor) -> Tensor:
        """Return the squared innovations of each row (rows,); the states are not looked at."""
        return track.innovations.square().flatten(-2).sum(-1)
