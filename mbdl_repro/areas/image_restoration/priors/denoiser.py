"""A denoiser that is given the noise level, trained on images alone: the prior of plug-and-play."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from mbdl_repro.areas.image_restoration.networks.convolutional import (
    PIXEL_SCALE,
    ConvolutionalNetwork,
    surrounded,
)
from mbdl_repro.areas.image_restoration.priors.prior import Prior
from mbdl_repro.contract.scenario import Split

Lipschitz = Literal["free", "firmly_nonexpansive"]

DRAWS = 2
"""Noisy copies of each training patch."""

GRID = 32
"""Frequencies in each direction at which the gain of a convolution is computed."""


class Denoiser(Prior):
    """D(z, σ), an estimate of an image out of z = s + σ n, n ~ N(0, I).

    ``free``: D(z, σ) = z + σ N(z, σ), N a network of 3 × 3 convolutions that sees σ as a
    second channel; its weights may be anything.

    ``firmly_nonexpansive``: D(·, σ) = ½(I + N_σ), where N_σ is :class:`Reflections`, so that,
    whatever the weights, ‖N_σ(z) − N_σ(z′)‖ ≤ ‖z − z′‖, and iterations of plug-and-play with
    one σ throughout come nearer to every fixed point.

    Either returns z for σ = 0. Trained on patches with noise of random level, σ uniform from 0
    to ``largest_std``, on the mean of ‖D(z, σ) − s‖² / σ^1.5: between errors in pixels, where
    strong noise alone would count, and errors in units of the noise, where weak noise would.

    Args:
        channels: of each hidden layer; of the other kind, filters of each reflection.
        layers: of convolutions; of the other kind, reflections.
        lipschitz: which of the two kinds.
        largest_std: the largest noise level in training, in pixels' units.

    Source: Zhang, Zuo and Zhang, 2018 (the noise level as an input); Section 5.4.
    """

    # Once the path of this class; the weights of all results were drawn from this stream.
    name = "mbdl_repro.image_restoration.denoiser.Denoiser"

    def __init__(
        self, *, channels: int, layers: int, lipschitz: Lipschitz = "free", largest_std: float = 0.2
    ) -> None:
        super().__init__()
        self.channels = channels
        self.layers = layers
        self.lipschitz = lipschitz
        self.largest_std = largest_std
        self.network: ConvolutionalNetwork | Reflections
        if lipschitz == "free":
            self.network = ConvolutionalNetwork(channels, layers, inputs=2)
        else:
            self.network = Reflections(channels, layers)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings."""
        return {
            "channels": self.channels,
            "layers": self.layers,
            "lipschitz": self.lipschitz,
            "largest_std": self.largest_std,
        }

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the network's weights."""
        self.network.draw(rng)

    def pairs(self, s: Tensor, rng: torch.Generator) -> Split:
        """Add noise to each image, at two levels: x (2n, 2, side, side), noisy image and σ.

        Levels are spread evenly over their range, in random order.
        """
        s = s.repeat(DRAWS, 1, 1)
        places = torch.randperm(len(s), generator=rng).to(s)
        places += torch.rand(len(s), generator=rng, dtype=torch.float64).to(s)
        std = (self.largest_std / len(s) * places)[:, None, None]
        noise = torch.randn(s.shape, generator=rng, dtype=torch.float64).to(s)
        return Split(torch.stack([s + std * noise, std.expand_as(s)], 1), s)

    def loss(
        self, x: Annotated[Tensor, "(n, 2, side, side)"], s: Annotated[Tensor, "(n, side, side)"]
    ) -> Tensor:
        """Return the mean of ‖D(z, σ) − s‖² / σ^1.5.

        Args:
            x: noisy images and their σ (n, 2, side, side), as :meth:`pairs` makes them.
            s: the images without noise (n, side, side).
        """
        std = x[:, 1, 0, 0]
        errors = (self(x[:, 0], std) - s).square().sum((1, 2))
        return (errors / std**1.5).mean()

    def forward(self, z: Annotated[Tensor, "(n, height, width)"], std: Tensor | float) -> Tensor:
        """Return D(z, σ).

        Args:
            z: images (n, height, width); with an even number of pixels a side, where the
                denoiser is firmly non-expansive.
            std: σ ≥ 0, in pixels' units: a number, or one an image (n,).
        """
        return self.prepared()(z, std)

    def prepared(self) -> Callable[..., Tensor]:
        """Return D as a function of z and σ, for the weights as they are.

        What is made of weights alone is made here, once for all that it is used on.
        """
        if isinstance(self.network, Reflections):
            return partial(self._reflected, filters=self.network.bounded_filters())
        return self._corrected

    def _reflected(self, z: Tensor, std: Tensor | float, filters: list[Tensor]) -> Tensor:
        assert isinstance(self.network, Reflections)
        return 0.5 * (z + self.network(z, _levels(z, std), filters))

    def _corrected(self, z: Tensor, std: Tensor | float) -> Tensor:
        levels = _levels(z, std)
        sigma = levels[:, None, None]
        seen = [PIXEL_SCALE * (z - 0.5), (sigma / self.largest_std).expand_as(z)]
        return z + sigma * self.network(torch.stack(seen, 1))[:, 0]


def _levels(z: Tensor, std: Tensor | float) -> Tensor:
    """Return the level of each image (n,)."""
    return torch.as_tensor(std, dtype=z.dtype, device=z.device).expand(len(z))


