"""KalmanNet whose gain is trained alone, one step at a time, and not through the filter."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from mbdl_repro.areas.tracking.kalman.linear_filter import constant_gains, linear_model
from mbdl_repro.areas.tracking.learned.filter import N_MEASURED, Correct, Track, squared_error
from mbdl_repro.areas.tracking.learned.kalmannet import ThreeGruGain
from mbdl_repro.areas.tracking.learned.units import unit_or_one
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split


class GainTaughtKalmannet(ThreeGruGain):
    """KalmanNet trained step by step along given states, which do not depend on its gain.

    ``kalman_gain``: Σ_t ‖K̂_t − K_t‖², along the Kalman filter's ŝ_t; K_t is its gain
    ``true_states``: Σ_t ‖f(s_{t−1}) + K̂_t (x_t − h(f(s_{t−1}))) − s_t‖², along the true s_t
    ``own_states``: the same along the filter's own ŝ_t, taken as they are

    So no gradient passes from one step to the next but through the network's memory. Along true
    states a prediction errs by the process noise alone: if F and H are right, the best gain there
    is V Hᵀ(H V Hᵀ + W)⁻¹, less than a filter needs, whose predictions start from errors as well.
    Unfitted, and in what it answers, it is KalmanNet.

    Args:
        belief: gives f, h and s̄_0; V and W, of a linear system, where the gain is to be Kalman's.
        taught_by: what the gain is held against, and along which states.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Section 6.2, for the choice; ours.
    """

    name = "gain_taught_kalmannet"
    family = Family.DNN_AIDED_INFERENCE

    def __init__(
        self,
        belief: StateSpace,
        *,
        taught_by: Literal["kalman_gain", "true_states", "own_states"] = "true_states",
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.taught_by = taught_by
        if taught_by == "kalman_gain":
            self.K: Tensor
            self.register_buffer("K", constant_gains(linear_model(belief), belief.n_steps)[0])

    def error(self, track: Track, s: Tensor) -> Tensor:
        """Return the squared error of each row (rows,)."""
        return squared_error(track, s)

    def loss(
        self, x: Annotated[Tensor, "(rows, T, n)"], s: Annotated[Tensor, "(rows, T, m)"]
    ) -> Tensor:
        """Return the mean error of a row's gains, in units of that of the start of a fit.

        Args:
            x: observations, (rows, T, n), NaN where missing.
            s: the true states, (rows, T, m).
        """
        track = self._along(x, self._teacher(x, s))
        if self.taught_by == "kalman_gain":
            K = self.K[..., : x.shape[-2], :, :].flatten(-2).unsqueeze(-3)
            error = (track.outputs - K).square().flatten(-2).sum(-1)
        else:
            # The gain is the output, whatever the prediction and the time.
            moved = self.correction(track.outputs, track.innovations, track.predictions, 1)
            error = squared_error(track._replace(states=track.predictions + moved), s)
        return error.mean(-1) / self.unit_of_loss

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Begin as KalmanNet does; the unit of the loss is what it is then."""
        super().initialize(train, rng)
        x, s = (part[:N_MEASURED].to(self.model.mean_0) for part in train)
        self.unit_of_loss.copy_(unit_or_one(self.loss(x, s) * self.unit_of_loss))

    def _teacher(self, x: Tensor, s: Tensor) -> Correct:
        """Return the corrections that lead along the teacher's states."""
        if self.taught_by == "kalman_gain":
            return lambda output, innovation, predicted, t: innovation @ self.K[..., t - 1, :, :].mT
        with torch.no_grad():
            states = s if self.taught_by == "true_states" else self(x)
        return lambda output, innovation, predicted, t: states[..., t - 1, :] - predicted

    def _along(self, x: Tensor, correct: Correct) -> Track:
        changes = self.changes(x)
        seen = self.features_of_changes(changes.flatten(-3, -2))
        seen = seen.unflatten(-2, changes.shape[-3:-1])
        return self._follow(x, *self.network.begin(seen), correct)
