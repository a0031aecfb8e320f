"""Networks from a signal's autocorrelation to a covariance that subspace methods can decompose."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from mbdl_repro.areas.doa.array import SensorArray, steering
from mbdl_repro.areas.doa.signal.spectrum import evaluated, grid_angles, lowest_minima
from mbdl_repro.areas.doa.signal.subspace import (
    angles_of,
    check_snapshots,
    esprit_roots,
    heard,
    noise_polynomial,
    periodic_loss,
    roots_inside,
    roots_of_sources,
    shown_roots,
    signal_subspace,
)
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.contract.shared_fits import SharedFits, unshared
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.learning.training import History, Report, gradient_descent, silent

Activation = Literal["anti_rectifier", "leaky_rectifier"]
Decoder = Literal["root_music", "esprit", "music"]
Structure = Literal["free", "persymmetric", "toeplitz"]

CHUNK = 2048
"""Rows of snapshots of which features are made at a time: their products fill 40 MB."""
BLOCK = 128
"""Rows that pass the network at a time: outputs of more leave the cache, and take twice as long."""
LOADING = 1.0
"""ε of R̂ = Kᴴ K + ε I, as published. It moves no eigenvector, so neither estimate nor loss."""


def lag_features(x: Tensor, lags: int) -> Tensor:
    """Return R[l] = Σ_t x_t x_{t+l}ᴴ / (T − l) of l = 0 … lags − 1, real over imaginary parts.

    They are divided by the received power, so that the unit in which snapshots are given means
    nothing, and another SNR changes features little. (The published code leaves the power in, and
    takes a mean over sensors and snapshots off, which no source has.)

    Args:
        x: snapshots (n, N, T).
        lags: how many.

    Returns:
        (n, lags, 2N, N), real, in the precision of x.
    """
    T = x.shape[-1]
    if lags > T:
        raise ValueError(f"lags is {lags}: allowed is 1 to {T}, the number of snapshots")
    power = x.abs().square().mean((1, 2))[:, None, None]
    power = torch.where(power > 0, power, 1)
    products = [x[..., : T - lag] @ x[..., lag:].mH / (T - lag) for lag in range(lags)]
    R = torch.stack([product / power for product in products], 1)
    return torch.cat([R.real, R.imag], 2)


class LagAutoencoder(nn.Module):
    """Convolutions with 2 × 2 kernels, three down and three up: (n, lags, 2N, N) to (n, 2N, N).

    The anti-rectifier z → (max(z, 0), max(−z, 0)) doubles the channels of each layer's output.

    Args:
        lags: channels of the input.
        channels: of the three layers down; those up mirror them.
        activation: after each layer but the last.
    """

    def __init__(self, lags: int, channels: tuple[int, int, int], activation: Activation) -> None:
        super().__init__()
        a, b, c = channels
        k = 2 if activation == "anti_rectifier" else 1
        down = [(lags, a), (k * a, b), (k * b, c)]
        up = [(k * c, b), (k * b, a), (k * a, 1)]
        self.layers = nn.ModuleList(
            nn.utils.skip_init(kind, *pair, 2, dtype=torch.float64)
            for kind, pairs in ((nn.Conv2d, down), (nn.ConvTranspose2d, up))
            for pair in pairs
        )
        self.activation = activation

    @torch.no_grad()
    def draw(self, rng: torch.Generator) -> None:
        """Draw weights N(0, g / fan-in), with g such that layers keep the mean square."""
        leak = 0.0 if self.activation == "anti_rectifier" else LEAK
        for i, layer in enumerate(self.layers):
            weight, offset = layer.parameters()
            fan_in = 4 * weight.shape[1 if isinstance(layer, nn.Conv2d) else 0]
            gain = 2 / (1 + leak**2) if i else 1.0
            drawn = torch.randn(weight.shape, generator=rng, dtype=weight.dtype)
            weight.copy_(drawn * math.sqrt(gain / fan_in))
            offset.zero_()

    def forward(self, features: Tensor) -> Tensor:
        """Return a real matrix (n, 2N, N) of features (n, lags, 2N, N)."""
        # With channels last in memory, a step of training takes a fifth less time.
        h = features.contiguous(memory_format=torch.channels_last)
        *inner, last = self.layers
        for layer in inner:
            h = layer(h)
            if self.activation == "anti_rectifier":
                h = torch.cat([h.relu(), (-h).relu()], 1)
            else:
                h = nn.functional.leaky_relu(h, LEAK)
        matrix: Tensor = last(h)[:, 0]
        return matrix


MOST_LAYERS = 3
"""Convolutions in a row, each of which takes a row and a column off what it reads."""

LEAK = 0.5
"""Slope of the leaky rectifier below zero."""


class LearnedCovariance(Method):
    """From snapshots to lag features, to a covariance that a network makes, to its subspaces.

    A fit draws weights, and makes the features once. A row of snapshots that are all zero, or not
    all finite, has no angles: NaN.

    Args:
        belief: gives N, M and the spacing.
        lags: matrices R[0] … R[lags − 1]; at most T.
        channels: of the network's layers.
        activation: of the network's layers.
        structure: what the network's covariance is averaged to: ``free``: nothing;
            ``persymmetric``: R = J R* J; ``toeplitz``: diagonals of one value each.
        decoder: from the covariance to angles.
        grid: points over [−90°, 90°) of MUSIC's spectrum.
        refine: go on from the grid to the peak itself.
    """

    unfitted_stream: ClassVar[str]
    """Names the stream of the weights that an unfitted instance has."""

    def __init__(
        self,
        belief: SensorArray,
        lags: int,
        channels: tuple[int, int, int],
        activation: Activation,
        structure: Structure,
        decoder: Decoder,
        grid: int = 360,
        *,
        refine: bool = True,
    ) -> None:
        super().__init__()
        self.n_sensors = belief.n_sensors
        self.n_sources: int = belief.required("n_sources")
        self.spacing: float = belief.required("spacing")
        if self.n_sensors < MOST_LAYERS + 1:
            raise ValueError(
                f"n_sensors is {self.n_sensors}: allowed is {MOST_LAYERS + 1} or more, of which "
                f"{MOST_LAYERS} convolutions leave something"
            )
        if lags > belief.n_snapshots:
            raise ValueError(
                f"lags is {lags}: allowed is 1 to n_snapshots, which is {belief.n_snapshots}"
            )
        self.lags = lags
        self.structure = structure
        self.decoder = decoder
        self.grid = grid
        self.refine = refine
        self.network = LagAutoencoder(lags, channels, activation)
        # An unfitted instance has to answer something: any weights, but always the same.
        self.network.draw(torch_rng_for("unfitted", self.unfitted_stream))

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the network's weights.

        Args:
            train: not read.
            rng: the generator to draw from, of the CPU.
        """
        self.network.draw(rng)

    def fit(
        self,
        train: Split,
        validation: Split,
        recipe: Recipe,
        rng: torch.Generator,
        report: Report = silent,
        shared: SharedFits = unshared,
    ) -> History:
        """Fit by gradient descent, on features that are made once."""
        single = recipe.precision == "single"
        train, validation = (
            Split(self._features_in_chunks(split.x, single=single), split.s)
            for split in (train, validation)
        )
        return gradient_descent([self], [train], [validation], recipe, [rng], report)[0]

    def _features_in_chunks(self, x: Tensor, *, single: bool) -> Tensor:
        dtype = torch.complex64 if single else torch.complex128
        parts = [lag_features(part.to(dtype), self.lags) for part in x.split(CHUNK)]
        return torch.cat(parts)

    def covariance(self, x: Tensor) -> Tensor:
        """Return R̂ (n, N, N) of snapshots (n, N, T), or of their features (n, lags, 2N, N).

        It is in double precision, whatever the network's: decompositions cost little beside it.
        """
        if x.is_complex() or x.ndim != 4:
            dtype = next(self.network.parameters()).dtype
            x = lag_features(check_snapshots(x, self.n_sensors), self.lags).to(dtype)
        out = torch.cat([self.network(part) for part in x.split(BLOCK)]).to(torch.float64)
        N = self.n_sensors
        K = torch.complex(out[:, :N], out[:, N:])
        R = structured(K.mH @ K, self.structure)
        return R + LOADING * torch.eye(N, dtype=R.dtype, device=R.device)

    def angles(self, R: Tensor, decoder: Decoder) -> Tensor:
        """Return the angles (n, M) of covariances (n, N, N).

        Args:
            R: (n, N, N), complex, Hermitian.
            decoder: ``root_music``, ``esprit``, or ``music``, which alone cannot be
                differentiated in R.

        Returns:
            (n, M), in rad, rising; of ``music``, NaN behind where there are fewer peaks.
        """
        Us = signal_subspace(R, self.n_sources)
        if decoder == "esprit":
            return angles_of(esprit_roots(Us), self.spacing)
        c = noise_polynomial(Us)
        if decoder == "root_music":
            return angles_of(roots_of_sources(c, self.n_sources), self.spacing)
        return lowest_minima(c, self.n_sources, self.spacing, self.grid, refine=self.refine)

    def forward(self, x: Tensor) -> Tensor:
        """Return the angles (n, M) in rad, rising, of snapshots (n, N, T) or of their features."""
        x, rows = heard(x)
        angles = self.angles(self.covariance(x), self.decoder)
        return torch.where(rows[:, None], angles, math.nan)

    @abstractmethod
    def loss(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the loss, the mean over rows, of snapshots or features x, and angles s (n, M).

        Args:
            x: snapshots (n, N, T), complex, or their features (n, lags, 2N, N), real.
            s: true angles (n, M), in rad.
        """

    def periodic_loss_through(self, R: Tensor, s: Tensor, decoder: Decoder) -> Tensor:
        """Return the mean over rows of the RMSPE, in rad, of what a differentiable decoder says.

        Args:
            R: covariances (n, N, N), complex, Hermitian.
            s: true angles (n, M), in rad.
            decoder: ``root_music`` or ``esprit``.
        """
        return periodic_loss(self.angles(R, decoder), s.to(R.real.dtype))

    def subspace_loss(self, R: Tensor, s: Tensor) -> Tensor:
        """Return the mean over rows of √(Σ_m ‖U_nᴴ a(s_m)‖² / (M N)).

        It is the sine of an angle, the root mean square of those between the steering vectors of
        the true directions and the signal subspace. No root is chosen, and all that MUSIC's
        spectrum is made of has a part in it.

        Args:
            R: covariances (n, N, N), complex, Hermitian.
            s: true angles (n, M), in rad.
        """
        Us = signal_subspace(R, self.n_sources)
        A = steering(s.to(R.real.dtype), self.n_sensors, self.spacing)
        inside = (Us.mH @ A).abs().square().sum(-2) / self.n_sensors
        return ((1 - inside).mean(-1) + SMALLEST).sqrt().mean()

    def illustrations(self, x: Tensor) -> dict[str, Tensor]:
        """Return eigenvalues of R̂, MUSIC's spectrum of it, on a grid, and Root-MUSIC's roots."""
        R = self.covariance(x)
        Us = signal_subspace(R, self.n_sources)
        c = noise_polynomial(Us)
        angle = grid_angles(self.grid, self.spacing, x.device)
        return {
            "eigenvalues": torch.linalg.eigvalsh(R).flip(-1),
            "spectrum": 1 / evaluated(c, angle, self.spacing).clamp_min(1e-16),
            "grid_rad": angle.expand(len(x), -1),
            **shown_roots(roots_inside(c), self.spacing),
        }


SMALLEST = 1e-10
"""Added to a square before its root is taken, whose derivative at 0 is infinite."""


def structured(R: Tensor, structure: Structure) -> Tensor:
    """Return the nearest matrix of a structure: the mean of what it makes equal.

    A covariance A P Aᴴ + σ² I of a uniform array is Toeplitz where P is diagonal, and its
    subspaces are persymmetric always.

    Args:
        R: (n, N, N), complex, Hermitian.
        structure: ``free``: R itself; ``persymmetric``: R = J R* J; ``toeplitz``: one value on
            each diagonal.

    Returns:
        (n, N, N), Hermitian.
    """
    if structure == "free":
        return R
    if structure == "persymmetric":
        return (R + R.flip(-1, -2).conj()) / 2
    N = R.shape[-1]
    r = torch.stack([R.diagonal(k, -2, -1).mean(-1) for k in range(N)], -1)
    both = torch.cat([r[..., 1:].flip(-1).conj(), r], -1)  # r_{1−N} … r_{N−1}
    n = torch.arange(N, device=R.device)
    return both[..., n - n[:, None] + N - 1]
