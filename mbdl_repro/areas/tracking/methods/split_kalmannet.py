"""Split-KalmanNet: the gain of an extended Kalman filter, from two learned covariances."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.tracking.learned.gain import LearnedGain
from mbdl_repro.areas.tracking.learned.two_grus import TwoGrus
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family


class SplitKalmannet(LearnedGain):
    """A filter by f and h whose gain is K_t = P_t H_tᵀ S_t, P_t and S_t from two networks.

    ŝ_t = f(ŝ_{t−1}) + K_t (x_t − h(f(ŝ_{t−1})))

    P_t stands for the prediction's covariance and S_t for the inverse of the innovation's; both
    are positive semidefinite, L Lᵀ, L a network's output. H_t is the Jacobian of h at the
    prediction. The first network sees how the state changes and was corrected, the second the
    innovation and how the observation changes. Unfitted, P = I and S = κ (H Hᵀ)⁺, H at s̄_0,
    which is an observer of the fixed gain κ H⁺ where H is constant.

    Args:
        input_multiplier: entries that each entry of a difference is expanded to.
        hidden_multiplier: b; the networks have b m² and b n² hidden entries.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Choi et al., 2023, whose covariances are any matrices.
    """

    name = "split_kalmannet"
    family = Family.DNN_AIDED_INFERENCE
    network: TwoGrus

    def __init__(
        self,
        belief: StateSpace,
        *,
        input_multiplier: Annotated[int, Ge(1)] = 5,
        hidden_multiplier: Annotated[int, Ge(1)] = 4,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        m, n = belief.m, belief.n
        self.sizes = (m * m, n * n)
        roots = (torch.eye(m, dtype=torch.float64), self._root(self.initial_gain))
        self.network = TwoGrus(roots, (m, n), input_multiplier, hidden_multiplier, self.magnitudes)

    def start_from(self, gain: float) -> None:
        """Let the last layer's bias be the root of κ (H Hᵀ)⁺."""
        self.network.last_of_observation.bias.copy_(self._root(gain).flatten())

    def _root(self, gain: float) -> Tensor:
        inverse = self.model.inverse
        values, vectors = torch.linalg.eigh(gain * inverse.mT @ inverse)  # (H Hᵀ)⁺ = H⁺ᵀ H⁺
        return vectors * values.clamp_min(0.0).sqrt()

    def gain(
        self,
        output: Annotated[Tensor, "(rows, m² + n²)"],
        predicted: Annotated[Tensor, "(rows, m)"],
        t: int,
    ) -> Annotated[Tensor, "(rows, m, n)"]:
        """Return P Hᵀ S (rows, m, n).

        Args:
            output: what the two networks give, the roots of P and of S, (rows, m² + n²).
            predicted: ŝ_{t|t−1}, (rows, m).
            t: the step, 1 … T.
        """
        m, n = self.model.m, self.model.n
        L_P, L_S = output.split(self.sizes, -1)
        L_P, L_S = L_P.unflatten(-1, (m, m)), L_S.unflatten(-1, (n, n))
        H = self.model.observation_matrix(predicted, t)
        if self.model.is_stacked and self.model.is_constant:
            H = H.unsqueeze(1)  # one for all rows of a member
        return L_P @ ((H @ L_P).mT @ L_S) @ L_S.mT
