"""KalmanNet: an extended Kalman filter whose gain three small recurrent networks give."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.tracking.learned_gain import LearnedGain, ThreeGrus, Track
from mbdl_repro.areas.tracking.state_space import StateSpace
from mbdl_repro.contract.method import Family


class Kalmannet(LearnedGain):
    """A filter by f and h whose gain K_t three gated recurrent units learn, and not by V and W.

    ŝ_t = f(ŝ_{t−1}) + K_t (x_t − h(f(ŝ_{t−1})))

    One unit stands for each covariance that a gain is made of: of the process noise, of the
    prediction and of the innovation, of m², m² and n² hidden entries. All they see are
    directions of differences, so that a gain does not depend on the signals' scale. Unfitted it
    is an observer of a fixed gain.

    Args:
        belief: gives f, h and s̄_0; V and W only to :meth:`claimed_variance`.
        input_multiplier: entries that each entry of a difference is expanded to.
        output_multiplier: hidden entries of the gain's last layers for each of m² + n².
        initial_gain: κ before a fit: the gain is κ H⁺, H the Jacobian of h at s̄_0. A fit starts
            from the κ that does best on its training data.
        magnitudes: show the network the logarithms of the differences' lengths as well.

    Source: Section 5.5; Revach et al., 2022, architecture #2.
    """

    name = "kalmannet"
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

    def claimed_variance(self, x: Tensor) -> Tensor:
        """Return the error variances (rows, T, m) that the gains imply: the diagonal of K W (H⁺)ᵀ.

        They are NaN at steps where an entry of x is missing, of which a gain says nothing.

        Raises:
            ValueError: if the belief withholds W, or H has not as many independent columns as the
                state has entries, so that the gain does not determine a covariance.
        """
        return self.implied_variances(x)
