"""Ordered-statistics decoding: maximum likelihood, nearly, for codes of some tens of bits."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from mbdl_repro.areas.receivers.decoding.reliability import ordered_statistics
from mbdl_repro.areas.receivers.systems.coded_words import CodedWords
from mbdl_repro.contract.method import Family, Method

ROWS = 256
"""Words that are decoded together."""


class OrderedStatistics(Method):
    """The likeliest of the words that few errors in the k most reliable bits can have left.

    ŝ = argmax Σ_v x_v s_v over the words of which at most p of these k bits are not sign x_v

    The k bits are independent, and chosen by |x_v|. It needs no Eb/N0. With p = k it is maximum
    likelihood; so it nearly is with p = 2 for codes of 63 bits.

    Args:
        belief: knows H.
        order: p.

    Maps x (n, N) to words ±1 (n, N).

    Source: Fossorier and Lin, 1995.
    """

    name = "ordered_statistics"
    family = Family.MODEL_BASED

    G: Tensor

    def __init__(self, belief: CodedWords, *, order: Annotated[int, Ge(0), Le(3)] = 2) -> None:
        super().__init__()
        self.order = order
        self.register_buffer("G", torch.tensor(belief.linear_code.G))

    def forward(self, x: Annotated[Tensor, "(n, N)"]) -> Annotated[Tensor, "(n, N)"]:
        """Return the words (n, N) of x (n, N).

        Raises:
            ValueError: if words are of another length.
        """
        if x.ndim != 2 or x.shape[1] != self.G.shape[1]:
            raise ValueError(f"x has the shape {tuple(x.shape)}: should be (n, {self.G.shape[1]})")
        return torch.cat([ordered_statistics(part, self.G, self.order) for part in x.split(ROWS)])
