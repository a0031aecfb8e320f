"""Hermitian forms of steering vectors, D(θ) = a(θ)ᴴ Q a(θ), over all angles, and their minima.

Of a uniform array they are polynomials, whose coefficients are sums of diagonals of Q; of any
other they are computed as they are defined.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated

import torch
from torch import Tensor, nn

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.spectrum import (
    diagonal_sums,
    evaluated,
    grid_angles,
    lowest_minima,
    lowest_on_grid,
)


class Scan(nn.Module, ABC):
    """A linear array on which a quadratic form is minimized over the angle."""

    @abstractmethod
    def angles(self, grid: int, device: torch.device) -> Annotated[Tensor, "(G,)"]:
        """Return so many angles (G,) over [−90°, 90°), in rad, and 90° where it is another one.

        Args:
            grid: number of points over [−90°, 90°).
            device: where they are put.
        """

    @abstractmethod
    def forward(
        self, Q: Annotated[Tensor, "(n, N, N)"], angle: Annotated[Tensor, "(G,)"]
    ) -> Annotated[Tensor, "(n, G)"]:
        """Return D (n, G).

        Args:
            Q: Hermitian (n, N, N).
            angle: (G,), in rad.
        """

    @abstractmethod
    def lowest(
        self, Q: Annotated[Tensor, "(rows, N, N)"], n: int, grid: int, *, refine: bool, ends: bool
    ) -> Annotated[Tensor, "(rows, n)"]:
        """Return the angles (rows, n) of the lowest local minima of D, rising, then NaN, in rad.

        Args:
            Q: Hermitian (rows, N, N).
            n: how many.
            grid: points over [−90°, 90°) on which they are found.
            refine: go on from the grid to the minimum itself.
            ends: whether the first and the last point of the grid may be minima.
        """


class UniformScan(Scan):
    """The scan of a uniform linear array with equal gains.

    Args:
        spacing: d, in wavelengths.
    """

    def __init__(self, spacing: float) -> None:
        super().__init__()
        self.spacing = spacing

    def angles(self, grid: int, device: torch.device) -> Annotated[Tensor, "(G,)"]:
        """Return the grid (G,); at half a wavelength −90° and 90° are one."""
        return grid_angles(grid, self.spacing, device)

    def forward(self, Q: Tensor, angle: Tensor) -> Annotated[Tensor, "(n, G)"]:
        """Return D (n, G)."""
        return evaluated(diagonal_sums(Q), angle, self.spacing)

    def lowest(
        self, Q: Tensor, n: int, grid: int, *, refine: bool, ends: bool
    ) -> Annotated[Tensor, "(rows, n)"]:
        """Return the angles (rows, n) of the lowest minima."""
        return lowest_minima(diagonal_sums(Q), n, self.spacing, grid, refine=refine, ends=ends)


class FreeScan(Scan):
    """The scan of sensors at any positions on a line, with any gains.

    Args:
        positions: p (N,), in wavelengths.
        gains: g (N,), complex.
    """

    positions: Tensor
    gains: Tensor

    def __init__(self, positions: Tensor, gains: Tensor) -> None:
        super().__init__()
        self.register_buffer("positions", positions, persistent=False)
        self.register_buffer("gains", gains, persistent=False)

    def angles(self, grid: int, device: torch.device) -> Annotated[Tensor, "(G,)"]:
        """Return the grid (G,), with both ends."""
        return grid_angles(grid, None, device)

    def steering(self, u: Annotated[Tensor, "(...)"]) -> Annotated[Tensor, "(..., N)"]:
        """Return the steering vectors (..., N) at u = sin θ (...)."""
        return self.gains * torch.exp(-2j * math.pi * u[..., None] * self.positions)

    def forward(self, Q: Tensor, angle: Tensor) -> Annotated[Tensor, "(n, G)"]:
        """Return D (n, G)."""
        A = self.steering(angle.sin()).mT
        return (A.conj() * (Q @ A)).sum(-2).real

    def lowest(
        self, Q: Tensor, n: int, grid: int, *, refine: bool, ends: bool
    ) -> Annotated[Tensor, "(rows, n)"]:
        """Return the angles (rows, n) of the lowest minima."""
        turn = -2j * math.pi * self.positions

        def at(rows: Tensor, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            a = self.steering(u)
            a1, own = turn * a, Q[rows]
            Qa, Qa1 = (own @ a[..., None])[..., 0], (own @ a1[..., None])[..., 0]
            bend = (turn * a1).conj() * Qa + a1.conj() * Qa1
            forms = a.conj() * Qa, 2 * a1.conj() * Qa, 2 * bend
            value, slope, bend = (form.sum(-1).real for form in forms)
            return value, slope, bend

        angle = self.angles(grid, Q.device)
        D = self(Q, angle)
        most = D.shape[-1]
        return lowest_on_grid(
            D, angle, n, at if refine else None, most=most, circular=False, ends=ends
        )


def scan_of(belief: SensorArray, who: str) -> Scan:
    """Return the scan of an array.

    Args:
        belief: gives positions and gains, or the spacing.
        who: needs them, for the message where they are withheld.
    """
    if belief.is_uniform:
        return UniformScan(belief.uniform_spacing(who))
    return FreeScan(torch.tensor(belief.positions), torch.tensor(belief.gains))
