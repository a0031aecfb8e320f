"""A transmitter with many antennas, few chains and several bands, told the channel of each band."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt

from mbdl_repro.contract.scenario import Scenario, Split


@dataclasses.dataclass(frozen=True, kw_only=True)
class HybridPrecoding(Scenario):
    """Channels of B bands, to which a precoder W_b = W_a W_{d,b} is to be chosen.

    x_b = H_b + E_b,  entries of H_b of variance 1, of E_b of variance v,  b = 1, …, B

    Through band b go N streams, y_b = H_b W_b d_b + w_b, of unit power, in noise of variance
    σ² = 1/SNR, to N receiving antennas that decide together. The analog precoder W_a is shared by
    all bands, and has L columns; the digital W_{d,b} is of each band. Power is Σ_b ‖W_b‖² = N B.

    What is answered to the channels (n, B, N, M) is W_bᴴ, of the same shape; what it is good for
    is the rate. The published W_a has no constraint of its own: that it is shared, and has no
    more than L columns, is all that is hybrid.

    Args:
        n_bands: B.
        n_receive: N, receiving antennas, and streams.
        n_chains: L, columns of W_a.
        n_transmit: M, transmitting antennas.
        channel: of independent Gaussian entries, ``complex`` or ``real``.
        snr_db: −10 log₁₀ σ².
        error_std: √v, of the channel that the transmitter is told. Receivers know it as it is.

    Source: Agiv and Shlezinger, 2022, "Learn to rapidly optimize hybrid precoding".
    """

    area = "precoding"
    name = "hybrid_precoding"

    n_bands: Annotated[int, Gt(0)] = 8
    n_receive: Annotated[int, Gt(0)] = 6
    n_chains: Annotated[int, Gt(0)] = 10
    n_transmit: Annotated[int, Gt(0)] = 12
    channel: Literal["complex", "real"] = "complex"
    snr_db: float | None = 0.0
    error_std: Annotated[float, Ge(0)] = 0.0

    def __post_init__(self) -> None:
        for name in ("n_receive", "n_chains"):
            if getattr(self, name) > self.n_transmit:
                raise ValueError(
                    f"{name} is {getattr(self, name)}: allowed is 1 to n_transmit, "
                    f"which is {self.n_transmit}"
                )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the channels of a row: B, N and M."""
        return self.n_bands, self.n_receive, self.n_transmit

    @property
    def snr(self) -> float:
        """1/σ², a ratio of powers."""
        return float(10 ** (self.required("snr_db") / 10))

    @property
    def noise_std(self) -> float:
        """Standard deviation of what is added to the channel that is told, √v."""
        return self.error_std

    def check_truth(self) -> None:
        """Check that nothing is withheld that rates need."""
        self.required("snr_db")

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw channels as they are told, and as they are, both (n, B, N, M).

        Args:
            n: number of rows.
            rng: what they are drawn from.
        """
        self.check_truth()
        H, E = self._normal(n, rng), self._normal(n, rng)
        return Split(x=H + self.error_std * E, s=H)

    def _normal(self, n: int, rng: np.random.Generator) -> np.ndarray:
        drawn = rng.standard_normal((n, *self.shape))
        if self.channel == "real":
            return drawn
        return np.sqrt(0.5) * (drawn + 1j * rng.standard_normal((n, *self.shape)))
