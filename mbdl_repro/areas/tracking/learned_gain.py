"""Filters that know f and h, and whose gain, or correction, a recurrent network gives."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mbdl_repro.areas.tracking.scenario import LinearStateSpace
from mbdl_repro.areas.tracking.state_space import StateSpace
from mbdl_repro.areas.tracking.updates import check_observations
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.scenario import Split

SMALLEST = 1e-12
"""Added to a squared length, so that the direction of 0 is 0, and has a derivative."""


class Track(NamedTuple):
    """What a filter went through, step by step."""

    states: Tensor  # (rows, T, m): ŝ_t
    predictions: Tensor  # (rows, T, m): ŝ_{t|t−1}
    innovations: Tensor  # (rows, T, n): x_t − h(ŝ_{t|t−1}), 0 where x is missing
    outputs: Tensor  # (rows, T, ·): what the network gave: a gain's entries, or a correction


class Moment(NamedTuple):
    """What a network may look at in one step."""

    t: int  # 0 … T − 1
    features: Tensor  # (rows, ·), of the last change, the last correction and the innovation


Step = Callable[[Moment, Tensor], tuple[Tensor, Tensor]]
"""From a moment and a hidden state to an output and the next hidden state."""


class Network(nn.Module, ABC):
    """A recurrent network that looks at features of what a filter meets."""

    @abstractmethod
    def begin(self, changes: Tensor) -> tuple[Tensor, Step]:
        """Return the first hidden state (rows, ·), and what takes one step.

        What does not depend on the recursion is worked out here, for all steps at once.

        Args:
            changes: features (T, rows, ·) of how the observations change.
        """


# --- what the designer knows ---


class Prediction(nn.Module):
    """One step ahead by the belief's f and h; of its noise nothing is read.

    Where both are linear and constant it is one product, s [Fᵀ, Fᵀ Hᵀ].
    """

    def __init__(self, belief: StateSpace) -> None:
        super().__init__()
        self.belief, self.m, self.n = belief, belief.m, belief.n
        self.mean_0: Tensor
        self.ahead: Tensor
        self.H: Tensor
        mean_0 = torch.tensor(belief.mean_0, dtype=torch.float64)
        self.register_buffer("mean_0", mean_0)
        self.register_buffer("H", belief.h_jacobian(mean_0).clone())
        F = belief.f_jacobian(mean_0)  # what is withheld is missed here, and not during a fit
        self.is_constant = (
            isinstance(belief, LinearStateSpace) and belief.F.ndim == 2 and belief.H.ndim == 2
        )
        if self.is_constant:
            self.register_buffer("ahead", torch.cat((F.T, F.T @ self.H.T), 1))

    def forward(self, s: Tensor, t: int) -> tuple[Tensor, Tensor]:
        """Return ŝ_{t|t−1} = f(s) (rows, m), and h of it (rows, n).

        Args:
            s: ŝ_{t−1}, (rows, m).
            t: the step, 1 … T.
        """
        if self.is_constant:
            predicted, expected = (s @ self.ahead).split((self.m, self.n), -1)
            return predicted, expected
        predicted = self.belief.f(s, t)
        return predicted, self.belief.h(predicted, t)

    def observation_matrix(self, predicted: Tensor, t: int) -> Tensor:
        """Return H (n, m), or the Jacobian of h at each prediction (rows, n, m).

        Args:
            predicted: ŝ_{t|t−1}, (rows, m).
            t: the step, 1 … T.
        """
        return self.H if self.is_constant else self.belief.h_jacobian(predicted, t)

    def innovation(self, x: Tensor, seen: Tensor, expected: Tensor) -> Tensor:
        """Return x_t − h(ŝ_{t|t−1}) (rows, n), 0 where nothing was seen.

        Args:
            x: x_t, (rows, n), 0 where missing.
            seen: 1 where x_t is seen and 0 where it is missing, (rows, n).
            expected: h(ŝ_{t|t−1}), (rows, n).
        """
        if self.is_constant:
            return torch.addcmul(x, seen, expected, value=-1)
        return torch.where(seen > 0, self.belief.residual(x, expected), 0.0)

    def pseudo_inverse(self) -> Tensor:
        """Return H⁺ (m, n), of the Jacobian of h at s̄_0."""
        return torch.linalg.pinv(self.H)


# --- the filter ---


class LearnedFilter(Method, ABC):
    """The loop that all such filters run, their loss, and how their fit begins.

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
    def correction(self, output: Tensor, innovation: Tensor, predicted: Tensor, t: int) -> Tensor:
        """Return ŝ_t − ŝ_{t|t−1} (rows, m), given the network's output.

        Args:
            output: what the network gives at this step, (rows, ·).
            innovation: x_t − h(ŝ_{t|t−1}), (rows, n), 0 where x_t is missing.
            predicted: ŝ_{t|t−1}, (rows, m).
            t: the step, 1 … T.
        """

    @abstractmethod
    def features(self, differences: Tensor) -> Tensor:
        """Return what the network sees of differences, side by side (rows, 2m + n).

        They are the last change of the state, the last correction and the innovation.
        """

    @abstractmethod
    def features_of_changes(self, changes: Tensor) -> Tensor:
        """Return what it sees of the changes of the observation (T, rows, n)."""

    def track(self, x: Tensor) -> Track:
        """Filter the observations (rows, T, n), with NaN where one is missing."""
        check_observations(x, self.model.n)
        changes = self.features_of_changes(self.changes(x))
        return self._follow(x, *self.network.begin(changes), self.correction)

    def observer(self, x: Tensor, gain: float) -> Track:
        """Filter by the fixed gain κ H⁺ instead of the network's.

        Args:
            x: observations, (rows, T, n), NaN where missing.
            gain: κ, without unit.
        """
        K = (gain * self.model.pseudo_inverse()).mT
        nothing = x.new_zeros(len(x), 0)
        return self._follow(
            x,
            nothing,
            lambda moment, hidden: (nothing, hidden),
            lambda output, innovation, predicted, t: innovation @ K,
        )

    def changes(self, x: Tensor) -> Tensor:
        """Return x_t − x_{t−1} (T, rows, n), 0 where either is missing; h(s̄_0) stands for x_0."""
        first = self.model.belief.h(self.model.mean_0).expand_as(x[:, :1])
        change = self.model.belief.residual(x, torch.cat((first, x[:, :-1]), 1))
        return torch.where(change.isnan(), 0.0, change).transpose(0, 1)

    def _follow(self, x: Tensor, hidden: Tensor, step: Step, correct: Correct) -> Track:
        is_seen = ~x.isnan()
        observations = torch.where(is_seen, x, 0.0).unbind(1)
        s = self.model.mean_0.expand(len(x), -1)
        change = correction = torch.zeros_like(s)
        kept: tuple[list[Tensor], ...] = ([], [], [], [])
        for t, (x_t, seen) in enumerate(
            zip(observations, is_seen.to(x.dtype).unbind(1), strict=True)
        ):
            predicted, expected = self.model(s, t + 1)
            innovation = self.model.innovation(x_t, seen, expected)
            features = self.features(torch.cat((change, correction, innovation), -1))
            output, hidden = step(Moment(t, features), hidden)
            if t == 0 and self.model.belief.start_seen:
                correction = innovation @ self.model.pseudo_inverse().mT
            else:
                correction = correct(output, innovation, predicted, t + 1)
            before, s = s, predicted + correction
            change = s - before
            for values, value in zip(kept, (s, predicted, innovation, output), strict=True):
                values.append(value)
        return Track(*(torch.stack(values, 1) for values in kept))

    def forward(self, x: Tensor) -> Tensor:
        """Return the estimates of the states (rows, T, m)."""
        return self.track(x).states

    def error(self, track: Track, s: Tensor) -> Tensor:
        """Return what a fit makes small, of each row (rows,): its squared error.

        Args:
            track: what the filter went through.
            s: the true states, (rows, T, m).
        """
        return (track.states - s).square().flatten(1).sum(1)

    def loss(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the mean error of a row, in units of the best fixed gain's on training data.

        So one ``clip_norm`` does for signals of any scale. Before a fit the unit is 1.

        Args:
            x: observations, (rows, T, n), NaN where missing.
            s: the true states, (rows, T, m).
        """
        return self.error(self.track(x), s).mean() / self.unit_of_loss

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
        tracks = [self.observer(x, gain) for gain in FIXED_GAINS]
        errors = torch.stack([self.error(track, s).mean() for track in tracks])
        best = int(torch.where(errors.isfinite(), errors, torch.inf).argmin())
        self.unit_of_loss.copy_(unit_or_one(errors[best]))
        self.start_from(FIXED_GAINS[best], x, tracks[best])

    @abstractmethod
    def start_from(self, gain: float, x: Tensor, track: Track) -> None:
        """Set what a fit starts from, given the track of the observer of this gain.

        Args:
            gain: κ, without unit.
            x: training observations, (rows, T, n), NaN where missing.
            track: what that observer went through on x.
        """


Correct = Callable[[Tensor, Tensor, Tensor, int], Tensor]
"""From (output, innovation, prediction, t) to ŝ_t − ŝ_{t|t−1}."""

N_MEASURED = 200
"""Training trajectories on which fixed gains are compared."""

FIXED_GAINS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Candidates for κ, the gain at the start of a fit being κ H⁺."""


def unit_or_one(value: Tensor) -> Tensor:
    """Return a positive number as it is, and 1 in place of any other."""
    return torch.where(value.isfinite() & (value > 0), value, 1.0)


class LearnedGain(LearnedFilter):
    """A filter whose network sees directions of differences, and gives the gain K_t.

    The differences are x_t − x_{t−1}, x_t − h(ŝ_{t|t−1}), ŝ_{t−1} − ŝ_{t−2} and
    ŝ_{t−1} − ŝ_{t−1|t−2}, each divided by its length. A gain that sees directions alone is the
    same for signals of any scale; ``magnitudes`` shows it the logarithms of the lengths as well.
    Unfitted, the filter is an observer of the fixed gain κ H⁺.

    Args:
        belief: the assumed model, with f, h and s̄_0; the filter does not read V and W.
        magnitudes: show the network the logarithms of the differences' lengths as well.
    """

    def __init__(self, belief: StateSpace, magnitudes: bool) -> None:
        super().__init__(belief)
        m, n = belief.m, belief.n
        self.observed = Directions((n,), magnitudes)
        self.inner = Directions((m, m, n), magnitudes)

    def features(self, differences: Tensor) -> Tensor:
        """Return their directions (rows, ·)."""
        return self.inner(differences)

    def features_of_changes(self, changes: Tensor) -> Tensor:
        """Return their directions (T, rows, ·)."""
        return self.observed(changes)

    def gain(self, output: Tensor, predicted: Tensor, t: int) -> Tensor:
        """Return K_t (rows, m, n).

        Args:
            output: what the network gives at this step, (rows, m n): K_t, row by row.
            predicted: ŝ_{t|t−1}, (rows, m).
            t: the step, 1 … T.
        """
        return output.unflatten(-1, (self.model.m, self.model.n))

    def correction(self, output: Tensor, innovation: Tensor, predicted: Tensor, t: int) -> Tensor:
        """Return K_t (x_t − h(ŝ_{t|t−1})) (rows, m)."""
        return (self.gain(output, predicted, t) * innovation.unsqueeze(-2)).sum(-1)

    def implied_variances(self, x: Tensor) -> Tensor:
        """Return :func:`implied_variances` of the gains, NaN where an entry of x is missing."""
        belief, T = self.model.belief, x.shape[1]
        W = torch.tensor(belief.W).to(x)
        track = self.track(x)
        claimed = []
        for t in range(T):
            predicted, output = track.predictions[:, t], track.outputs[:, t]
            gain = self.gain(output, predicted, t + 1)
            H = self.model.observation_matrix(predicted, t + 1)
            claimed.append(implied_variances(gain, H, W if W.ndim == 2 else W[t]))
        missing = x.isnan().any(-1, keepdim=True)
        return torch.where(missing, torch.nan, torch.stack(claimed, 1))


class Directions(nn.Module):
    """Groups of entries, each divided by its length; and the lengths' logarithms, if asked for.

    Args:
        widths: entries of each group.
        magnitudes: whether to append log ‖·‖ of each group.
    """

    def __init__(self, widths: tuple[int, ...], magnitudes: bool) -> None:
        super().__init__()
        self.widths, self.magnitudes = widths, magnitudes
        self.groups: Tensor
        columns = [torch.ones(k, 1, dtype=torch.float64) for k in widths]
        self.register_buffer("groups", torch.block_diag(*columns))

    def forward(self, differences: Tensor) -> Tensor:
        """Return what the network sees of them (..., width)."""
        squares = differences.square() @ self.groups + SMALLEST
        directions = differences * (squares.rsqrt() @ self.groups.mT)
        if not self.magnitudes:
            return directions
        return torch.cat((directions, 0.5 * squares.log()), -1)


def implied_variances(gain: Tensor, H: Tensor, W: Tensor) -> Tensor:
    """Return the error variances (..., m) that a gain K (..., m, n) implies if it is optimal.

    An optimal gain is K = Σ Hᵀ W⁻¹, Σ the covariance after the update: so Σ Hᵀ = K W, and where
    H has full column rank Σ = K W (H⁺)ᵀ. What is returned is its diagonal, which its symmetric
    part shares. A gain that is not optimal may imply a negative variance; that is returned as 0.

    Args:
        gain: K.
        H: (..., n, m).
        W: (n, n).

    Raises:
        ValueError: if the rank of H is less than m.

    Source: Klein et al., 2022, who pass by way of the covariance before the update.
    """
    n, m = H.shape[-2:]
    if n < m or (torch.linalg.matrix_rank(H) < m).any():
        raise ValueError(
            f"a gain implies no covariance: H ({n}, {m}) has not {m} independent columns"
        )
    return (gain @ W * torch.linalg.pinv(H)).sum(-1).clamp_min(0.0)


# --- layers ---


class Affine(nn.Module):
    """y = x A + b, with A (n_in, n_out); 0 until drawn.

    Args:
        n_in: entries of x.
        n_out: entries of y.
        start: b of a last layer, which no draw changes.
    """

    def __init__(self, n_in: int, n_out: int, start: Tensor | None = None) -> None:
        super().__init__()
        self.is_last = start is not None
        self.weight = nn.Parameter(torch.zeros(n_in, n_out, dtype=torch.float64))
        self.bias = nn.Parameter(
            torch.zeros(n_out, dtype=torch.float64) if start is None else start.flatten().clone()
        )

    def draw(self, rng: torch.Generator) -> None:
        """Draw all entries from U(−1/√n_in, 1/√n_in), except of a last layer."""
        if not self.is_last:
            draw_uniform(self, len(self.weight), rng)

    def forward(self, x: Tensor) -> Tensor:
        """Return y (rows, n_out)."""
        return torch.addmm(self.bias, x, self.weight)


class Gru(nn.Module):
    """The weights of a gated recurrent unit; 0 until drawn.

    r = σ(·), z = σ(·), n = tanh(x A_n + a_n + r ⊙ (h B_n + b_n)), h ← n + z ⊙ (h − n)

    Args:
        n_in: entries of the input x.
        n_hidden: k, entries of the hidden state h.
    """

    def __init__(self, n_in: int, n_hidden: int) -> None:
        super().__init__()
        self.n_hidden = n_hidden
        self.of_input = nn.Parameter(torch.zeros(n_in, 3 * n_hidden, dtype=torch.float64))
        self.of_hidden = nn.Parameter(torch.zeros(n_hidden, 3 * n_hidden, dtype=torch.float64))
        self.bias = nn.Parameter(torch.zeros(4 * n_hidden, dtype=torch.float64))

    def draw(self, rng: torch.Generator) -> None:
        """Draw all entries from U(−1/√k, 1/√k), k the number of hidden entries."""
        draw_uniform(self, self.n_hidden, rng)

    def columns(self) -> tuple[Tensor, Tensor]:
        """Return the weights of the input, and of the hidden state, as one product takes them.

        Both are (·, 4k): r and z, whose two parts are summed, then the input's part of n and the
        hidden state's, which are not.
        """
        k = self.n_hidden
        inputs = torch.cat((self.of_input, torch.zeros_like(self.of_input[:, :k])), 1)
        gates, candidate = self.of_hidden.split((2 * k, k), 1)
        return inputs, torch.cat((gates, torch.zeros_like(candidate), candidate), 1)


def draw_uniform(layer: nn.Module, n: int, rng: torch.Generator) -> None:
    """Draw a layer's entries from U(−1/√n, 1/√n).

    Args:
        layer: whose parameters are all overwritten.
        n: sets the range: the entries of a layer's input, or of a unit's hidden state.
        rng: generator that entries are drawn from, on the CPU.
    """
    for parameter in layer.parameters():
        drawn = torch.rand(parameter.shape, generator=rng, dtype=torch.float64)
        parameter.copy_((2 * drawn - 1) / math.sqrt(n))


def gru_update(gates: Tensor, of_input: Tensor, of_hidden: Tensor, h: Tensor) -> Tensor:
    """Return the next hidden state (rows, k).

    Args:
        gates: of r and z, before σ (rows, 2k).
        of_input: x A_n + a_n (rows, k).
        of_hidden: h B_n + b_n (rows, k).
        h: hidden state (rows, k).
    """
    r, z = gates.sigmoid().chunk(2, -1)
    return torch.lerp(torch.addcmul(of_input, r, of_hidden).tanh(), h, z)


# --- networks ---


class ThreeGrus(Network):
    """Three gated recurrent units, one for each covariance that a gain is made of.

    The first sees how the state changes; the second, of the prediction's covariance, sees the
    first and the last correction; the third, of the innovation's, sees the second and the
    observations. The gain is read from the last two, and goes back into the second.

    Args:
        gain: K (m, n) before a fit.
        input_multiplier: entries that each entry of a difference is expanded to.
        output_multiplier: hidden entries of the gain's layers for each of m² + n².
        magnitudes: whether lengths are among the features.

    Source: Revach et al., 2022, architecture #2, where the gain comes back through a rectifier,
    not through tanh: a unit's state lies between −1 and 1, and a rectifier may die.
    """

    def __init__(
        self, gain: Tensor, input_multiplier: int, output_multiplier: int, magnitudes: bool
    ) -> None:
        super().__init__()
        m, n = gain.shape
        lengths = int(magnitudes)
        a, p, q = input_multiplier, m * m, n * n
        self.order = features_by_group((m, m, n), magnitudes)
        self.n_observed = n + lengths
        self.of_change = Affine(m + lengths, a * m)
        self.of_correction = Affine(m + lengths, a * m)
        self.of_observation = Affine(2 * (n + lengths), 2 * a * n)
        self.process = Gru(a * m, p)
        self.prediction = Gru(a * m + p, p)
        self.innovation = Gru(2 * a * n + q, q)
        self.to_innovation = Affine(p, q)
        self.to_gain = Affine(p + q, (p + q) * output_multiplier)
        self.last = Affine((p + q) * output_multiplier, m * n, start=gain)
        self.from_gain = Affine(q + m * n, p)
        self.feedback = Affine(2 * p, p)
        self.p, self.q = p, q
        self.start: Tensor
        eye_m, eye_n = (torch.eye(k, dtype=torch.float64).flatten() for k in (m, n))
        self.register_buffer("start", torch.cat((eye_m, 0 * eye_m, eye_n)))

    def begin(self, changes: Tensor) -> tuple[Tensor, Step]:
        """Return the first hidden state (I, 0, I), and what takes one step."""
        p, q = self.p, self.q
        # All that depends on the features, or on the hidden state as it was, in two products.
        observed = self.of_observation.weight
        expand = torch.block_diag(
            self.of_change.weight, self.of_correction.weight, observed[self.n_observed :]
        )[self.order]
        ahead = (self.of_change.bias, self.of_correction.bias)
        seen = changes @ observed[: self.n_observed] + self.of_observation.bias
        offsets = torch.cat((*(b.expand(*seen.shape[:-1], -1) for b in ahead), seen), -1).unbind()

        of_input, of_hidden = zip(
            *(gru.columns() for gru in (self.process, self.prediction, self.innovation)),
            strict=True,
        )
        n_correction = len(ahead[1])
        direct = torch.block_diag(
            of_input[0], of_input[1][:n_correction], of_input[2][: seen.shape[-1]]
        )
        gates = torch.cat((direct, torch.block_diag(*of_hidden)))
        bias = torch.cat((self.process.bias, self.prediction.bias, self.innovation.bias))
        from_process = self.prediction.of_input[n_correction:]
        from_prediction = self.innovation.of_input[seen.shape[-1] :]
        sizes = (2 * p, p, p, 3 * p, p, 3 * q, q)

        def step(moment: Moment, hidden: Tensor) -> tuple[Tensor, Tensor]:
            expanded = torch.addmm(offsets[moment.t], moment.features, expand).relu()
            h_1, h_2, h_3 = hidden.split((p, p, q), -1)
            g_1, in_1, hid_1, g_2, hid_2, g_3, hid_3 = torch.addmm(
                bias, torch.cat((expanded, hidden), -1), gates
            ).split(sizes, -1)
            h_1 = gru_update(g_1, in_1, hid_1, h_1)
            g_2, in_2 = torch.addmm(g_2, h_1, from_process).split((2 * p, p), -1)
            h_2 = gru_update(g_2, in_2, hid_2, h_2)
            between = self.to_innovation(h_2).relu()
            g_3, in_3 = torch.addmm(g_3, between, from_prediction).split((2 * q, q), -1)
            h_3 = gru_update(g_3, in_3, hid_3, h_3)
            gain = self.last(self.to_gain(torch.cat((h_2, h_3), -1)).relu())
            back = self.from_gain(torch.cat((h_3, gain), -1)).relu()
            h_2 = self.feedback(torch.cat((h_2, back), -1)).tanh()
            return gain, torch.cat((h_1, h_2, h_3), -1)

        return self.start.expand(changes.shape[1], -1), step


class OneGru(Network):
    """One gated recurrent unit between two layers.

    Args:
        n_changes: features of the observations' changes.
        n_features: other features.
        widths: entries of the input layer, of the hidden state, and of the layer before the last.
        start: the output before a fit.
    """

    def __init__(
        self, n_changes: int, n_features: int, widths: tuple[int, int, int], start: Tensor
    ) -> None:
        super().__init__()
        first, hidden, before_last = widths
        self.n_changes = n_changes
        self.first = Affine(n_changes + n_features, first)
        self.gru = Gru(first, hidden)
        self.before_last = Affine(hidden, before_last)
        self.last = Affine(before_last, start.numel(), start)

    def begin(self, changes: Tensor) -> tuple[Tensor, Step]:
        """Return the first hidden state, 0, and what takes one step."""
        k = self.gru.n_hidden
        weight = self.first.weight
        offsets = (changes @ weight[: self.n_changes] + self.first.bias).unbind()
        inner = weight[self.n_changes :]
        gates = torch.cat(self.gru.columns())
        sizes = (2 * k, k, k)

        def step(moment: Moment, hidden: Tensor) -> tuple[Tensor, Tensor]:
            expanded = torch.addmm(offsets[moment.t], moment.features, inner).relu()
            both = torch.cat((expanded, hidden), -1)
            g, from_input, from_hidden = torch.addmm(self.gru.bias, both, gates).split(sizes, -1)
            hidden = gru_update(g, from_input, from_hidden, hidden)
            return self.last(self.before_last(hidden).relu()), hidden

        return changes.new_zeros(changes.shape[1], k), step


class TwoGrus(Network):
    """Two gated recurrent units side by side, computed as one, that do not see each other.

    The first sees how the state changes and was corrected, the second the observations.

    Args:
        outputs: what each of the two gives before a fit.
        widths: entries of a change of the state, and of an observation.
        input_multiplier: entries that each entry of a difference is expanded to.
        hidden_multiplier: hidden entries for each entry of an output.
        magnitudes: whether lengths are among the features.

    Source: Choi et al., 2023.
    """

    def __init__(
        self,
        outputs: tuple[Tensor, Tensor],
        widths: tuple[int, int],
        input_multiplier: int,
        hidden_multiplier: int,
        magnitudes: bool,
    ) -> None:
        super().__init__()
        (m, n), lengths = widths, int(magnitudes)
        self.order = features_by_group((m, m, n), magnitudes)
        self.n_observed = n + lengths
        firsts = (2 * input_multiplier * m, 2 * input_multiplier * n)
        hiddens = [hidden_multiplier * output.numel() for output in outputs]
        self.of_state = Affine(2 * (m + lengths), firsts[0])
        self.of_observation = Affine(2 * (n + lengths), firsts[1])
        self.gru_of_state = Gru(firsts[0], hiddens[0])
        self.gru_of_observation = Gru(firsts[1], hiddens[1])
        self.last_of_state = Affine(hiddens[0], outputs[0].numel(), outputs[0])
        self.last_of_observation = Affine(hiddens[1], outputs[1].numel(), outputs[1])
        self.n_hidden = sum(hiddens)

    def begin(self, changes: Tensor) -> tuple[Tensor, Step]:
        """Return the first hidden state, 0, and what takes one step."""
        k = self.n_hidden
        observed = self.of_observation.weight
        expand = torch.block_diag(self.of_state.weight, observed[self.n_observed :])[self.order]
        seen = changes @ observed[: self.n_observed] + self.of_observation.bias
        offsets = torch.cat((self.of_state.bias.expand(*seen.shape[:-1], -1), seen), -1).unbind()

        grus = (self.gru_of_state, self.gru_of_observation)
        columns = [[part.chunk(4, 1) for part in gru.columns()] for gru in grus]
        gates = torch.cat(
            [
                torch.cat([torch.block_diag(*same) for same in zip(*halves, strict=True)], 1)
                for halves in zip(*columns, strict=True)
            ]
        )
        biases = [gru.bias.chunk(4) for gru in grus]
        bias = torch.cat([part for same in zip(*biases, strict=True) for part in same])
        lasts = (self.last_of_state, self.last_of_observation)
        last = torch.block_diag(*(layer.weight for layer in lasts))
        start = torch.cat([layer.bias for layer in lasts])
        sizes = (2 * k, k, k)

        def step(moment: Moment, hidden: Tensor) -> tuple[Tensor, Tensor]:
            expanded = torch.addmm(offsets[moment.t], moment.features, expand).relu()
            both = torch.cat((expanded, hidden), -1)
            g, from_input, from_hidden = torch.addmm(bias, both, gates).split(sizes, -1)
            hidden = gru_update(g, from_input, from_hidden, hidden)
            return torch.addmm(start, hidden, last), hidden

        return changes.new_zeros(changes.shape[1], k), step


def features_by_group(widths: tuple[int, ...], magnitudes: bool) -> list[int]:
    """Return where each feature stands once each group is followed by its length.

    Args:
        widths: entries of each group.
        magnitudes: whether there are lengths.

    Returns:
        An index for each feature in the order of :class:`Directions`, lengths last.
    """
    rows: list[int] = []
    lengths: list[int] = []
    for width in widths:
        start = len(rows) + len(lengths)
        rows += range(start, start + width)
        if magnitudes:
            lengths.append(start + width)
    return rows + lengths
