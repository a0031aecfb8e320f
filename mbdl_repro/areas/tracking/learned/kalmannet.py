"""What KalmanNet is, whatever it is fitted to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any

from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.tracking.learned.filter import Track
from mbdl_repro.areas.tracking.learned.gain import LearnedGain
from mbdl_repro.areas.tracking.learned.three_grus import ThreeGrus
from mbdl_repro.areas.tracking.systems.state_space import StateSpace


class ThreeGruGain(LearnedGain, ABC):
    """A filter with known f and h, whose gain K_t comes from three gated recurrent units.

    ŝ_t = f(ŝ_{t−1}) + K_t (x_t − h(f(ŝ_{t−1})))

    Args:
        input_multiplier: entries that each entry of a difference is expanded to.
        output_multiplier: hidden entries of the gain's last layers for each of m² + n².
    """

    network: ThreeGrus

    def __init__(
        self,
        belief: StateSpace,
        *,
        input_multiplier: Annotated[int, Ge(1)] = 5,
        output_multiplier: Annotated[int, Ge(1)] = 40,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        gain = self.fixed_gain(self.initial_gain)
        self.network = ThreeGrus(gain, input_multiplier, output_multiplier, self.magnitudes)

    @abstractmethod
    def error(
        self, track: Track, s: Annotated[Tensor, "(rows, T, m)"]
    ) -> Annotated[Tensor, "(rows,)"]:
        """Return what a fit makes small, of each row (rows,).

        Args:
            track: what the filter went through.
            s: the true states, (rows, T, m).
        """

    def start_from(self, gain: float) -> None:
        """Let the last layer's bias be the gain κ H⁺."""
        self.network.last.bias.copy_(self.fixed_gain(gain).flatten())
