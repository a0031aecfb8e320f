"""KalmanNet trained on observations alone."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.tracking.learned_gain import LearnedGain, ThreeGrus, Track
from mbdl_repro.areas.tracking.state_space import StateSpace
from mbdl_repro.contract.method import Family


class UnsupervisedKalmannet(LearnedGain):
    """KalmanNet whose fit makes its innovations small, and never sees a state.

    Σ_t ‖x_t − h(ŝ_{t|t−1})‖²,  ŝ_{t|t−1} = f(ŝ_{t−1})

    ŝ_{t|t−1} is made of x_1 … x_{t−1} only, so that no gain brings this to 0 by copying x_t, as
    it could the residual of ŝ_t itself. Where h is linear its mean is that of the prediction's
    error, H P Hᵀ, plus the noise's: the best gain is the same. What is missing is left out.

    Args:
        belief: gives f, h and s̄_0; nothing else is read.
        input_multiplier: entries that each entry of a difference is expanded to.
        output_multiplier: hidden entries of the gain's last layers for each of m² + n².
        initial_gain: κ before a fit: the gain is κ H⁺, H the Jacobian of h at s̄_0. A fit starts
            from the κ that does best on its training data.
        magnitudes: show the network the logarithms of the differences' lengths as well.

    Source: Revach et al., 2022, "Unsupervised learned Kalman filtering".
    """

    name = "unsupervised_kalmannet"
    family = Family.DNN_AIDED_INFERENCE
    network: ThreeGrus

    def __init__(
        self,
        belief: StateSpace,
        *,
        input_multiplier: Annotated[int, Ge(1)] = 5,
        output_multiplier: Annotated[int, Ge(1)] = 40,
        initial_gain: Annotated[float, Gt(0)] = 0.5,
        magnitudes: bool = False,
    ) -> None:
        super().__init__(belief, magnitudes)
        gain = initial_gain * self.model.pseudo_inverse()
        self.network = ThreeGrus(gain, input_multiplier, output_multiplier, magnitudes)

    def start_from(self, gain: float, x: Tensor, track: Track) -> None:
        """Let the last layer's bias be the gain κ H⁺."""
        self.network.last.bias.copy_((gain * self.model.pseudo_inverse()).flatten())

    def error(self, track: Track, s: Tensor) -> Tensor:
        """Return the squared innovations of each row (rows,).

        Args:
            track: what the filter went through.
            s: the true states, (rows, T, m), which are not looked at.
        """
        return track.innovations.square().flatten(1).sum(1)
