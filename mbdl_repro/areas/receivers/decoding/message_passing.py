"""Belief propagation, with weights of the messages of checks that are given or learned."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor
from torch.nn import functional

from mbdl_repro.areas.receivers.decoding.tanner_graph import TannerGraph
from mbdl_repro.areas.receivers.systems.coded_words import CodedWords
from mbdl_repro.contract.method import IterativeMethod


class MessagePassing(IterativeMethod):
    """Iterations between the bits of a word and its checks, from what the channel says.

    μ_{c→v} = w_e f(ν_{v'→c}: v' ≠ v),  L_v = 2 x_v / σ² + Σ_c μ_{c→v},  ν_{v→c} = L_v − μ_{c→v}

    ŝ = tanh(L / 2) is the mean of a symbol, if messages were independent. It is as good for any
    word as for that of zeros: flipped observations have flipped answers.

    Args:
        belief: knows H, R and Eb/N0.
        iterations: T.
        rule: f, ``sum_product`` or ``min_sum``.
        scale: w_e of all edges; where they are learned, before training.
        weighted: whose messages the weights multiply: those of ``checks``, as above, or of
            ``bits``, ν_{v→c} = w_e (L_v − μ_{c→v}).
        llr_clip: largest size of what the channel or a bit says.
    """

    def __init__(
        self,
        belief: CodedWords,
        *,
        iterations: Annotated[int, Ge(1)] = 10,
        rule: Literal["sum_product", "min_sum"] = "sum_product",
        scale: Annotated[float, Gt(0)] = 1.0,
        weighted: Literal["checks", "bits"] = "checks",
        llr_clip: Annotated[float, Gt(0), Le(30)] = 20.0,
    ) -> None:
        super().__init__()
        H = belief.linear_code.H
        self.graph = TannerGraph(H, rule=rule, weighted=weighted, llr_clip=llr_clip)
        self.iterations: int = iterations
        self.scale = scale
        self.llr_per_value = 2 / belief.noise_std**2

    @abstractmethod
    def scales(self) -> Iterable[Tensor | float]:
        """Yield w of each iteration: a number, or one of each edge (m, d, 1)."""

    def log_ratios(self, x: Annotated[Tensor, "(n, N)"]) -> Iterator[Annotated[Tensor, "(n, N)"]]:
        """Yield L (n, N) of x (n, N): what the channel says, then after each iteration.

        Raises:
            ValueError: if words are of another length.
        """
        n_bits = self.graph.n_bits
        if x.ndim != 2 or x.shape[1] != n_bits:
            raise ValueError(f"x has the shape {tuple(x.shape)}: should be (n, {n_bits})")
        yield from self.graph.log_ratios(self.llr_per_value * x, self.scales())

    def iterates(self, x: Annotated[Tensor, "(n, N)"]) -> Iterator[Annotated[Tensor, "(n, N)"]]:
        """Yield tanh(L / 2) (n, N) of x (n, N): of the channel alone, then after each iteration."""
        for L in self.log_ratios(x):
            yield torch.tanh(L / 2)

    def loss(self, x: Annotated[Tensor, "(n, N)"], s: Annotated[Tensor, "(n, N)"]) -> Tensor:
        """Return the cross-entropy of a bit in nats, a mean over bits and all iterations.

        mean over v and t of log(1 + exp(−s_v L_v^t))

        Args:
            x: observations (n, N).
            s: symbols (n, N).

        Source: Nachmani, Marciano, Lugosch, Gross, Burshtein and Be'ery, 2018, the multiloss.
        """
        _, *ratios = self.log_ratios(x)
        return torch.stack([functional.softplus(-s * L).mean() for L in ratios]).mean()
