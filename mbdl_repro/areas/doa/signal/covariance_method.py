"""What methods share that see nothing of the snapshots but their covariance."""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance import (
    ROWS,
    check_sizes,
    check_snapshots,
    heard,
    sample_covariance,
    smoothed,
)
from mbdl_repro.areas.doa.signal.scan import Scan, UniformScan, scan_of
from mbdl_repro.areas.doa.signal.source_count import count_sources
from mbdl_repro.areas.doa.signal.subspace import (
    angles_of,
    determined_subspace,
    eigenvalues,
    esprit_roots,
    shown_roots,
)
from mbdl_repro.contract.method import Method


class SubarrayMethod(Method):
    """A method that decomposes covariances, of all sensors or averaged over sub-arrays.

    Args:
        belief: gives N and the spacing, and M where the number is given.
        smoothing: sub-arrays whose covariances are averaged: ``none``, ``forward``, or
            ``forward_backward``: and mirrored.
        subarray: L, sensors of a sub-array; ``None``: N/2 + 1, or M + 1 if that is more.
    """

    def __init__(
        self,
        belief: SensorArray,
        *,
        smoothing: Literal["none", "forward", "forward_backward"] = "none",
        subarray: Annotated[int, Ge(2)] | None = None,
    ) -> None:
        super().__init__()
        self.n_sensors = belief.n_sensors
        self.smoothing: Literal["none", "forward", "forward_backward"] = smoothing
        self.subarray = check_sizes(belief, smoothing, subarray)

    def smoothed_covariance(
        self, x: Annotated[Tensor, "(..., N, T)"]
    ) -> Annotated[Tensor, "(..., L, L)"]:
        """Return the covariance (..., L, L) of snapshots (..., N, T), smoothed as it is said."""
        return smoothed(sample_covariance(x), self.smoothing, self.subarray)


