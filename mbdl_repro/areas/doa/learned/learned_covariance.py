"""Networks from a signal's autocorrelation to a covariance that subspace methods can decompose."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray, steering
from mbdl_repro.areas.doa.learned.lag_autoencoder import (
    MOST_LAYERS,
    Activation,
    LagAutoencoder,
    Structure,
    structured,
)
from mbdl_repro.areas.doa.signal.covariance import check_shape, heard
from mbdl_repro.areas.doa.signal.features import lag_features
from mbdl_repro.areas.doa.signal.periodic import periodic_loss
from mbdl_repro.areas.doa.signal.spectrum import evaluated, grid_angles, lowest_minima
from mbdl_repro.areas.doa.signal.subspace import (
    angles_of,
    eigenvalues,
    esprit_roots,
    noise_polynomial,
    roots_inside,
    roots_of_sources,
    shown_roots,
    signal_subspace,
)
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for

Decoder = Literal["root_music", "esprit", "music"]

BLOCK = 128
"""Rows that pass the network at a time: outputs of more leave the cache, and take twice as long."""
LOADING = 1.0
"""ε of R̂ = Kᴴ K + ε I, as published. It moves no eigenvector, so neither estimate nor loss."""


class LearnedCovariance(Method):
    """Lag features of the snapshots, a network's covariance from them, and its subspaces.

    A fit draws weights, and makes the features once. A row of snapshots that are all zero, or not
    all finite, has no angles: NaN.

    Args:
        belief: gives N, M, the spacing, and T, which is at least ``lags``.
        lags: matrices R[0] … R[lags − 1].
        channels: of the layers down.
    """

    unfitted_stream: ClassVar[str]
    """Names the stream of the weights that an unfitted instance has."""

    activation: ClassVar[Activation]
    """Of the network's layers."""

    structure: Structure = "free"
    """What the network's covariance is averaged to."""

    decoder: Decoder = "root_music"
    """From the covariance to angles."""

    grid = 360
    """Points over [−90°, 90°) of MUSIC's spectrum."""

    refine = True
    """Whether MUSIC goes on from its grid to the peak itself."""

    def __init__(
        self,
        belief: SensorArray,
        *,
        lags: Annotated[int, Ge(1)] = 8,
        channels: tuple[int, int, int] = (16, 32, 64),
    ) -> None:
        super().__init__()
        self.n_sensors = belief.n_sensors
        self.n_sources: int = belief.required("n_sources")
        self.spacing = belief.uniform_spacing(self.name)
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
        self.network = LagAutoencoder(lags, channels, self.activation)
        # An unfitted instance has to answer something: any weights, but always the same.
        self.network.draw(torch_rng_for("unfitted", self.unfitted_stream))

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the network's weights.

        Args:
            train: not read.
            rng: the generator to draw from, of the CPU.
        """
        self.network.draw(rng)

    def prepare(self, split: Split) -> Split:
        """Return lag features in place of snapshots, in their precision."""
        return Split(self.features(split.x), split.s)

    def features(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, lags, 2N, N)"]:
        """Return lag features (n, lags, 2N, N) of snapshots (n, N, T)."""
        return lag_features(x, self.lags)

    def covariance(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, N, N)"]:
        """Return R̂ (n, N, N), in double precision, of snapshots (n, N, T).

        The network computes in single precision, in which it is trained; in double where gradients
        are recorded.
        """
        check_shape(x, self.n_sensors)
        if torch.is_grad_enabled():
            return self._covariance_of(self.features(x.to(torch.complex128)))
        return self._covariance_of(self.features(x).float())

    def covariance_of(
        self, features: Annotated[Tensor, "(n, lags, 2N, N)"]
    ) -> Annotated[Tensor, "(n, N, N)"]:
        """Return R̂ (n, N, N), in double precision, of features (n, lags, 2N, N).

        The network is in the precision of its weights.
        """
        return self._covariance_of(features.to(next(self.network.parameters()).dtype))

    def _covariance_of(self, features: Tensor) -> Tensor:
        # Decompositions cost little beside the network, and are in double precision always.
        parts = [self.network(part) for part in features.split(BLOCK)]
        out = torch.cat(parts).to(torch.float64)
        N = self.n_sensors
        K = torch.complex(out[:, :N], out[:, N:])
        R = structured(K.mH @ K, self.structure)
        return R + LOADING * torch.eye(N, dtype=R.dtype, device=R.device)

    def angles(
        self, R: Annotated[Tensor, "(n, N, N)"], decoder: Decoder
    ) -> Annotated[Tensor, "(n, M)"]:
        """Return the angles (n, M) of covariances (n, N, N).

        Args:
            R: (n, N, N), complex, Hermitian.
            decoder: ``root_music``, ``esprit``, or ``music``, which alone cannot be
                differentiated in R.

        Returns:
            (n, M), in rad, rising; of ``music``, NaN behind where there are fewer peaks.
        """
        return self.angles_of_subspace(signal_subspace(R, self.n_sources), decoder)

    def angles_of_subspace(
        self, Us: Annotated[Tensor, "(n, N, M)"], decoder: Decoder
    ) -> Annotated[Tensor, "(n, M)"]:
        """Return the angles (n, M) in rad, as :meth:`angles` does.

        Args:
            Us: orthonormal bases (n, N, M) of signal subspaces, complex.
            decoder: as of :meth:`angles`.
        """
        if decoder == "esprit":
            return angles_of(esprit_roots(Us), self.spacing)
        c = noise_polynomial(Us)
        if decoder == "root_music":
            return angles_of(roots_of_sources(c, self.n_sources), self.spacing)
        return lowest_minima(c, self.n_sources, self.spacing, self.grid, refine=self.refine)

    def forward(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return the angles (n, M) in rad, rising, of snapshots (n, N, T)."""
        return self.decoded(self.encoding(x))

    def encoding(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, N, N)"]:
        """Return R̂ (n, N, N) of snapshots (n, N, T), which all decoders read; NaN: no answer."""
        x, rows = heard(x)
        return torch.where(rows[:, None, None], self.covariance(x), math.nan)

    def decoded(self, encoding: Annotated[Tensor, "(n, N, N)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return the angles (n, M) in rad, rising, of R̂ (n, N, N)."""
        return self.angles(encoding, self.decoder)

    @abstractmethod
    def loss(self, x: Annotated[Tensor, "(n, N, T)"], s: Annotated[Tensor, "(n, M)"]) -> Tensor:
        """Return the loss, the mean over rows, of snapshots or features x, and angles s (n, M).

        Args:
            x: snapshots (n, N, T), complex, or their features (n, lags, 2N, N), real.
            s: true angles (n, M), in rad.
        """

    def periodic_loss_through(
        self, Us: Annotated[Tensor, "(n, N, M)"], s: Annotated[Tensor, "(n, M)"], decoder: Decoder
    ) -> Tensor:
        """Return the mean over rows of the RMSPE, in rad, of what a differentiable decoder says.

        Args:
            Us: orthonormal bases (n, N, M) of signal subspaces, complex.
            s: true angles (n, M), in rad.
            decoder: ``root_music`` or ``esprit``.
        """
        return periodic_loss(self.angles_of_subspace(Us, decoder), s.to(Us.real.dtype))

    def subspace_loss(
        self, Us: Annotated[Tensor, "(n, N, M)"], s: Annotated[Tensor, "(n, M)"]
    ) -> Tensor:
        """Return the mean over rows of √(Σ_m ‖U_nᴴ a(s_m)‖² / (M N)).

        It is the sine of an angle, the root mean square of those between the steering vectors of
        the true directions and the signal subspace. No root is chosen, and all that MUSIC's
        spectrum is made of has a part in it.

        Args:
            Us: orthonormal bases (n, N, M) of signal subspaces, complex.
            s: true angles (n, M), in rad.
        """
        A = steering(s.to(Us.real.dtype), self.n_sensors, self.spacing)
        inside = (Us.mH @ A).abs().square().sum(-2) / self.n_sensors
        return ((1 - inside).mean(-1) + SMALLEST).sqrt().mean()

    def illustrations(self, x: Tensor) -> dict[str, Tensor]:
        """Return eigenvalues of R̂, MUSIC's spectrum of it, on a grid, and Root-MUSIC's roots."""
        R = self.covariance(x)
        Us = signal_subspace(R, self.n_sources)
        c = noise_polynomial(Us)
        angle = grid_angles(self.grid, self.spacing, x.device)
        return {
            "eigenvalues": eigenvalues(R).flip(-1),
            "spectrum": 1 / evaluated(c, angle, self.spacing).clamp_min(1e-16),
            "grid_rad": angle.expand(len(x), -1),
            **shown_roots(roots_inside(c), self.spacing),
        }


SMALLEST = 1e-10
"""Added to a square before its root is taken, whose derivative at 0 is infinite."""
