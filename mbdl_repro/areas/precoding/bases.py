"""What precoders share: the channel as it is told, and steps that raise the rate."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.precoding.scenario import HybridPrecoding
from mbdl_repro.areas.precoding.updates import (
    Factors,
    ascent_step,
    filled_precoder,
    mean_channel_subspace,
    rate_nats,
    scaled_digital,
    strongest_subspace,
)
from mbdl_repro.contract.method import IterativeMethod, Method
from mbdl_repro.contract.seeding import rng_for

Start = Literal["mean_channel", "closed_form"]


class Precoder(Method):
    """A rule that chooses precoders for the channels that it is told.

    Args:
        belief: gives sizes, and the SNR. Channels are taken to be as they are told.

    Maps x (n, B, N, M) to Wᴴ (n, B, N, M).
    """

    def __init__(self, belief: HybridPrecoding) -> None:
        super().__init__()
        self.shape = belief.shape
        self.n_chains = belief.n_chains
        self.snr = belief.snr

    @abstractmethod
    def factors(self, H: Annotated[Tensor, "(n, B, N, M)"]) -> Factors:
        """Return the precoder of channels (n, B, N, M) in noise of variance 1."""

    def channels(self, x: Annotated[Tensor, "(n, B, N, M)"]) -> Annotated[Tensor, "(n, B, N, M)"]:
        """Return √SNR x, the channels in noise of variance 1; 0 in rows that are not finite.

        Args:
            x: channels as they are told (n, B, N, M).

        Raises:
            ValueError: says what shape they should have.
        """
        if tuple(x.shape[1:]) != self.shape:
            raise ValueError(
                f"channels have the shape {tuple(x.shape)}: should be (n, "
                f"{', '.join(map(str, self.shape))}): bands, receiving, transmitting antennas"
            )
        finite = torch.isfinite(x).flatten(1).all(1)
        return math.sqrt(self.snr) * torch.where(finite[:, None, None, None], x, 0.0)

    def forward(self, x: Annotated[Tensor, "(n, B, N, M)"]) -> Annotated[Tensor, "(n, B, N, M)"]:
        """Return Wᴴ (n, B, N, M) of channels x (n, B, N, M); NaN if a row is not finite."""
        x = in_double(x)
        return answered(x, self.factors(self.channels(x)))

    def loss(
        self, x: Annotated[Tensor, "(n, B, N, M)"], s: Annotated[Tensor, "(n, B, N, M)"]
    ) -> Tensor:
        """Return minus the rate through the channels as they are, in nats, a mean over rows.

        Args:
            x: channels as they are told (n, B, N, M).
            s: channels as they are (n, B, N, M).
        """
        W = self.factors(self.channels(x)).product
        return -rate_nats(math.sqrt(self.snr) * s, W).mean()


class AscentSteps(Precoder, IterativeMethod):
    """K projected gradient steps on the rate, in W_a and in W_d by turns.

    Args:
        iterations: K, number of steps, or of layers.
        analog_step: μ_a; of layers, where they start.
        digital_step: μ_d; of layers, where they start.
        start: W_a and W_d before the first step. ``mean_channel``: the first right singular
            vectors of the bands' mean channel, and numbers drawn once for all channels;
            ``closed_form``: those of :class:`SharedSubspace`.
    """

    start_digital: Tensor

    def __init__(
        self,
        belief: HybridPrecoding,
        *,
        iterations: Annotated[int, Ge(1)] = 5,
        analog_step: Annotated[float, Gt(0)] = 0.5,
        digital_step: Annotated[float, Gt(0)] = 0.5,
        start: Start = "mean_channel",
    ) -> None:
        super().__init__(belief)
        self.iterations: int = iterations
        self.analog_step = analog_step
        self.digital_step = digital_step
        self.start: Start = start
        B, N, M = self.shape
        drawn = rng_for("start", "precoding", B, N, M).standard_normal((B, M, N))
        self.register_buffer("start_digital", torch.as_tensor(drawn), persistent=False)

    def steps(self) -> Iterator[tuple[Tensor | float, Tensor | float]]:
        """Yield μ_a and μ_d of each step."""
        for _ in range(self.iterations):
            yield self.analog_step, self.digital_step

    def begun(self, H: Annotated[Tensor, "(n, B, N, M)"]) -> Factors:
        """Return the precoder before the first step.

        Args:
            H: channels (n, B, N, M).
        """
        if self.start == "closed_form":
            return shared_subspace(H, self.n_chains)
        analog = mean_channel_subspace(H, self.n_chains)
        # Seen from W_a, so that it does not matter which basis of the subspace W_a is.
        drawn = self.start_digital.to(H)
        return scaled_digital(Factors(analog, analog.mH[:, None] @ drawn))

    def ascent(self, H: Annotated[Tensor, "(n, B, N, M)"]) -> Iterator[Factors]:
        """Yield the precoder before the first step, and after each.

        Args:
            H: channels (n, B, N, M).
        """
        W = self.begun(H)
        yield W
        for analog_step, digital_step in self.steps():
            W = ascent_step(H, W, analog_step, digital_step)
            yield W

    def factors(self, H: Annotated[Tensor, "(n, B, N, M)"]) -> Factors:
        """Return the precoder after the last step, of channels (n, B, N, M)."""
        *_, W = self.ascent(H)
        return W

    def iterates(
        self, x: Annotated[Tensor, "(n, B, N, M)"]
    ) -> Iterator[Annotated[Tensor, "(n, B, N, M)"]]:
        """Yield Wᴴ (n, B, N, M) before the first step, and after each."""
        x = in_double(x)
        for W in self.ascent(self.channels(x)):
            yield answered(x, W)


def in_double(x: Tensor) -> Tensor:
    """Return channels in double precision, complex or real as they were."""
    return x.to(torch.complex128 if x.is_complex() else torch.float64)


def shared_subspace(H: Annotated[Tensor, "(n, B, N, M)"], n_chains: int) -> Factors:
    """Return the closed-form precoder: energy for W_a, then water-filling for W_d.

    Args:
        H: channels (n, B, N, M).
        n_chains: L.
    """
    analog = strongest_subspace(H, n_chains)
    return Factors(analog, filled_precoder(H @ analog[:, None]))


def answered(x: Annotated[Tensor, "(n, B, N, M)"], W: Factors) -> Annotated[Tensor, "(n, B, N, M)"]:
    """Return Wᴴ (n, B, N, M), NaN in rows whose channels are not finite.

    Args:
        x: channels as they are told (n, B, N, M).
        W: precoders.
    """
    bad = ~torch.isfinite(x).flatten(1).all(1)
    return W.product.mH.resolve_conj().masked_fill(bad[:, None, None, None], torch.nan)
