"""ViterbiNet that goes on learning as it receives."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.receivers.learned.following import FollowingTrellis
from mbdl_repro.areas.receivers.learned.own_weights import (
    after_adam,
    log_probabilities,
    weights_of,
    where,
)
from mbdl_repro.areas.receivers.systems.fading_memory import FadingMemory
from mbdl_repro.areas.receivers.trellis.states import guarded, states_of
from mbdl_repro.contract.method import Family


class OnlineViterbinet(FollowingTrellis):
    """ViterbiNet whose network takes steps of Adam in each block, on pilots or what it decides.

    θ_j from θ_{j−1} by steps on CE(θ; pilots of block j),  ŝ_j = argmax Σ_t log p_{θ_j}(z_t | x_jt)

    One network serves all blocks. It is learned for all blocks of the training set as it is; its
    steps are tuned by what they make of it on validation.

    Args:
        belief: gives the pilots, L, T, A and B, and the code.
        hidden_widths: entries of the hidden layers.
        steps_on: ``pilots`` of a block, before it is decided; ``decisions``, after that, for the
            next block; ``both``; or ``decoded``: decisions that belief propagation on the code has
            corrected, where all checks hold, while others leave the weights as they are.
        n_steps: in each block, on either.
        step_size: of Adam.

    Maps x (n, B, A, P + L − 1 + T + L − 1) to decisions ±1 (n, B, T).

    Source: Shlezinger et al., 2020, "ViterbiNet", as ``decoded``.
    """

    name = "online_viterbinet"
    family = Family.DNN_AIDED_INFERENCE

    def __init__(
        self,
        belief: FadingMemory,
        *,
        hidden_widths: tuple[int, ...] = (100, 50),
        steps_on: Literal["pilots", "decisions", "both", "decoded"] = "pilots",
        n_steps: Annotated[int, Ge(0)] = 30,
        step_size: Annotated[float, Gt(0)] = 0.005,
    ) -> None:
        super().__init__(
            belief,
            hidden_widths,
            needs_pilots=steps_on in ("pilots", "both"),
            needs_code=steps_on == "decoded",
        )
        self.steps_on, self.n_steps, self.step_size = steps_on, n_steps, step_size

    def log_likelihood(
        self, x: Annotated[Tensor, "(n, B, A, P + L − 1 + T + L − 1)"]
    ) -> Annotated[Tensor, "(n, B, T + L − 1, S)"]:
        """Return log p(state | x_t) (n, B, T + L − 1, S) of x, by each block's own weights."""
        weights, found = weights_of(self.network, len(x)), []
        how = (self.n_steps, self.step_size)
        for block in x.unbind(1):
            if self.steps_on in ("pilots", "both"):
                weights = after_adam(weights, *self.pilots(block), *how)
            received = self.looked_at(block)
            found.append(log_probabilities(weights, received))
            if self.steps_on != "pilots":
                s, is_known = self._taken_for_known(found[-1])
                stepped = after_adam(weights, received, states_of(s, self.n_taps), *how)
                weights = where(is_known, stepped, weights)
        return torch.stack(found, 1)

    def _taken_for_known(
        self, seen: Annotated[Tensor, "(n, T + L − 1, S)"]
    ) -> tuple[Annotated[Tensor, "(n, T)"], Annotated[Tensor, "(n,)"]]:
        """Return the symbols ±1 that the next steps are taken on, and in which rows they are."""
        if self.steps_on == "decoded":
            return self.decoded(seen)
        s = self.decided(guarded(seen, self.n_taps))[:, : self.n_symbols]
        return s, torch.ones(len(s), dtype=torch.bool, device=s.device)

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
        return self.mismatch_of(self.log_posterior(x), s)
