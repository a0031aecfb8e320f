"""Fixed weights with low side lobes."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.doa.beamforming.beamformer import Beamformer
from mbdl_repro.areas.doa.beamforming.weights import taylor_taper
from mbdl_repro.areas.doa.systems.look import Look
from mbdl_repro.contract.method import Family


class TaperedBeamformer(Beamformer):
    """Delay and sum with weights of Taylor: low side lobes, for a wider main lobe.

    ŝ_t = Σ_n w_n x_nt

    Args:
        belief: gives N.
        sidelobe_db: how far the nearest four side lobes lie below the main one.

    Maps x (n, N, T), complex, to ŝ (n, T), complex.

    Source: Taylor, 1955.
    """

    name = "tapered_beamformer"
    family = Family.MODEL_BASED

    def __init__(self, belief: Look, *, sidelobe_db: Annotated[float, Gt(0)] = 30.0) -> None:
        super().__init__(belief)
        self.taper = torch.as_tensor(taylor_taper(self.n_sensors, sidelobe_db))

    def weights(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(1, N)"]:
        """Return the taper (1, N)."""
        return self.taper.to(x)[None]
