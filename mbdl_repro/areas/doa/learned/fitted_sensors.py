"""Places and gains of sensors that are fitted to data, from where they are believed to be."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.likelihood import Sensors


class FittedSensors(nn.Module):
    """Sensors with trainable positions and gains; the first one is the fixed reference.

    p_n + Δp_n and g_n + Δg_n, with Δp_0 = 0 and Δg_0 = 0: 3 (N − 1) real numbers, 0 at first.

    Args:
        belief: knows places and gains of the sensors.
    """

    def __init__(self, belief: SensorArray) -> None:
        super().__init__()
        self.positions: Tensor  # in wavelengths
        self.gains: Tensor
        self.register_buffer("positions", torch.tensor(belief.positions), persistent=False)
        self.register_buffer("gains", torch.tensor(belief.gains), persistent=False)
        others = belief.n_sensors - 1
        self.moved = nn.Parameter(torch.zeros(others, dtype=torch.float64))
        self.gained = nn.Parameter(torch.zeros(others, 2, dtype=torch.float64))

    def forward(self) -> Sensors:
        """Return the sensors as they are fitted."""
        moved = nn.functional.pad(self.moved, (1, 0))
        gained: Annotated[Tensor, "(N,)"] = torch.view_as_complex(
            nn.functional.pad(self.gained, (0, 0, 1, 0))
        )
        return Sensors(self.positions + moved, self.gains + gained)
