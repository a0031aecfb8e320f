"""What happens to an image before it is observed: x = H s + w, one law of H for each task."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from functools import cache
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le

from mbdl_repro.areas.image_restoration.physics.kernels import convolved, gaussian, random_motion
from mbdl_repro.areas.image_restoration.physics.linear_map import LinearMap, tested_shape
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.contract.seeding import rng_for

SMALLEST_SIDE = 8
"""Pixels; smaller images hold no more than their own border."""

DEGRADATIONS = (
    "denoising",
    "deblurring",
    "blind_deblurring",
    "super_resolution",
    "compressed_sensing",
)
UNITS = {"super_resolution": "factor", "compressed_sensing": "block_side"}
"""What the sides of images are multiples of."""

MATRICES = ("orthonormal_rows", "gaussian")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DegradedImages(Scenario):
    """A square image s in [0, 1], observed as x = H s + w, w ~ N(0, σ² I).

    H is one of these, and images go on periodically at their borders:

    - ``denoising``: H = I;
    - ``deblurring``: convolution with a Gaussian kernel;
    - ``blind_deblurring``: convolution with a linear motion, drawn for each image, and unknown;
    - ``super_resolution``: convolution with a Gaussian kernel, of which every ``factor``-th pixel
      in each direction is kept, from the first on;
    - ``compressed_sensing``: the same random matrix with ``ratio`` · (block side)² rows for each
      block of the image;
    - in Python, any :class:`LinearMap` of images of both sides.

    Training patches are smaller than the images of validation and test. Targets do not depend on
    H: what is trained on images alone is the same for every H.

    Args:
        degradation: which H, by its name, or a map of one's own; ``None``, in a belief: unknown.
        noise_std: σ, standard deviation of each entry of w.
        blur_std: standard deviation of the Gaussian kernel, in pixels.
        factor: f, how many times fewer pixels a side super-resolution is given.
        ratio: measurements a pixel in compressed sensing, in (0, 1].
        measurement_matrix: law of a block's matrix: Gaussian with orthonormal rows, or entries
            N(0, 1/m), m rows. It is drawn once, and is the same for all seeds.
        side: pixels a side of the images of validation and test.
        patch_side: pixels a side of training patches.
        block_side: pixels a side of the blocks that compressed sensing measures.
    """

    area = "image_restoration"
    collection: ClassVar[str]
    """Name of the images' streams."""

    degradation: (
        Literal[
            "denoising",
            "deblurring",
            "blind_deblurring",
            "super_resolution",
            "compressed_sensing",
        ]
        | LinearMap
        | None
    )
    noise_std: Annotated[float, Ge(0)] | None
    blur_std: Annotated[float, Ge(1e-3)] = 1.0
    factor: Annotated[int, Ge(2)] = 2
    ratio: Annotated[float, Gt(0), Le(1)] = 0.25
    measurement_matrix: Literal["orthonormal_rows", "gaussian"] = "orthonormal_rows"
    side: Annotated[int, Ge(SMALLEST_SIDE)] = 72
    patch_side: Annotated[int, Ge(SMALLEST_SIDE)] = 36
    block_side: Annotated[int, Ge(SMALLEST_SIDE)] = 36

    def __post_init__(self) -> None:
        """Check that sides fit each other.

        Raises:
            ValueError: saying which do not.
        """
        if isinstance(self.degradation, LinearMap):
            self._check_map(self.degradation)
        unit = UNITS.get(self._name or "")
        for name in ("side", "patch_side") if unit else ():
            if getattr(self, name) % getattr(self, unit):  # type: ignore[arg-type]
                raise ValueError(
                    f"{name} is {getattr(self, name)}: should be a multiple of {unit}, "
                    f"which is {getattr(self, unit)}"  # type: ignore[arg-type]
                )

    def _check_map(self, H: LinearMap) -> None:
        """Test a map that is given on images of both sides."""
        if H.name in DEGRADATIONS:
            raise ValueError(f"degradation is a map named {H.name}: should have a name of its own")
        for side in (self.side, self.patch_side):
            tested_shape(H, side)

    def identity(self) -> tuple[object, ...]:
        """Return what names this scenario's random streams; a map is there by its name."""
        area, fields = super().identity()
        assert isinstance(fields, dict)
        return (area, fields | {"degradation": self._name})

    # What the designer may ask for --------------------------------------------------------------

    @property
    def _name(self) -> str | None:
        """The name of the degradation, if it is known."""
        return (
            self.degradation.name if isinstance(self.degradation, LinearMap) else self.degradation
        )

    @property
    def kernel(self) -> np.ndarray:
        """The convolution kernel (2r + 1, 2r + 1) of sum one, read-only: Gaussian, or one pixel.

        Raises:
            ValueError: if the degradation is a map of one's own, or withheld.
        """
        if isinstance(self.degradation, LinearMap):
            raise ValueError(
                f"a kernel is asked for, and degradation is {self._name!r}: only those that are "
                "called by name have one"
            )
        return gaussian(self.blur_std if self._blurs else 0.0)

    @property
    def decimation(self) -> int:
        """How many times fewer pixels a side are observed: the factor in super-resolution, or 1."""
        return self.factor if self.required("degradation") == "super_resolution" else 1

    @property
    def matrix(self) -> np.ndarray:
        """The matrix (m, block_side²) that measures a block in compressed sensing, read-only."""
        if self.required("degradation") != "compressed_sensing":
            raise ValueError(
                f"a matrix is asked for, and degradation is {self._name}: only "
                "compressed_sensing has one"
            )
        return _matrix(self.measurement_matrix, self.ratio, self.block_side)

    @property
    def _blurs(self) -> bool:
        return self.required("degradation") in ("deblurring", "super_resolution")

    # Draws --------------------------------------------------------------------------------------

    @abstractmethod
    def targets(
        self, n: int, split: str, seed: int, rng: np.random.Generator
    ) -> Annotated[np.ndarray, "(n, side, side)"]:
        """Draw n images of a split; of ``train``, patches.

        Args:
            n: number of images.
            split: ``train``, ``validation`` or ``test``.
            seed: of the repetition: which images are in a split may depend on it.
            rng: generator that chooses among them.

        Returns:
            Images (n, side, side) in [0, 1]; of ``train``, ``side`` is ``patch_side``.
        """

    def check_truth(self) -> None:
        """Check that the kind of H and the noise are given.

        Raises:
            ValueError: naming the one that is withheld.
        """
        for field in ("degradation", "noise_std"):
            self.required(field)

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n pairs of seed 0's test images: x as H makes them, s (n, side, side)."""
        return self._observed(self.targets(n, "test", 0, rng), rng)

    def draw(self, n: int, *stream: object) -> Split:
        """Draw n pairs from the named stream: the split that images are of, and the seed.

        A stream that names no split is of test images, and one that names no seed is of seed 0's.

        The images depend on the stream, the kind of image and its sides only, the noise, and a
        kernel that nobody knows, on all fields.
        """
        split = stream[0] if stream[0] in ("train", "validation") else "test"
        seed = stream[1] if len(stream) > 1 and isinstance(stream[1], int) else 0
        area, fields = self.identity()
        assert isinstance(fields, dict)
        shape = {name: fields[name] for name in ("side", "patch_side") if name in fields}
        seen = (area, self.collection, shape, *stream)
        chunks = []
        for i in range(-(-n // self.chunk_size)):
            s = self.targets(self.chunk_size, str(split), seed, rng_for("images", *seen, i))
            chunks.append(self._observed(s, rng_for("data", area, fields, *stream, i)))
        return Split(*(np.concatenate(parts)[:n] for parts in zip(*chunks, strict=True)))

    def clean(self, s: Annotated[np.ndarray, "(n, side, side)"]) -> np.ndarray:
        """Return H s of images s (n, side, side), as it is observed without noise.

        Raises:
            ValueError: if H is another one for each image, which nobody knows.
        """
        if self.required("degradation") == "blind_deblurring":
            raise ValueError("H is asked for, and in blind_deblurring nobody knows it")
        if isinstance(self.degradation, LinearMap):
            return self.degradation.observed(s)
        if self.degradation == "compressed_sensing":
            return np.einsum("mp,nijp->nijm", self.matrix, blocks_of(s, self.block_side))
        f = self.decimation
        return np.stack([convolved(image, self.kernel)[::f, ::f] for image in s])

    def _observed(self, s: np.ndarray, rng: np.random.Generator) -> Split:
        """Degrade images s (n, side, side), and add noise."""
        if self.required("degradation") == "blind_deblurring":
            clean = np.stack([convolved(image, random_motion(rng)) for image in s])
        else:
            clean = self.clean(s)
        sigma = float(self.required("noise_std"))
        return Split(x=clean + sigma * rng.standard_normal(clean.shape), s=s)


def positive_noise_std(belief: DegradedImages) -> float:
    """Return σ, for who divides by it, or takes strengths as multiples of it.

    Raises:
        ValueError: if it is withheld, or zero.
    """
    noise_std = float(belief.required("noise_std"))
    if not noise_std**2 > 0:  # which some divide by
        raise ValueError(
            f"noise_std is {noise_std}: it should be above 0 for a method that weighs by it"
        )
    return noise_std


def blocks_of(s: Annotated[np.ndarray, "(n, b·side, c·side)"], side: int) -> np.ndarray:
    """Cut images (n, b·side, c·side) into blocks: (n, b, c, side²).

    Args:
        s: images (n, b·side, c·side).
        side: pixels a side of a block.
    """
    n, height, width = s.shape
    cut = s.reshape(n, height // side, side, width // side, side)
    return cut.transpose(0, 1, 3, 2, 4).reshape(n, height // side, width // side, side**2)


@cache
def _matrix(law: str, ratio: float, side: int) -> np.ndarray:
    """Draw the matrix of a block: a function of its law and sizes, and of nothing else.

    One with fewer rows of the same law is its beginning, up to the Gaussian law's 1/√m.
    """
    pixels = side**2
    m = max(1, round(ratio * pixels))
    A = rng_for("matrix", "image_restoration", side).standard_normal((m, pixels))
    if law == "orthonormal_rows":
        Q, R = np.linalg.qr(A.T)
        H = (Q * np.sign(np.diag(R))).T
    else:
        H = A / np.sqrt(m)
    H.setflags(write=False)
    return H
