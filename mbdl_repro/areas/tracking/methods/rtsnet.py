"""RTSNet: KalmanNet forwards in time, and backwards a smoother whose gain a network gives."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.tracking.learned.filter import FIXED_GAINS, N_MEASURED, Track, squared_error
from mbdl_repro.areas.tracking.learned.gain import Directions
from mbdl_repro.areas.tracking.learned.kalmannet import ThreeGruGain
from mbdl_repro.areas.tracking.learned.network import Moment, Step
from mbdl_repro.areas.tracking.learned.one_gru import OneGru
from mbdl_repro.areas.tracking.learned.prediction import pseudo_inverse
from mbdl_repro.areas.tracking.learned.units import root_mean_square, unit_or_one
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Affine, Gru


class Rtsnet(ThreeGruGain):
    """A smoother with known f and h, whose forward and backward gains come from networks.

    ŝ_t = f(ŝ_{t−1}) + K_t (x_t − h(f(ŝ_{t−1}))),    t = 1, …, T
    ŝ_{t|T} = ŝ_t + G_t (ŝ_{t+1|T} − f(ŝ_t)),    t = T − 1, …, 1

    The form is that of Rauch, Tung and Striebel, without V and W. KalmanNet gives K_t. One more
    gated recurrent unit gives G_t (m, m), and sees directions of ŝ_{t+1|T} − f(ŝ_t),
    ŝ_{t+1|T} − ŝ_{t+1}, ŝ_{t+2|T} − ŝ_{t+1|T} and ŝ_{t+1} − f(ŝ_t). Unfitted both gains are fixed,
    κ H⁺ and κ F⁺, F the Jacobian of f at s̄_0; a fit starts from the two κ that do best, one
    after the other, on its training data.

    All observations of a trajectory, those to come included, have a part in each estimate: to be
    compared with a smoother, not with a filter.

    Args:
        belief: gives f, h and s̄_0; nothing else is read.
        hidden_multiplier: hidden entries of the unit backwards, for each of m².

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Revach, Ni, Shlezinger, van Sloun and Eldar, 2023, with two units backwards; the
    released code shows them the second of these differences twice.
    """

    name = "rtsnet"
    family = Family.DNN_AIDED_INFERENCE

    def __init__(
        self,
        belief: StateSpace,
        *,
        hidden_multiplier: Annotated[int, Ge(1)] = 4,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        m, lengths = belief.m, int(self.magnitudes)
        F = belief.f_jacobian(self.model.mean_0)
        self.inverse_transition: Tensor
        self.register_buffer("inverse_transition", pseudo_inverse(F))
        self.corrected = Directions((m,), self.magnitudes)
        self.later = Directions((m, m, m), self.magnitudes)
        widths = (8 * m, hidden_multiplier * m * m, 4 * m * m)
        start = self.initial_gain * self.inverse_transition
        self.backwards = OneGru(m + lengths, 3 * (m + lengths), widths, start)
        self.first_gain = self.initial_gain

    def start_from(self, gain: float) -> None:
        """Let the gain forwards be κ H⁺, and remember κ."""
        super().start_from(gain)
        self.first_gain = gain

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw all weights but those of last layers, and start from the best fixed gains.

        Args:
            train: training pairs, x (n_train, T, n) and s (n_train, T, m), of which the first 200
                rows are read.
            rng: generator that weights are drawn from, on the CPU.
        """
        super().initialize(train, rng)
        for layer in self.backwards.modules():
            if isinstance(layer, (Affine, Gru)):
                layer.draw(rng)
        x, s = (part[:N_MEASURED].to(self.model.mean_0) for part in train)
        forwards = self.observers(x, x.new_tensor([self.first_gain]))
        track = Track(*(values[0] for values in forwards))
        gains = [gain * self.inverse_transition for gain in FIXED_GAINS]
        tried = [self._back(track, *_fixed(G, track)) for G in gains]
        errors = torch.stack([_error(states, s) for states, _ in tried])
        best = int(torch.where(errors.isfinite(), errors, torch.inf).argmin())
        self.unit_of_loss.copy_(unit_or_one(errors[best]))
        self.corrected.measure(root_mean_square(track.states - track.predictions))
        self.later.measure(root_mean_square(tried[best][1]))
        self.backwards.last.bias.copy_(gains[best].flatten())

    def forward(self, x: Annotated[Tensor, "(rows, T, n)"]) -> Annotated[Tensor, "(rows, T, m)"]:
        """Return the estimates of the states (rows, T, m), of observations (rows, T, n)."""
        return self.smoothed(self.track(x))

    def smoothed(self, track: Track) -> Annotated[Tensor, "(rows, T, m)"]:
        """Return the estimates given all observations (rows, T, m).

        Args:
            track: what the filter went through.
        """
        corrections = (track.states - track.predictions).flip(-2)[..., :-1, :].transpose(-3, -2)
        seen = self.corrected(corrections.flatten(-3, -2))
        seen = seen.unflatten(-2, corrections.shape[-3:-1])
        return self._back(track, *self.backwards.begin(seen))[0]

    def loss(
        self, x: Annotated[Tensor, "(rows, T, n)"], s: Annotated[Tensor, "(rows, T, m)"]
    ) -> Tensor:
        """Return the mean error of a row, in units of the best fixed gains' on training data.

        Args:
            x: observations, (rows, T, n), NaN where missing.
            s: the true states, (rows, T, m).
        """
        return _error(self(x), s) / self.unit_of_loss

    def error(self, track: Track, s: Tensor) -> Tensor:
        """Return the squared error of the filter, by which its fixed gain is chosen (rows,)."""
        return squared_error(track, s)

    def _back(self, track: Track, hidden: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """Return estimates given all observations (..., rows, T, m), and what a network sees."""
        states, predictions = track.states.unbind(-2), track.predictions.unbind(-2)
        later, change = states[-1], torch.zeros_like(states[-1])
        estimates, met = [later], []
        for i, t in enumerate(reversed(range(len(states) - 1))):
            innovation = later - predictions[t + 1]
            differences = torch.cat((innovation, later - states[t + 1], change), -1)
            gain, hidden = step(Moment(i, self.later(differences)), hidden)
            gain = gain.unflatten(-1, (self.model.m, self.model.m))
            here = states[t] + (gain * innovation.unsqueeze(-2)).sum(-1)
            later, change = here, later - here
            estimates.append(here)
            met.append(differences)
        seen = torch.stack(met, -2) if met else track.states.new_zeros(1, 1, 3 * self.model.m)
        return torch.stack(estimates[::-1], -2), seen


def _fixed(gain: Tensor, track: Track) -> tuple[Tensor, Step]:
    """Return no hidden state, and what gives the same gain (m, m) at each step."""
    rows = gain.flatten().expand(len(track.states), -1)
    return rows, lambda moment, hidden: (rows, hidden)


def _error(states: Tensor, s: Tensor) -> Tensor:
    """Return the mean over rows of Σ_t ‖ŝ_t − s_t‖², (...), of estimates (..., rows, T, m)."""
    return (states - s).square().flatten(-2).sum(-1).mean(-1)