class CovarianceMethod(SubarrayMethod):
    """A method that estimates a covariance, the number of sources, and their angles.

    A row of snapshots that are all zero, or not all finite, has no angles: NaN.

    Args:
        belief: gives N and the spacing, and M where the number is given.
        count: the number of sources is ``given``, or that of least ``aic`` or ``mdl``; then an
            answer has N − 1 columns, and NaN behind the angles.
    """

    def __init__(
        self,
        belief: SensorArray,
        *,
        count: Literal["given", "aic", "mdl"] = "given",
        **settings: Any,
    ) -> None:
        if count == "given":
            n_sources = belief.required("n_sources")
        else:
            belief = dataclasses.replace(belief, n_sources=None, angles_deg=None)
            n_sources = 0
        super().__init__(belief, **settings)
        self.count = count
        self.n_sources: int = n_sources
        self.place_sensors(belief)

    def place_sensors(self, belief: SensorArray) -> None:
        """Note where sensors stand: here, in equal steps.

        Args:
            belief: gives the spacing.

        Raises:
            ValueError: if they do not, or the spacing is withheld.
        """
        self.spacing = belief.uniform_spacing(self.name)

    def covariance(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, L, L)"]:
        """Return the covariance (n, L, L) of snapshots (n, N, T), smoothed as it is said."""
        parts = (check_snapshots(some, self.n_sensors) for some in x.split(ROWS))
        return torch.cat([self.smoothed_covariance(part) for part in parts])

    def count_sources(self, x: Tensor) -> Tensor:
        """Return the number of sources (n,), given or estimated; 0 for a row without an answer.

        The criteria's T is the number of snapshots, whether or not sub-arrays are averaged: those
        overlap, and add far less than their number to what there is to average.
        """
        x, rows = heard(x)
        return torch.where(rows, self._counted(self.covariance(x), x), 0)

    def forward(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return the angles (n, M) in rad, rising, of snapshots (n, N, T)."""
        columns = self.n_sources if self.count == "given" else self.n_sensors - 1
        return self.of_each(x, self.angles, columns)

    @abstractmethod
    def angles(
        self, R: Annotated[Tensor, "(n, L, L)"], n_sources: int
    ) -> Annotated[Tensor, "(n, n_sources)"]:
        """Return angles (n, n_sources) in rad, rising, then NaN, of covariances (n, L, L).

        Args:
            R: covariances (n, L, L), Hermitian, none of them zero.
            n_sources: M, the same of all rows.
        """

    def illustrations(self, x: Tensor) -> dict[str, Tensor]:
        """Return the eigenvalues (n, L) of the covariance, in descending order."""
        return {"eigenvalues": eigenvalues(self.covariance(x)).flip(-1)}

    def of_each(
        self,
        x: Annotated[Tensor, "(n, N, T)"],
        of: Callable[[Tensor, int], Tensor],
        columns: int | None = None,
    ) -> Annotated[Tensor, "(n, columns)"]:
        """Return what a function of covariances and M gives for each row (n, columns), else NaN.

        It is called once for each number of sources.

        Args:
            x: snapshots (n, N, T), complex.
            of: from covariances (k, L, L) of the k rows with M sources, and M, to (k, ·).
            columns: of the answer; ``None``: as many as the widest has.

        Returns:
            (n, columns), NaN behind narrower rows, and in rows without an answer.
        """
        x, rows_heard = heard(x)
        R = self.covariance(x)
        counted = torch.where(rows_heard, self._counted(R, x), 0)
        parts = [(counted == k, k) for k in counted.unique().tolist() if k]
        if len(parts) == 1 and parts[0][0].all():
            answers = [of(R, parts[0][1])]
        else:
            answers = [of(R[rows], k) for rows, k in parts]
        widths = [answer.shape[-1] for answer in answers]
        columns = columns if columns is not None else max(widths, default=0)
        if widths == [columns] and len(answers[0]) == len(x):
            return answers[0]
        dtype = answers[0].dtype if answers else torch.float64
        whole = torch.full((len(x), columns), math.nan, dtype=dtype, device=x.device)
        for (rows, _), answer in zip(parts, answers, strict=True):
            whole[rows, : answer.shape[-1]] = answer
        return whole

    def check_rank(self, n_snapshots: int, why: str) -> None:
        """Refuse snapshots so few that the covariance is singular.

        Args:
            n_snapshots: T.
            why: the setting that asks for an inverse, for the message: "loading is 0".

        Raises:
            ValueError: naming the setting that makes them too few.
        """
        mirrored = 2 if self.smoothing == "forward_backward" else 1
        averaged = (self.n_sensors - self.subarray + 1) * mirrored
        if n_snapshots * averaged < self.subarray:
            raise ValueError(
                f"{why}, and snapshots are {n_snapshots}: the covariance of {self.subarray} "
                f"sensors has no inverse with less than {math.ceil(self.subarray / averaged)}"
            )

    def _counted(self, R: Tensor, x: Tensor) -> Tensor:
        if self.count == "given":
            return torch.full((len(R),), self.n_sources, device=R.device)
        self.check_rank(x.shape[-1], f"count is {self.count}")
        return count_sources(eigenvalues(R), x.shape[-1], self.count)


class EspritMethod(CovarianceMethod):
    """A method that reads angles off the rotation between two shifted parts of a signal subspace.

    Where rounding alone tells that subspace from the others, the answer is NaN.
    """

    @abstractmethod
    def covariance(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, L, L)"]:
        """Return the matrix (n, L, L) of snapshots (n, N, T) that is decomposed."""
        return super().covariance(x)

    def angles(
        self, R: Annotated[Tensor, "(n, L, L)"], n_sources: int
    ) -> Annotated[Tensor, "(n, M)"]:
        """Return the angles (n, M) of covariances (n, L, L)."""
        return angles_of(self._roots(R, n_sources), self.spacing)

    def illustrations(self, x: Annotated[Tensor, "(n, N, T)"]) -> dict[str, Tensor]:
        """Return the eigenvalues of the covariance of snapshots (n, N, T), and the roots (n, M).

        The roots are the eigenvalues of Φ.
        """
        roots = self.of_each(x, self._roots)
        return super().illustrations(x) | shown_roots(roots, self.spacing)

    def _roots(self, R: Tensor, n_sources: int) -> Tensor:
        return esprit_roots(determined_subspace(R, n_sources))


class SpectralMethod(CovarianceMethod):
    """A method whose answers are the highest peaks of a function of the angle.

    Without smoothing, sensors may stand anywhere on a line, and have any gains.

    Args:
        belief: gives N, places and gains of sensors, and M where the number is given.
        grid: points over [−90°, 90°) on which peaks are found.
        refine: go on from the grid to the peak itself.
    """

    ends = True
    """Whether −90° and 90° may be peaks."""

    def __init__(
        self,
        belief: SensorArray,
        *,
        grid: Annotated[int, Ge(8)] = 360,
        refine: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.grid = grid
        self.refine = refine

    def place_sensors(self, belief: SensorArray) -> None:
        """Note where sensors stand: in equal steps, if there are sub-arrays."""
        self.scan: Scan
        if self.smoothing == "none":
            self.scan = scan_of(belief, self.name)
        else:
            self.scan = UniformScan(belief.uniform_spacing(f"{self.name} with smoothing"))

    @abstractmethod
    def form(
        self, R: Annotated[Tensor, "(n, L, L)"], n_sources: int
    ) -> Annotated[Tensor, "(n, L, L)"]:
        """Return Q (n, L, L), whose D(θ) = aᴴ Q a is least where the spectrum has its peaks.

        Args:
            R: covariances (n, L, L), Hermitian.
            n_sources: M, the same of all rows.
        """

    @abstractmethod
    def pseudo_spectrum(self, D: Tensor) -> Tensor:
        """Return the spectrum, which falls as D grows."""

    def angles(
        self, R: Annotated[Tensor, "(n, L, L)"], n_sources: int
    ) -> Annotated[Tensor, "(n, M)"]:
        """Return the angles (n, M) of covariances (n, L, L)."""
        Q = self.form(R, n_sources)
        return self.scan.lowest(Q, n_sources, self.grid, refine=self.refine, ends=self.ends)

    def illustrations(self, x: Tensor) -> dict[str, Tensor]:
        """Return eigenvalues, and the spectrum (n, G) with the grid that it is on."""
        angle = self.scan.angles(self.grid, x.device)

        def spectrum(R: Tensor, n_sources: int) -> Tensor:
            return self.pseudo_spectrum(self.scan(self.form(R, n_sources), angle))

        shown = super().illustrations(x) | {"spectrum": self.of_each(x, spectrum)}
        shown["grid_rad"] = angle.expand(len(x), -1)
        return shown
