"""The black box: a network from what is received to the bits of a word."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.nn import functional

from mbdl_repro.areas.receivers.systems.coded_words import CodedWords
from mbdl_repro.contract.method import Family, Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Perceptron


class SyndromeNetwork(Method):
    """A multilayer perceptron that finds which signs the noise has turned.

    ŝ_v = sign x_v · tanh(N_v(|x|, z) / 2),  z_c = Π sign x_v over the bits of check c

    What it sees depends on the noise alone, not on the word, of which there are far too many to
    learn each.

    Args:
        belief: knows H.
        hidden_widths: entries of each hidden layer (ReLU).
        sees: ``noise``, as above; or ``values``, where it is ŝ = tanh(N(x) / 2), and has to learn
            the words.

    Maps x (n, N) to means in [−1, 1] (n, N).

    Source: Bennatan, Choukroun and Kisilev, 2018, "Deep learning for decoding of linear codes: a
    syndrome-based approach"; Section 4.
    """

    name = "syndrome_network"
    family = Family.DEEP_LEARNING

    H: Tensor

    def __init__(
        self,
        belief: CodedWords,
        *,
        hidden_widths: tuple[int, ...] = (512, 512),
        sees: Literal["noise", "values"] = "noise",
    ) -> None:
        super().__init__()
        self.sees = sees
        self.register_buffer("H", torch.tensor(belief.linear_code.H, dtype=torch.float64))
        m, n_bits = self.H.shape
        n_inputs = n_bits + m if sees == "noise" else n_bits
        self.network = Perceptron((n_inputs, *hidden_widths, n_bits))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights."""
        self.network.draw(rng, gain=2.0, last_gain=0.1)

    def logits(self, x: Annotated[Tensor, "(n, N)"]) -> Annotated[Tensor, "(n, N)"]:
        """Return the logits (n, N) of symbols to be 1, of x (n, N)."""
        if self.sees == "values":
            found: Tensor = self.network(x)
            return found
        negative = (x < 0).to(x)
        z = 1 - 2 * ((negative @ self.H.mT) % 2)
        return (1 - 2 * negative) * self.network(torch.cat((x.abs(), z), 1))

    def forward(self, x: Annotated[Tensor, "(n, N)"]) -> Annotated[Tensor, "(n, N)"]:
        """Return the means of symbols (n, N) of x (n, N)."""
        return torch.tanh(self.logits(x) / 2)

    def loss(self, x: Annotated[Tensor, "(n, N)"], s: Annotated[Tensor, "(n, N)"]) -> Tensor:
        """Return the cross-entropy of a bit in nats, a mean over bits.

        mean over v of log(1 + exp(−s_v N_v))

        Args:
            x: observations (n, N).
            s: symbols (n, N).
        """
        return functional.softplus(-s * self.logits(x)).mean()
