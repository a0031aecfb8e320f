"""ViterbiNet that has learned to learn from few pilots."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.receivers.learned.following import FollowingTrellis
from mbdl_repro.areas.receivers.learned.own_weights import (
    Weights,
    after_descent,
    log_probabilities,
    mismatch,
    weights_of,
    where,
)
from mbdl_repro.areas.receivers.systems.fading_memory import FadingMemory
from mbdl_repro.areas.receivers.trellis.states import states_of
from mbdl_repro.contract.method import Family


class MetaViterbinet(FollowingTrellis):
    """ViterbiNet whose weights are learned for what a few steps make of them.

    θ_j = θ after K steps θ ← θ − μ ∇ CE(θ; D_j),  θ = argmin Σ_j CE(θ_j; block j),
    D_j: the pilots of block j, or block j − 1 as it was decoded

    One network serves all blocks, each of which starts from θ. The gradient in θ is taken as that
    in θ_j (of first order): half the cost of going through the steps.

    Args:
        belief: gives the pilots, L, T, A and B, and the code.
        hidden_widths: entries of the hidden layers.
        steps_on: ``pilots`` of a block; or ``decoded``: the last block before it whose words'
            checks all hold, once belief propagation has corrected it, and the pilots of the first
            block until there is one. It is learned from the block before as it was sent, so that
            θ is where steps on a channel as it was serve it as it will be.
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
        steps_on: Literal["pilots", "decoded"] = "pilots",
        n_steps: Annotated[int, Ge(0)] = 10,
        step_size: Annotated[float, Gt(0)] = 0.5,
    ) -> None:
        super().__init__(belief, hidden_widths, needs_pilots=True, needs_code=steps_on == "decoded")
        self.steps_on, self.n_steps, self.step_size = steps_on, n_steps, step_size

    def _stepped(
        self, x: Annotated[Tensor, "(n, A, T')"], states: Annotated[Tensor, "(n, T')"]
    ) -> Weights:
        """Return the weights after K steps from θ on each row."""
        start = tuple(w.detach() for w in weights_of(self.network, len(x)))
        return after_descent(start, x, states, self.n_steps, self.step_size)

    def _following(
        self, x: Annotated[Tensor, "(n, B, A, P + L − 1 + T + L − 1)"]
    ) -> Annotated[Tensor, "(n, B, T + L − 1, S)"]:
        """Return log p(state | x_t) of each block, by weights that come of those before it."""
        weights, found = self._stepped(*self.pilots(x[:, 0])), []
        for block in self.looked_at(x).unbind(1):
            found.append(log_probabilities(weights, block))
            s, is_known = self.decoded(found[-1])
            weights = where(is_known, self._stepped(block, states_of(s, self.n_taps)), weights)
        return torch.stack(found, 1)

    def log_likelihood(
        self, x: Annotated[Tensor, "(n, B, A, P + L − 1 + T + L − 1)"]
    ) -> Annotated[Tensor, "(n, B, T + L − 1, S)"]:
        """Return log p(state | x_t) (n, B, T + L − 1, S) of x, by each block's own weights."""
        if self.steps_on == "decoded":
            return self._following(x)
        blocks = x.flatten(0, 1)
        weights = self._stepped(*self.pilots(blocks))
        return log_probabilities(weights, self.looked_at(blocks)).unflatten(0, x.shape[:2])

    def _learned_from(
        self,
        x: Annotated[Tensor, "(n, B, A, P + L − 1 + T + L − 1)"],
        s: Annotated[Tensor, "(n, B, T)"],
    ) -> Weights:
        """Return the weights θ_j of all blocks (n B, …) in training, where symbols are known."""
        if self.steps_on == "pilots":
            return self._stepped(*self.pilots(x.flatten(0, 1)))
        first = self._stepped(*self.pilots(x[:, 0]))
        before = self.looked_at(x[:, :-1]).flatten(0, 1)
        later = self._stepped(before, states_of(s[:, :-1].flatten(0, 1), self.n_taps))
        return tuple(
            torch.cat([a[:, None], b.reshape(len(a), -1, *a.shape[1:])], 1).flatten(0, 1)
            for a, b in zip(first, later, strict=True)
        )

    def loss(
        self,
        x: Annotated[Tensor, "(n, B, A, P + L − 1 + T + L − 1)"],
        s: Annotated[Tensor, "(n, B, T)"],
    ) -> Tensor:
        """Return the cross-entropy of states, a mean over values, summed over blocks, in nats.

        −Σ_j mean over t of log p_{θ_j}(z_t | x_jt), of the weights after steps on D_j

        Args:
            x: observations (n, B, A, P + L − 1 + T + L − 1).
            s: symbols (n, B, T).
        """
        blocks = x.flatten(0, 1)
        start = weights_of(self.network, len(blocks))
        moved = zip(start, self._learned_from(x, s), strict=True)
        weights = tuple(w + (new - w).detach() for w, new in moved)
        states = states_of(s.flatten(0, 1), self.n_taps)
        return mismatch(weights, self.looked_at(blocks), states) / len(x)
