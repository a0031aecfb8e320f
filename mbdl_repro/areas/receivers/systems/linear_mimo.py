"""Symbols of many users, mixed by a channel without memory."""

from __future__ import annotations

import dataclasses
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt

from mbdl_repro.areas.receivers.linear.constellation import Constellation, amplitudes, is_complex
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.contract.seeding import rng_for


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinearMimo(Scenario):
    """Symbols of K users at N antennas, through a channel that a frame of T symbols shares.

    y_t = H s_t + w_t,  w_t ~ N(0, σ²),  SNR = 1/σ² of symbols of mean energy 1

    One meaning of SNR, whatever the channel: what a symbol would have alone through a gain of 1.
    What others call SNR, in terms of it: DeepSIC's is the same. That of OAMP-Net is the power that
    an antenna receives over that of its noise, K/N times as much; that of DetNet has
    σ² = ‖H‖²/(K SNR) for each H by itself, the same on average where columns have mean energy 1.

    All numbers are real. A complex system is kept as the real one of twice the size,
    [Re y; Im y] = [Re H, −Im H; Im H, Re H] [Re s; Im s] + w, of whose parts each has half of the
    energy and half of the noise. ``s`` has n_streams = K rows of BPSK, else 2K, each of which
    holds real amplitudes, and all errors are counted of these.

    A channel that is not the same for all rows is told to the receiver: x is [H, y_1, …, y_T].
    Otherwise x is [y_1, …, y_T], and who is to know H believes in it.

    Args:
        n_users: K.
        n_antennas: N.
        constellation: of the symbols.
        n_symbols: T, of a frame, which is a row.
        channel: ``exponential``, H_ij = exp(−|i − j|); ``iid``, entries of variance 1/N, drawn
            anew for each row, Gaussian and complex unless symbols are real; ``kronecker``,
            R_N^½ G R_K^½ with G of that kind and R_ij = ρ^|i−j|.
        correlation: ρ, between neighbours, of a ``kronecker`` channel.
        held: whether all rows of a seed share one draw of the channel, not told in x: who is to
            know it believes in it.
        held_channel: which draw that is: 0 is replaced by that of the seed.
        snr_db: SNR, −10 log₁₀ σ².
        channel_error_variance: v, of errors n_ij ~ N(0, v) that make H_ij into H_ij (1 + n_ij), for
            each row. Data are drawn with a channel that is off so, though the one without errors
            is told; a receiver that believes in them has a channel off by as much, which it does
            not know of.

    Source: Shlezinger, Fu and Eldar, 2021, "DeepSIC"; Samuel, Diskin and Wiesel, 2019, "Learning
    to detect"; He, Wen, Jin and Li, 2020, for OAMP-Net. The Kronecker channel stands for the 3GPP
    channels of Khani, Alizadeh, Hoydis and Fleming, 2020, "MMNet".
    """

    area = "receivers"
    name = "linear_mimo"
    chunk_size: ClassVar[int] = 10  # rows that are long

    n_users: Annotated[int, Gt(0)] = 4
    n_antennas: Annotated[int, Gt(0)] = 4
    constellation: Constellation = "bpsk"
    n_symbols: Annotated[int, Gt(0)] = 500
    channel: Literal["exponential", "iid", "kronecker"] = "exponential"
    correlation: Annotated[float, Ge(0), Lt(1)] = 0.5
    held: bool = False
    held_channel: Annotated[int, Ge(0)] = 0
    snr_db: float | None = 10.0
    channel_error_variance: Annotated[float, Ge(0)] = 0.0

    @property
    def n_streams(self) -> int:
        """Real amplitudes that are sent at a time: K, or 2K."""
        return self.n_users * (2 if is_complex(self.constellation) else 1)

    @property
    def n_observations(self) -> int:
        """Real values that are received at a time: N, or 2N."""
        return self.n_antennas * (2 if is_complex(self.constellation) else 1)

    @property
    def levels(self) -> Annotated[np.ndarray, "(M,)"]:
        """Real amplitudes (M,), in rising order."""
        return amplitudes(self.constellation)

    @property
    def energy(self) -> float:
        """Mean square of an amplitude: 1 of BPSK, else 1/2."""
        return float(np.square(self.levels).mean())

    @property
    def noise_std(self) -> float:
        """Standard deviation of the noise of each real value: σ of BPSK, else σ/√2."""
        return float(np.sqrt(self.energy) * 10 ** (-self.required("snr_db") / 20))

    @property
    def told(self) -> bool:
        """Whether x begins with H, as each row has its own."""
        return self.channel != "exponential" and not self.held

    @property
    def H(self) -> Annotated[np.ndarray, "(n_observations, n_streams)"]:
        """The channel of all rows (n_observations, n_streams), without errors, in real form.

        Raises:
            ValueError: each row has its own.
        """
        if self.told:
            raise ValueError(f"channel is {self.channel}: each row has an H of its own, told in x")
        if self.channel == "exponential":
            i, j = np.arange(self.n_antennas), np.arange(self.n_users)
            one = np.exp(-np.abs(i[:, None] - j).astype(float))
        else:
            size = (self.n_antennas, self.n_users, self.constellation, self.correlation)
            one = self.drawn_channels(
                1, rng_for("channel", self.area, self.channel, *size, self.held_channel)
            )[0]
        return self.real_form(one)

    def of_seed(self, seed: int) -> LinearMimo:
        """Return what holds in a seed: itself, or with the seed's channel, if one is held.

        Args:
            seed: of which one channel is drawn.
        """
        if not self.held or self.held_channel:
            return self
        return dataclasses.replace(self, held_channel=seed + 1)

    def draw(self, n: int, *stream: object) -> Split:
        """Draw ``n`` frames from the named stream, whose second name is the seed: else it is 0.

        Args:
            n: number of rows.
            stream: names of the stream, for example ``("train", seed)``.
        """
        seed = stream[1] if len(stream) > 1 and isinstance(stream[1], int) else 0
        return super(LinearMimo, self.of_seed(seed)).draw(n, *stream)

    def check_truth(self) -> None:
        """Check that nothing is withheld that drawing needs."""
        self.required("snr_db")

    def real_form(self, H: Annotated[np.ndarray, "(..., N, K)"]) -> np.ndarray:
        """Return channels (..., n_observations, n_streams) in real form.

        Args:
            H: channels (..., N, K).
        """
        if not is_complex(self.constellation):
            return H
        return np.block([[H.real, -H.imag], [H.imag, H.real]])

    def normal(self, rng: np.random.Generator, *shape: int) -> np.ndarray:
        """Draw numbers of mean square 1, complex unless symbols are real.

        Args:
            rng: what they are drawn from.
            shape: of the array.
        """
        drawn = rng.standard_normal(shape)
        if not is_complex(self.constellation):
            return drawn
        return np.sqrt(0.5) * (drawn + 1j * rng.standard_normal(shape))

    def correlation_root(self, size: int) -> Annotated[np.ndarray, "(size, size)"]:
        """Return R^½ (size, size), R_ij = ρ^|i−j|; the identity where the channel is ``iid``.

        Args:
            size: number of rows of R.
        """
        if self.channel != "kronecker":
            return np.eye(size)
        i = np.arange(size)
        values, vectors = np.linalg.eigh(self.correlation ** np.abs(i[:, None] - i))
        root: np.ndarray = (vectors * np.sqrt(values)) @ vectors.T
        return root

    def drawn_channels(
        self, n: int, rng: np.random.Generator
    ) -> Annotated[np.ndarray, "(n, N, K)"]:
        """Draw channels (n, N, K).

        Args:
            n: how many.
            rng: what they are drawn from.
        """
        G = self.normal(rng, n, self.n_antennas, self.n_users) / np.sqrt(self.n_antennas)
        return self.correlation_root(self.n_antennas) @ G @ self.correlation_root(self.n_users)

    def with_errors(
        self,
        H: Annotated[np.ndarray, "(n, n_observations, n_streams)"],
        rng: np.random.Generator,
    ) -> Annotated[np.ndarray, "(n, n_observations, n_streams)"]:
        """Return channels with errors of their entries, in real form.

        Args:
            H: channels in real form (n, n_observations, n_streams).
            rng: what errors are drawn from.
        """
        if self.channel_error_variance == 0:
            return H
        N, K = self.n_antennas, self.n_users
        complex_form = H[:, :N, :K] + 1j * H[:, N:, :K] if is_complex(self.constellation) else H
        errors = np.sqrt(self.channel_error_variance) * self.normal(rng, *complex_form.shape)
        return self.real_form(complex_form * (1 + errors))

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n frames: x (n, n_observations, T), or with H before it, and s (n, n_streams, T)."""
        std = self.noise_std
        s = rng.choice(self.levels, size=(n, self.n_streams, self.n_symbols))
        told = (
            self.real_form(self.drawn_channels(n, rng))
            if self.told
            else np.broadcast_to(self.H, (n, self.n_observations, self.n_streams))
        )
        y = self.with_errors(told, rng) @ s
        y += std * rng.standard_normal(y.shape)
        return Split(np.concatenate([told, y], axis=2) if self.told else y, s)
