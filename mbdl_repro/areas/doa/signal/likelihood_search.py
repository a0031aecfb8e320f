"""Where angles are likeliest: a search on a grid from several starts, then Newton's method."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import cached_property
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from mbdl_repro.areas.doa.array import uniform_step
from mbdl_repro.areas.doa.signal.likelihood import Derivatives, Sensors, Waveforms, derivatives
from mbdl_repro.areas.doa.signal.peaks import is_peak
from mbdl_repro.areas.doa.signal.scan import FreeScan, Scan, UniformScan
from mbdl_repro.areas.doa.signal.subspace import eigenvectors


@dataclasses.dataclass(frozen=True, eq=False)
class LikelihoodSearch:
    """The search for the most likely angles, with sensors anywhere on a line.

    Each angle is searched on a grid while the others are held (alternating projection), the first
    ones with fewer sources; then Newton's method moves all of them at once. It does this from
    several starts, and keeps the likeliest angles. All is done in u = sin θ: at half a wavelength
    u goes on at −1 where it ends at 1.

    Args:
        sensors: as they are believed to be.
        n_sources: M.
        waveforms: as of :func:`~mbdl_repro.areas.doa.signal.likelihood.share`.
        starts: number of searches; each begins with another peak of the beamformer aᴴ R a.
        sweeps: how often at most each angle is searched on the grid.
        iterations: most steps of Newton's method.

    Source: Ziskin and Wax, 1988; Viberg, Ottersten and Kailath, 1991, for moving all at once.
    """

    sensors: Sensors
    n_sources: int
    waveforms: Waveforms = "free"
    starts: int = 4
    sweeps: int = 3
    iterations: int = 30

    @cached_property
    def _places(self) -> np.ndarray:
        places: np.ndarray = self.sensors.positions.detach().cpu().numpy()
        return places

    @cached_property
    def spacing(self) -> float | None:
        """The spacing of a uniform array, in wavelengths; ``None`` of any other."""
        return uniform_step(self._places, self.sensors.gains.detach().cpu().numpy())

    @property
    def circular(self) -> bool:
        """Whether u = −1 and u = 1 are one place."""
        return self.spacing == 0.5

    @property
    def period(self) -> float:
        """Of steering vectors, in u."""
        return math.inf if self.spacing is None else 1 / self.spacing

    @cached_property
    def aperture(self) -> float:
        """N d in wavelengths, whose inverse is the width of a beam."""
        N = len(self._places)
        return float(np.ptp(self._places)) * N / (N - 1)

    @cached_property
    def grid(self) -> Annotated[Tensor, "(G,)"]:
        """The points u (G,) of the search."""
        half = max(GRID * len(self._places) // 2, math.ceil(GRID * self.aperture))
        on = self.sensors.positions.device
        return (torch.arange(-half, half, dtype=torch.float64, device=on) + 0.5) / half

    @cached_property
    def _scan(self) -> Scan:
        return FreeScan(*self.sensors) if self.spacing is None else UniformScan(self.spacing)

    def __call__(self, R: Annotated[Tensor, "(n, N, N)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return the likeliest u (n, M) in [−1, 1].

        Args:
            R: (n, N, N), Hermitian, of trace 1.
        """
        u, start, row = self.searched(R)
        u, likelihood = self.refine(R[row], u)
        reached = u.new_zeros(self.starts, len(R), self.n_sources)
        shares = likelihood.new_full((self.starts, len(R)), -1.0)
        reached[start, row] = u
        shares[start, row] = likelihood.nan_to_num(nan=-1.0)  # which would be the greatest
        return self.within(reached[shares.argmax(0), torch.arange(len(R), device=u.device)])

    def within(self, u: Tensor) -> Tensor:
        """Return u as it is in [−1, 1]."""
        if self.circular:
            u = (u + 1).remainder(2) - 1
        return u.clamp(-1, 1)

    def searched(self, R: Annotated[Tensor, "(n, N, N)"]) -> tuple[Tensor, Tensor, Tensor]:
        """Search from each start, and keep of each row what differs.

        Args:
            R: (n, N, N).

        Returns:
            What was found on the grid: u (k, M), of which start, and of which row, (k,) each.
        """
        beam = self.explained(R, self.grid.new_zeros(len(R), 0))
        # Its highest peaks, then other places.
        ranked = torch.where(is_peak(beam, circular=math.isfinite(self.period)), beam, -1.0)
        peaks = self.grid[ranked.sort(stable=True, descending=True).indices[:, : self.starts]]
        found = torch.stack([self.search(R, u[:, None]) for u in peaks.unbind(1)])
        found = found.sort(-1).values
        seen = [(found[:k] == found[k]).all(-1).any(0) for k in range(self.starts)]
        start, row = (~torch.stack(seen)).nonzero(as_tuple=True)
        return found[start, row], start, row

    def search(
        self, R: Annotated[Tensor, "(n, N, N)"], u: Annotated[Tensor, "(n, 1)"]
    ) -> Annotated[Tensor, "(n, M)"]:
        """Return u (n, M) on the grid: one source is added after another, then each moved in turn.

        Args:
            R: (n, N, N).
            u: sin θ of the first source, (n, 1).
        """
        for _ in range(1, self.n_sources):
            u = torch.cat([u, self._likeliest(R, u)], -1)
        going = torch.arange(len(u), device=u.device)
        still = torch.ones_like(going)  # sources in a row that stand where they are likeliest
        for _ in range(self.sweeps * self.n_sources):
            going = going[still[going] < self.n_sources]
            first, others = u[going, :1], u[going, 1:]
            moved = self._likeliest(R[going], others)
            u[going] = torch.cat([others, moved], -1)
            still[going] = torch.where((moved == first)[:, 0], still[going] + 1, 1)
        return u

    def _likeliest(self, R: Tensor, others: Tensor) -> Tensor:
        return self.grid[self.explained(R, others).argmax(-1, keepdim=True)]

    def explained(
        self, R: Annotated[Tensor, "(n, N, N)"], others: Annotated[Tensor, "(n, m)"]
    ) -> Annotated[Tensor, "(n, G)"]:
        """Return what a source at each point of the grid adds to the likelihood (n, G).

        Args:
            R: (n, N, N).
            others: u (n, m) of the sources that there are besides.
        """
        A = self.sensors.steering(others)
        power = float(self.sensors.gains.detach().abs().square().sum())
        if self.waveforms == "shared":
            E, c = self.sensors.steering(self.grid), A.sum(-1, keepdim=True)
            Rc = R @ c
            held = (c.mH @ Rc).real[..., 0] + 2 * (Rc.mH @ E).real[:, 0]
            norm = (c.mH @ c).real[..., 0] + 2 * (c.mH @ E).real[:, 0] + power
            added = self._forms(R) + held
        else:
            B = torch.linalg.solve_ex(A.mH @ A, A.mH)[0]
            rest = torch.eye(R.shape[-1], dtype=R.dtype, device=R.device) - A @ B
            norm, added = self._forms(rest), self._forms(rest @ R @ rest)
        return torch.where(norm > LEAST_NORM * power, added / norm, -1.0)

    def _forms(self, F: Tensor) -> Tensor:
        """Return aᴴ F a (n, G) for Hermitian F (n, N, N) at each point of the grid."""
        forms: Tensor = self._scan(F, self.grid.arcsin())
        return forms

    def refine(
        self, R: Annotated[Tensor, "(n, N, N)"], u: Annotated[Tensor, "(n, M)"]
    ) -> tuple[Tensor, Tensor]:
        """Climb from u (n, M) to a maximum of the likelihood.

        Args:
            R: (n, N, N), Hermitian, of trace 1.
            u: sin θ (n, M), from where to climb.

        Returns:
            u (n, M), and the share of the power that it explains, (n,).
        """
        return self.climb(lambda rows, u: self.derivatives(R[rows], u), u)

    def derivatives(
        self, R: Annotated[Tensor, "(n, N, N)"], u: Annotated[Tensor, "(n, M)"]
    ) -> Derivatives:
        """Return the share of the power at u (n, M), with its derivatives in u.

        Args:
            R: (n, N, N), Hermitian, of trace 1.
            u: sin θ (n, M).
        """
        return derivatives(R, u, self.sensors, self.waveforms)

    def climb(
        self, function: Callable[[Tensor, Tensor], Derivatives], u: Annotated[Tensor, "(n, M)"]
    ) -> tuple[Tensor, Tensor]:
        """Climb from u (n, M) to a maximum of a function of each row, by Newton's method.

        A step that does not climb is tried again with more damping (Levenberg, Marquardt).
        Each row takes steps of its own until they are small.

        Args:
            function: gives its value and derivatives in some rows (k,), at u (k, M).
            u: sin θ (n, M), from where to climb.

        Returns:
            u (n, M), and the function there, (n,).
        """
        rows = torch.arange(len(u), device=u.device)
        at = function(rows, u)
        damping = torch.zeros_like(at.value)
        for _ in range(self.iterations):
            if not len(rows):
                break
            gradient, hessian = at.gradient[rows], at.hessian[rows]
            if not self.circular:
                # At an end of the range, from where it climbs outwards only, a source stays.
                free = ((u[rows].abs() < 1) | (gradient * u[rows] < 0)).to(u.dtype)
                gradient = gradient * free
                hessian = hessian * free[:, :, None] * free[:, None, :] - torch.diag_embed(1 - free)
            curvature, V = eigenvectors(-hessian)
            largest = curvature.abs().amax(-1, keepdim=True)
            # Where it does not bend downwards, it is climbed as if it did.
            curvature = curvature.abs().maximum(1e-6 * largest) + damping[rows, None] * largest
            step = (V @ ((V.mT @ gradient[..., None]) / curvature[..., None]))[..., 0]
            longest = step.abs().amax(-1, keepdim=True)
            step = step * (0.25 / self.aperture / longest).clamp(max=1)
            moved = u[rows] + step
            if not self.circular:
                moved = moved.clamp(-1, 1)
            then = function(rows, moved)
            climbs = (then.value >= at.value[rows] - ROUNDING) & self._apart(moved)
            took = rows[climbs]
            u = u.index_copy(0, took, moved[climbs])
            pairs = zip(at, then, strict=True)
            at = Derivatives(*(a.index_copy(0, took, b[climbs]) for a, b in pairs))
            milder, harder = damping[rows] / 10, (10 * damping[rows]).clamp_min(1e-2)
            damping[rows] = torch.where(climbs, milder * (milder > 1e-5), harder)
            done = (step.abs().amax(-1) < 1e-9) | (damping[rows] > 1e6)
            rows = rows[~done]
        return u, at.value

    def _apart(self, u: Tensor) -> Tensor:
        """Say of each row whether its sources are apart, so that their projector is defined."""
        if self.waveforms == "shared" or self.n_sources == 1:
            return torch.ones(len(u), dtype=torch.bool, device=u.device)
        if math.isfinite(self.period):
            u = u.remainder(self.period)
        u = u.sort(-1).values
        gaps = torch.cat([u[:, 1:] - u[:, :-1], u[:, :1] + self.period - u[:, -1:]], -1)
        return gaps.amin(-1) > LEAST_GAP / self.aperture


GRID = 32
"""Points of the grid a sensor, or more for a sparse array: eight in half the width of a beam."""

LEAST_NORM = 1e-4
"""Share of a steering vector that others must leave of it, for its direction to be searched."""

LEAST_GAP = 4e-3
"""Of two sources, in beams, 1/(N d) in sin θ; nearer ones would explain noise by huge waveforms
that cancel."""

ROUNDING = 1e-14
"""Of a share of the power."""
