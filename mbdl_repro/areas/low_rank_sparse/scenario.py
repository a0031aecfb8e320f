"""Ultrasound movies: bubbles of a contrast agent that flow through tissue that moves a little."""

from __future__ import annotations

import dataclasses
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from annotated_types import Ge, Gt

from mbdl_repro.contract.scenario import Scenario, Split

SCATTERERS_PER_CELL = 4.0
"""Of tissue, in the area 2π ψ_z ψ_y that the point-spread function covers."""

BEYOND = 3.0
"""Standard deviations of the point-spread function outside of the field from which echoes come."""


class Points(NamedTuple):
    """Reflectors, with what each of them echoes."""

    depth: np.ndarray  # (T, P), mm below the first row of pixels, frame by frame
    across: np.ndarray  # (T, P), mm from the first column
    echo: np.ndarray  # (P,), complex


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContrastUltrasound(Scenario):
    """Movies of which tissue makes up a part of low rank, and bubbles a sparse one: X = L + S + W.

    Tissue and bubbles are points r_p(t) = (z_p, y_p) that echo α_p, seen alike: pixel r shows

    Σ_p α_p exp(−4πi z_p(t)/λ) exp(−(z − z_p(t))²/(2ψ_z²) − (y − y_p(t))²/(2ψ_y²)),

    so that a point that goes half a wavelength deeper turns its phase once. Of tissue, points are
    many and α_p ~ CN: speckle, of mean power 1. All of it moves to and fro along one line, with
    each pulse, in some places by more than in others; its frames, as vectors, are then nearly in a
    space of few dimensions. Bubbles are few, and each crosses the field at its own speed. Entries
    of W are CN(0, σ²).

    A row's x is the movie X (T, N, N), complex; its target s is S (T, N, N), the bubbles alone.

    Args:
        side: N, pixels a side; rows are depths.
        pixel_mm: side of a pixel.
        n_frames: T.
        frame_period_s: from a frame to the next.
        wavelength_mm: λ of the pulse: 0.3 at 5 MHz.
        psf_depth_mm: ψ_z, standard deviation of a point's image in depth.
        psf_across_mm: ψ_y, and across.
        motion_mm: how far tissue goes from its mean place, at most, in the middle of the field.
        motion_spread: how much it goes farther at one edge of the field than in the middle, a
            standard deviation, as a share.
        pulse_hz: how often it goes to and fro.
        density_per_cm2: mean number of bubbles on a square centimetre; it is Poisson.
        speed_mm_s: mean speed of bubbles; speeds are Rayleigh's, in any direction.
        bubble_std: root mean square of |α| of bubbles, which is Rayleigh's; the power of tissue
            is 1.
        noise_std: σ.

    Source: Solomon et al., 2020, "Deep unfolded robust PCA with application to clutter suppression
    in ultrasound", for the model; the authors' simulator for its sizes, of which ours are near.
    """

    area = "low_rank_sparse"
    name = "contrast_ultrasound"
    chunk_size: ClassVar[int] = 20

    side: Annotated[int, Ge(2)] = 12
    pixel_mm: Annotated[float, Gt(0)] = 0.15
    n_frames: Annotated[int, Ge(2)] = 16
    frame_period_s: Annotated[float, Gt(0)] = 0.01
    wavelength_mm: Annotated[float, Gt(0)] = 0.3
    psf_depth_mm: Annotated[float, Gt(0)] = 0.12
    psf_across_mm: Annotated[float, Gt(0)] = 0.18
    motion_mm: Annotated[float, Ge(0)] = 0.06
    motion_spread: Annotated[float, Ge(0)] = 0.3
    pulse_hz: Annotated[float, Ge(0)] = 4.0
    density_per_cm2: Annotated[float, Gt(0)] = 80.0
    speed_mm_s: Annotated[float, Gt(0)] = 12.0
    bubble_std: Annotated[float, Gt(0)] = 1.0
    noise_std: Annotated[float, Gt(0)] | None = 0.05

    @property
    def field_mm(self) -> float:
        """Side of what is seen."""
        return self.side * self.pixel_mm

    @property
    def times_s(self) -> Annotated[np.ndarray, "(n_frames,)"]:
        """When frames are taken (n_frames,), from 0 on."""
        return self.frame_period_s * np.arange(self.n_frames)

    def check_truth(self) -> None:
        """Check that nothing is withheld that drawing needs."""
        self.required("noise_std")

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n movies x and their bubbles s, (n, T, N, N), complex."""
        noise_std = self.required("noise_std")
        x, s = self.clear_movies(n, rng)
        parts = rng.standard_normal((2, *x.shape)) / np.sqrt(2)
        return Split(x + noise_std * (parts[0] + 1j * parts[1]), s)

    def clear_movies(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n movies without noise, and their bubbles, both (n, T, N, N).

        Args:
            n: number of movies.
            rng: generator of all points.
        """
        s = np.stack([self.image(self.bubbles(rng)) for _ in range(n)])
        return Split(s + np.stack([self.image(self.tissue(rng)) for _ in range(n)]), s)

    def image(self, points: Points) -> Annotated[np.ndarray, "(n_frames, side, side)"]:
        """Return the movie (n_frames, side, side) of points, complex.

        Args:
            points: where they are in each frame, and their echoes.
        """
        rows, columns = self.spreads(points)
        movie: np.ndarray = (rows * points.echo) @ columns.swapaxes(1, 2)
        return movie

    def spreads(
        self, points: Points
    ) -> tuple[Annotated[np.ndarray, "(T, N, P)"], Annotated[np.ndarray, "(T, N, P)"]]:
        """Return what rows of pixels, and columns, see of points whose echo is 1, (T, N, P).

        A pixel sees the product of the two; phases are with the rows.

        Args:
            points: where they are in each frame.
        """
        centres = self.pixel_mm * (np.arange(self.side) + 0.5)
        rows, columns = (
            np.exp(-0.5 * np.square((centres[:, None] - places[:, None]) / std))
            for places, std in (
                (points.depth, self.psf_depth_mm),
                (points.across, self.psf_across_mm),
            )
        )
        phases = np.exp(-4j * np.pi / self.wavelength_mm * points.depth)
        return rows * phases[:, None], columns

    def tissue(self, rng: np.random.Generator) -> Points:
        """Draw the points of tissue, which move together.

        Args:
            rng: generator of places, echoes, and of how tissue moves.
        """
        cell = 2 * np.pi * self.psf_depth_mm * self.psf_across_mm
        margins = [BEYOND * std + self.motion_mm for std in (self.psf_depth_mm, self.psf_across_mm)]
        sides = [self.field_mm + 2 * margin for margin in margins]
        n = int(np.ceil(SCATTERERS_PER_CELL * sides[0] * sides[1] / cell))
        places = np.stack(
            [side * rng.random(n) - m for side, m in zip(sides, margins, strict=True)]
        )
        # The mean power of a pixel: density times the energy of a point's image, half a cell.
        power = n / (sides[0] * sides[1]) * cell / 2
        parts = rng.standard_normal((2, n)) / np.sqrt(2 * power)
        angle, phase = 2 * np.pi * rng.random(2)
        swing = np.sin(2 * np.pi * self.pulse_hz * self.times_s + phase)
        gradient = self.motion_spread * rng.standard_normal(2)
        farther = 1 + gradient @ (2 * places / self.field_mm - 1)
        moved = self.motion_mm * swing[:, None] * farther
        depth, across = (
            places[:, None] + np.array([np.cos(angle), np.sin(angle)])[:, None, None] * moved
        )
        return Points(depth, across, parts[0] + 1j * parts[1])

    def bubbles(self, rng: np.random.Generator) -> Points:
        """Draw bubbles, which go straight on: as many as cross the field on average.

        Args:
            rng: generator of places, velocities and echoes.
        """
        # Whoever is seen in some frame was, in the middle of the movie, not farther out than this.
        reach = BEYOND * max(self.psf_depth_mm, self.psf_across_mm)
        reach += 2 * self.speed_mm_s * self.times_s[-1]
        side = self.field_mm + 2 * reach
        n = rng.poisson(self.density_per_cm2 * (side / 10) ** 2)
        start = side * rng.random((2, n)) - reach
        velocity = self.speed_mm_s * np.sqrt(2 / np.pi) * rng.standard_normal((2, n))
        elapsed = self.times_s - self.times_s[-1] / 2
        depth, across = start[:, None] + elapsed[:, None] * velocity[:, None]
        parts = self.bubble_std * rng.standard_normal((2, n)) / np.sqrt(2)
        return Points(depth, across, parts[0] + 1j * parts[1])
