"""A normalizing flow of small images: an invertible G from noise, and so an exact density."""

from __future__ import annotations

import math
from typing import Annotated, Any, cast

import torch
from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.networks.perceptron import SmoothPerceptron
from mbdl_repro.areas.image_restoration.priors.prior import Prior
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for

COPIES = 16
"""Rows an image, each with dither of its own."""

LARGEST_LOG_SCALE = 2.0
"""Of one coupling, which stretches by e² at most."""


class Flow(Prior):
    """Affine couplings, one after the other, between images and z ~ N(0, I).

    Each coupling leaves one half of the entries, a, and moves the other, b, by what a small
    network sees in a:  b ← (b − t(a)) · exp(−c(a)),  log|det| = −Σ c(a).  The halves are drawn
    at random, and the next coupling moves the other one. First the images' mean is subtracted
    and they are divided by their standard deviation, one number for all pixels.

    Grey values of digits are multiples of 1/16, which a density would not be of: uniform dither
    within such a step is added to the images it is fitted to.

    Args:
        size: entries of an image.
        layers: number of couplings.
        hidden_size: units in each of the two hidden layers of a coupling's network.
        dither: width of the uniform dither.

    Source: Dinh, Sohl-Dickstein and Bengio, 2017.
    """

    # Once the path of this class; the weights of all results were drawn from this stream.
    name = "mbdl_repro.image_restoration.flow.Flow"

    def __init__(self, size: int, layers: int, hidden_size: int, dither: float) -> None:
        super().__init__()
        self.size = size
        self.hidden_size = hidden_size
        self.dither = dither
        half = size // 2
        rng = torch_rng_for("halves", size, layers)
        halves: list[Tensor] = []
        for i in range(layers):
            if i % 2:
                before = halves[-1]
                halves.append(torch.cat([before[half:], before[:half]]))
            else:
                halves.append(torch.randperm(size, generator=rng))
        self.orders: Tensor
        self.register_buffer("orders", torch.stack(halves), persistent=False)
        networks: list[SmoothPerceptron] = []
        for i in range(layers):
            # After a swap of halves of an odd size, the first part is the longer one.
            kept = half if i % 2 == 0 else size - half
            widths = [kept, hidden_size, hidden_size, 2 * (size - kept)]
            networks.append(SmoothPerceptron(widths))
        self.networks = nn.ModuleList(networks)
        self.mean = nn.Parameter(torch.zeros(size, dtype=torch.float64))
        self.log_gain = nn.Parameter(torch.zeros((), dtype=torch.float64))
        """log of the standard deviation"""

    @property
    def settings(self) -> dict[str, Any]:
        """Sizes, and the dither."""
        sizes = {name: getattr(self, name) for name in ("size", "hidden_size", "dither")}
        return sizes | {"layers": len(self.networks)}

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw weights, such that the flow begins as the subtraction of the mean and a division."""
        for network in self._perceptrons():
            network.draw(rng, gain=2, last_gain=2e-4)
        images = train.s.flatten(1)
        self.mean.copy_(images.mean(0))
        self.log_gain.copy_((images - images.mean(0)).square().mean().clamp_min(1e-12).log() / 2)

    def pairs(self, s: Tensor, rng: torch.Generator) -> Split:
        """Give each image several rows, to which x is the dither (rows, side, side)."""
        rows = s.repeat(COPIES, 1, 1)
        uniform = torch.rand(rows.shape, generator=rng, dtype=s.dtype).to(s.device)
        return Split(x=self.dither * (uniform - 0.5), s=rows)

    def loss(
        self, x: Annotated[Tensor, "(n, side, side)"], s: Annotated[Tensor, "(n, side, side)"]
    ) -> Tensor:
        """Return the mean over rows of −log p(s + x), in nats.

        Args:
            x: dither (n, side, side).
            s: images (n, side, side).
        """
        return -self.log_density((s + x).flatten(1)).mean()

    def log_density(self, s: Annotated[Tensor, "(n, size)"]) -> Tensor:
        """Return log p(s) = log N(z; 0, I) + log|det ∂z/∂s| of each row of (n, size)."""
        z, log_det = self.latent(s)
        return standard_normal_log_density(z) + log_det

    def latent(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """Return z of images (n, size), and log|det ∂z/∂s| (n,)."""
        z = (s - self.mean) * (-self.log_gain).exp()
        log_det = -self.size * self.log_gain.expand(len(s))
        for order, network in zip(self.orders, self._perceptrons(), strict=True):
            kept, moved, shift, logs = self._coupling(z, order, network)
            moved = (moved - shift) * (-logs).exp()
            z = torch.zeros_like(z).index_copy(1, order, torch.cat([kept, moved], 1))
            log_det = log_det - logs.sum(1)
        return z, log_det

    def generate(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return images G(z) (n, size), and log|det ∂G/∂z| (n,): the inverse of :meth:`latent`."""
        log_det = self.size * self.log_gain.expand(len(z))
        for order, network in zip(self.orders.flip(0), self._perceptrons()[::-1], strict=True):
            kept, moved, shift, logs = self._coupling(z, order, network)
            moved = moved * logs.exp() + shift
            z = torch.zeros_like(z).index_copy(1, order, torch.cat([kept, moved], 1))
            log_det = log_det + logs.sum(1)
        return self.mean + z * self.log_gain.exp(), log_det

    def _perceptrons(self) -> list[SmoothPerceptron]:
        return cast("list[SmoothPerceptron]", list(self.networks))

    def _coupling(
        self, z: Tensor, order: Tensor, network: SmoothPerceptron
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the half that is kept, the one that is moved, and its shift and log-scale."""
        inputs = network.weights[0].shape[1]
        kept, moved = z[:, order].tensor_split([inputs], 1)
        shift, logs = network(kept).chunk(2, 1)
        return kept, moved, shift, LARGEST_LOG_SCALE * (logs / LARGEST_LOG_SCALE).tanh()


def standard_normal_log_density(z: Annotated[Tensor, "(n, d)"]) -> Tensor:
    """Return log N(z; 0, I) of each row of (n, d)."""
    return -0.5 * (z.square().sum(1) + z.shape[1] * math.log(2 * math.pi))
