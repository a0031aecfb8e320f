"""Filters that know f and h, and whose gain, or correction, a recurrent network gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from mbdl_repro.areas.tracking.kalman.linear_filter import check_observations
from mbdl_repro.areas.tracking.learned.network import Moment, Network, Step
from mbdl_repro.areas.tracking.learned.prediction import Prediction
from mbdl_repro.areas.tracking.learned.units import root_mean_square, unit_or_one
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Affine, Gru


class Track(NamedTuple):
    """The record of a filter's run, step by step."""

    states: Tensor  # (rows, T, m): ŝ_t
    predictions: Tensor  # (rows, T, m): ŝ_{t|t−1}
    innovations: Tensor  # (rows, T, n): x_t − h(ŝ_{t|t−1}), 0 where x is missing
    outputs: Tensor  # (rows, T, ·): what the network gave: a gain's entries, or a correction


class LearnedFilter(Method, ABC):
    """A learned filter: the loop over time, the loss, and the start of the fit.

    ŝ_{t|t−1} = f(ŝ_{t−1}),    ŝ_t = ŝ_{t|t−1} + a correction that a network has a part in

    Where the first observation is believed to be without noise, the first correction is H⁺ times
    the innovation, and the network has no part in it.

    The network's last layer begins with weights of 0.
    """

    network: Network

    def __init__(self, belief: StateSpace) -> None:
        super().__init__()
        self.model = Prediction(belief)
        self.unit_of_loss: Tensor
        self.register_buffer("unit_of_loss", torch.ones((), dtype=torch.float64))

    @abstractmethod
    def correction(
        self,
        output: Annotated[Tensor, "(rows, ·)"],
        innovation: Annotated[Tensor, "(rows, n)"],
        predicted: Annotated[Tensor, "(rows, m)"],
        t: int,
    ) -> Annotated[Tensor, "(rows, m)"]:
        """Return ŝ_t − ŝ_{t|t−1} (rows, m), given the network's output.

        Args:
            output: what the network gives at this step, (rows, ·).
            innovation: x_t − h(ŝ_{t|t−1}), (rows, n), 0 where x_t is missing.
            predicted: ŝ_{t|t−1}, (rows, m).
            t: the step, 1 … T.
        """

    @abstractmethod
    def features(self, differences: Annotated[Tensor, "(rows, 2m + n)"]) -> Tensor:
        """Return what the network sees of differences, side by side (rows, 2m + n).

        They are the last change of the state, the last correction and the innovation.
        """

    @abstractmethod
    def features_of_changes(self, changes: Annotated[Tensor, "(T, rows, n)"]) -> Tensor:
        """Return what it sees of the changes of the observation (T, rows, n)."""

    def track(self, x: Tensor) -> Track:
        """Filter the observations (rows, T, n), with NaN where one is missing."""
        check_observations(x[0] if self.model.is_stacked else x, self.model.n)
        changes = self.changes(x)
        seen = self.features_of_changes(changes.flatten(-3, -2))
        changes = seen.unflatten(-2, changes.shape[-3:-1])
        return self._follow(x, *self.network.begin(changes), self.correction)

    def observers(
        self, x: Annotated[Tensor, "(rows, T, n)"], gains: Annotated[Tensor, "(observers,)"]
    ) -> Track:
        """Filter by fixed gains κ H⁺ instead of the network's, all side by side.

        Args:
            x: observations, (rows, T, n), NaN where missing.
            gains: κ of each, without unit, (observers,).

        Returns:
            Their tracks, (observers, rows, T, ·).
        """
        K = (gains[:, None, None] * self.model.inverse).mT
        x = x.expand(len(gains), *x.shape)
        nothing = x.new_zeros(*x.shape[:2], 0)
        return self._follow(
            x,
            nothing,
            lambda moment, hidden: (nothing, hidden),
            lambda output, innovation, predicted, t: innovation @ K,
        )

    def changes(self, x: Tensor) -> Annotated[Tensor, "(T, rows, n)"]:
        """Return x_t − x_{t−1} (T, rows, n), 0 where either is missing; h(s̄_0) stands for x_0."""
        start = self.model.belief.h(self.model.mean_0)[..., None, None, :]
        before = torch.cat((start.expand_as(x[..., :1, :]), x[..., :-1, :]), -2)
        change = self.model.belief.residual(x, before)
        return torch.where(change.isnan(), 0.0, change).transpose(-3, -2)

    def _follow(self, x: Tensor, hidden: Tensor, step: Step, correct: Correct) -> Track:
        is_seen = ~x.isnan()
        observations = torch.where(is_seen, x, 0.0).unbind(-2)
        seen = [None] * len(observations) if is_seen.all() else is_seen.to(x.dtype).unbind(-2)
        s = self.model.mean_0.unsqueeze(-2).expand(*x.shape[:-2], -1)
        change = correction = torch.zeros_like(s)
        kept: tuple[list[Tensor], ...] = ([], [], [], [])
        for t, (x_t, seen_t) in enumerate(zip(observations, seen, strict=True)):
            predicted, expected = self.model(s, t + 1)
            innovation = self.model.innovation(x_t, seen_t, expected)
            features = self.features(torch.cat((change, correction, innovation), -1))
            output, hidden = step(Moment(t, features), hidden)
            if t == 0 and self.model.belief.start_seen:
                correction = innovation @ self.model.inverse.mT
            else:
                correction = correct(output, innovation, predicted, t + 1)
            before, s = s, predicted + correction
            change = s - before
            for values, value in zip(kept, (s, predicted, innovation, output), strict=True):
                values.append(value)
        return Track(*(torch.stack(values, -2) for values in kept))

    def forward(self, x: Annotated[Tensor, "(rows, T, m)"]) -> Tensor:
        """Return the estimates of the states (rows, T, m)."""
        return self.track(x).states

    def error(
        self, track: Track, s: Annotated[Tensor, "(rows, T, m)"]
    ) -> Annotated[Tensor, "(rows,)"]:
        """Return what a fit makes small, of each row (rows,): its squared error.

        Args:
            track: what the filter went through.
            s: the true states, (rows, T, m).
        """
        return squared_error(track, s)

    def loss(
        self, x: Annotated[Tensor, "(rows, T, n)"], s: Annotated[Tensor, "(rows, T, m)"]
    ) -> Tensor:
        """Return the mean error of a row, in units of the best fixed gain's on training data.

        So one ``clip_norm`` does for signals of any scale. Before a fit the unit is 1.

        Args:
            x: observations, (rows, T, n), NaN where missing.
            s: the true states, (rows, T, m).
        """
        return self.error(self.track(x), s).mean(-1) / self.unit_of_loss

    def losses(
        self,
        x: Annotated[Tensor, "(members, rows, T, n)"],
        s: Annotated[Tensor, "(members, rows, T, m)"],
    ) -> Annotated[Tensor, "(members,)"]:
        """Return the loss of each fit of a stack, (members,).

        Args:
            x: observations, (members, rows, T, n), NaN where missing.
            s: the true states, (members, rows, T, m).
        """
        return self.loss(x, s)

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of all layers but the last, and start from the best fixed gain.

        Of the observers of gains κ H⁺, the one that errs least on training data is the start, and
        the unit of the loss.

        Args:
            train: training pairs, x (n_train, T, n) and s (n_train, T, m), of which the first 200
                rows are read.
            rng: generator that weights are drawn from, on the CPU.
        """
        for layer in self.network.modules():
            if isinstance(layer, (Affine, Gru)):
                layer.draw(rng)
        x, s = (part[:N_MEASURED].to(self.model.mean_0) for part in train)
        tracks = self.observers(x, x.new_tensor(FIXED_GAINS))
        errors = self.error(tracks, s).mean(-1)
        best = int(torch.where(errors.isfinite(), errors, torch.inf).argmin())
        self.unit_of_loss.copy_(unit_or_one(errors[best]))
        met = self._met(Track(*(values[best] for values in tracks)))
        self.set_units(root_mean_square(self.changes(x)), root_mean_square(met))
        self.start_from(FIXED_GAINS[best])

    def _met(self, track: Track) -> Tensor:
        """Return the differences (rows, T, 2m + n) that a network sees along a track."""
        states = track.states
        start = self.model.mean_0.expand_as(states[:, :1])
        change = states - torch.cat((start, states[:, :-1]), 1)
        return torch.cat((change, states - track.predictions, track.innovations), -1)

    @abstractmethod
    def set_units(
        self, changes: Annotated[Tensor, "(n,)"], differences: Annotated[Tensor, "(2m + n,)"]
    ) -> None:
        """Set how large differences are, as the best observer meets them on training data.

        Args:
            changes: root mean square of each entry of a change of the observation, (n,).
            differences: the same of the last change of the state, the last correction and the
                innovation, side by side, (2m + n,).
        """

    @abstractmethod
    def start_from(self, gain: float) -> None:
        """Set what a fit starts from.

        Args:
            gain: κ of the best observer, without unit.
        """


Correct = Callable[[Tensor, Tensor, Tensor, int], Tensor]
"""From (output, innovation, prediction, t) to ŝ_t − ŝ_{t|t−1}."""

N_MEASURED = 200
"""Training trajectories on which fixed gains are compared."""

FIXED_GAINS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Candidates for κ, the gain at the start of a fit being κ H⁺."""


def squared_error(
    track: Track, s: Annotated[Tensor, "(rows, T, m)"]
) -> Annotated[Tensor, "(rows,)"]:
    """Return Σ_t ‖ŝ_t − s_t‖² of each row (rows,).

    Args:
        track: what the filter went through.
        s: the true states, (rows, T, m).
    """
    return (track.states - s).square().flatten(-2).sum(-1)
