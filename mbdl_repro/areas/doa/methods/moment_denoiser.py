"""Alternating projections with a denoiser of moments that was trained on angles alone."""

from __future__ import annotations

import math
from typing import Annotated, Any

import torch
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.moments import complex_moments, moments_of, real_moments
from mbdl_repro.areas.doa.signal.periodic import periodic_loss
from mbdl_repro.areas.doa.signal.projection_method import ProjectionMethod
from mbdl_repro.contract.hashing import digest
from mbdl_repro.contract.method import Family, FitInputs
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.layers import Perceptron
from mbdl_repro.learning.training import History

LEVELS = (0.03, 3.0)
"""Standard deviations of the noise, from and to, that the denoiser is trained for."""

N_CHOICES = 13
"""Levels from one to the other of which validation chooses."""

N_NOISY = 2000
"""Noisy moments that a fit has at least: few angles are seen in the noise of many draws."""


class MomentDenoiser(ProjectionMethod):
    """Alternating projections of moments in which a denoiser replaces one projection.

    Where sources are coherent, snapshots say all moments at once: then one step is all there is.

    c ← D(what the snapshots say; τ), K times, then ESPRIT of T(c)
    D(c; τ) = c + τ M(c/M, log τ),  trained on the mean of ‖D(c + τ w; τ) − c‖² / τ²,
    w ~ N(0, I),  log τ uniform

    c are the 2(N − 1) real numbers of c_1 … c_{N−1}. D stands for the law of the angles alone: no
    snapshot is seen in its training, and it knows nothing of the array. The τ that it is told
    is the one with the least mean RMSPE on validation pairs. M, a perceptron, is 0 at first: then
    these are alternating projections.

    Args:
        hidden_widths: entries of each hidden layer of M (rectifiers).

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Section 5.4; Venkatakrishnan, Bouman and Wohlberg, 2013, for denoisers as priors.
    """

    name = "moment_denoiser"
    family = Family.DNN_AIDED_PRIOR
    parent = "alternating_projections"

    def __init__(
        self, belief: SensorArray, *, hidden_widths: tuple[int, ...] = (128, 128), **settings: Any
    ) -> None:
        super().__init__(belief, **settings)
        entries = 2 * (self.n_sensors - 1)
        self.network = Perceptron((entries + 1, *hidden_widths, entries))
        self.level: Tensor
        self.register_buffer("level", levels()[0].clone())

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of all layers of M but the last, which stays 0."""
        self.network.draw(rng, gain=2, last_gain=0)

    def denoised(
        self, parts: Annotated[Tensor, "(n, 2(N − 1))"], level: Annotated[Tensor, "(n, 1)"]
    ) -> Annotated[Tensor, "(n, 2(N − 1))"]:
        """Return D(c; τ) (n, 2(N − 1)).

        Args:
            parts: c_1 … c_{N−1}, real and imaginary (n, 2(N − 1)).
            level: τ (n, 1).
        """
        told = torch.cat([parts / self.n_sources, level.log()], -1)
        return parts + level * self.network(told)

    def known(self, c: Annotated[Tensor, "(n, N)"]) -> Annotated[Tensor, "(n, N)"]:
        """Return D(c; τ) (n, N) of moments c (n, N), at the level that validation chose."""
        level = self.level.expand(len(c), 1)
        return complex_moments(self.denoised(real_moments(c), level), self.n_sources)

    @torch.no_grad()
    def prepare(self, split: Split) -> Split:
        """Return noisy moments, with their τ behind (rows, 2N − 1), and the moments.

        The noise comes from a stream that is named by the angles; snapshots are not read.
        """
        array = split.s.detach().cpu().double().contiguous().numpy()
        rng = torch_rng_for("noise", self.name, digest(array.tobytes()))
        c = real_moments(moments_of(split.s, self.n_sensors, self.spacing))
        c = c.repeat(-(-N_NOISY // max(len(c), 1)), 1)
        uniform = torch.rand(len(c), 1, generator=rng, dtype=torch.float64)
        least, most = LEVELS
        level = least * (most / least) ** uniform
        noisy = c + (level * torch.randn(c.shape, generator=rng, dtype=torch.float64)).to(c)
        return Split(torch.cat([noisy, level.to(c)], 1), c)

    def loss(
        self, x: Annotated[Tensor, "(n, 2N − 1)"], s: Annotated[Tensor, "(n, 2(N − 1))"]
    ) -> Tensor:
        """Return the mean over rows of ‖D(c + τ w; τ) − c‖² / τ².

        Args:
            x: c + τ w, and τ behind (n, 2N − 1).
            s: moments c, real and imaginary parts (n, 2(N − 1)).
        """
        noisy, level = x[:, :-1], x[:, -1:]
        return ((self.denoised(noisy, level) - s) / level).square().sum(1).mean()

    def _fit(self, inputs: FitInputs) -> History:
        """Train D, then choose the level that it is told."""
        history = super()._fit(inputs)
        self._choose(inputs.validation)
        return history

    @torch.no_grad()
    def _choose(self, validation: Split) -> None:
        errors = []
        for level in levels():
            self.level.copy_(level)
            errors.append(periodic_loss(self(validation.x), validation.s).item())
        self.level.copy_(levels()[errors.index(min(errors))])


def levels() -> Annotated[Tensor, "(C,)"]:
    """Return the levels (C,) of which validation chooses, rising."""
    least, most = map(math.log, LEVELS)
    return torch.linspace(least, most, N_CHOICES, dtype=torch.float64).exp()
