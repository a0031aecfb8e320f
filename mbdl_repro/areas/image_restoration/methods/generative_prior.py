"""Restoration by a search among the images that a generative network draws."""

from __future__ import annotations

import functools
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.blur import BlurAndDecimate
from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.physics.operator import Operator
from mbdl_repro.areas.image_restoration.priors.autoencoder import VariationalAutoencoder
from mbdl_repro.areas.image_restoration.solvers.latent_search import (
    LatentRestoration,
    Precision,
    latent_search,
    lower,
)
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.seeding import torch_rng_for


class GenerativePrior(LatentRestoration):
    """The image G(z) that explains x best, G the decoder of a variational autoencoder.

    ẑ = argmin ½ (x − H G(z))ᵀ C⁻¹ (x − H G(z)) + w/2 ‖z‖²,  ŝ = G(ẑ)

    C = τ² H Hᵀ + σ² I is the covariance of x given z: the decoder is off by N(0, τ² I), and
    observations by N(0, σ² I). With w = 1, ẑ is the most probable z. Each of several searches
    by the method of Levenberg and Marquardt starts elsewhere; the one that gets lowest answers.

    Args:
        latent_size: numbers in z.
        hidden_size: units in each hidden layer of the autoencoder.
        iterations: K, steps of each search.
        restarts: R, number of searches; the first starts from z = 0, others from N(0, I).
        decoder_std: τ; ``None``: what the autoencoder learned. 0 trusts the decoder.
        leave_range: answer E[s | x, ẑ] = G(ẑ) + τ² Hᵀ C⁻¹ (x − H G(ẑ)), which the decoder
            need not be able to draw, in place of G(ẑ).

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Bora, Jalal, Price and Dimakis, 2017, who descend by Adam, with C ∝ I; Dhar, Grover
    and Ermon, 2018, for leaving the range.
    """

    name = "generative_prior"
    family = Family.DNN_AIDED_PRIOR

    prior: VariationalAutoencoder

    def __init__(
        self,
        belief: DegradedImages,
        *,
        latent_size: Annotated[int, Ge(1)],
        hidden_size: Annotated[int, Ge(1)],
        iterations: Annotated[int, Ge(1)] = 15,
        restarts: Annotated[int, Ge(1)] = 8,
        decoder_std: Annotated[float, Ge(0)] | None = None,
        leave_range: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(belief, iterations=iterations, **settings)
        self.prior = VariationalAutoencoder(self.side, latent_size, hidden_size)
        drawn = torch.randn(
            restarts - 1,
            latent_size,
            generator=torch_rng_for("starts", "generative_prior", latent_size),
            dtype=torch.float64,
        )
        self.starts: Tensor
        starts = torch.cat([drawn.new_zeros(1, latent_size), drawn])
        self.register_buffer("starts", starts, persistent=False)
        self.decoder_std = decoder_std
        self.leave_range = leave_range

    def forward(self, x: Annotated[Tensor, "(n, …)"]) -> Annotated[Tensor, "(n, side, side)"]:
        """Return the restored images (n, side, side)."""
        self.check(x)
        z, _ = self._search(x, self.H, self._precision(), self.weight)
        return self._answer(z, x)

    def project(self, s: Tensor) -> Tensor:
        """Return the nearest image to s that the decoder draws, as far as the search finds it."""
        return self.prior.generate(self._nearest(s))

    def answer_from_oracle_start(
        self, x: Annotated[Tensor, "(n, …)"], s: Annotated[Tensor, "(n, side, side)"]
    ) -> Tensor:
        """Return what a search that starts at the truth's own z would answer too.

        That is the answer of the lower objective, of the search's and of one from the z whose
        image is nearest to s: how far :meth:`forward` is from it is for lack of search.

        Args:
            x: observations (n, …), as H makes them.
            s: the true images (n, side, side).
        """
        self.check(x)
        precision = self._precision()
        ours = self._search(x, self.H, precision, self.weight)
        other = self._search(x, self.H, precision, self.weight, [self._nearest(s)])
        return self._answer(lower(ours, other)[0], x)

    def _nearest(self, s: Tensor) -> Tensor:
        identity = BlurAndDecimate(s.new_ones(1, 1), 1)
        return self._search(s, identity, lambda r: r, 0.0)[0]

    @torch.no_grad()
    def _search(
        self,
        x: Tensor,
        H: Operator,
        precision: Precision,
        weight: float,
        starts: list[Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the best z (n, latent_size) over all starts, and its objective (n,)."""
        if starts is None:
            starts = [start.to(x.dtype).expand(len(x), -1) for start in self.starts]
        generator = self.prior.generate_with_jacobian
        ends = (
            latent_search(start, x, H, generator, precision, weight, self.iterations)
            for start in starts
        )
        return functools.reduce(lower, ends)

    def _variance(self) -> float:
        """Return τ²."""
        if self.decoder_std is None:
            return self.prior.log_variance.exp().item()
        return self.decoder_std**2

    def _precision(self) -> Precision:
        """Return C⁻¹."""
        variance, noise = self._variance(), self.noise_std**2
        if variance < 1e-6 * noise:
            return lambda r: r / noise
        return lambda r: self.H.solve_gram(r, noise / variance) / variance

    def _answer(self, z: Tensor, x: Tensor) -> Tensor:
        s = self.prior.generate(z)
        if self.leave_range and (variance := self._variance()) > 0:
            s = self.H.proximal(s, x, self.noise_std**2 / variance)
        return s
