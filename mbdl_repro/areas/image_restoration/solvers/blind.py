"""Steps of blind deconvolution, x = k ∗ s + w with k unknown, as pure functions of images.

Images are (n, height, width) or, filtered, (n, filters, height, width), and periodic.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Annotated, NamedTuple

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.blur import filtered, transfer_function
from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.physics.kernels import MOTION_SIDE
from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold
from mbdl_repro.contract.method import IterativeMethod

DIFFERENCES = (
    ((0.0, 0.0, 0.0), (0.0, 1.0, -1.0), (0.0, 0.0, 0.0)),
    ((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, 0.0)),
)
"""Two filters (2, 3, 3): differences of neighbours in a row, and in a column."""


class Stage(NamedTuple):
    """The parameters of one iteration.

    Attributes:
        filters: f_c (C, 3, 3).
        thresholds: t_c (C,), relative: times the root mean square of the filtered observation.
        penalty: η, how strongly the filtered image follows the sparse ones.
        ridge: ε, which keeps the kernel small, relative to the sparse images' energy.
        cut: c, the share of a kernel's largest entry that is taken off all of them.
    """

    filters: Tensor
    thresholds: Tensor
    penalty: Tensor | float
    ridge: Tensor | float
    cut: Tensor | float


def blind_iterates(
    x: Annotated[Tensor, "(n, height, width)"], side: int, stages: Iterable[Stage]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (s_0, k_0), (s_1, k_1), …, of half-quadratic splitting, s_0 = x, k_0 one pixel.

    v_c ← T_τ(f_c ∗ s),  τ = t_c · rms(f ∗ x)
    k ← argmin ½ Σ_c ‖f_c ∗ x − k ∗ v_c‖² + ε/2 ‖k‖², less c · max k, not negative, of sum one
    s ← argmin ½‖x − k ∗ s‖² + η/2 Σ_c ‖f_c ∗ s − v_c‖²

    The first thresholds are large: edges alone tell the kernel, made sharper than they look.
    With small ones from the start the answer would be the observation, and no blur.

    Args:
        x: observations (n, height, width).
        side: of the kernels, odd.
        stages: numbers of each iteration.

    Source: Li, Tofighi, Geng, Monga and Eldar, 2020, who split the filtered images apart from
    the image, and find the latter last.
    """
    s, k = x, as_kernel(x.new_zeros(len(x), side, side), 0.0)
    yield s, k
    for filters, thresholds, penalty, ridge, cut in stages:
        F = transfer_function(filters, *x.shape[-2:])
        y = filtered(x[:, None], F)
        scale = y.square().mean((1, 2, 3), keepdim=True).sqrt()
        v = soft_threshold(filtered(s[:, None], F), scale * thresholds[:, None, None])
        k = as_kernel(kernel_least_squares(y, v, side, ridge), cut)
        s = image_of(x, v, k, filters, penalty)
        yield s, k


