"""Capon's beamformer of each look, from its own snapshots."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.doa.beamforming.beamformer import Beamformer
from mbdl_repro.areas.doa.beamforming.weights import (
    loaded,
    mvdr_weights,
    over_runs,
    smoothed_covariance,
)
from mbdl_repro.areas.doa.systems.look import Look
from mbdl_repro.contract.method import Family


class MvdrBeamformer(Beamformer):
    """The weights of least power that leave the target as it is, of runs of L sensors.

    v = R⁻¹ 1 / (1ᵀ R⁻¹ 1),  ŝ_t = mean over runs m of vᴴ x_mt

    R is the mean covariance of all runs, forwards and backwards, in the row's own snapshots, with
    δ of its mean power added to each sensor. One snapshot has the covariance of rank one; the mean
    over runs tells senders apart that one alone cannot.

    Args:
        belief: gives N.
        subarray: L; ``None``: half of N.
        loading: δ.

    Maps x (n, N, T), complex, to ŝ (n, T), complex.

    Source: Capon, 1969; Synnevåg, Austeng and Holm, 2007, for one snapshot a pixel.
    """

    name = "mvdr_beamformer"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: Look,
        *,
        subarray: Annotated[int, Ge(1)] | None = None,
        loading: Annotated[float, Gt(0)] = 0.01,
    ) -> None:
        super().__init__(belief)
        self.subarray = self.n_sensors // 2 if subarray is None else subarray
        if self.subarray > self.n_sensors:
            raise ValueError(f"subarray is {subarray}, of {self.n_sensors} sensors")
        self.loading = loading

    def weights(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, N)"]:
        """Return w of each row (n, N)."""
        largest = x.abs().amax((1, 2), keepdim=True)
        x = torch.where(largest > 0, x / largest, 1.0)  # squares of it are finite, and not all 0
        R = loaded(smoothed_covariance(x, self.subarray), self.loading)
        return over_runs(mvdr_weights(R), self.n_sensors)
