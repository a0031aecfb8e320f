"""The channel from pilots by least squares, then the Viterbi algorithm: the honest baseline."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.areas.receivers.trellis.detector import (
    TrellisDetector,
    gaussian_log_likelihood,
    poisson_log_likelihood,
)
from mbdl_repro.areas.receivers.trellis.states import states_of, symbols_of_states
from mbdl_repro.contract.method import ClosedFormMethod, Family
from mbdl_repro.contract.scenario import Split


class LeastSquaresViterbi(TrellisDetector, ClosedFormMethod):
    """The Viterbi algorithm with taps that are fitted to pilots by least squares.

    ĥ, ĉ = argmin Σ_t ‖x_t − c − Σ_l h_l s_{t−l}‖², of each channel by itself

    Args:
        belief: gives the taps that it starts from, L, T, A, and the kind of noise; the output is
            taken for linear, symbols for independent. Gaussian noise is the same for all states,
            and its σ has no part in the decisions. Counted photons grow with
            Σ_l h_l (1 + s_{t−l}) / 2, to which the taps are fitted, as their law and the SNR say.
        offset: whether an offset c is fitted, too, and not 0.

    Maps x (n, C, A, T + L − 1) to decisions ±1 (n, C, T).

    Source: textbook; Section 5.1, generative learning.
    """

    name = "least_squares_viterbi"
    family = Family.GENERATIVE_LEARNING
    parent = "viterbi"

    def __init__(self, belief: FiniteMemory, *, offset: bool = False) -> None:
        super().__init__(belief)
        self.stay_probability = 0.5  # a source would be weighed against σ, which is not known
        if offset and belief.noise == "poisson":
            raise ValueError(
                "offset is not allowed where the belief is in counted photons, whose law says what "
                "is counted of none: believe in noise: gaussian"
            )
        self.photons = belief.noise == "poisson"
        self.noise_std = belief.noise_std if self.photons else 1.0
        self.taps = nn.Parameter(torch.as_tensor(belief.taps))
        self.offset = nn.Parameter(self.taps.new_zeros(len(self.taps), 1), requires_grad=offset)
        self.register_buffer("symbols", symbols_of_states(belief.n_taps))
        self.symbols: Tensor

    def solve(self, train: Split) -> None:
        """Fit the taps to pilots: observations (n, C, A, T + L − 1), symbols (n, C, T)."""
        received, sent = self._pairs(*train)
        received = received.mean(2).movedim(1, 0).flatten(1)  # (C, n (T + L − 1))
        sent = sent.movedim(1, 0).flatten(1, 2)
        if self.offset.requires_grad:
            sent = torch.cat([sent, torch.ones_like(sent[..., :1])], 2)
        # So few unknowns that are so little alike lose nothing by the normal equations.
        moments = torch.einsum("ctl,ct->cl", sent, received)
        found = torch.linalg.solve(sent.mT @ sent, moments)
        self.taps.copy_(found[:, : self.n_taps])
        if self.offset.requires_grad:
            self.offset.copy_(found[:, self.n_taps :])

    def _pairs(self, x: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """Return values that are linear in the taps, and what was sent, as often as it was seen.

        (n, C, A, T + L − 1), and the last L symbols of each, newest first (n, C, T + L − 1, L).
        """
        received = self.looked_at(x)
        sent = self._weighed(self.symbols[states_of(s, self.n_taps)[..., : received.shape[-1]]])
        if self.photons:
            received = (received - 1) * self.noise_std
        return received, sent

    def _weighed(self, symbols: Tensor) -> Tensor:
        """Return what the taps are multiplied with: of counted photons (1 + s) / 2."""
        return (1 + symbols) / 2 if self.photons else symbols

    def loss(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"], s: Annotated[Tensor, "(n, C, T)"]
    ) -> Tensor:
        """Return what is left of the pilots: the mean square of x_t − c − Σ_l h_l s_{t−l}.

        Args:
            x: observations (n, C, A, T + L − 1).
            s: pilots (n, C, T).
        """
        received, sent = self._pairs(x, s)
        mean = (sent * self.taps[:, None]).sum(-1) + self.offset
        return (received - mean[:, :, None]).square().mean()

    def log_likelihood(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(n, C, T + L − 1, S)"]:
        """Return log p(x_t | state) (n, C, T + L − 1, S) of x (n, C, A, T + L − 1)."""
        mean = (self.taps @ self._weighed(self.symbols).mT + self.offset)[None, :, None]
        if self.photons:
            return poisson_log_likelihood(self.looked_at(x), 1 + mean.clamp(min=0) / self.noise_std)
        return gaussian_log_likelihood(self.looked_at(x), mean)
