"""Learned detectors that take steps in each block, on its pilots or on what was decoded."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.receivers.decoding.codes import linear_code
from mbdl_repro.areas.receivers.decoding.tanner_graph import TannerGraph
from mbdl_repro.areas.receivers.learned.learned_trellis import LearnedTrellis
from mbdl_repro.areas.receivers.systems.fading_memory import FadingMemory
from mbdl_repro.areas.receivers.trellis.search import forward_backward, symbol_log_ratios
from mbdl_repro.areas.receivers.trellis.states import guarded, states_of
from mbdl_repro.contract.scenario import Split


class FollowingTrellis(LearnedTrellis):
    """A learned detector with one network for all blocks, from which its steps begin.

    Args:
        belief: gives the pilots, L, T, A and B, and the code.
        hidden_widths: entries of the hidden layers: a sigmoid follows the first, ReLU the others.
        needs_pilots: whether blocks without pilots are refused.
        needs_code: whether blocks that are no words are refused.
    """

    pilot_states: Tensor

    def __init__(
        self,
        belief: FadingMemory,
        hidden_widths: tuple[int, ...],
        *,
        needs_pilots: bool,
        needs_code: bool,
    ) -> None:
        super().__init__(belief, hidden_widths=hidden_widths, shared=True)
        if needs_pilots and belief.n_pilots == 0:
            raise ValueError("n_pilots is 0: steps are taken on pilots, and at least 1 is needed")
        pilots = torch.as_tensor(belief.pilots)
        self.register_buffer("pilot_states", states_of(pilots, belief.n_taps))
        if needs_code:
            if belief.code is None:
                raise ValueError("code is null: steps are taken on decoded words, of a known code")
            self.graph = TannerGraph(linear_code(belief.code).H)

    def pilots(
        self, blocks: Annotated[Tensor, "(n, A, P + L − 1 + T + L − 1)"]
    ) -> tuple[Annotated[Tensor, "(n, A, P + L − 1)"], Annotated[Tensor, "(n, P + L − 1)"]]:
        """Return what is received of pilots (n, A, P + L − 1), and their states (n, P + L − 1).

        Args:
            blocks: of any rows (n, A, P + L − 1 + T + L − 1).
        """
        return blocks[..., : self.n_pilot_values], self.pilot_states.expand(len(blocks), -1)

    @torch.no_grad()
    def decoded(
        self, seen: Annotated[Tensor, "(n, T + L − 1, S)"]
    ) -> tuple[Annotated[Tensor, "(n, T)"], Annotated[Tensor, "(n,)"]]:
        """Return the words of a block ±1 (n, T), and whether all of their checks hold (n,).

        Belief propagation on the code corrects what the posterior of each symbol says.

        Args:
            seen: log p(state | x_t) (n, T + L − 1, S).
        """
        posterior = forward_backward(guarded(seen, self.n_taps), self.n_taps)
        ratios = symbol_log_ratios(posterior)[:, : self.n_symbols]
        words, hold = self.graph.corrected(ratios.reshape(-1, self.graph.n_bits))
        return words.reshape(ratios.shape), hold.view(len(seen), -1).all(1)

    @torch.no_grad()
    def loss_on(self, split: Split) -> float:
        """Return the cross-entropy as it operates: of the weights that each block comes to."""
        return self.mismatch_of(self.log_likelihood(split.x), split.s).item()
