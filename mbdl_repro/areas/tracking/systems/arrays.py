"""NumPy arrays and torch tensors alike: an equation of a system is written once for both."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Array = TypeVar("Array", np.ndarray, "Tensor")


def namespace(s: Any) -> Any:
    """Return NumPy for its arrays, torch for tensors: what functions of one name are asked of."""
    if isinstance(s, np.ndarray):
        return np
    import torch

    return torch


def like(array: np.ndarray, s: Array) -> Array:
    """Return a constant as s has its numbers: NumPy array or tensor, its precision and device.

    Args:
        array: the constant, NumPy, in double precision; any shape.
        s: says what kind is wanted; its shape and values do not matter.

    Returns:
        The same numbers in the same shape; for a NumPy s, the array itself.
    """
    if isinstance(s, np.ndarray):
        return array
    return _tensor(array.tobytes(), array.shape, s.dtype, s.device)


@lru_cache(maxsize=1000)
def _tensor(content: bytes, shape: tuple[int, ...], dtype: Any, device: Any) -> Any:
    """Return a tensor of these doubles; made once, since filters ask for it at every step."""
    import torch  # here, since what only simulates does without it

    return torch.tensor(np.frombuffer(content).reshape(shape), dtype=dtype, device=device)


def is_sure(condition: Any) -> bool:
    """Return whether a condition is known to be true; within ``torch.func.vmap`` none is."""
    try:
        return bool(condition)
    except RuntimeError:
        return False
