"""KalmanNet with one recurrent network: its first, larger architecture."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge

from mbdl_repro.areas.tracking.learned.gain import LearnedGain
from mbdl_repro.areas.tracking.learned.one_gru import OneGru
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family


class KalmannetGru(LearnedGain):
    """A filter with known f and h, whose gain K_t comes from one gated recurrent unit.

    ŝ_t = f(ŝ_{t−1}) + K_t (x_t − h(f(ŝ_{t−1})))

    Differences' directions → layer of a (m + n) → unit of b (m² + n²) hidden entries → layer of
    4 m n → K_t. Unfitted it is an observer of a fixed gain.

    Args:
        input_multiplier: a.
        hidden_multiplier: b.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Section 5.5; Revach et al., 2022, architecture #1, with a = 80 and b = 10.
    """

    name = "kalmannet_gru"
    family = Family.DNN_AIDED_INFERENCE
    network: OneGru

    def __init__(
        self,
        belief: StateSpace,
        *,
        input_multiplier: Annotated[int, Ge(1)] = 80,
        hidden_multiplier: Annotated[int, Ge(1)] = 10,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        m, n = belief.m, belief.n
        widths = (input_multiplier * (m + n), hidden_multiplier * (m**2 + n**2), 4 * m * n)
        lengths = int(self.magnitudes)
        gain = self.fixed_gain(self.initial_gain)
        self.network = OneGru(n + lengths, 2 * m + n + 3 * lengths, widths, gain)

    def start_from(self, gain: float) -> None:
        """Let the last layer's bias be the gain κ H⁺."""
        self.network.last.bias.copy_(self.fixed_gain(gain).flatten())
