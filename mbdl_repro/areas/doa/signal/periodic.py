"""Angles modulo π, and the errors of estimates that are assigned to sources so as to suit best.

Of NumPy arrays and tensors alike, so that a metric and a loss are one thing; it imports no torch.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Array = TypeVar("Array", bound=Any)


def periodic(angle: Array) -> Array:
    """Return an angle modulo π, in [−π/2, π/2)."""
    return (angle + math.pi / 2) % math.pi - math.pi / 2


def assigned_errors(estimate: Array, s: Array) -> Array:
    """Return each source's error modulo π (n, M), estimates assigned so that squares are least.

    On a circle, the assignment of least cost keeps the cyclic order, so M shifts are tried.

    Args:
        estimate: angles (n, M) in rad, in any order.
        s: angles (n, M) in rad, in any order.

    Returns:
        (n, M) in rad, in [−π/2, π/2), in the order of s; can be differentiated.
    """
    xp: Any = sys.modules[type(estimate).__module__.partition(".")[0]]
    on = {"device": s.device} if xp.__name__ == "torch" else {}
    n, M = s.shape
    rows, place = xp.arange(n, **on)[:, None], xp.arange(M, **on)
    around, target = periodic(estimate), periodic(s)
    around = around[rows, around.argsort(-1)]
    order = target.argsort(-1)
    shifted = around[:, (place[:, None] + place) % M]  # (n, shifts, M)
    errors = periodic(shifted - target[rows, order][:, None])
    best = errors[rows[:, 0], (errors**2).sum(-1).argmin(-1)]
    return best[rows, order.argsort(-1)]


def periodic_loss(estimate: Annotated[Tensor, "(n, M)"], s: Annotated[Tensor, "(n, M)"]) -> Tensor:
    """Return the mean over rows of the RMSPE: √ of the mean square error modulo π, least in order.

    Args:
        estimate: (n, M) in rad, in any order.
        s: (n, M) in rad.
    """
    squares = assigned_errors(estimate, s).square().mean(-1)
    return squares.clamp_min(1e-20).sqrt().mean()
