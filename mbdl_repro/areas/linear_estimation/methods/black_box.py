"""The network that knows nothing of the model."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.contract.method import Family, Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Activation, Perceptron


class BlackBox(Method):
    """A multilayer perceptron, trained from random weights on whitened observations.

    z_0 = c Ĉ^{-1/2} (x − x̄),  z_k = φ(W_k z_{k-1} + b_k),  ŝ = W_K z_{K-1} + b_K

    No layer passes the activations by, for that would hint that the best rule is affine.
    Even so ``tanh`` at a small c, where it is nearly the identity, serves it best here; and
    without whitening, of which 40 dB SNR asks most, it needs ten times as many steps.

    Args:
        belief: gives ``n_signal`` and ``n_observations``; nothing else is read.
        hidden_widths: entries of each hidden layer, from the input on.
        activation: φ.
        input_scale: c, standard deviation of what enters the first layer.
        shrinkage: Ĉ is the training sample's covariance plus this share of its mean variance.

    A fit starts from weights N(0, 1 / fan-in) and offsets 0; unfitted it returns 0, the prior
    mean. Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: ours, after Section 4 (which has no numerical example).
    """

    name = "black_box"
    family = Family.DEEP_LEARNING

    def __init__(
        self,
        belief: LinearGaussian,
        *,
        hidden_widths: tuple[int, ...] = (64,),
        activation: Activation = "tanh",
        input_scale: Annotated[float, Gt(0)] = 0.05,
        shrinkage: Annotated[float, Gt(0)] = 0.03,
    ) -> None:
        super().__init__()
        widths = (belief.n_observations, *hidden_widths, belief.n_signal)
        self.network = Perceptron(widths, activation)
        self.input_scale = input_scale
        self.shrinkage = shrinkage
        n = belief.n_observations
        self.center: Tensor
        self.whitener: Tensor
        self.register_buffer("center", torch.zeros(n, dtype=torch.float64))
        self.register_buffer("whitener", torch.eye(n, dtype=torch.float64))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of every layer, and whiten the observations."""
        x = train.x.to(self.center)
        self.center.copy_(x.mean(0))
        covariance = torch.cov(x.T)
        values, vectors = torch.linalg.eigh(covariance)
        shrunk = values + self.shrinkage * values.mean()
        self.whitener.copy_(vectors @ torch.diag(shrunk.rsqrt()) @ vectors.T)
        self.network.draw(rng, gain=1, last_gain=1)

    def forward(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Annotated[Tensor, "(n, n_signal)"]:
        """Return the estimates of the signals."""
        estimate: Tensor = self.network(self.input_scale * ((x - self.center) @ self.whitener))
        return estimate
