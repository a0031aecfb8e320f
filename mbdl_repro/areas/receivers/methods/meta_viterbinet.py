"""ViterbiNet that has learned to learn from few pilots."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.receivers.learned.learned_trellis import LearnedTrellis
from mbdl_repro.areas.receivers.learned.own_weights import (
    after_descent,
    log_probabilities,
    mismatch,
    weights_of,
)
from mbdl_repro.areas.receivers.systems.fading_memory import FadingMemory
from mbdl_repro.areas.receivers.trellis.search import viterbi
from mbdl_repro.areas.receivers.trellis.states import states_of
from mbdl_repro.contract.method import Family


class MetaViterbinet(LearnedTrellis):
    """ViterbiNet whose weights are learned for what a few steps on pilots make of them.

    θ_j = θ after K steps θ ← θ − μ ∇ CE(θ; pilots of block j),  θ = argmin Σ_j CE(θ_j; block j)

    One network serves all blocks, each of which starts from θ. The gradient in θ is taken as that
    in θ_j (of first order): half the cost of going through the steps.

    Args:
        belief: gives the pilots, L, T, A and B.
        hidden_widths: entries of the hidden layers.
        n_steps: K.
        step_size: μ.

    Maps x (n, B, A, P + L − 1 + T + L − 1) to decisions ±1 (n, B, T).

    Source: Raviv, Park, Simeone, Eldar and Shlezinger, 2023, "Online meta-learning for hybrid
    model-based deep receivers"; Finn, Abbeel and Levine, 2017 (first order).
    """

    name = "meta_viterbinet"
    family = Family.DNN_AIDED_INFERENCE

    def __init__(
        self,
        belief: FadingMemory,
        *,
        hidden_widths: tuple[int, ...] = (100, 50),
        n_steps: Annotated[int, Ge(0)] = 10,
        step_size: Annotated[float, Gt(0)] = 0.5,
    ) -> None:
        super().__init__(belief, hidden_widths=hidden_widths, shared=True)
        if belief.n_pilots == 0:
            raise ValueError("n_pilots is 0: steps are taken on pilots, and at least 1 is needed")
        self.n_steps, self.step_size = n_steps, step_size
        pilots = torch.as_tensor(belief.pilots)
        self.register_buffer("pilot_states", states_of(pilots, belief.n_taps))
        self.pilot_states: Tensor

    def _stepped(self, blocks: Tensor) -> tuple[Tensor, ...]:
        """Return the weights after the pilots of each block (blocks, A, P + L − 1 + …)."""
        start = tuple(w.detach() for w in weights_of(self.network, len(blocks)))
        states = self.pilot_states.expand(len(blocks), -1)
        pilots = blocks[..., : self.n_pilot_values]
        return after_descent(start, pilots, states, self.n_steps, self.step_size)

    def log_likelihood(
        self, x: Annotated[Tensor, "(n, B, A, P + L − 1 + T + L − 1)"]
    ) -> Annotated[Tensor, "(n, B, T + L − 1, S)"]:
        """Return log p(state | x_t) (n, B, T + L − 1, S) of x, by each block's own weights."""
        blocks = x.flatten(0, 1)
        seen = log_probabilities(self._stepped(blocks), self.looked_at(blocks))
        return seen.unflatten(0, x.shape[:2])

    def loss(
        self,
        x: Annotated[Tensor, "(n, B, A, P + L − 1 + T + L − 1)"],
        s: Annotated[Tensor, "(n, B, T)"],
    ) -> Tensor:
        """Return the cross-entropy of states, a mean over values, summed over blocks, in nats.

        −Σ_j mean over t of log p_{θ_j}(z_t | x_jt), of the weights after steps on pilots

        Args:
            x: observations (n, B, A, P + L − 1 + T + L − 1).
            s: symbols (n, B, T).
        """
        blocks = x.flatten(0, 1)
        start = weights_of(self.network, len(blocks))
        moved = zip(start, self._stepped(blocks), strict=True)
        weights = tuple(w + (new - w).detach() for w, new in moved)
        states = states_of(s.flatten(0, 1), self.n_taps)
        return mismatch(weights, self.looked_at(blocks), states) / len(x)

    def decided(
        self, log_likelihood: Annotated[Tensor, "(n, T', S)"]
    ) -> Annotated[Tensor, "(n, T')"]:
        """Return the symbols (n, T') of the best sequence, of log p(x_t | state) (n, T', S)."""
        return viterbi(log_likelihood, self.n_taps)
