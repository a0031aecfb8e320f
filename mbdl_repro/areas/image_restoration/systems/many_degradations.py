"""Photographs, each with a degradation of its own, of which whoever restores it is told."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Annotated, Literal, NamedTuple

import numpy as np
from annotated_types import Ge, Gt

from mbdl_repro.areas.image_restoration.physics.kernels import (
    MOTION_SIDE,
    arc,
    convolved,
    disk,
    random_motion,
    sheared_gaussian,
)
from mbdl_repro.areas.image_restoration.scenario import Photographs
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.contract.seeding import rng_for

KERNEL_SIDE = 11
"""Pixels of the square that holds any kernel."""

SCALES = (1, 2, 3)
"""One of how many pixels is kept in each direction."""

NOISE = (0.003, 0.05)
"""The range of σ, in grey levels."""

CaseName = Literal["any", "shake_x1", "defocus_x1", "gaussian_x2", "shake_x2", "gaussian_x3"]


class Case(NamedTuple):
    """A degradation, the same for all images."""

    kernel: Literal["gaussian", "shake", "defocus"]
    scale: int
    noise_std: float


CASES: dict[str, Case] = {
    "shake_x1": Case("shake", 1, 0.01),
    "defocus_x1": Case("defocus", 1, 0.04),
    "gaussian_x2": Case("gaussian", 2, 0.01),
    "shake_x2": Case("shake", 2, 0.02),
    "gaussian_x3": Case("gaussian", 3, 0.005),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ManyDegradations(Scenario):
    """A photograph s in [0, 1], blurred, decimated and in noise: y = (k ∗ s)↓f + w, w ~ N(0, σ² I).

    Each image has a kernel k, a scale f and a noise level σ of its own, and they come with it. Its
    observation x (4, side, side) holds planes of the image's size: y, each pixel f × f times; the
    kernel, its centre in the middle; f in every pixel; σ in every pixel. Images go on periodically,
    and of each f pixels in a direction the first one is kept.

    Args:
        case: ``any``: k a linear motion of 3 to 8 pixels or a Gaussian with standard deviations
            from 0.5 to 2 pixels along and across any direction, both as often; f 1, 2 or 3; σ from
            0.003 to 0.05. The others have one degradation for all images, with kernels that
            ``any`` does not draw, their scale in the name: a camera that shakes along an arc, a
            lens out of focus, a Gaussian.
        told_kernel: the kernel in x: the ``right`` one, or ``another``, drawn as for ``any``.
        told_noise: σ in x over the true one.
        side: pixels a side of the images of validation and test, a multiple of 6.
        patch_side: pixels a side of training patches, a multiple of 6.

    Source: ours, after Zhang, Van Gool and Timofte, 2020.
    """

    area = "image_restoration"
    name = "many_degradations"

    case: CaseName | None = "any"
    told_kernel: Literal["right", "another"] = "right"
    told_noise: Annotated[float, Gt(0)] = 1.0
    side: Annotated[int, Ge(12)] = 48
    patch_side: Annotated[int, Ge(12)] = 24

    def __post_init__(self) -> None:
        """Check that every scale divides both sides.

        Raises:
            ValueError: naming the side that it does not divide.
        """
        for name in ("side", "patch_side"):
            if getattr(self, name) % 6:
                raise ValueError(f"{name} is {getattr(self, name)}: should be a multiple of 6")

    def check_truth(self) -> None:
        """Check that the case is not withheld."""
        self.required("case")

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n pairs of seed 0's test images: x (n, 4, side, side), s (n, side, side)."""
        return self._observed(self._photographs.targets(n, "test", 0, rng), rng, rng)

    def draw(self, n: int, *stream: object) -> Split:
        """Draw n pairs from the named stream: of its split and seed, as photographs are.

        Images are those of any photographs with these sides. Kernels, scales and noise depend on
        the case, and not on what is told of them.
        """
        area, fields = self.identity()
        assert isinstance(fields, dict)
        happens = {name: value for name, value in fields.items() if not name.startswith("told")}
        whole = -(-n // self.chunk_size) * self.chunk_size
        images = self._photographs.draw(whole, *stream).s
        chunks = [
            self._observed(
                images[i * self.chunk_size : (i + 1) * self.chunk_size],
                rng_for("data", area, happens, *stream, i),
                rng_for("told", area, happens, *stream, i),
            )
            for i in range(whole // self.chunk_size)
        ]
        return Split(*(np.concatenate(parts)[:n] for parts in zip(*chunks, strict=True)))

    @property
    def _photographs(self) -> Photographs:
        return Photographs(
            degradation="denoising", noise_std=0.0, side=self.side, patch_side=self.patch_side
        )

    def _observed(
        self, s: np.ndarray, rng: np.random.Generator, telling: np.random.Generator
    ) -> Split:
        """Degrade images s (n, side, side), each in its way, and tell of it."""
        x = np.zeros((len(s), 4, *s.shape[1:]))
        for image, planes in zip(s, x, strict=True):
            kernel, f, sigma = drawn_case(str(self.required("case")), rng)
            noise = rng.standard_normal(image.shape)
            y = (convolved(image, kernel) + sigma * noise)[::f, ::f]
            told = drawn_kernel(telling) if self.told_kernel == "another" else kernel
            planes[:] = planes_of(y, told, f, sigma * self.told_noise)
        return Split(x, s)


def planes_of(
    y: Annotated[np.ndarray, "(side/f, side/f)"],
    kernel: Annotated[np.ndarray, "(a, a)"],
    scale: int,
    noise_std: float,
) -> Annotated[np.ndarray, "(4, side, side)"]:
    """Return an observation (4, side, side) with what is told of it, one plane each.

    Args:
        y: what was observed (side/f, side/f).
        kernel: (a, a), a odd and below side; its centre is that of the square.
        scale: f.
        noise_std: σ.
    """
    repeated = np.repeat(np.repeat(y, scale, 0), scale, 1)
    planes = np.stack([repeated, np.zeros_like(repeated), *np.zeros((2, *repeated.shape))])
    first = len(repeated) // 2 - len(kernel) // 2
    planes[1, first : first + len(kernel), first : first + len(kernel)] = kernel
    planes[2], planes[3] = scale, noise_std
    return planes


def drawn_case(case: str, rng: np.random.Generator) -> tuple[np.ndarray, int, float]:
    """Return a kernel (11, 11), a scale and a noise level: drawn for ``any``, else of that case.

    Args:
        case: its name.
        rng: what they are drawn from.
    """
    if case != "any":
        kernel, scale, noise_std = CASES[case]
        return fixed_kernel(kernel), scale, noise_std
    kernel_drawn = drawn_kernel(rng)
    return kernel_drawn, int(rng.choice(SCALES)), float(rng.uniform(*NOISE))


def drawn_kernel(rng: np.random.Generator) -> Annotated[np.ndarray, "(11, 11)"]:
    """Draw a kernel (11, 11): a linear motion, or a Gaussian, as often.

    Args:
        rng: what it is drawn from.
    """
    if rng.random() < 0.5:
        return np.pad(random_motion(rng), (KERNEL_SIDE - MOTION_SIDE) // 2)
    along, across = rng.uniform(0.5, 2.0, 2)
    return sheared_gaussian(along, across, rng.uniform(0, np.pi), KERNEL_SIDE)


@cache
def fixed_kernel(name: str) -> Annotated[np.ndarray, "(11, 11)"]:
    """Return the kernel (11, 11) of a case, read-only.

    Args:
        name: ``gaussian``, ``shake`` or ``defocus``.
    """
    kernel = {
        "gaussian": lambda: sheared_gaussian(1.8, 0.7, np.pi / 6, KERNEL_SIDE),
        "shake": lambda: arc(4.0, 0.6 * np.pi, KERNEL_SIDE),
        "defocus": lambda: disk(2.5, KERNEL_SIDE),
    }[name]()
    kernel.setflags(write=False)
    return kernel
