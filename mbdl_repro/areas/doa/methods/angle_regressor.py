"""The network that maps a covariance to angles, and knows nothing of arrays."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance import heard
from mbdl_repro.areas.doa.signal.features import centre_and_spread, scaled_covariance
from mbdl_repro.areas.doa.signal.periodic import periodic_loss
from mbdl_repro.contract.method import Family, Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Perceptron


class AngleRegressor(Method):
    """A multilayer perceptron from the entries of a covariance to M angles.

    z_0 = (r − r̄) / σ_r,  z_k = max(0, W_k z_{k−1} + b_k),  (u_m, v_m) from W_K z_{K−1} + b_K,
    θ̂_m = ½ atan2(v_m, u_m)

    r are the N² real numbers in R = X Xᴴ/T, divided by its mean diagonal; r̄ and σ_r, their mean and
    standard deviation over the training data. (u, v) has the direction of (cos 2θ, sin 2θ): a
    step over 90° is as small as any other. It is trained on the mean RMSPE, and answers NaN where
    all snapshots are zero.

    Args:
        belief: gives M and N; nothing else is read.
        hidden_widths: entries of each hidden layer, from the input on.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: ours.
    """

    name = "angle_regressor"
    family = Family.DEEP_LEARNING

    def __init__(
        self, belief: SensorArray, *, hidden_widths: tuple[int, ...] = (256, 256, 256)
    ) -> None:
        super().__init__()
        self.n_sensors = belief.n_sensors
        self.n_sources: int = belief.required("n_sources")
        entries = self.n_sensors**2
        widths = (entries, *hidden_widths, 2 * self.n_sources)
        self.network = Perceptron(widths)
        self.centre: Tensor
        self.spread: Tensor
        self.register_buffer("centre", torch.zeros(entries, dtype=torch.float64))
        self.register_buffer("spread", torch.ones(entries, dtype=torch.float64))

    def features(self, x: Annotated[Tensor, "(n, N, T)"]) -> Tensor:
        """Return r (n, N²) of snapshots (n, N, T): the diagonal, and the parts of what is above."""
        R = scaled_covariance(x, self.n_sensors)
        i, j = torch.triu_indices(self.n_sensors, self.n_sensors, 1)
        above = R[:, i, j]
        return torch.cat([R.diagonal(dim1=-2, dim2=-1).real, above.real, above.imag], -1)

    def prepare(self, split: Split) -> Split:
        """Return features in place of snapshots."""
        return Split(self.features(split.x), split.s)

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Measure the features, and draw W_k from N(0, 2/fan-in), the last from N(0, 1/fan-in).

        Args:
            train: features (n_train, N²); angles are not read.
            rng: the generator to draw from, of the CPU.
        """
        centre, spread = centre_and_spread(train.x)
        self.centre.copy_(centre)
        self.spread.copy_(spread)
        self.network.draw(rng, gain=2, last_gain=1)

    def forward(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return the angles of snapshots."""
        x, rows = heard(x)
        estimate = self._angles(self.features(x).to(self.centre))
        return torch.where(rows[:, None], estimate, math.nan).sort(-1).values

    def loss(self, x: Annotated[Tensor, "(n, N, T)"], s: Annotated[Tensor, "(n, M)"]) -> Tensor:
        """Return the mean RMSPE, in rad.

        Args:
            x: features (n, N²).
            s: true angles (n, M), in rad.
        """
        return periodic_loss(self._angles(x), s)

    def _angles(self, r: Tensor) -> Tensor:
        directions: Tensor = self.network((r - self.centre) / self.spread)
        u, v = directions.unflatten(-1, (self.n_sources, 2)).unbind(-1)
        return torch.atan2(v, u) / 2
