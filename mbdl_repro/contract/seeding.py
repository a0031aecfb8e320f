"""Random generators from hashed names, so that adding one stream never moves another."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from mbdl_repro.contract.hashing import digest

if TYPE_CHECKING:
    import torch


def _entropy(names: tuple[object, ...]) -> int:
    """128 bits that depend on every name and on nothing else."""
    text = json.dumps(names, sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")


def rng_for(*names: object) -> np.random.Generator:
    """Return the generator that belongs to these names.

    Args:
        names: strings, numbers, or JSON-like containers of them, for example
            ``("data", scenario, "train", seed)``.

    Returns:
        A fresh NumPy generator; equal names give equal streams, in every process.
    """
    return np.random.default_rng(_entropy(names))


def torch_rng_of(rows: torch.Tensor, *names: object) -> torch.Generator:
    """Return the torch generator that belongs to these names and to what a tensor holds.

    Args:
        rows: on any device; what counts is its numbers in double precision.
        names: see :func:`rng_for`.
    """
    array = rows.detach().cpu().double().contiguous().numpy()
    return torch_rng_for(*names, digest(array.tobytes()))


def torch_rng_for(*names: object) -> torch.Generator:
    """Return the torch generator that belongs to these names (see :func:`rng_for`)."""
    import torch

    return torch.Generator().manual_seed(_entropy(names) % 2**63)
