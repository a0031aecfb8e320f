"""ViterbiNet that goes on learning as it receives."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.receivers.learned.learned_trellis import LearnedTrellis
from mbdl_repro.areas.receivers.learned.own_weights import (
    after_adam,
    log_probabilities,
    weights_of,
)
from mbdl_repro.areas.receivers.systems.fading_memory import FadingMemory
from mbdl_repro.areas.receivers.trellis.search import viterbi
from mbdl_repro.areas.receivers.trellis.states import guarded, states_of
from mbdl_repro.contract.method import Family


class OnlineViterbinet(LearnedTrellis):
    """ViterbiNet whose network takes steps of Adam in each block, on pilots or its own decisions.

    θ_j from θ_{j−1} by steps on CE(θ; pilots of block j),  ŝ_j = argmax Σ_t log p_{θ_j}(z_t | x_jt)

    One network serves all blocks. It is learned for all blocks of the training set as it is; no
    setting but its widths has a part in that.

    Args:
        belief: gives the pilots, L, T, A and B.
        hidden_widths: entries of the hidden layers.
        steps_on: ``pilots`` of a block, before it is decided; ``decisions``, after that, for the
            next block; or ``both``.
        n_steps: in each block, on either.
        step_size: of Adam.

    Maps x (n, B, A, P + L − 1 + T + L − 1) to decisions ±1 (n, B, T).

    Source: Shlezinger et al., 2020, "ViterbiNet", where a decoder corrects the decisions first.
    """

    name = "online_viterbinet"
    family = Family.DNN_AIDED_INFERENCE
    not_fitted = ("steps_on", "n_steps", "step_size")

    def __init__(
        self,
        belief: FadingMemory,
        *,
        hidden_widths: tuple[int, ...] = (100, 50),
        steps_on: Literal["pilots", "decisions", "both"] = "pilots",
        n_steps: Annotated[int, Ge(0)] = 30,
        step_size: Annotated[float, Gt(0)] = 0.005,
    ) -> None:
        super().__init__(belief, hidden_widths=hidden_widths, shared=True)
        if steps_on != "decisions" and belief.n_pilots == 0:
            raise ValueError(f"n_pilots is 0, and steps_on is {steps_on}: at least 1 is needed")
        self.steps_on, self.n_steps, self.step_size = steps_on, n_steps, step_size
        pilots = torch.as_tensor(belief.pilots)
        self.register_buffer("pilot_states", states_of(pilots, belief.n_taps))
        self.pilot_states: Tensor

    def log_likelihood(
        self, x: Annotated[Tensor, "(n, B, A, P + L − 1 + T + L − 1)"]
    ) -> Annotated[Tensor, "(n, B, T + L − 1, S)"]:
        """Return log p(state | x_t) (n, B, T + L − 1, S) of x, by each block's own weights."""
        weights, found = weights_of(self.network, len(x)), []
        how = (self.n_steps, self.step_size)
        for block in x.unbind(1):
            if self.steps_on != "decisions":
                states = self.pilot_states.expand(len(x), -1)
                weights = after_adam(weights, block[..., : self.n_pilot_values], states, *how)
            received = self.looked_at(block)
            found.append(log_probabilities(weights, received))
            if self.steps_on != "pilots":
                s = self.decided(guarded(found[-1], self.n_taps))[:, : self.n_symbols]
                weights = after_adam(weights, received, states_of(s, self.n_taps), *how)
        return torch.stack(found, 1)

    def loss(
        self,
        x: Annotated[Tensor, "(n, B, A, P + L − 1 + T + L − 1)"],
        s: Annotated[Tensor, "(n, B, T)"],
    ) -> Tensor:
        """Return the cross-entropy of states, a mean over values, summed over blocks, in nats.

        −Σ_j mean over t of log p_θ(z_t | x_jt), of the weights that all starts from

        Args:
            x: observations (n, B, A, P + L − 1 + T + L − 1).
            s: symbols (n, B, T).
        """
        return self.mismatch_of(super().log_likelihood(x), s)

    def decided(
        self, log_likelihood: Annotated[Tensor, "(n, T', S)"]
    ) -> Annotated[Tensor, "(n, T')"]:
        """Return the symbols (n, T') of the best sequence, of log p(x_t | state) (n, T', S)."""
        return viterbi(log_likelihood, self.n_taps)
