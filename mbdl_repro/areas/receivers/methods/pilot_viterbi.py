"""The Viterbi algorithm with taps from the pilots of each block."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.receivers.systems.fading_memory import FadingMemory
from mbdl_repro.areas.receivers.trellis.detector import TrellisDetector, gaussian_log_likelihood
from mbdl_repro.areas.receivers.trellis.states import states_of, symbols_of_states
from mbdl_repro.contract.method import Family


class PilotViterbi(TrellisDetector):
    """The Viterbi algorithm with taps that each block's own pilots give, by least squares.

    ĥ_j = argmin Σ_t (x_jt − Σ_l h_l s_{t−l})²,  t over the pilots of block j

    Args:
        belief: gives the pilots, L and T; the output is taken for linear, noise for Gaussian, and
            symbols for independent.

    Maps x (n, B, A, P + L − 1 + T + L − 1) to decisions ±1 (n, B, T).

    Source: textbook.
    """

    name = "pilot_viterbi"
    family = Family.MODEL_BASED

    def __init__(self, belief: FadingMemory) -> None:
        super().__init__(belief)
        self.stay_probability = 0.5  # a source would be weighed against σ, which is not known
        if belief.n_pilots == 0:
            raise ValueError("n_pilots is 0: taps are fitted to pilots, and at least 1 is needed")
        symbols = symbols_of_states(belief.n_taps)
        sent = symbols[states_of(torch.as_tensor(belief.pilots), belief.n_taps)]
        self.register_buffer("symbols", symbols)
        self.register_buffer("from_pilots", torch.linalg.pinv(sent))
        self.symbols: Tensor
        self.from_pilots: Tensor

    def log_likelihood(
        self, x: Annotated[Tensor, "(n, B, A, P + L − 1 + T + L − 1)"]
    ) -> Annotated[Tensor, "(n, B, T + L − 1, S)"]:
        """Return σ² log p(x_t | state) (n, B, T + L − 1, S) of x, with its pilots first."""
        taps = x[..., : self.n_pilot_values].mean(2) @ self.from_pilots.mT  # (n, B, L)
        mean = (taps @ self.symbols.mT)[:, :, None]
        return gaussian_log_likelihood(self.looked_at(x), mean)
