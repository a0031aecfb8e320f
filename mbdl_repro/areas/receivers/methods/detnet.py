"""DetNet: projected gradient descent unfolded, with networks in place of the projection."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Lt
from torch import Tensor, nn

from mbdl_repro.areas.receivers.linear.detector import IterativeDetector, Received
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split

SPREAD = 0.01
"""Standard deviation of offsets before a fit, as published."""


class Detnet(IterativeDetector):
    """Layers of a gradient step on ‖y − H s‖², then a network that brings it near to amplitudes.

    q = s + δ_1 Hᵀy − δ_2 HᵀH s,  z = relu(A_1 [q; v] + b_1),
    a⁺ = (1 − α) (A_2 z + b_2) + α a,  v⁺ = (1 − α) (A_3 z + b_3) + α v,  s = Σ_m a_m level_m

    a stands for which amplitude each entry is, one number for each of M, and v is a memory. The
    loss is Σ_k log(k) of the squared error of a after layer k, the last layers' most. Unlike
    published weights, which are N(0, 10⁻⁴), these begin in proportion to their fan-in.

    Args:
        iterations: L, layers with weights of their own.
        memory: entries of v a stream.
        hidden: entries of z a stream.
        residual: α.

    Maps x (n, N, T), or (n, N, K + T) with H before what is received, to ŝ (n, K, T), means.

    Source: Samuel, Diskin and Wiesel, 2019, "Learning to detect", of which this is a small one.
    """

    name = "detnet"
    family = Family.UNFOLDED_NETWORK

    def __init__(
        self,
        belief: LinearMimo,
        *,
        iterations: Annotated[int, Ge(2)] = 10,
        memory: Annotated[int, Ge(1)] = 2,
        hidden: Annotated[int, Ge(1)] = 4,
        residual: Annotated[float, Ge(0), Lt(1)] = 0.9,
    ) -> None:
        super().__init__(belief)
        self.iterations: int = iterations
        self.residual = residual
        K, M = self.n_streams, len(self.levels)
        self.widths = (K * (1 + memory), K * hidden, K * (M + memory))
        inputs, middle, outputs = self.widths
        self.delta = nn.Parameter(torch.ones(iterations, 2, dtype=torch.float64))
        shapes = ((inputs, middle), (middle,), (middle, outputs), (outputs,))
        self.weights = nn.ParameterList(
            torch.zeros(iterations, *shape, dtype=torch.float64) for shape in shapes
        )

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights."""
        for weight in self.weights:
            drawn = torch.randn(weight.shape, generator=rng, dtype=torch.float64)
            weight.copy_(drawn * (math.sqrt(2 / weight.shape[1]) if weight.ndim == 3 else SPREAD))

    def codes(self, received: Received) -> Iterator[Annotated[Tensor, "(n, T, K, M)"]]:
        """Yield a (n, T, K, M): before the first layer, and after each.

        Args:
            received: H (n or 1, N, K), and y (n, N, T).
        """
        H, y = received
        matched, gram = (H.mT @ y).mT, H.mT @ H  # (n, T, K)
        K, M = self.n_streams, len(self.levels)
        a = matched.new_zeros(*matched.shape[:2], K * M)
        v = matched.new_zeros(*matched.shape[:2], self.widths[2] - K * M)
        state = torch.cat([a, v], 2)
        yield a.unflatten(2, (K, M))
        for k in range(self.iterations):
            step, curvature = self.delta[k]
            s = state[..., : K * M].unflatten(2, (K, M)) @ self.levels
            q = s + step * matched - curvature * (s @ gram)
            A, b, B, c = (weight[k] for weight in self.weights)
            z = (torch.cat([q, state[..., K * M :]], 2) @ A + b).relu()
            state = (1 - self.residual) * (z @ B + c) + self.residual * state
            yield state[..., : K * M].unflatten(2, (K, M))

    def refinements(self, received: Received) -> Iterator[Annotated[Tensor, "(n, K, T)"]]:
        """Yield estimates (n, K, T): before the first layer, and after each."""
        for a in self.codes(received):
            yield (a @ self.levels).mT

    def loss(self, x: Annotated[Tensor, "(n, N, C)"], s: Annotated[Tensor, "(n, K, T)"]) -> Tensor:
        """Return Σ_k log(k) times the mean squared error of a after layer k.

        Args:
            x: observations (n, N, C), C = T, or K + T with H before.
            s: amplitudes (n, K, T).
        """
        sent = ((s.mT[..., None] - self.levels).abs() < 1e-6).to(s)
        _, *after = self.codes(self.received(x))
        errors = [(a - sent).square().mean() for a in after]
        return torch.stack([math.log(k) * e for k, e in enumerate(errors, 1) if k > 1]).sum()
