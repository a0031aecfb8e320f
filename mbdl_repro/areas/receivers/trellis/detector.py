"""Detectors that go by how probable each observation is of each state of a trellis."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.areas.receivers.trellis.states import guarded, symbols_of_states
from mbdl_repro.contract.hashing import digest
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.seeding import rng_for

FRAMES_AT_ONCE = 16
"""Of which the values of all states are held in memory."""


class TrellisDetector(Method):
    """A detector of symbols through a channel with memory.

    Args:
        belief: gives L, T, A and the number of channels.

    Maps x (n, C, A, T + L − 1) to ŝ (n, C, T): decisions ±1, or means in [−1, 1].
    """

    def __init__(self, belief: FiniteMemory) -> None:
        super().__init__()
        self.n_taps = belief.n_taps
        self.n_symbols = belief.n_symbols
        symbols_of_states(self.n_taps)  # which refuses a trellis that is too large

    @abstractmethod
    def log_likelihood(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(n, C, T + L − 1, S)"]:
        """Return log p(x_t | state) (n, C, T + L − 1, S), up to what all states have in common.

        Args:
            x: observations (n, C, A, T + L − 1).
        """

    @abstractmethod
    def decided(
        self, log_likelihood: Annotated[Tensor, "(n, T', S)"]
    ) -> Annotated[Tensor, "(n, T')"]:
        """Return the newest symbol of each state (n, T') on the way through the trellis.

        Args:
            log_likelihood: of each state (n, T', S), −∞ where a known symbol would be another.
        """

    def forward(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(n, C, T)"]:
        """Return the symbols (n, C, T)."""
        if x.ndim != 4 or x.shape[-1] != self.n_symbols + self.n_taps - 1:
            raise ValueError(
                f"observations have the shape {tuple(x.shape)}: should be (n, C, A, "
                f"{self.n_symbols + self.n_taps - 1}), T + L − 1 values of a frame"
            )
        return torch.cat([self._frames(part) for part in x.split(FRAMES_AT_ONCE)])

    def _frames(self, x: Tensor) -> Tensor:
        n, C = x.shape[:2]
        seen = guarded(self.log_likelihood(x), self.n_taps).flatten(0, 1)
        bad = ~torch.isfinite(x).flatten(2).all(2).flatten()
        symbols = self.decided(torch.where(bad[:, None, None], 0.0, seen))[:, : self.n_symbols]
        return torch.where(bad[:, None], torch.nan, symbols).unflatten(0, (n, C))


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
        rows = x.detach().cpu().double().numpy()
        taps = np.concatenate(
            [
                self.belief.erroneous_taps(
                    1, rng_for("taps", digest(np.ascontiguousarray(row).tobytes()))
                )
                for row in (rows if self.belief.tap_error_variance else rows[:1])
            ]
        )
        symbols = self.symbols.cpu().numpy()
        if self.belief.noise == "poisson":
            symbols = (1 + symbols) / 2
        mean = self.belief.mean_output(taps @ symbols.T)
        return torch.as_tensor(mean).to(x.device)

    def log_likelihood(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(n, C, T + L − 1, S)"]:
        """Return log p(x_t | state) (n, C, T + L − 1, S) of x (n, C, A, T + L − 1)."""
        mean = self.outputs(x)
        if self.belief.noise == "poisson":
            return x.sum(2)[..., None] * mean.log() - x.shape[2] * mean
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
