"""Symbols through channels with intersymbol interference."""

from __future__ import annotations

import dataclasses
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Lt, MinLen

from mbdl_repro.contract.scenario import Scenario, Split

TWENTY_DECAYS = tuple(round(0.1 * k, 1) for k in range(1, 21))


@dataclasses.dataclass(frozen=True, kw_only=True)
class FiniteMemory(Scenario):
    """BPSK symbols through C channels, each of which remembers the last L symbols.

    x_t = φ(Σ_l h_l s_{t−l}) + w_t,  h_l = exp(−γ l),  l = 0 … L − 1,  w_t ~ N(0, σ²)

    A row is a frame of T symbols s_t = ±1 over each of the channels. L − 1 symbols that the
    receiver knows, all +1, go before a frame and after it, so that T + L − 1 values are observed,
    all of which its symbols have a part in, and no symbol is seen less than others. SNR is 1/σ²:
    the taps are not scaled to unit energy.

    A source with memory repeats itself: s_t = s_{t−1} with probability q, from the known symbol on.

    Where photons are counted, x_t ~ Poisson(1 + √ρ Σ_l h_l (1 + s_{t−l}) / 2), ρ the SNR.

    Args:
        decays: γ of each channel.
        n_taps: L.
        n_symbols: T, of a frame.
        n_antennas: A; all see the same taps, in noise of their own.
        snr_db: SNR, −10 log₁₀ σ².
        output: φ: ``linear``, or ``tanh``, of half its input.
        noise: ``gaussian``, or ``poisson``.
        tap_error_variance: v, of the errors n_l ~ N(0, v) of the taps. Data are drawn with taps
            that are off so; a receiver that believes in them has taps off by as much, which it
            does not know of.
        tap_errors: ``relative``, h_l (1 + n_l), or ``absolute``, h_l + n_l.
        tap_errors_drawn: anew for each ``frame``, or for each ``symbol``.
        stay_probability: q; ½ of symbols that are independent.

    Source: Shlezinger, Farsad, Eldar and Goldsmith, 2020, "ViterbiNet".
    """

    area = "receivers"
    name = "finite_memory"
    chunk_size: ClassVar[int] = 10  # rows that are long

    decays: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(1)] | None = TWENTY_DECAYS
    n_taps: Annotated[int, Gt(0), Le(16)] = 4
    n_symbols: Annotated[int, Gt(0)] = 500
    n_antennas: Annotated[int, Gt(0)] = 1
    snr_db: float | None = 10.0
    output: Literal["linear", "tanh"] | None = "linear"
    noise: Literal["gaussian", "poisson"] | None = "gaussian"
    tap_error_variance: Annotated[float, Ge(0)] = 0.0
    tap_errors: Literal["relative", "absolute"] = "relative"
    tap_errors_drawn: Literal["frame", "symbol"] = "frame"
    stay_probability: Annotated[float, Gt(0), Lt(1)] = 0.5

    @property
    def n_observations(self) -> int:
        """T + L − 1, of a frame."""
        return self.n_symbols + self.n_taps - 1

    @property
    def n_channels(self) -> int:
        """C."""
        return len(self.required("decays"))

    @property
    def n_pilot_values(self) -> int:
        """Values that are received of known symbols, before those of a frame."""
        return 0

    @property
    def taps(self) -> Annotated[np.ndarray, "(C, L)"]:
        """h_l of each channel (C, L), without errors."""
        decays = np.array(self.required("decays"))
        return np.exp(-decays[:, None] * np.arange(self.n_taps))

    @property
    def noise_std(self) -> float:
        """σ."""
        return float(10 ** (-self.required("snr_db") / 20))

    def check_truth(self) -> None:
        """Check that nothing is withheld that drawing needs."""
        for field in ("decays", "snr_db", "output", "noise"):
            self.required(field)

    def erroneous_taps(
        self, n: int, rng: np.random.Generator
    ) -> Annotated[np.ndarray, "(n, C, 1 or T + L − 1, L)"]:
        """Return the taps with errors (n, C, 1 or T + L − 1, L): of a frame, or of each value.

        Args:
            n: number of frames.
            rng: what errors are drawn from.
        """
        h = self.taps[None, :, None, :]
        if self.tap_error_variance == 0:
            return np.broadcast_to(h, (n, *h.shape[1:]))
        T = self.n_observations if self.tap_errors_drawn == "symbol" else 1
        errors = rng.standard_normal((n, h.shape[1], T, self.n_taps))
        errors *= np.sqrt(self.tap_error_variance)
        return h * (1 + errors) if self.tap_errors == "relative" else h + errors

    def mean_output(self, mixed: np.ndarray) -> np.ndarray:
        """Return what is received on average of Σ_l h_l s_{t−l}, of any shape.

        Args:
            mixed: for counted photons Σ_l h_l (1 + s_{t−l}) / 2.
        """
        if self.required("noise") == "poisson":
            return 1 + 10 ** (self.required("snr_db") / 20) * np.maximum(mixed, 0)
        return np.tanh(mixed / 2) if self.required("output") == "tanh" else mixed

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n frames: x (n, C, A, T + L − 1) and s (n, C, T)."""
        s = self.symbols(n, rng)
        return Split(self.received(s, rng), s)

    def symbols(self, n: int, rng: np.random.Generator) -> Annotated[np.ndarray, "(n, C, T)"]:
        """Return the symbols ±1 of n frames (n, C, T).

        Args:
            n: number of frames.
            rng: what they are drawn from.
        """
        stays = rng.random((n, self.n_channels, self.n_symbols)) < self.stay_probability
        return np.cumprod(np.where(stays, 1.0, -1.0), axis=2)

    def received(
        self, s: Annotated[np.ndarray, "(n, C, T)"], rng: np.random.Generator
    ) -> Annotated[np.ndarray, "(n, C, A, T + L − 1)"]:
        """Return what is received (n, C, A, T + L − 1) of frames, with what goes around them.

        Args:
            s: symbols ±1 (n, C, T).
            rng: what noise, and errors of the taps, are drawn from.
        """
        n, C, T = s.shape
        guard = np.ones((n, C, self.n_taps - 1))
        sent = np.concatenate([guard, s, guard], axis=2)
        if self.required("noise") == "poisson":
            sent = (1 + sent) / 2
        # Of each value what was sent l symbols before, newest first, as the taps are.
        windows = np.lib.stride_tricks.sliding_window_view(sent, self.n_taps, axis=2)[..., ::-1]
        mean = self.mean_output((self.erroneous_taps(n, rng) * windows).sum(3))[:, :, None]
        shape = (n, C, self.n_antennas, T + self.n_taps - 1)
        if self.noise == "poisson":
            return rng.poisson(np.broadcast_to(mean, shape)).astype(float)
        return mean + self.noise_std * rng.standard_normal(shape)
