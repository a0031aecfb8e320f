"""Each bit by its own sign: what decoding begins with."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.receivers.systems.coded_words import CodedWords
from mbdl_repro.contract.method import Family, Method


class HardDecision(Method):
    """The sign of each value by itself, without the code.

    ŝ_v = sign x_v, with an error of Q(√(2 R Eb/N0))

    Args:
        belief: of words in noise; nothing of it is read.

    Maps x (n, N) to ±1 (n, N).

    Source: textbook.
    """

    name = "hard_decision"
    family = Family.MODEL_BASED

    def __init__(self, belief: CodedWords) -> None:
        super().__init__()

    def forward(self, x: Annotated[Tensor, "(n, N)"]) -> Annotated[Tensor, "(n, N)"]:
        """Return the signs (n, N) of x (n, N)."""
        return x.sign()
