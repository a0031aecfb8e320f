"""Maximum likelihood: angles whose steering vectors span most of the snapshots."""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance import check_snapshots, heard, sample_covariance
from mbdl_repro.areas.doa.signal.features import unit_power
from mbdl_repro.areas.doa.signal.peaks import is_peak
from mbdl_repro.areas.doa.signal.scan import scan_of
from mbdl_repro.areas.doa.signal.subspace import eigenvectors
from mbdl_repro.contract.method import Family, Method


class MaximumLikelihood(Method):
    """The angles of greatest likelihood, where the waveforms are unknown numbers.

    θ̂ = argmax tr(P R), with R = X Xᴴ / T and P = A (AᴴA)⁻¹ Aᴴ the projector on the steering
    vectors A(θ). Each angle is searched on a grid while the others are held (alternating
    projection), the first ones with fewer sources; then Newton's method moves all of them
    at once. It does this from several starts, and keeps the likeliest angles. As nothing is said
    of how waveforms are distributed, sources may be coherent.

    All is done in u = sin θ: the beam of an array is equally wide everywhere in u, and at half a
    wavelength u goes on at −1 where it ends at 1. Sensors may stand anywhere on a line, and have
    any gains.

    Args:
        belief: knows M, and places and gains of the sensors.
        waveforms: ``free``: each source may send anything; ``shared``: it is known that all
            send the same, and arrive with equal phases and powers, as in the published coherent
            scenario: θ̂ = argmax bᴴ R b / bᴴb, with b = Σ_m a(θ_m).
        starts: number of searches; each begins with another peak of the beamformer aᴴ R a.
        sweeps: how often at most each angle is searched on the grid.
        iterations: most steps of Newton's method.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Ziskin and Wax, 1988; Viberg, Ottersten and Kailath, 1991, for moving all at once.
    """

    name = "maximum_likelihood"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: SensorArray,
        *,
        waveforms: Literal["free", "shared"] = "free",
        starts: Annotated[int, Ge(1)] = 4,
        sweeps: Annotated[int, Ge(0)] = 3,
        iterations: Annotated[int, Ge(0)] = 30,
    ) -> None:
        super().__init__()
        self.n_sensors = belief.n_sensors
        self.n_sources: int = belief.required("n_sources")
        self.scan = scan_of(belief, self.name)
        uniform = belief.uniform_spacing(self.name) if belief.is_uniform else None
        self.circular = uniform == 0.5
        self.period = math.inf if uniform is None else 1 / uniform  # of steering vectors, in u
        self.waveforms = waveforms
        self.starts, self.sweeps, self.iterations = starts, sweeps, iterations
        self.positions: Tensor  # in wavelengths
        self.gains: Tensor
        self.register_buffer("positions", torch.tensor(belief.positions), persistent=False)
        self.register_buffer("gains", torch.tensor(belief.gains), persistent=False)
        # N d in wavelengths, whose inverse is the width of a beam.
        N = self.n_sensors
        self.aperture = float(np.ptp(belief.positions)) * N / (N - 1)
        half = max(GRID * N // 2, math.ceil(GRID * self.aperture))
        self.grid: Tensor
        u = (torch.arange(-half, half, dtype=torch.float64) + 0.5) / half
        self.register_buffer("grid", u)

    def forward(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return θ̂ (n, M) in rad, rising; NaN where the snapshots are all zero."""
        x, rows = heard(x)
        x = unit_power(check_snapshots(x, self.n_sensors))
        R = sample_covariance(x) / self.n_sensors  # of trace 1
        u, start, row = self.searched(R)
        u, likelihood = self.refine(R[row], u)
        reached = u.new_zeros(self.starts, len(R), self.n_sources)
        shares = likelihood.new_full((self.starts, len(R)), -1.0)
        reached[start, row] = u
        shares[start, row] = likelihood.nan_to_num(nan=-1.0)  # which would be the greatest
        best = reached[shares.argmax(0), torch.arange(len(R), device=u.device)]
        if self.circular:
            best = (best + 1).remainder(2) - 1
        theta = best.clamp(-1, 1).arcsin().sort(-1).values
        return torch.where(rows[:, None], theta, math.nan)

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
        A = self._steering(others)
        power = float(self.gains.abs().square().sum())
        if self.waveforms == "shared":
            E, c = self._steering(self.grid), A.sum(-1, keepdim=True)
            Rc = R @ c
            held = (c.mH @ Rc).real[..., 0] + 2 * (Rc.mH @ E).real[:, 0]
            norm = (c.mH @ c).real[..., 0] + 2 * (c.mH @ E).real[:, 0] + power
            added = self._forms(R) + held
        else:
            B = torch.linalg.solve_ex(A.mH @ A, A.mH)[0]
            rest = torch.eye(self.n_sensors, dtype=R.dtype, device=R.device) - A @ B
            norm, added = self._forms(rest), self._forms(rest @ R @ rest)
        return torch.where(norm > LEAST_NORM * power, added / norm, -1.0)

    def _forms(self, F: Tensor) -> Tensor:
        """Return aᴴ F a (n, G) for Hermitian F (n, N, N) at each point of the grid."""
        forms: Tensor = self.scan(F, self.grid.arcsin())
        return forms

    def refine(
        self, R: Annotated[Tensor, "(n, N, N)"], u: Annotated[Tensor, "(n, M)"]
    ) -> tuple[Tensor, Tensor]:
        """Climb from u (n, M) to a maximum of the likelihood, by Newton's method.

        A step that does not climb is tried again with more damping (Levenberg, Marquardt).
        Each row takes steps of its own until they are small.

        Args:
            R: (n, N, N), Hermitian, of trace 1.
            u: sin θ (n, M), from where to climb.

        Returns:
            u (n, M), and the share of the power that it explains, (n,).
        """
        at = self.derivatives(R, u)
        damping = torch.zeros_like(at.value)
        rows = torch.arange(len(u), device=u.device)
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
            then = self.derivatives(R[rows], moved)
            climbs = (then.value >= at.value[rows] - ROUNDING) & self._apart(moved)
            took = rows[climbs]
            u = u.index_copy(0, took, moved[climbs])
            pairs = zip(at, then, strict=True)
            at = _Derivatives(*(a.index_copy(0, took, b[climbs]) for a, b in pairs))
            milder, harder = damping[rows] / 10, (10 * damping[rows]).clamp_min(1e-2)
            damping[rows] = torch.where(climbs, milder * (milder > 1e-5), harder)
            done = (step.abs().amax(-1) < 1e-9) | (damping[rows] > 1e6)
            rows = rows[~done]
        return u, at.value

    def derivatives(
        self, R: Annotated[Tensor, "(n, N, N)"], u: Annotated[Tensor, "(n, M)"]
    ) -> _Derivatives:
        """Return the share of the power at u (n, M), with first and second derivatives in u.

        Args:
            R: (n, N, N), Hermitian, of trace 1.
            u: sin θ (n, M).

        Returns:
            The share (n,), its gradient (n, M), and its Hessian (n, M, M).
        """
        A = self._steering(u)
        phase = -2j * math.pi * self.positions[:, None]
        D, DD = phase * A, phase**2 * A
        if self.waveforms == "shared":
            return _shared(R, A.sum(-1, keepdim=True), D, DD)
        return _free(R, A, D, DD)

    def _apart(self, u: Tensor) -> Tensor:
        """Say of each row whether its sources are apart, so that their projector is defined."""
        if self.waveforms == "shared" or self.n_sources == 1:
            return torch.ones(len(u), dtype=torch.bool, device=u.device)
        if math.isfinite(self.period):
            u = u.remainder(self.period)
        u = u.sort(-1).values
        gaps = torch.cat([u[:, 1:] - u[:, :-1], u[:, :1] + self.period - u[:, -1:]], -1)
        return gaps.amin(-1) > LEAST_GAP / self.aperture

    def _steering(self, u: Tensor) -> Tensor:
        """Return the steering vectors (..., N, m) of u (..., m)."""
        phase = -2j * math.pi * self.positions[:, None] * u[..., None, :]
        return self.gains[:, None] * torch.exp(phase)


GRID = 32
"""Points of the grid a sensor, or more for a sparse array: eight in half the width of a beam."""

LEAST_NORM = 1e-4
"""Share of a steering vector that others must leave of it, for its direction to be searched."""

LEAST_GAP = 4e-3
"""Of two sources, in beams, 1/(N d) in sin θ; nearer ones would explain noise by huge waveforms
that cancel."""

ROUNDING = 1e-14
"""Of a share of the power."""


class _Derivatives(NamedTuple):
    value: Tensor  # (n,)
    gradient: Tensor  # (n, M)
    hessian: Tensor  # (n, M, M)


def _free(R: Tensor, A: Tensor, D: Tensor, DD: Tensor) -> _Derivatives:
    """Return tr(P R) and its derivatives; D and DD hold those of each steering vector."""
    gram = torch.linalg.inv_ex(A.mH @ A)[0]
    B = gram @ A.mH
    Y = B @ D
    off, off2 = D - A @ Y, DD - A @ (B @ DD)  # what is orthogonal to all steering vectors
    BR = B @ R
    X = BR @ off
    hessian = (
        gram * (off.mH @ R @ off).mT - (BR @ B.mH) * (D.mH @ off).mT - X * Y.mT - Y * X.mT
    ).real + torch.diag_embed(_diagonal(BR @ off2))
    return _Derivatives(_diagonal(BR @ A).sum(-1), 2 * _diagonal(X), 2 * hessian)


def _shared(R: Tensor, b: Tensor, D: Tensor, DD: Tensor) -> _Derivatives:
    """Return bᴴ R b / bᴴb and its derivatives; b (n, N, 1) is the sum of steering vectors."""
    power, up, bend = _of_form(R @ b, R @ D, b, D, DD)
    norm, norm_up, norm_bend = _of_form(b, D, b, D, DD)
    value = power / norm
    gradient = (up - value[:, None] * norm_up) / norm[:, None]
    crossed = gradient[:, :, None] * norm_up[:, None, :]
    hessian = bend - value[:, None, None] * norm_bend - crossed - crossed.mT
    return _Derivatives(value, gradient, hessian / norm[:, None, None])


def _of_form(Rb: Tensor, RD: Tensor, b: Tensor, D: Tensor, DD: Tensor) -> _Derivatives:
    """Return bᴴ R b and its derivatives."""
    bend = (D.mH @ RD).real + torch.diag_embed((DD.mH @ Rb).real[..., 0])
    return _Derivatives((b.mH @ Rb).real[:, 0, 0], 2 * (D.mH @ Rb).real[..., 0], 2 * bend)


def _diagonal(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1).real
