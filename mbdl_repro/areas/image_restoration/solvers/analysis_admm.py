"""Priors on what filters see in an image, as in total variation: ADMM, and its methods."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

import torch
from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.blur import filtered, transfer_function
from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.physics.operator import Operator
from mbdl_repro.areas.image_restoration.solvers.restoration import IterativeRestoration
from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold


class Stage(NamedTuple):
    """The parameters of one iteration: numbers, or tensors through which gradients pass."""

    filters: Tensor
    """c_f (F, k, k), k odd: kernels, centred, of periodic convolutions."""
    shrink: Callable[[Tensor], Tensor]
    """Of coefficients (n, F, height, width): the proximal map of φ/μ."""
    penalty: Tensor | float
    """ρ > 0, of s = z."""
    coupling: Tensor | float
    """μ > 0, of d_f = c_f ∗ z: a number, or one a filter (F,)."""


def soft_stage(
    filters: Annotated[Tensor, "(F, k, k)"],
    threshold: Tensor | float,
    penalty: Tensor | float,
    coupling: Tensor | float,
) -> Stage:
    """Return a stage of φ(d) = Σ_f ρ_f ‖d_f‖₁, whose proximal map is soft thresholding.

    Args:
        filters: c_f (F, k, k).
        threshold: ρ_f/μ_f: a number, or one a filter, pixel or image, as (n, F, height, width)
            takes it.
        penalty: of s = z.
        coupling: μ: a number, or one a filter (F,).
    """
    return Stage(filters, partial(soft_threshold, threshold=threshold), penalty, coupling)


def analysis_admm_iterates(
    s: Annotated[Tensor, "(n, height, width)"],
    x: Annotated[Tensor, "(n, …)"],
    H: Operator,
    stages: Iterable[Stage],
) -> Iterator[Tensor]:
    """Yield z_0 = s, z_1, … of ADMM on ½‖x − H s‖² + φ(d), s = z, d_f = c_f ∗ z for every filter.

    s ← argmin ½‖x − H s‖² + ρ/2 ‖s − (z − u)‖²,  d ← prox_{φ/μ}(C z − v)
    z ← (ρ I + Σ_f μ_f C_fᵀC_f)⁻¹(ρ (s + u) + Σ_f μ_f C_fᵀ(d_f + v_f))
    u ← u + s − z,  v ← v + d − C z

    The pair (s, d) is one block and z the other, so that it converges for all ρ, μ > 0 where φ is
    convex. What z solves is diagonal in Fourier space, and each H has its own closed form for s,
    which no H need share with the filters.

    Args:
        s: the first image z_0 (n, height, width); the dual variables u and v start at 0.
        x: observations (n, …), as H makes them.
        H: the operator.
        stages: of each iteration.

    Source: Boyd, Parikh, Chu, Peleato and Eckstein, 2011, section 7.1; Yang, Sun, Li and Xu, 2020,
    for filters and shrinkage that are learned.
    """
    z = s
    u: Tensor | None = None
    v: Tensor | None = None
    yield z
    for filters, shrink, penalty, coupling in stages:
        C = transfer_function(filters, *z.shape[1:])
        seen = filtered(z[:, None], C)
        s = H.proximal(z if u is None else z - u, x, penalty)
        d = shrink(seen if v is None else seen - v)
        # s + u and d + v are asked for twice: what z is near to, and less z the next u and v.
        s = s if u is None else s + u
        d = d if v is None else d + v
        mu = coupling[:, None, None] if isinstance(coupling, Tensor) and coupling.ndim else coupling
        numerator = penalty * torch.fft.rfft2(s) + (mu * C.conj() * torch.fft.rfft2(d)).sum(1)
        transformed = numerator / (penalty + (mu * C.abs().square()).sum(0))
        z = torch.fft.irfft2(transformed, s=z.shape[1:])
        yield z
        u = s - z
        v = d - torch.fft.irfft2(transformed[:, None] * C, s=z.shape[1:])


class AnalysisAdmm(IterativeRestoration):
    """ADMM on ½‖x − H s‖² + ρ Σ_f ‖c_f ∗ s‖₁, where c_f are differences of neighbouring pixels.

    Args:
        belief: knows H.
        weight: ρ.
        neighbours: 2: differences to the right and below; 4: along both diagonals too.
        penalty: of what fits x and the image, in ADMM.
        coupling: the same, of the differences and the image's.
    """

    def __init__(
        self,
        belief: DegradedImages,
        *,
        weight: Annotated[float, Gt(0)] = 0.005,
        neighbours: Literal[2, 4] = 2,
        penalty: Annotated[float, Gt(0)] = 0.03,
        coupling: Annotated[float, Gt(0)] = 0.03,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.threshold = weight / coupling
        self.differences: Tensor
        self.register_buffer("differences", difference_filters(neighbours), persistent=False)
        self.penalty = penalty
        self.coupling = coupling

    @abstractmethod
    def stages(self, x: Tensor) -> list[Stage]:
        """Return what each iteration goes by, in the precision of the observations."""

    def iterates(self, x: Annotated[Tensor, "(n, side, side)"]) -> Iterator[Tensor]:
        """Yield s_0 = H.start(x), then the image that both blocks agree on (n, side, side)."""
        return analysis_admm_iterates(self.H.start(x), x, self.H, self.stages(x))


class TotalVariationAdmm(AnalysisAdmm):
    """ADMM on ½‖x − H s‖² + Σ_fp ρ w_fp |(c_f ∗ s)_p|: the same stage in all iterations, w = 1."""

    def thresholds(self, x: Tensor) -> Tensor | float:
        """Return ρ w/μ: a number, or one an image, filter and pixel (n, F, side, side)."""
        return self.threshold

    def stages(self, x: Tensor) -> list[Stage]:
        """Return the same differences, thresholds and penalties for all iterations."""
        numbers = (self.thresholds(x), self.penalty, self.coupling)
        return [soft_stage(self.differences.to(x), *numbers)] * self.iterations


def difference_filters(neighbours: Literal[2, 4]) -> Annotated[Tensor, "(F, 3, 3)"]:
    """Return the filters (F, 3, 3) of total variation: differences to 2 or 4 next pixels.

    To the right and below; with 4 also along both diagonals, over √2, the distance: the sum of
    absolute differences then depends less on which way an edge runs.

    Source: Boykov and Kolmogorov, 2003, for the weights.
    """
    filters = torch.zeros(neighbours, 3, 3, dtype=torch.float64)
    filters[:, 1, 1] = -1.0
    # A convolution turns its kernel: what stands to the left of the centre is seen on the right.
    for i, (row, column) in enumerate([(1, 0), (0, 1), (0, 0), (0, 2)][:neighbours]):
        filters[i, row, column] = 1.0
    filters[2:] /= 2**0.5
    return filters
