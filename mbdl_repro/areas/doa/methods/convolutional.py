"""The convolutional network that says of each angle of a grid how likely it has a source."""

from __future__ import annotations

import itertools
import math
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance import heard
from mbdl_repro.areas.doa.signal.features import centre_and_spread, scaled_covariance
from mbdl_repro.areas.doa.signal.peaks import centroids, highest_peaks
from mbdl_repro.areas.doa.signal.periodic import periodic
from mbdl_repro.contract.method import Family, Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Perceptron


class Convolutional(Method):
    """A convolutional network from a covariance to the probability of a source at each of G angles.

    The channels are real part, imaginary part and phase of R = X Xᴴ/T, divided by its mean
    diagonal, each pixel with mean 0 and variance 1 over the training data. Convolutions, without
    padding, are followed by dense layers, with rectifiers between all of them, and the
    probabilities p are sigmoids of the last's outputs. G angles stand on a circle, on which −90°
    and 90° are one.

    It is trained as so many binary classifiers, on the cross-entropy to targets
    q_g = max_m exp(−(θ_g − θ_m)² / 2w²), summed over the grid. Estimates are at the M highest peaks
    of p: the mean angle of what it weighs within 3 w, at least two steps. Where there are fewer
    peaks, or all snapshots are zero, the answer is NaN.

    Args:
        belief: gives M and N; nothing else is read.
        channels: of each convolution.
        kernel: sensors over which a convolution goes, in rows and columns.
        hidden_widths: entries of each dense hidden layer.
        grid: G, steps over 180°.
        label_width_deg: w.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: after Papageorgiou, Sellathurai and Eldar, 2021, whose network has 28 million weights,
    and targets of 0 and 1.
    """

    name = "convolutional"
    family = Family.DEEP_LEARNING

    def __init__(
        self,
        belief: SensorArray,
        *,
        channels: tuple[int, ...] = (16,),
        kernel: Annotated[int, Ge(1)] = 2,
        hidden_widths: tuple[int, ...] = (256, 256),
        grid: Annotated[int, Ge(8)] = 180,
        label_width_deg: Annotated[float, Gt(0)] = 1.5,
    ) -> None:
        super().__init__()
        N = self.n_sensors = belief.n_sensors
        self.n_sources: int = belief.required("n_sources")
        side = N - len(channels) * (kernel - 1)
        if side < 1:
            raise ValueError(
                f"kernel is {kernel}, and channels are of {len(channels)} convolutions: they leave "
                f"nothing of {N} sensors"
            )
        self.convolutions = nn.ModuleList(
            nn.utils.skip_init(nn.Conv2d, *pair, kernel, dtype=torch.float64)
            for pair in itertools.pairwise((3, *channels))
        )
        flat = side * side * (3, *channels)[-1]
        self.network = Perceptron((flat, *hidden_widths, grid))
        for parameter in self.convolutions.parameters():
            nn.init.zeros_(parameter)
        step = 180 / grid
        self.reach = min(max(2, math.ceil(3 * label_width_deg / step)), (grid - 1) // 2)
        self.label_width_rad = math.radians(label_width_deg)
        self.grid_rad: Tensor
        self.centre: Tensor
        self.spread: Tensor
        angles = (torch.arange(grid, dtype=torch.float64) / grid - 0.5) * math.pi
        self.register_buffer("grid_rad", angles)
        self.register_buffer("centre", torch.zeros(3, N, N, dtype=torch.float64))
        self.register_buffer("spread", torch.ones(3, N, N, dtype=torch.float64))

    def features(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, 3, N, N)"]:
        """Return the image (n, 3, N, N) of snapshots (n, N, T)."""
        R = scaled_covariance(x, self.n_sensors)
        return torch.stack([R.real, R.imag, _phase(R)], 1)

    def prepare(self, split: Split) -> Split:
        """Return features in place of snapshots."""
        return Split(self.features(split.x), split.s)

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Measure the features, and draw weights from N(0, 2/fan-in), the last's N(0, 1/fan-in).

        At first, all probabilities are about those of the grid's share that is near a source.

        Args:
            train: images x (n_train, 3, N, N), and angles s (n_train, M), in rad.
            rng: the generator to draw from, of the CPU.
        """
        centre, spread = centre_and_spread(train.x)
        self.centre.copy_(centre)
        self.spread.copy_(spread)
        for layer in self.convolutions:
            weights, offsets = layer.parameters()
            drawn = torch.randn(weights.shape, generator=rng, dtype=weights.dtype)
            weights.copy_(drawn * math.sqrt(2 / weights[0].numel()))
            offsets.zero_()
        self.network.draw(rng, gain=2, last_gain=1)
        share = self._targets(train.s.to(self.grid_rad)).mean().clamp(1e-3, 0.5)
        self.network.offsets[-1].fill_(share.logit())

    def forward(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return the angles of snapshots."""
        x, rows = heard(x)
        at, there = self._peaks(x)
        return torch.where(there & rows[:, None], at, math.nan).sort(-1).values

    def loss(self, x: Annotated[Tensor, "(n, 3, N, N)"], s: Annotated[Tensor, "(n, M)"]) -> Tensor:
        """Return the mean cross-entropy, in nats.

        Args:
            x: images (n, 3, N, N).
            s: true angles (n, M), in rad.

        Returns:
            The mean over rows of the sum over the grid.
        """
        entropy = nn.functional.binary_cross_entropy_with_logits(
            self._logits(x), self._targets(s), reduction="none"
        )
        return entropy.sum(-1).mean()

    def illustrations(self, x: Annotated[Tensor, "(n, N, T)"]) -> dict[str, Tensor]:
        """Return the probabilities (n, G), and their grid, in rad."""
        p = self._logits(self.features(x).to(self.centre)).sigmoid()
        return {"spectrum": p, "grid_rad": self.grid_rad.expand_as(p)}

    def _peaks(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the angles (n, M) of the highest peaks, in rad, and whether there are as many."""
        logits = self._logits(self.features(x).to(self.centre))
        at, there = highest_peaks(logits, self.n_sources, circular=True)
        angle = centroids(logits.sigmoid(), at, self.reach) * (math.pi / len(self.grid_rad))
        return periodic(angle - math.pi / 2), there

    def _logits(self, image: Tensor) -> Tensor:
        z = (image - self.centre) / self.spread
        for convolution in self.convolutions:
            z = torch.relu(convolution(z))
        logits: Tensor = self.network(z.flatten(-3))
        return logits

    def _targets(self, s: Tensor) -> Tensor:
        """Return q (n, G) of angles s (n, M)."""
        away = periodic(self.grid_rad - s[..., None]).abs().amin(-2)
        return torch.exp(-0.5 * (away / self.label_width_rad).square())


def _phase(R: Tensor) -> Tensor:
    """Return the phases, 0 on the diagonal, of which rounding would make 0 or 2π."""
    return torch.where(torch.eye(R.shape[-1], dtype=torch.bool, device=R.device), 0, R.angle())