def kernel_least_squares(
    y: Annotated[Tensor, "(n, C, height, width)"],
    v: Annotated[Tensor, "(n, C, height, width)"],
    side: int,
    ridge: Tensor | float,
) -> Annotated[Tensor, "(n, side, side)"]:
    """Return argmin_k ½ Σ_c ‖y_c − k ∗ v_c‖² + ε/2 ‖k‖² over point-symmetric k (n, side, side).

    Straight motion at an even pace looks the same from both ends, so k(−i, −j) = k(i, j): that
    also settles where k and the image lie, which their convolution leaves open.

    Args:
        y: filtered observations (n, C, height, width).
        v: sparse filtered images (n, C, height, width).
        side: of the kernel, odd.
        ridge: ε > 0, relative to Σ_c ‖v_c‖².
    """
    V, Y = torch.fft.rfft2(v), torch.fft.rfft2(y)
    size = y.shape[-2:]
    auto = torch.fft.irfft2(V.abs().square().sum(1), s=size)
    cross = torch.fft.irfft2((V.conj() * Y).sum(1), s=size)
    r = side // 2
    offsets = torch.cartesian_prod(torch.arange(-r, r + 1), torch.arange(-r, r + 1)).to(y.device)
    # One of each pair of opposite entries, the middle last, which is its own opposite.
    half = offsets[: len(offsets) // 2 + 1]

    def at(image: Tensor, shift: Tensor) -> Tensor:
        rows, columns = shift[..., 0] % size[0], shift[..., 1] % size[1]
        return image[:, rows, columns]

    # ⟨v(· − i) + v(· + i), v(· − j) + v(· + j)⟩ = 2 (a(i − j) + a(i + j)), a symmetric.
    gram = 2 * (at(auto, half[:, None] - half) + at(auto, half[:, None] + half))
    right = at(cross, half) + at(cross, -half)
    energy = auto[:, 0, 0].clamp_min(torch.finfo(y.dtype).tiny)
    identity = torch.eye(len(half), dtype=y.dtype, device=y.device)
    # The middle stands for two entries at one place, each of half its value.
    norms = 2 * identity
    norms[-1, -1] = 4
    gram = gram / energy[:, None, None] + ridge * norms
    # Unlike ``solve``, this refuses no row, and so not all for one that has no solution.
    solution = torch.linalg.solve_ex(gram, right / energy[:, None]).result
    opposite = solution.flip(1)
    middle = solution[:, -1:] + opposite[:, :1]
    flat = torch.cat([solution[:, :-1], middle, opposite[:, 1:]], 1)
    return flat.unflatten(1, (side, side))


def as_kernel(
    k: Annotated[Tensor, "(n, a, a)"], cut: Tensor | float
) -> Annotated[Tensor, "(n, a, a)"]:
    """Return max(k − c · max k, 0) of kernels (n, a, a), divided by its sum.

    Args:
        k: (n, a, a); entries may be negative.
        cut: c, from 0 to 1: the share of a kernel's largest entry that is taken off all of
            them.

    Returns:
        Kernels (n, a, a), not negative, of sum one; a single pixel where nothing is left, and
        NaN where k is.
    """
    k = (k - cut * k.amax((1, 2), keepdim=True)).clamp_min(0)
    total = k.sum((1, 2), keepdim=True)
    # Where nothing is left: no blur.
    spike = torch.zeros_like(k[0])
    spike[k.shape[1] // 2, k.shape[2] // 2] = 1
    nothing = total <= torch.finfo(k.dtype).eps
    return torch.where(nothing, spike, k / torch.where(nothing, 1.0, total))


def image_of(
    x: Annotated[Tensor, "(n, height, width)"],
    v: Annotated[Tensor, "(n, C, height, width)"],
    kernel: Annotated[Tensor, "(n, a, a)"],
    filters: Annotated[Tensor, "(C, 3, 3)"],
    penalty: Tensor | float,
) -> Annotated[Tensor, "(n, height, width)"]:
    """Return argmin_s ½‖x − k ∗ s‖² + η/2 Σ_c ‖f_c ∗ s − v_c‖², images (n, height, width).

    Args:
        x: observations (n, height, width).
        v: sparse filtered images (n, C, height, width).
        kernel: k (n, a, a).
        filters: f_c (C, 3, 3).
        penalty: η > 0.
    """
    K, F = transfer_function(kernel, *x.shape[-2:]), transfer_function(filters, *x.shape[-2:])
    X, V = torch.fft.rfft2(x), torch.fft.rfft2(v)
    above = K.conj() * X + penalty * (F.conj() * V).sum(1)
    below = K.abs().square() + penalty * F.abs().square().sum(0)
    # Where neither kernel nor filters let anything through there is nothing to divide.
    least = torch.finfo(below.dtype).eps * below.amax((1, 2), keepdim=True)
    return torch.fft.irfft2(above / torch.maximum(below, least), s=x.shape[-2:])


def falling(first: float, last: float, n: int) -> Annotated[Tensor, "(n,)"]:
    """Return n numbers (n,) from the first to the last, each the same share of the one before.

    Args:
        first: the first number, above 0.
        last: the last number, above 0.
        n: how many.
    """
    share = torch.arange(n, dtype=torch.float64) / max(1, n - 1)
    return first * (last / first) ** share


def check_images(x: Tensor) -> None:
    """Refuse what are not square images that are larger than an unknown kernel.

    Raises:
        ValueError: saying which shape they have, and which is allowed.
    """
    if x.ndim != 3 or x.shape[1] != x.shape[2] or x.shape[1] < MOTION_SIDE:
        raise ValueError(
            f"observations have the shape {tuple(x.shape)}: should be (n, side, side), with "
            f"{MOTION_SIDE} pixels a side, as the kernel has, or more"
        )


class BlindRestoration(IterativeMethod):
    """Half-quadratic splitting over the image, its sparse filtered images, and the unknown kernel.

    See :func:`blind_iterates`. Of the kernel it is known that it fits into 9 × 9 pixels, is not
    negative, sums to one, and looks the same upside down, as straight motion at an even pace does.

    Args:
        belief: nothing of it is used.
        iterations: K.
        threshold: t of the first iteration, times the root mean square of the filtered observation.
        last_threshold: t of the last one; those between fall geometrically.
        penalty: η, how strongly the filtered image follows the sparse ones.
        ridge: ε, weight of the kernel's squared norm, relative to the sparse filtered images'.
        cut: c, the share of a kernel's largest entry below which entries are zero.
    """

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)],
        threshold: Annotated[float, Gt(0)] = 3.0,
        last_threshold: Annotated[float, Gt(0)] = 0.3,
        penalty: Annotated[float, Gt(0)] = 0.5,
        ridge: Annotated[float, Gt(0)] = 0.1,
        cut: Annotated[float, Gt(0), Lt(1)] = 0.05,
    ) -> None:
        super().__init__()
        self.iterations: int = iterations
        self.differences: Tensor
        self.first_thresholds: Tensor
        differences = torch.tensor(DIFFERENCES, dtype=torch.float64)
        self.register_buffer("differences", differences, persistent=False)
        thresholds = falling(threshold, last_threshold, iterations)
        self.register_buffer("first_thresholds", thresholds, persistent=False)
        self.numbers = penalty, ridge, cut

    @abstractmethod
    def stages(self, x: Tensor) -> Iterable[Stage]:
        """Return the numbers of each iteration, in the precision of the observations."""

    def iterates(self, x: Tensor) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield s_0 = x, s_1, …, s_K (n, side, side)."""
        return (s for s, _ in self._pairs(x))

    def illustrations(self, x: Tensor) -> dict[str, Tensor]:
        """Return the last kernels (n, 9, 9)."""
        *_, (_, kernel) = self._pairs(x)
        return {"kernel": kernel}

    def _pairs(self, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        check_images(x)
        return blind_iterates(x, MOTION_SIDE, self.stages(x))
