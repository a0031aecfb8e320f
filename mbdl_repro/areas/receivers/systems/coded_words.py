"""Words of a linear block code in Gaussian noise."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le, MinLen
from scipy.special import ndtr

from mbdl_repro.areas.receivers.decoding.codes import (
    Code,
    CodeName,
    linear_code,
    random_words,
)
from mbdl_repro.contract.scenario import Scenario, Split

Row = Annotated[tuple[Annotated[int, Ge(0), Le(1)], ...], MinLen(1)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodedWords(Scenario):
    """x = s + w,  s_v = 1 − 2 c_v,  H c = 0 modulo 2,  w_v ~ N(0, σ²),  σ² = 1/(2R) · (Eb/N0)⁻¹.

    A row is a word of N bits, uniform among those that the parity check H allows, sent as BPSK.
    R = k/N is the code's rate: Eb/N0 counts the energy of a word by the k bits of its message.

    Args:
        code: its name, or the rows of its parity check, zeros and ones. ``bch_63_45`` and
            ``bch_63_36`` have the cyclic parity check of shifts of h(x) = (x⁶³ − 1) / g(x);
            ``ldpc_96_48`` is sparse, three checks a bit.
        ebn0_db: Eb/N0 in dB.

    Source: textbook; Nachmani, Be'ery and Burshtein, 2016.
    """

    area = "receivers"
    name = "coded_words"

    code: CodeName | Annotated[tuple[Row, ...], MinLen(1)] | None = "bch_63_45"
    ebn0_db: float | None = 4.0

    def __post_init__(self) -> None:
        if self.code is not None:
            linear_code(self.code)  # refuses what is no parity check

    @property
    def linear_code(self) -> Code:
        """Parity check H (m, N), and generator G (k, N)."""
        return linear_code(self.required("code"))

    @property
    def n_bits(self) -> int:
        """N, of a word."""
        return self.linear_code.H.shape[1]

    @property
    def noise_std(self) -> float:
        """σ."""
        ebn0 = 10 ** (self.required("ebn0_db") / 10)
        return float((2 * self.linear_code.rate * ebn0) ** -0.5)

    @property
    def hard_error_rate(self) -> float:
        """Q(1/σ): the share of symbols whose sign noise turns."""
        return float(ndtr(-1 / self.noise_std))

    def check_truth(self) -> None:
        """Check that nothing is withheld that drawing needs."""
        for field in ("code", "ebn0_db"):
            self.required(field)

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n words: x (n, N) and s (n, N)."""
        s = random_words(self.linear_code, n, rng)
        return Split(s + self.noise_std * rng.standard_normal(s.shape), s)
