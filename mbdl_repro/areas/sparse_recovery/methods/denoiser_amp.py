"""AMP with a denoiser that a network learned from signals alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import repeat
from typing import Annotated, Any

import torch
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.bases import DenoisingAmp
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.amp import Denoiser
from mbdl_repro.areas.sparse_recovery.updates.scalar_network import gain_inputs, network_gain
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_of
from mbdl_repro.learning.layers import Perceptron

N_NOISY = 1000
"""Noisy signals that a fit has at least: a few signals are seen in the noise of many draws."""


class DenoiserAmp(DenoisingAmp):
    """Plug-and-play AMP, whose denoiser is a network on each entry, trained without observations.

    s ← f(z; τ),    f(z; τ) = z σ(M(log(1 + (z/τ)²), log τ)),
    trained on the mean of ‖f(s + τ w; τ) − s‖² / τ²,    w ~ N(0, I),    log τ uniform

    So it stands for the prior alone, whatever H is: trained well, f is the posterior mean. τ
    ranges from a little less than σ to a little more than the noise that AMP sees in its first
    step. AMP's τ are not let below that range.

    Args:
        belief: knows H, whose columns must be independent and of length one; the noise and the
            energy of signals, for the range of τ.
        hidden_widths: entries of each hidden layer of M (tanh).

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Section 5.4; Metzler, Maleki and Baraniuk, 2016, for AMP with a denoiser.
    """

    name = "denoiser_amp"
    family = Family.DNN_AIDED_PRIOR

    def __init__(
        self, belief: SparseRecovery, *, hidden_widths: tuple[int, ...] = (16, 16), **settings: Any
    ) -> None:
        super().__init__(belief, **settings)
        self.network = Perceptron((2, *hidden_widths, 1), "tanh")
        first = math.sqrt(belief.sigma**2 + belief.mean_energy / belief.n_observations)
        self.smallest, self.largest = 0.9 * belief.sigma, 1.5 * first

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of M."""
        self.network.draw(rng, gain=1, last_gain=1)

    def denoise(
        self, z: Annotated[Tensor, "(n, m)"], tau: Annotated[Tensor, "(n, 1)"]
    ) -> tuple[Tensor, Tensor]:
        """Return f(z; τ) and its derivative in z, each (n, m).

        Args:
            z: signals in white noise (n, m).
            tau: τ, its standard deviation (n, 1).
        """
        tau = tau.clamp_min(self.smallest)
        return network_gain(z, tau, self._level(tau), self.network)

    def _level(self, tau: Tensor) -> Tensor:
        return (tau / math.sqrt(self.smallest * self.largest)).log()

    def denoisers(self) -> Iterator[Denoiser]:
        """Yield the network, of every step."""
        return repeat(self.denoise, self.iterations)

    @torch.no_grad()
    def prepare(self, split: Split) -> Split:
        """Return signals in white noise, with its τ behind (rows, m + 1), and the signals.

        The noise comes from a stream that is named by the signals.
        """
        rng = torch_rng_of(split.s, "noise", self.name)
        s = split.s.repeat(-(-N_NOISY // max(len(split.s), 1)), 1)
        uniform = torch.rand(len(s), 1, generator=rng, dtype=torch.float64)
        tau = self.smallest * (self.largest / self.smallest) ** uniform
        noisy = s + (tau * torch.randn(s.shape, generator=rng, dtype=torch.float64)).to(s)
        return Split(torch.cat([noisy, tau.to(s)], 1), s)

    def loss(self, x: Annotated[Tensor, "(n, m + 1)"], s: Annotated[Tensor, "(n, m)"]) -> Tensor:
        """Return the mean over rows of ‖f(s + τ w; τ) − s‖² / τ².

        Args:
            x: s + τ w, and τ behind (n, m + 1).
            s: signals (n, m).
        """
        z, tau = x[:, :-1], x[:, -1:]
        M = self.network(gain_inputs(z, tau, self._level(tau)))[..., 0]
        return ((z * M.sigmoid() - s) / tau).square().sum(1).mean()
