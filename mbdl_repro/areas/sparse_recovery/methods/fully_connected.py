"""The network that knows nothing of sparsity, nor of H."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor, nn

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.contract.method import Family, Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Activation, Perceptron

RIDGES = [10 ** (i / 4) for i in range(-12, 9)]
"""Candidates for the ridge λ, as multiples of the mean variance of an observation's entry."""

N_LEFT_OUT = 1000
"""Signals that choose λ, each left out of the fit once: more of them would choose no better."""


class FullyConnected(Method):
    """A multilayer perceptron beside a linear map, trained from whitened observations to signals.

    z_0 = c (Ĉ + ε)^{-1/2} x,  z_k = φ(W_k z_{k-1} + b_k),  ŝ = L z_0 + W_K z_{K-1} + b_K

    A fit starts at the best linear rule that its data know of: L is the ridge regression whose
    λ leave-one-out errors choose, W_K is 0, and the other weights are N(0, 1 / fan-in).
    So with few signals it is linear MMSE estimation, as far as these tell, and not worse. All
    weights are then trained. Unfitted it returns 0, the prior mean.

    Args:
        belief: gives ``n_signal`` and ``n_observations``; nothing else is read.
        hidden_widths: entries of each hidden layer, from the input on.
        activation: φ. ``tanh``, odd as the best rule is.
        input_scale: c, standard deviation of what enters the first layer.
        shrinkage: ε, as a share of the mean variance that is added to Ĉ, the mean of x xᵀ over
            the training signals.

    Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: ours, after Section 4 (which has no numerical example).
    """

    name = "fully_connected"
    family = Family.DEEP_LEARNING

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        hidden_widths: tuple[int, ...] = (300,),
        activation: Activation = "tanh",
        input_scale: Annotated[float, Gt(0)] = 0.7,
        shrinkage: Annotated[float, Gt(0)] = 0.03,
    ) -> None:
        super().__init__()
        n, m = belief.n_observations, belief.n_signal
        self.network = Perceptron((n, *hidden_widths, m), activation)
        self.linear = nn.Parameter(torch.zeros(m, n, dtype=torch.float64))
        self.input_scale = input_scale
        self.shrinkage = shrinkage
        self.whitener: Tensor
        self.register_buffer("whitener", torch.eye(n, dtype=torch.float64))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Whiten the observations, regress linearly, and draw the hidden layers' weights."""
        x, s = train.x.to(self.whitener), train.s.to(self.whitener)
        values, vectors = torch.linalg.eigh(x.mT @ x / len(x))
        values.clamp_min_(0.0)  # where signals are fewer than entries, rounding is left
        roots = (values + self.shrinkage * values.mean()).sqrt()
        self.whitener.copy_(vectors / roots @ vectors.mT)
        z = x @ vectors
        correlation = z.mT @ s / len(x)
        ridge = _cross_validated_ridge(z, s, values, correlation)
        gains = roots / (self.input_scale * (values + ridge))
        self.linear.copy_((gains[:, None] * correlation).mT @ vectors.mT)
        self.network.draw(rng, gain=1, last_gain=0)

    def forward(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Annotated[Tensor, "(n, n_signal)"]:
        """Return the estimates of the signals."""
        whitened = self.input_scale * (x @ self.whitener)
        return whitened @ self.linear.mT + self.network(whitened)


def _cross_validated_ridge(z: Tensor, s: Tensor, values: Tensor, correlation: Tensor) -> Tensor:
    """Return the λ of ridge regression with the least leave-one-out error.

    Σ_i ‖s_i − ŝ_i‖² / (1 − A_ii)²,  where ŝ is fitted to all n pairs, and A_ii is the share of
    s_i in its own fit: this is exact, without another fit. (The cheaper mean of A_ii in its
    place, generalized cross-validation, fails here: some signals are much stronger than others.)

    Args:
        z: observations (n, d), in coordinates where the mean of z zᵀ is diagonal.
        s: targets (n, m).
        values: v, that diagonal (d,).
        correlation: mean of z sᵀ (d, m).

    Source: Allen, 1974.
    """
    ridges = values.mean() * torch.tensor(RIDGES, dtype=values.dtype, device=values.device)
    n, z, s = len(z), z[:N_LEFT_OUT], s[:N_LEFT_OUT]
    errors = []
    for ridge in ridges:
        inverse = 1 / (values + ridge)
        fitted = z @ (inverse[:, None] * correlation)
        own_share = z.square() @ inverse / n
        errors.append(((s - fitted).square().sum(1) / (1 - own_share).square()).sum())
    return ridges[torch.stack(errors).argmin()]
