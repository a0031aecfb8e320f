"""A variational autoencoder of small images: a decoder G that draws them out of few numbers."""

from __future__ import annotations

import math
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.networks.perceptron import SmoothPerceptron
from mbdl_repro.areas.image_restoration.priors.prior import Prior
from mbdl_repro.contract.scenario import Split

COPIES = 32
"""Rows an image, each with noise of its own: the expectation in the loss is over them."""

LARGEST_LOG = 12.0
"""Of the posterior's log-variances, which no long step then makes infinite."""


class VariationalAutoencoder(Prior):
    """Images s = G(z) + ε with z ~ N(0, I), ε ~ N(0, τ² I), fitted with an encoder for z.

    The loss is the negative evidence lower bound, of which the expectation is over z = a + b·e,
    e ~ N(0, I), with the encoder's mean a and standard deviation b:

    N/2 log(2π τ²) + ‖s − G(z)‖²/(2τ²) + ½ Σ (a² + b² − log b² − 1)

    τ is learned.

    Args:
        side: pixels a side.
        latent_size: numbers in z.
        hidden_size: units in each of the two hidden layers of encoder and of decoder.

    Source: Kingma and Welling, 2014.
    """

    # Once the path of this class; the weights of all results were drawn from this stream.
    name = "mbdl_repro.image_restoration.autoencoder.VariationalAutoencoder"

    def __init__(self, side: int, latent_size: int, hidden_size: int) -> None:
        super().__init__()
        self.side = side
        self.latent_size = latent_size
        self.hidden_size = hidden_size
        hidden = [hidden_size, hidden_size]
        self.encoder = SmoothPerceptron([side**2, *hidden, 2 * latent_size])
        self.decoder = SmoothPerceptron([latent_size, *hidden, side**2])
        self.log_variance = nn.Parameter(torch.zeros((), dtype=torch.float64))
        """log τ²"""

    @property
    def settings(self) -> dict[str, Any]:
        """Sizes."""
        return {name: getattr(self, name) for name in ("side", "latent_size", "hidden_size")}

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw weights; the decoder begins near the mean image, with the images' variance."""
        self.encoder.draw(rng, gain=2, last_gain=0.02)
        self.decoder.draw(rng, gain=2, last_gain=0.02)
        images = train.s.flatten(1)
        self.decoder.offsets[-1].copy_(images.mean(0))
        variance = (images - images.mean(0)).square().mean()
        self.log_variance.copy_(variance.clamp_min(1e-12).log())

    def pairs(self, s: Tensor, rng: torch.Generator) -> Split:
        """Give each image several rows, x the noise e of its z (rows, latent_size)."""
        rows = s.repeat(COPIES, 1, 1)
        noise = torch.randn(len(rows), self.latent_size, generator=rng, dtype=s.dtype)
        return Split(x=noise.to(s.device), s=rows)

    def encode(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance (n, latent_size) of z given images."""
        mean, logs = self.encoder(s.flatten(1)).chunk(2, 1)
        return mean, LARGEST_LOG * (logs / LARGEST_LOG).tanh()

    def generate(self, z: Tensor) -> Annotated[Tensor, "(n, side, side)"]:
        """Return G(z), images (n, side, side)."""
        return self.decoder(z).view(-1, self.side, self.side)

    def generate_with_jacobian(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return G(z), and its derivatives (n, latent_size, side, side)."""
        s, derivatives = self.decoder.with_jacobian(z)
        square = (self.side, self.side)
        return s.unflatten(-1, square), derivatives.unflatten(-1, square)

    def loss(
        self, x: Annotated[Tensor, "(n, latent_size)"], s: Annotated[Tensor, "(n, side, side)"]
    ) -> Tensor:
        """Return the mean over rows of the negative evidence lower bound, in nats.

        Args:
            x: noise (n, latent_size).
            s: images (n, side, side).
        """
        mean, logs = self.encode(s)
        drawn = self.generate(mean + (logs / 2).exp() * x)
        misfit = (s - drawn).square().flatten(1).sum(1) / self.log_variance.exp()
        likelihood = 0.5 * (misfit + self.side**2 * (math.log(2 * math.pi) + self.log_variance))
        return (likelihood + kl_to_standard_normal(mean, logs)).mean()


def kl_to_standard_normal(
    mean: Annotated[Tensor, "(n, d)"], logs: Annotated[Tensor, "(n, d)"]
) -> Tensor:
    """Return KL(N(a, diag b²) ‖ N(0, I)) = ½ Σ (a² + b² − log b² − 1) of each row.

    Args:
        mean: a (n, d).
        logs: log b² (n, d).
    """
    return 0.5 * (mean.square() + logs.exp() - logs - 1).sum(1)
