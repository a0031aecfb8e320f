"""What filters of nonlinear systems share: what they ask of a belief, and how they answer."""

from __future__ import annotations

from abc import ABC
from typing import Annotated, Any, NamedTuple

import torch
from torch import Tensor

from mbdl_repro.areas.tracking.kalman.method import ScaledNoiseMethod
from mbdl_repro.areas.tracking.kalman.model import steps
from mbdl_repro.areas.tracking.systems.arrays import like
from mbdl_repro.areas.tracking.systems.state_space import StateSpace


class Noise(NamedTuple):
    """The assumed noise covariances, and the law of the state before the first step."""

    V: Tensor  # (m, m), or (T, m, m) where it varies
    W: Tensor  # (n, n), or (T, n, n)
    mean_0: Tensor  # (m,)
    cov_0: Tensor  # (m, m)


def believed_noise(
    belief: StateSpace, x: Tensor, process_noise_scale: float, observation_noise_scale: float
) -> Noise:
    """Return the belief's V and W, scaled, and what it says of s_0, in the precision of x.

    Args:
        belief: the assumed model, with V, W, and the mean and covariance of s_0.
        x: a tensor whose precision and device are taken, of any shape.
        process_noise_scale: factor on V, a covariance.
        observation_noise_scale: factor on W, a covariance.
    """
    return Noise(
        process_noise_scale * like(belief.V, x),
        observation_noise_scale * like(belief.W, x),
        like(belief.mean_0, x),
        like(belief.cov_0, x),
    )


def observation_covariances(
    belief: StateSpace, W: Annotated[Tensor, "(n, n)"], T: int
) -> list[Tensor]:
    """Return W (n, n) of each step, 0 of the first if what is seen there is without noise.

    Args:
        belief: says whether the first observation is without noise.
        W: (n, n), or (T, n, n) where it varies.
        T: number of steps.
    """
    each = list(steps(W, T))
    if belief.start_seen:
        each[0] = torch.zeros_like(each[0])
    return each


def check_belief(belief: StateSpace, *, needs_h: bool = True) -> None:
    """Ask a belief for all that a filter will need, so that what is withheld is named at once.

    Args:
        belief: the assumed model.
        needs_h: whether the filter needs h.

    Raises:
        ValueError: if a field is needed and withheld.
    """
    s = belief.mean_0
    belief.f(s)
    if needs_h:
        belief.h(s)
    for _ in (belief.V, belief.W, belief.cov_0):
        pass


class NonlinearFilter(ScaledNoiseMethod, ABC):
    """A filter by the f and h of a belief.

    Args:
        belief: knows f, h, V, W, and the mean and covariance of s_0.
    """

    def __init__(self, belief: StateSpace, **settings: Any) -> None:
        super().__init__(**settings)
        check_belief(belief)
        self.belief = belief
