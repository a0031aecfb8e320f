"""Belief propagation on the Tanner graph of a code, from what is known of each bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mbdl_repro.areas.receivers.decoding.messages import (
    CheckRule,
    min_sum,
    sum_product,
    variable_messages,
)

RULES: dict[str, CheckRule] = {"sum_product": sum_product, "min_sum": min_sum}


class TannerGraph(nn.Module):
    """The bits of a word and its checks, between which messages go.

    μ_{c→v} = w_e f(ν_{v'→c}: v' ≠ v),  L_v = l_v + Σ_c μ_{c→v},  ν_{v→c} = L_v − μ_{c→v}

    Args:
        H: parity check (m, N).
        rule: f, ``sum_product`` or ``min_sum``.
        weighted: whose messages w multiplies, those of ``checks`` or of ``bits``.
        llr_clip: largest size of what the channel or a bit says.
    """

    bits: Tensor
    is_missing: Tensor

    def __init__(
        self,
        H: Annotated[np.ndarray, "(m, N)"],
        *,
        rule: Literal["sum_product", "min_sum"] = "sum_product",
        weighted: Literal["checks", "bits"] = "checks",
        llr_clip: float = 20.0,
    ) -> None:
        super().__init__()
        self.rule = RULES[rule]
        self.weighted = weighted
        self.llr_clip = llr_clip
        self.n_bits = H.shape[1]
        bits = [np.flatnonzero(row) for row in H]
        most = max(map(len, bits))
        # A check of fewer bits has edges to one that is not there.
        padded = [np.pad(one, (0, most - len(one)), constant_values=self.n_bits) for one in bits]
        self.register_buffer("bits", torch.tensor(np.stack(padded)))
        self.register_buffer("is_missing", (self.bits == self.n_bits)[..., None])
        self.is_full = not self.is_missing.any()

    def log_ratios(
        self, llr: Annotated[Tensor, "(n, N)"], scales: Iterable[Tensor | float]
    ) -> Iterator[Annotated[Tensor, "(n, N)"]]:
        """Yield L (n, N): what the channel says, then after each iteration.

        Args:
            llr: l, log p(c = 0) / p(c = 1) of each bit by itself (n, N).
            scales: w of each iteration: a number, or one of each edge (m, d, 1).
        """
        llr = llr.mT.clamp(-self.llr_clip, self.llr_clip)
        yield llr.mT
        llr = functional.pad(llr, (0, 0, 0, 1))
        v = llr[self.bits]
        for w in scales:
            if self.weighted == "bits":
                v = w * v
            found = self.rule(v, self.llr_clip, None if self.is_full else self.is_missing)
            if self.weighted == "checks":
                found = w * found
            total, v = variable_messages(llr, found, self.bits)
            yield total[:-1].mT

    def allows(self, s: Annotated[Tensor, "(n, N)"]) -> Annotated[Tensor, "(n,)"]:
        """Return of which words ±1 (n, N) all checks hold (n,)."""
        padded = functional.pad(s, (0, 1), value=1.0)
        return (padded[:, self.bits].prod(2) > 0).all(1)

    def corrected(
        self, llr: Annotated[Tensor, "(n, N)"], iterations: int = 20
    ) -> tuple[Annotated[Tensor, "(n, N)"], Annotated[Tensor, "(n,)"]]:
        """Return the first word on the way whose checks hold, and whether there is one.

        Args:
            llr: log p(c = 0) / p(c = 1) of each bit by itself (n, N).
            iterations: at most.

        Returns:
            Words ±1 (n, N), where no checks hold the last, and whether they hold (n,).
        """
        word, holds = llr, torch.zeros(len(llr), dtype=torch.bool, device=llr.device)
        for L in self.log_ratios(llr, repeat(1.0, iterations)):
            word = torch.where(holds[:, None], word, 1 - 2 * (L < 0).to(llr))
            holds = holds | self.allows(word)
            if holds.all():
                break
        return word, holds
