"""KalmanNet with one recurrent network: its first, larger architecture."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.tracking.learned_gain import LearnedGain, OneGru, Track
from mbdl_repro.areas.tracking.state_space import StateSpace
from mbdl_repro.contract.method import Family


class KalmannetGru(LearnedGain):
    """A filter by f and h whose gain K_t one gated recurrent unit learns, and not by V and W.

    ŝ_t = f(ŝ_{t−1}) + K_t (x_t − h(f(ŝ_{t−1})))

    Differences' directions → layer of a (m + n) → unit of b (m² + n²) hidden entries → layer of
    4 m n → K_t. Unfitted it is an observer of a fixed gain.

    Args:
        belief: gives f, h and s̄_0; nothing else is read.
        input_multiplier: a.
        hidden_multiplier: b.
        initial_gain: κ before a fit: the gain is κ H⁺, H the Jacobian of h at s̄_0. A fit starts
            from the κ that does best on its training data.
        magnitudes: show the network the logarithms of the differences' lengths as well.

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
        initial_gain: Annotated[float, Gt(0)] = 0.5,
        magnitudes: bool = False,
    ) -> None:
        super().__init__(belief, magnitudes)
        m, n = belief.m, belief.n
        widths = (input_multiplier * (m + n), hidden_multiplier * (m**2 + n**2), 4 * m * n)
        lengths = int(magnitudes)
        gain = initial_gain * self.model.pseudo_inverse()
        self.network = OneGru(n + lengths, 2 * m + n + 3 * lengths, widths, gain)

    def start_from(self, gain: float, x: Tensor, track: Track) -> None:
        """Let the last layer's bias be the gain κ H⁺."""
        self.network.last.bias.copy_((gain * self.model.pseudo_inverse()).flatten())
