"""Real images that ship inside packages, split once, by image, into train, validation and test."""

from __future__ import annotations

from functools import cache
from typing import Annotated

import numpy as np

PHOTOGRAPHS = {
    "train": (
        "brick",
        "chelsea",
        "china.jpg",
        "coins",
        "grass",
        "gravel",
        "hubble_deep_field",
        "immunohistochemistry",
        "moon",
        "page",
        "retina",
        "rocket",
        "text",
    ),
    "validation": ("astronaut", "flower.jpg"),
    "test": ("camera", "motorcycle", "coffee"),
}
"""Names in scikit-image, and of scikit-learn's two files: no photograph stands in two splits.

Validation and test hold photographs of things; all textures, and what is left, are for training.
"""

SHORT_SIDE = 256
"""Pixels of a photograph's shorter side, to which it is reduced: a crop then shows some thing."""

DIGITS = {"train": (0, 1197), "validation": (1197, 1497), "test": (1497, 1797)}
"""Rows of scikit-learn's 1797 digits, whose order is that of their writers: first to last."""


@cache
def photographs(split: str) -> tuple[np.ndarray, ...]:
    """Return the photographs of a split: grey, in [0, 1], shorter side 256 pixels, read-only."""
    return tuple(_photograph(name) for name in PHOTOGRAPHS[split])


@cache
def digits(split: str) -> Annotated[np.ndarray, "(n, 8, 8)"]:
    """Return the digits of a split (n, 8, 8), in [0, 1], read-only."""
    from sklearn.datasets import load_digits

    images = load_digits().images[slice(*DIGITS[split])] / 16
    images.setflags(write=False)
    return images


def _photograph(name: str) -> np.ndarray:
    """Return one photograph, reduced by averaging over pixels, as a camera with fewer would."""
    from skimage import color, data, transform, util
    from sklearn.datasets import load_sample_image

    if name == "motorcycle":
        image = data.stereo_motorcycle()[0]
    elif name.endswith(".jpg"):
        image = load_sample_image(name)
    else:
        image = getattr(data, name)()
    grey = color.rgb2gray(image[..., :3]) if image.ndim == 3 else util.img_as_float(image)
    scale = SHORT_SIDE / min(grey.shape)
    size = tuple(round(scale * side) for side in grey.shape)
    reduced = transform.resize(grey, size, anti_aliasing=scale < 1)
    reduced = np.clip(reduced, 0.0, 1.0)
    reduced.setflags(write=False)
    return reduced
