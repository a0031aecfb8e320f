"""Detectors that go by how probable each observation is of each state of a trellis."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.areas.receivers.trellis.search import viterbi
from mbdl_repro.areas.receivers.trellis.states import (
    guarded,
    symbols_of_states,
    transition_log_probabilities,
)
from mbdl_repro.contract.hashing import digest
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.seeding import rng_for

VALUES_AT_ONCE = 2**22
"""Of all states, held in memory: as many frames as this makes go through the trellis together."""


class TrellisDetector(Method):
    """A detector of symbols through a channel with memory.

    Whoever believes in too short a memory does not look at what is received last, and who believes
    in too long a one waits for values that never come: those say nothing.

    log p(x_t | z_t) + log p(s_t | s_{t−1}), a sum over t, is that of a sequence of states.

    Args:
        belief: gives L, T, A, the number of channels, and how often a symbol repeats itself.

    Maps x (n, C, A, T + L − 1) to ŝ (n, C, T): decisions ±1, or means in [−1, 1].
    """

    decision_lag: int | None = None
    """How many values later each symbol is decided; ``None``: from the end of the frame."""

    def __init__(self, belief: FiniteMemory) -> None:
        super().__init__()
        self.n_taps = belief.n_taps
        self.n_symbols = belief.n_symbols
        self.n_pilot_values = belief.n_pilot_values
        symbols_of_states(self.n_taps)  # which refuses a trellis that is too large
        if self.n_taps == 1 and belief.stay_probability != 0.5:
            raise ValueError(
                f"stay_probability is {belief.stay_probability}, and n_taps 1: a state of one "
                "symbol does not know the one before it; use n_taps of 2 or more, or 0.5"
            )
        self.stay_probability = belief.stay_probability

    @abstractmethod
    def log_likelihood(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(n, C, T + L − 1, S)"]:
        """Return log p(x_t | state) (n, C, T + L − 1, S), up to what all states have in common.

        Args:
            x: observations (n, C, A, T + L − 1), after those of pilots, where there are some.
        """

    def transitions(self) -> Annotated[Tensor, "(S,)"]:
        """Return log p(s_t | s_{t−1}) of each state (S,), as is believed."""
        return transition_log_probabilities(self.stay_probability, self.n_taps)

    def decided(
        self, log_likelihood: Annotated[Tensor, "(n, T', S)"]
    ) -> Annotated[Tensor, "(n, T')"]:
        """Return the symbols, or their means (n, T'): by default those of the best sequence.

        Args:
            log_likelihood: of each state (n, T', S), −∞ where a known symbol would be another.
        """
        return viterbi(log_likelihood, self.n_taps, self.decision_lag)

    def forward(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(n, C, T)"]:
        """Return the symbols (n, C, T)."""
        least = self.n_pilot_values + self.n_symbols
        # After pilots, symbols are found only by who knows how long the memory is.
        most = least + self.n_taps - 1 if self.n_pilot_values else math.inf
        if x.ndim != 4 or not least <= x.shape[-1] <= most:
            pilots = (
                f", after {self.n_pilot_values} values of pilots" if self.n_pilot_values else ""
            )
            raise ValueError(
                f"observations have the shape {tuple(x.shape)}: should be (n, C, A, T + L − 1), "
                f"of frames of {self.n_symbols} symbols{pilots}"
            )
        values = x.shape[1] * x.shape[3] * 2**self.n_taps
        return torch.cat([self._frames(part) for part in x.split(max(1, VALUES_AT_ONCE // values))])

    def _frames(self, x: Tensor) -> Tensor:
        n, C = x.shape[:2]
        bad = ~torch.isfinite(x).flatten(2).all(2)
        seen = self.log_likelihood(torch.where(bad[..., None, None], 0.0, x))
        unseen = self.n_symbols + self.n_taps - 1 - seen.shape[2]
        seen = functional.pad(seen, (0, 0, 0, unseen))
        # The known symbols after a frame are not the source's.
        seen[:, :, : self.n_symbols] += self.transitions().to(seen)
        seen = guarded(seen, self.n_taps).flatten(0, 1)
        symbols = self.decided(seen)[:, : self.n_symbols].unflatten(0, (n, C))
        return torch.where(bad[..., None], torch.nan, symbols)

    def looked_at(self, x: Tensor) -> Tensor:
        """Return the values of each frame that its symbols are believed to have a part in.

        Args:
            x: of any shape, with what is received of a frame, and of pilots before it, last.
        """
        after = x[..., self.n_pilot_values :]
        return after[..., : self.n_symbols + self.n_taps - 1]


class KnownChannel(TrellisDetector):
    """A detector that believes in taps, noise and output of the channels.

    log p(x_t | z) = −Σ_a (x_at − φ(Σ_l h_l s_l(z)))² / 2σ²,  or x log m − m of counted photons

    Args:
        belief: gives the taps, φ, and σ. Errors of the taps, if it has some, are drawn anew for
            each frame, and depend on what is observed in it.
    """

    def __init__(self, belief: FiniteMemory) -> None:
        super().__init__(belief)
        belief.check_truth()
        self.belief = belief
        self.register_buffer("symbols", symbols_of_states(belief.n_taps))
        self.symbols: Tensor

    def outputs(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(n, C, 1 or T + L − 1, S)"]:
        """Return what each state is believed to give (n, C, 1 or T + L − 1, S).

        Args:
            x: observations (n, C, A, T + L − 1), which errors of the taps are drawn with.
        """
        belief = self.belief
        if belief.tap_error_variance:
            rows = np.ascontiguousarray(x.detach().cpu().double().numpy())
            taps = np.concatenate(
                [belief.erroneous_taps(1, rng_for("taps", digest(row.tobytes()))) for row in rows]
            )[:, :, : x.shape[-1]]
        else:
            taps = belief.taps[None, :, None]
        symbols = self.symbols.cpu().numpy()
        if belief.noise == "poisson":
            symbols = (1 + symbols) / 2
        mean = belief.mean_output(taps @ symbols.T)
        return torch.as_tensor(mean).to(x.device)

    def log_likelihood(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(n, C, T + L − 1, S)"]:
        """Return log p(x_t | state) (n, C, T + L − 1, S) of x (n, C, A, T + L − 1)."""
        x, mean = self.looked_at(x), self.outputs(x)
        if self.belief.noise == "poisson":
            return poisson_log_likelihood(x, mean)
        return gaussian_log_likelihood(x, mean) / self.belief.noise_std**2


def gaussian_log_likelihood(
    x: Annotated[Tensor, "(n, C, A, T + L − 1)"], mean: Tensor
) -> Annotated[Tensor, "(n, C, T + L − 1, S)"]:
    """Return σ² log p(x_t | state) (n, C, T + L − 1, S), without what all states have in common.

    Σ_a x_at m − A m²/2

    Args:
        x: observations (n, C, A, T + L − 1), in noise of variance σ².
        mean: m, what each state gives, (n or 1, C, T + L − 1 or 1, S).
    """
    return (x.sum(2)[..., None] - x.shape[2] / 2 * mean) * mean


def poisson_log_likelihood(
    x: Annotated[Tensor, "(n, C, A, T + L − 1)"], mean: Tensor
) -> Annotated[Tensor, "(n, C, T + L − 1, S)"]:
    """Return log p(x_t | state) (n, C, T + L − 1, S), without what all states have in common.

    Σ_a x_at log m − A m

    Args:
        x: counts (n, C, A, T + L − 1).
        mean: m, what each state gives, (n or 1, C, T + L − 1 or 1, S).
    """
    return x.sum(2)[..., None] * mean.log() - x.shape[2] * mean
