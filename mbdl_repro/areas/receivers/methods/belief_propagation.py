"""Belief propagation on the Tanner graph of a code."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

from mbdl_repro.areas.receivers.decoding.message_passing import MessagePassing
from mbdl_repro.contract.method import Family


class BeliefPropagation(MessagePassing):
    """Belief propagation: each bit's posterior, as if the graph of its checks had no cycles.

    μ_{c→v} = 2w artanh Π tanh(ν_{v'→c} / 2), v' ≠ v,  ν_{v→c} = L_v − μ_{c→v},
    L_v = 2 x_v / σ² + Σ_c μ_{c→v}

    With w = 1 it is exact where there are none. Dense checks have many short ones, which w < 1
    makes up for in part. ``min_sum`` has μ = w Π sign ν · min |ν|.

    Maps x (n, N) to means in [−1, 1] (n, N).

    Source: Gallager, 1962; Section 5.3, as what neural belief propagation unfolds.
    """

    name = "belief_propagation"
    family = Family.MODEL_BASED

    def scales(self) -> Iterator[float]:
        """Yield w, T times."""
        return repeat(self.scale, self.iterations)
