"""Movies of emitters that blink, seen by a camera through a point-spread function."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt

from mbdl_repro.contract.arrays import read_only
from mbdl_repro.contract.scenario import Scenario, Split

FILAMENT_POINTS = 200
"""Of a filament, among which emitters are placed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlinkingEmitters(Scenario):
    """Emitters at centres of fine pixels, which blink, and what a camera sees of them.

    Frame t is Y_t = a A E_t Aᵀ + W_t, with entries of W_t ~ N(0, σ²): E_t (G, G) counts the
    emitters of each fine pixel that are on, each of which sends a photons; A (N, G) says which
    share of them falls into each row of camera pixels,

    A_ij = Φ((c_i + Δ/2 − u_j) / ψ) − Φ((c_i − Δ/2 − u_j) / ψ),

    a Gaussian of standard deviation ψ integrated over pixels of side Δ. What falls beyond the
    camera is lost, and so edges are part of A.

    Where emitters do not know of each other, Cov(E_t) is diagonal, and variances add up:

    Var(Y_t) = a² B V Bᵀ + σ²,    B = A ∘ A,    V = Var(E_t),

    so that the variance image is linear in V, through a point-spread function that is narrower
    by √2. Of the movie's own variance, over T frames, this is the mean.

    A row's x is the movie (T, N, N), in photons. Its target s (G, G) is the variance of E_t over
    the movie's frames, in units of p (1 − p), that of one emitter: about 1 where there is one.

    Args:
        camera_side: N, camera pixels a side.
        pixel_nm: Δ, side of a camera pixel.
        upsampling: G/N, fine pixels in a camera pixel, a side.
        psf_std_nm: ψ; of a microscope about 0.21 wavelengths over the numerical aperture.
        layout: where emitters are: anywhere, or on curved filaments.
        max_filaments: of a field; there are 1 to so many.
        density_per_um2: mean number of emitters on a square micrometre; it is Poisson.
        photons: a, which an emitter that is on sends in a frame.
        on_probability: p, share of the frames that an emitter is on.
        blink_memory: correlation of an emitter with itself one frame later; 0: none.
        n_frames: T.
        noise_std: σ, in photons, of each camera pixel in each frame: background and read-out.
        tolerance_nm: standard deviation of the Gaussian with which maps are blurred before they
            are compared, so that an emitter that is nearly in place is nearly right.

    Source: Dardikman-Yoffe and Eldar, 2020, "Learned SPARCOM"; Solomon, Eldar, Mutzafi and Segev,
    2019, "SPARCOM". The sizes are ours.
    """

    area = "sparse_recovery"
    name = "blinking_emitters"
    chunk_size: ClassVar[int] = 50

    camera_side: Annotated[int, Ge(2)] = 8
    pixel_nm: Annotated[float, Gt(0)] = 100.0
    upsampling: Annotated[int, Ge(1)] = 4
    psf_std_nm: Annotated[float, Gt(0)] | None = 100.0
    layout: Literal["filaments", "random"] = "filaments"
    max_filaments: Annotated[int, Ge(1)] = 3
    density_per_um2: Annotated[float, Gt(0)] = 40.0
    photons: Annotated[float, Gt(0)] = 1000.0
    on_probability: Annotated[float, Gt(0), Lt(1)] = 0.2
    blink_memory: Annotated[float, Ge(0), Lt(1)] = 0.0
    n_frames: Annotated[int, Ge(2)] = 60
    noise_std: Annotated[float, Ge(0)] = 20.0
    tolerance_nm: Annotated[float, Gt(0)] = 25.0

    @property
    def fine_side(self) -> int:
        """G, fine pixels a side."""
        return self.upsampling * self.camera_side

    @property
    def fine_nm(self) -> float:
        """Side of a fine pixel, in nm."""
        return self.pixel_nm / self.upsampling

    @property
    def A(self) -> Annotated[np.ndarray, "(camera_side, fine_side)"]:
        """The shares A (camera_side, fine_side) of light that rows of pixels receive, read-only."""
        psf = self.required("psf_std_nm")
        return _shares(self.camera_side, self.upsampling, psf / self.pixel_nm)

    @property
    def blur(self) -> Annotated[np.ndarray, "(fine_side, fine_side)"]:
        """K (fine_side, fine_side): maps s are compared as K s Kᵀ; one emitter has energy 1."""
        return _blur(self.fine_side, self.tolerance_nm / self.fine_nm)

    @property
    def emitter_variance(self) -> float:
        """The variance p (1 − p) of whether an emitter is on."""
        return self.on_probability * (1 - self.on_probability)

    def check_truth(self) -> None:
        """Check that nothing is withheld that drawing needs."""
        self.required("psf_std_nm")

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n movies x (n, T, N, N), in photons, and their maps s (n, G, G)."""
        x, s = self.clear_movies(n, rng)
        return Split(x + self.noise_std * rng.standard_normal(x.shape), s)

    def clear_movies(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n movies without noise (n, T, N, N), and their maps (n, G, G).

        Args:
            n: number of movies.
            rng: generator of positions, and of when emitters are on.
        """
        movies, maps = zip(*(self._movie(rng) for _ in range(n)), strict=True)
        return Split(np.stack(movies), np.stack(maps))

    def _movie(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        side_um = self.camera_side * self.pixel_nm / 1000
        rows, columns = self.places(rng.poisson(self.density_per_um2 * side_um**2), rng)
        on = self.blinking(len(rows), rng)
        # Emitters of one fine pixel are one source.
        pixels, source = np.unique(rows * self.fine_side + columns, return_inverse=True)
        emitted = on @ (source[:, None] == np.arange(len(pixels)))
        down, across = self.A[:, pixels // self.fine_side], self.A[:, pixels % self.fine_side]
        spreads = (down[:, None] * across).reshape(self.camera_side**2, len(pixels))
        movie = self.photons * (emitted @ spreads.T).reshape(-1, *2 * (self.camera_side,))
        s = np.zeros(self.fine_side**2)
        s[pixels] = emitted.var(0, ddof=1) / self.emitter_variance
        return movie, s.reshape(self.fine_side, self.fine_side)

    def places(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw the fine pixels of n emitters: rows (n,) and columns (n,).

        Args:
            n: number of emitters.
            rng: generator of the positions.
        """
        if self.layout == "random":
            rows, columns = rng.integers(self.fine_side, size=(2, n))
            return rows, columns
        n_filaments = rng.integers(1, self.max_filaments, endpoint=True)
        points = np.concatenate([self._filament(rng) for _ in range(n_filaments)], axis=1)
        rows, columns = points[:, rng.integers(points.shape[1], size=n)]
        return rows, columns

    def _filament(self, rng: np.random.Generator) -> np.ndarray:
        """Draw an arc through a point of the field; return its fine pixels (2, points)."""
        through, angle = rng.random(2), rng.uniform(0, 2 * np.pi)
        bend = rng.normal()  # radians that it turns over a side of the field
        along = np.linspace(-1.5, 1.5, FILAMENT_POINTS)
        heading = angle + bend * along
        steps = np.stack([np.cos(heading), np.sin(heading)]) * (along[1] - along[0])
        arc = np.cumsum(steps, axis=1)
        arc += (through - arc[:, FILAMENT_POINTS // 2])[:, None]
        inside = ((arc >= 0) & (arc < 1)).all(0)
        return (arc[:, inside] * self.fine_side).astype(int)

    def blinking(self, n: int, rng: np.random.Generator) -> Annotated[np.ndarray, "(n_frames, n)"]:
        """Draw when n emitters are on: ones and zeros (n_frames, n) of a stationary Markov chain.

        P(on | on before) = p + ρ (1 − p),  P(on | off before) = p (1 − ρ), with memory ρ.

        Args:
            n: number of emitters.
            rng: generator of the chains.
        """
        p, memory = self.on_probability, self.blink_memory
        uniform = rng.random((self.n_frames, n))
        if not memory:
            return (uniform < p).astype(np.float64)
        on = np.empty((self.n_frames, n))
        on[0] = uniform[0] < p
        for t in range(1, self.n_frames):
            on[t] = uniform[t] < (1 - memory) * p + memory * on[t - 1]
        return on


@cache
def _shares(n: int, upsampling: int, psf_std: float) -> np.ndarray:
    """Return A (n, n · upsampling), lengths in camera pixels."""
    from scipy.special import ndtr

    centres = (np.arange(n * upsampling) + 0.5) / upsampling
    edges = np.arange(n + 1.0)
    return read_only(np.diff(ndtr((edges[:, None] - centres) / psf_std), axis=0))


@cache
def _blur(side: int, std: float) -> np.ndarray:
    """Return K (side, side), lengths in fine pixels."""
    i = np.arange(side)
    kernel = np.exp(-0.5 * np.square((i[:, None] - i) / std))
    whole = np.square(np.exp(-0.5 * np.square(np.arange(-side, side + 1) / std))).sum()
    return read_only(kernel / np.sqrt(whole))
