"""The mean of all sensors, after delays that line the target up."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.doa.beamforming.beamformer import Beamformer
from mbdl_repro.contract.method import Family


class DelayAndSum(Beamformer):
    """Delay and sum: the mean of all sensors, whose error is least in white noise alone.

    ŝ_t = mean over n of x_nt

    Args:
        belief: gives N.

    Maps x (n, N, T), complex, to ŝ (n, T), complex.

    Source: textbook.
    """

    name = "delay_and_sum"
    family = Family.MODEL_BASED

    def weights(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(1, N)"]:
        """Return 1/N of each sensor (1, N)."""
        return x.new_full((1, self.n_sensors), 1 / self.n_sensors)
