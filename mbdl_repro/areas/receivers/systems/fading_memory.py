"""Symbols through a channel with memory that drifts from block to block."""

from __future__ import annotations

import dataclasses
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Len

from mbdl_repro.areas.receivers.decoding.codes import Code, CodeName, linear_code, random_words
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for

PERIODS = (51.0, 39.0, 33.0, 21.0)
"""Of the taps, in blocks, as published."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FadingMemory(FiniteMemory):
    """BPSK symbols, block after block, through a channel whose taps fade from block to block.

    x_jt = φ(Σ_l h_jl s_{j,t−l}) + w_jt,  h_jl = exp(−γ l) (0.8 + 0.2 cos(2π j / p_l))

    A row is B blocks that follow each other; they stand where other channels have C. Each block is
    a frame of P pilots, the same ones for all, and then one of T symbols, both between known ones.

    Args:
        decays: γ, one number.
        periods: p_l of each tap, in blocks.
        first_block: j of the first block of a row.
        n_blocks: B.
        n_pilots: P.
        drifts: whether taps fade; else they stay what they are in a row's first block.
        code: of whose words, one after the other, the T symbols of a block are; ``None``: any.

    Source: Raviv, Park, Simeone, Eldar and Shlezinger, 2023, "Online meta-learning for hybrid
    model-based deep receivers".
    """

    name = "fading_memory"
    chunk_size: ClassVar[int] = 10

    decays: Annotated[tuple[Annotated[float, Ge(0)], ...], Len(1, 1)] | None = (0.2,)
    n_symbols: Annotated[int, Gt(0)] = 100
    periods: tuple[Annotated[float, Gt(0)], ...] = PERIODS
    first_block: Annotated[int, Ge(0)] = 0
    n_blocks: Annotated[int, Gt(0)] = 20
    n_pilots: Annotated[int, Ge(0)] = 50
    drifts: bool = True
    code: CodeName | None = None

    def __post_init__(self) -> None:
        """Check that there is a period for each tap, and that blocks hold whole words.

        Raises:
            ValueError: there are more taps than periods, or a word is cut.
        """
        if len(self.periods) < self.n_taps:
            raise ValueError(
                f"periods are {len(self.periods)}, of {self.n_taps} taps: one for each is needed"
            )
        if self.code is not None and self.n_symbols % (N := self.linear_code.H.shape[1]):
            raise ValueError(
                f"n_symbols is {self.n_symbols}, of words of {self.code}: a multiple of {N} is "
                "needed"
            )

    @property
    def n_channels(self) -> int:
        """B."""
        return self.n_blocks

    @property
    def n_pilot_values(self) -> int:
        """P + L − 1, or 0 where there are no pilots."""
        return self.n_pilots + self.n_taps - 1 if self.n_pilots else 0

    @property
    def linear_code(self) -> Code:
        """Parity check H (m, N), and generator G (k, N)."""
        return linear_code(self.required("code"))

    @property
    def taps(self) -> Annotated[np.ndarray, "(B, L)"]:
        """h_jl of each block (B, L)."""
        blocks = self.first_block + np.arange(self.n_blocks) * self.drifts
        fading = 0.8 + 0.2 * np.cos(2 * np.pi * blocks[:, None] / self.periods[: self.n_taps])
        return super().taps * fading

    @property
    def pilots(self) -> Annotated[np.ndarray, "(P,)"]:
        """The pilots ±1 (P,) of every block; fewer of them are the first of more."""
        return rng_for("pilots").choice(np.array([-1.0, 1.0]), size=self.n_pilots)

    def symbols(self, n: int, rng: np.random.Generator) -> Annotated[np.ndarray, "(n, B, T)"]:
        """Draw the symbols ±1 of n rows (n, B, T): words, where there is a code.

        Args:
            n: number of rows.
            rng: what they are drawn from.
        """
        if self.code is None:
            return super().symbols(n, rng)
        N = self.linear_code.H.shape[1]
        words = random_words(self.linear_code, n * self.n_blocks * self.n_symbols // N, rng)
        return words.reshape(n, self.n_blocks, self.n_symbols)

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n rows: x (n, B, A, P + L − 1 + T + L − 1) and s (n, B, T)."""
        x, s = super().sample(n, rng)
        if self.n_pilots:
            pilots = np.broadcast_to(self.pilots, (n, self.n_blocks, self.n_pilots))
            x = np.concatenate([self.received(pilots, rng), x], axis=3)
        return Split(x, s)
