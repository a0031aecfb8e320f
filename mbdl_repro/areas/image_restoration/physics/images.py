"""Real images that ship inside packages, each in one of train, validation and test alone."""

from __future__ import annotations

from functools import cache
from typing import Annotated

import numpy as np

from mbdl_repro.contract.seeding import rng_for

PHOTOGRAPHS = {
    "living": ("astronaut", "camera", "chelsea", "flower.jpg", "retina"),
    "made": ("china.jpg", "coffee", "coins", "motorcycle", "rocket"),
    "recorded": ("hubble_deep_field", "immunohistochemistry", "moon", "page", "text"),
}
"""Names in scikit-image, and of scikit-learn's two files, by what they show.

What is alive, what was built, and what instruments and printers record: as many of each."""

TEXTURES = ("brick", "grass", "gravel")
"""Photographs that show the same everywhere: for training, in all seeds."""

SHORT_SIDE = 256
"""Pixels of a photograph's shorter side, to which it is reduced: a crop then shows some thing."""

DIGITS = {"train": (0, 1197), "validation": (1197, 1497), "test": (1497, 1797)}
"""Rows of scikit-learn's 1797 digits, whose order is that of their writers: first to last."""


def dealt(seed: int) -> dict[str, tuple[str, ...]]:
    """Return the names of the photographs in each split of a seed: none stands in two of them.

    The five of each kind are shuffled. A seed tests on one of each kind, validates on the next
    one of each, and trains on the other three of each and on textures; the next seed goes one
    further. After five seeds, which have tested on each photograph once, all are shuffled anew.

    Args:
        seed: of the repetition, 0 or more.
    """
    splits: dict[str, list[str]] = {"test": [], "validation": [], "train": list(TEXTURES)}
    for kind, names in PHOTOGRAPHS.items():
        deal, turn = divmod(seed, len(names))
        order = rng_for("photographs", kind, deal).permutation(len(names))
        test, validation, *train = (names[i] for i in np.roll(order, -turn))
        splits["test"].append(test)
        splits["validation"].append(validation)
        splits["train"] += train
    return {split: tuple(sorted(names)) for split, names in splits.items()}


def photographs(split: str, seed: int) -> tuple[np.ndarray, ...]:
    """Return the photographs of a seed's split: grey, in [0, 1], shorter side 256, read-only.

    Args:
        split: ``train``, ``validation`` or ``test``.
        seed: that deals them, see :func:`dealt`.
    """
    return tuple(_photograph(name) for name in dealt(seed)[split])


@cache
def digits(split: str) -> Annotated[np.ndarray, "(n, 8, 8)"]:
    """Return the digits of a split (n, 8, 8), in [0, 1], read-only."""
    from sklearn.datasets import load_digits

    images = load_digits().images[slice(*DIGITS[split])] / 16
    images.setflags(write=False)
    return images


@cache
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