class Reflections(nn.Module):
    """A map of images with Lipschitz constant 1, whatever its weights.

    N_σ = R_L ∘ … ∘ R_1,  R(z) = z − 2 Wᵀφ(W z),  φ(t) = max(−στ, min(t, στ))

    W is a convolution, divided by its operator norm where that is above one, and τ > 0 belongs
    to the filter. φ is monotone and non-expansive, so Wᵀφ(W ·) is the gradient of a convex
    function that is 1-smooth, so it is firmly non-expansive, and R is non-expansive. ½(I + R),
    of a single layer, shrinks what filters respond with: Wφ goes, what is above στ stays.

    Filters see the four pixels of each 2 × 2 square as channels, and every other layer's squares
    lie one pixel further down and to the right; both only rearrange pixels.

    Args:
        channels: filters in each W, of 6 × 6 pixels.
        layers: L.

    Source: ours, after Meunier, Delattre, Araujo and Allauzen, 2022 (convex potential layers),
    and Goujon et al., 2023 (convex ridge regularizers).
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.filters = nn.ParameterList(
            torch.zeros(channels, 4, 3, 3, dtype=torch.float64) for _ in range(layers)
        )
        self.log_thresholds = nn.ParameterList(
            torch.zeros(channels, dtype=torch.float64) for _ in range(layers)
        )

    @torch.no_grad()
    def draw(self, rng: torch.Generator) -> None:
        """Draw filters that sum to zero, with norm one; thresholds are σ."""
        for weight, log_threshold in zip(self.filters, self.log_thresholds, strict=True):
            drawn = torch.randn(weight.shape, generator=rng, dtype=weight.dtype).to(weight)
            drawn -= drawn.mean((1, 2, 3), keepdim=True)
            weight.copy_(drawn / operator_norm(drawn))
            log_threshold.zero_()

    def bounded_filters(self) -> list[Tensor]:
        """Return the filters of each layer, over their operator norm where that is above one."""
        return [weight / operator_norm(weight).clamp_min(1.0) for weight in self.filters]

    def forward(
        self,
        z: Annotated[Tensor, "(n, height, width)"],
        std: Annotated[Tensor, "(n,)"],
        filters: list[Tensor],
    ) -> Annotated[Tensor, "(n, height, width)"]:
        """Return N_σ(z), images (n, height, width).

        Args:
            z: images (n, height, width), with an even number of pixels a side.
            std: σ ≥ 0 of each image, in pixels' units (n,).
            filters: of each layer, as :meth:`bounded_filters` returns them.

        Raises:
            ValueError: if a side has an odd number of pixels.
        """
        height, width = z.shape[1:]
        if height % 2 or width % 2:
            raise ValueError(
                f"images have {height} × {width} pixels: a firmly non-expansive denoiser takes "
                "an even number a side"
            )
        given = z.dtype
        # As networks do: single precision where no gradient is asked for.
        kind = self.filters[0].dtype if torch.is_grad_enabled() else torch.float32
        z = z.to(kind)
        for i, (W, log_threshold) in enumerate(zip(filters, self.log_thresholds, strict=True)):
            W = W.to(kind)
            thresholds = (std[:, None] * log_threshold.exp()).to(kind)[:, :, None, None]
            moved = z.roll((-(i % 2), -(i % 2)), (1, 2))
            y = functional.pixel_unshuffle(moved[:, None], 2)
            t = _convolved(y, W)
            t = t.clamp(-thresholds, thresholds)
            back = functional.pixel_shuffle(_convolved(t, W.flip(2, 3).transpose(0, 1)), 2)
            z = z - 2 * back[:, 0].roll((i % 2, i % 2), (1, 2))
        return z.to(given)


def _convolved(y: Tensor, W: Tensor) -> Tensor:
    """Return the periodic convolution (n, b, height, width) of y (n, a, …) with W (b, a, 3, 3)."""
    return functional.conv2d(surrounded(y.contiguous(memory_format=torch.channels_last)), W)


def operator_norm(W: Annotated[Tensor, "(b, a, side, side)"]) -> Tensor:
    """Return a norm that W, as a periodic convolution, reaches or keeps below, on any image.

    A convolution multiplies frequency ω by a matrix Ŵ(ω), and its norm is the largest of theirs.
    ‖Ŵ(ω) a‖² is, for each a, a trigonometric polynomial of degree d = side − 1 in each direction;
    between N > 2d equally spaced frequencies it is at most 1 / cos²(πd/N) of its largest value
    there (Ehlich and Zeller, 1964), 4 % of it at N = 32 and d = 2. So the norm that is returned
    is exact up to 2 %, and never below the truth.

    Args:
        W: (b, a, side, side); gradients pass.
    """
    side = W.shape[-1]
    with torch.no_grad():
        gains = torch.fft.rfft2(W, s=(GRID, GRID)).permute(2, 3, 0, 1)
        # In real numbers: products of small complex matrices are made one at a time.
        n = W.shape[1]
        products = torch.cat([gains.real, gains.imag], -1)
        products = products.mT @ products
        real = products[..., :n, :n] + products[..., n:, n:]
        gram = torch.complex(real, products[..., :n, n:] - products[..., n:, :n])
        if not gram.isfinite().all():  # of which no eigenvalue can be found, nor a largest one
            return W.new_full((), math.nan)
        flat = int(torch.linalg.eigvalsh(gram)[..., -1].argmax())
        row, column = divmod(flat, gram.shape[1])
        there = gains[row, column]
        a = torch.linalg.eigh(there.mH @ there)[1][:, -1]
        angle = 2 * math.pi / GRID * torch.arange(side, device=W.device, dtype=W.dtype)
        phase = torch.polar(torch.ones_like(angle), -row * angle)[:, None] * torch.polar(
            torch.ones_like(angle), -column * angle
        )
    # The largest singular value's derivative is that of ‖Ŵ(ω) a‖ with ω and a as they are.
    reached = torch.einsum("bayx,yx,a->b", W.to(a.dtype), phase, a)
    return reached.abs().square().sum().sqrt() / math.cos(math.pi * (side - 1) / GRID)
