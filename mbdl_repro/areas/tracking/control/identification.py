"""A plant, identified from recorded experiments by least squares."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.tracking.kalman.regression import regression


def identified(
    s: Annotated[Tensor, "(rows, T, m)"], probe: Annotated[Tensor, "(T, p)"]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return F̂ (m, m), B̂ (m, p), and V̂ (m, m), the mean square of what they leave.

    arg min Σ_{t=2}^{T} ‖s_t − F s_{t−1} − B u_{t−1}‖²

    Args:
        s: states of the experiments, (rows, T, m).
        probe: inputs u_0 … u_{T−1}, the same in all of them, (T, p).
    """
    m = s.shape[-1]
    applied = probe[1:].expand(len(s), -1, -1)
    given = torch.cat((s[:, :-1], applied), -1).flatten(0, 1)
    target = s[:, 1:].flatten(0, 1)
    both = regression(given, target)
    left = target - given @ both.mT
    return both[:, :m], both[:, m:], left.mT @ left / len(left)
