"""Filters to which a recurrent network says where the next state may be, and how surely."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import torch
from annotated_types import Ge
from torch import Tensor
from torch.nn import functional

from mbdl_repro.areas.tracking.kalman.model import linear_arrays
from mbdl_repro.areas.tracking.kalman.updates import innovation, kalman_gain, only_seen
from mbdl_repro.areas.tracking.learned.prediction import pseudo_inverse
from mbdl_repro.areas.tracking.learned.stacked import StackedMethod
from mbdl_repro.areas.tracking.learned.units import root_mean_square
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Affine, Gru, add_product, gru_update

LEAST_VARIANCE = 1e-3
"""Of a prior, in its unit: an entry that is sure would never be moved by an observation."""


class Followed(NamedTuple):
    """The record of a filter's run, step by step."""

    states: Tensor  # (rows, T, m): ŝ_t
    innovations: Tensor  # (rows, T, n): x_t − H p_t, 0 where missing
    variances: Tensor  # (rows, T, m): v_t


class GruPrior(StackedMethod):
    """A filter that knows the observation model, and learns the dynamics.

    p_t = ŝ_{t−1} + u ∘ o_t,    v_t = u² ∘ (log(1 + exp z_t) + 0.001),    (o_t, z_t) = E h_t + e
    h_t = GRU((x_{t−1} − x_{t−2}, x_{t−1} − H ŝ_{t−1}), h_{t−1})
    ŝ_t = p_t + K_t (x_t − H p_t),    K_t = diag(v_t) Hᵀ (H diag(v_t) Hᵀ + W)⁻¹

    A recurrent network gives mean and variances of each state before it is seen; H and W do the
    rest, as in a Kalman filter. Its inputs are in units of the changes of x on the training data,
    u holds the sizes of H⁺ times these changes. E starts at 0: unfitted, states are believed to
    stay but for steps of variance u².

    Args:
        belief: knows H and W, neither of which varies, and s̄_0; nothing else is read.
        hidden_size: entries of h_t.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).
    """

    def __init__(self, belief: StateSpace, *, hidden_size: Annotated[int, Ge(1)] = 24) -> None:
        super().__init__(belief)
        known = linear_arrays(belief, without="FV")
        if known.varies:
            raise ValueError("H or W varies, and one for all steps is asked for")
        m, n = belief.m, belief.n
        self.H: Tensor
        self.W: Tensor
        self.mean_0: Tensor
        self.input_unit: Tensor
        self.step_unit: Tensor
        for name in ("H", "W", "mean_0"):
            self.register_buffer(name, torch.tensor(getattr(known, name)))
        self.register_buffer("input_unit", torch.ones(2 * n, dtype=torch.float64))
        self.register_buffer("step_unit", torch.ones(m, dtype=torch.float64))
        self.unit = Gru(2 * n, hidden_size)
        start = torch.zeros(2 * m, dtype=torch.float64)
        start[m:] = math.log(math.expm1(1 - LEAST_VARIANCE))
        self.output = Affine(hidden_size, 2 * m, start)

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of the unit, and measure how observations change."""
        self.unit.draw(rng)
        self.output.weight.zero_()
        change = self.changes(train.x.to(self.H))
        self.input_unit.copy_(root_mean_square(change).repeat(2))
        self.step_unit.copy_(root_mean_square(change @ pseudo_inverse(self.H).mT))

    def changes(self, x: Annotated[Tensor, "(rows, T, n)"]) -> Annotated[Tensor, "(rows, T, n)"]:
        """Return x_t − x_{t−1} (rows, T, n), 0 where either is missing; H s̄_0 stands for x_0."""
        start = (self.H @ self.mean_0[..., None])[..., 0][..., None, None, :]
        before = torch.cat((start.expand_as(x[..., :1, :]), x[..., :-1, :]), -2)
        return (x - before).masked_fill((x - before).isnan(), 0.0)

    def follow(self, x: Annotated[Tensor, "(rows, T, n)"]) -> Followed:
        """Filter observations, NaN where missing; of a stack of fits (members, rows, T, n).

        Args:
            x: observations, (rows, T, n).
        """
        m, k = self.H.shape[-1], self.unit.n_hidden
        change = self.changes(x)
        before = torch.cat((torch.zeros_like(change[..., :1, :]), change[..., :-1, :]), -2)
        H, W = (matrix[..., None, None, :, :] for matrix in (self.H, self.W))
        if x.isnan().any():
            x, H, W = only_seen(x, H, W)
        T = x.shape[-2]
        matrices = ([part.select(-3, t % part.shape[-3]) for t in range(T)] for part in (H, W))
        gates, bias = torch.cat(self.unit.columns(), -2), self.unit.bias.unsqueeze(-2)
        output, sizes = self.output.of_rows(), (2 * k, k, k)
        input_unit, unit = (u.unsqueeze(-2) for u in (self.input_unit, self.step_unit))
        s = self.mean_0.unsqueeze(-2).expand(*x.shape[:-2], m)
        left = torch.zeros_like(x[..., 0, :])
        h = s.new_zeros(*s.shape[:-1], k)
        kept: tuple[list[Tensor], ...] = ([], [], [])
        for x_t, before_t, H_t, W_t in zip(x.unbind(-2), before.unbind(-2), *matrices, strict=True):
            inputs = torch.cat((before_t, left), -1) / input_unit
            fed = add_product(bias, torch.cat((inputs, h), -1), gates)
            both, of_input, of_hidden = fed.split(sizes, -1)
            h = gru_update(both, of_input, of_hidden, h)
            step, spread = output(h).chunk(2, -1)
            v = (functional.softplus(spread) + LEAST_VARIANCE) * unit.square()
            p = s + unit * step
            e = x_t - _applied(H_t, p)
            s = p + _applied(kalman_gain(torch.diag_embed(v), H_t, W_t), e)
            left = x_t - _applied(H_t, s)
            for values, value in zip(kept, (s, e, v), strict=True):
                values.append(value)
        return Followed(*(torch.stack(values, -2) for values in kept))

    def states(self, x: Tensor) -> Tensor:
        """Return the estimates (..., rows, T, m)."""
        return self.follow(x).states

    def negative_log_likelihood(
        self, x: Annotated[Tensor, "(rows, T, n)"]
    ) -> Annotated[Tensor, "(rows,)"]:
        """Return −log p(x_1 … x_T) of each row (rows,), of its seen entries, in nats.

        Σ_t ½ (eᵀ S⁻¹ e + log det 2πS),  e = x_t − H p_t,  S = H diag(v_t) Hᵀ + W

        Args:
            x: observations, (rows, T, n), NaN where missing.
        """
        seen = ~x.isnan()
        _, e, v = self.follow(x)
        H, W = (matrix[..., None, None, :, :] for matrix in (self.H, self.W))
        if not seen.all():
            _, H, W = only_seen(x, H, W)
        _, S, _ = innovation(torch.diag_embed(v), H, W)
        root = torch.linalg.cholesky(S)
        white = torch.linalg.solve_triangular(root, e[..., None], upper=False)[..., 0]
        log_det = 2 * root.diagonal(0, -2, -1).log().sum(-1)
        count = seen.sum(-1).to(x.dtype) * math.log(2 * math.pi)
        return 0.5 * (white.square().sum(-1) + log_det + count).sum(-1)


def _applied(matrix: Tensor, vectors: Tensor) -> Tensor:
    """Return the product (..., k) of matrices (..., k, l) and vectors (..., l)."""
    return (matrix * vectors.unsqueeze(-2)).sum(-1)
