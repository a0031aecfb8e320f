"""Detectors of symbols that a linear channel mixes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.contract.hashing import digest
from mbdl_repro.contract.method import IterativeMethod, Method
from mbdl_repro.contract.scenario import Scenario
from mbdl_repro.contract.seeding import rng_for

FRAMES_AT_ONCE = 64
"""Of which all that is computed on the way is held in memory."""


class Received(NamedTuple):
    """What a detector goes by: N real values at a time, of K amplitudes."""

    H: Tensor  # (n, N, K), or (1, N, K)
    y: Tensor  # (n, N, T)


class BlindDetector(Method):
    """A detector that is told of no channel that holds for all rows.

    Args:
        belief: gives the amplitudes, and how many values are sent and received at a time.

    Maps x (n, N, T), or (n, N, K + T) with H before what is received, to ŝ (n, K, T): amplitudes,
    or means of which the nearest amplitude is decided for. N and K count real values.
    """

    def __init__(self, belief: Scenario) -> None:
        super().__init__()
        if not isinstance(belief, LinearMimo):
            raise ValueError(
                f"the scenario is {type(belief).__name__}: this detector is for LinearMimo"
            )
        self.n_streams, self.n_observations = belief.n_streams, belief.n_observations
        self.told = belief.told
        self.register_buffer("levels", torch.as_tensor(belief.levels))
        self.levels: Tensor

    def check(self, x: Annotated[Tensor, "(n, N, C)"]) -> None:
        """Check the shape of observations.

        Args:
            x: observations (n, N, C), C = T, or K + T with H before.

        Raises:
            ValueError: says what it should be.
        """
        before = self.n_streams if self.told else 0
        if x.ndim != 3 or x.shape[1] != self.n_observations or x.shape[2] <= before:
            columns = f"{before} + T" if before else "T"
            raise ValueError(
                f"observations have the shape {tuple(x.shape)}: should be (n, "
                f"{self.n_observations}, {columns}), real parts before imaginary ones"
            )

    def values(self, x: Annotated[Tensor, "(n, N, C)"]) -> Annotated[Tensor, "(n, N, T)"]:
        """Return what is received (n, N, T), without H.

        Args:
            x: observations (n, N, C), C = T, or K + T with H before.
        """
        return x[..., self.n_streams :] if self.told else x


class LinearDetector(BlindDetector):
    """A detector that knows H, or is told it.

    Args:
        belief: gives H, unless each row tells its own. Errors of H, if it has some, are drawn anew
            for each row, and depend on what is observed in it.
    """

    def __init__(self, belief: Scenario) -> None:
        super().__init__(belief)
        assert isinstance(belief, LinearMimo)
        self.belief = belief
        if not self.told:
            self.register_buffer("known_channel", torch.as_tensor(belief.H))
        self.known_channel: Tensor

    @abstractmethod
    def detected(self, received: Received) -> Annotated[Tensor, "(n, K, T)"]:
        """Return the amplitudes, or their means (n, K, T).

        Args:
            received: H (n or 1, N, K) as it is believed to be, and y (n, N, T).
        """

    def received(self, x: Annotated[Tensor, "(n, N, C)"]) -> Received:
        """Return H as it is believed to be, and what is received; 0 in a row that is not finite.

        Args:
            x: observations (n, N, C), C = T, or K + T with H before.
        """
        self.check(x)
        bad = ~torch.isfinite(x).flatten(1).all(1)
        seen = x.masked_fill(bad[:, None, None], 0.0)
        H = seen[..., : self.n_streams] if self.told else self.known_channel[None].to(x)
        if self.belief.channel_error_variance:
            H = self._with_errors(x, H)
        return Received(H, self.values(seen))

    def _with_errors(self, x: Annotated[Tensor, "(n, N, C)"], H: Tensor) -> Tensor:
        rows = np.ascontiguousarray(x.detach().cpu().double().numpy())
        exact = H.detach().cpu().double().numpy()
        exact = np.broadcast_to(exact, (len(rows), *exact.shape[1:]))
        drawn = [
            self.belief.with_errors(exact[i : i + 1], rng_for("channel", digest(row.tobytes())))
            for i, row in enumerate(rows)
        ]
        return torch.as_tensor(np.concatenate(drawn)).to(H)

    def forward(self, x: Annotated[Tensor, "(n, N, C)"]) -> Annotated[Tensor, "(n, K, T)"]:
        """Return amplitudes, or means (n, K, T), of x (n, N, C); NaN if a row is not finite."""
        return torch.cat([self._frames(part) for part in x.split(FRAMES_AT_ONCE)])

    def _frames(self, x: Annotated[Tensor, "(n, N, C)"]) -> Tensor:
        return marked(x, self.detected(self.received(x)))


class IterativeDetector(LinearDetector, IterativeMethod):
    """A detector that knows H, or is told it, and refines what it finds."""

    @abstractmethod
    def refinements(self, received: Received) -> Iterator[Annotated[Tensor, "(n, K, T)"]]:
        """Yield estimates (n, K, T): before the first iteration, and after each.

        Args:
            received: H (n or 1, N, K) as it is believed to be, and y (n, N, T).
        """

    def detected(self, received: Received) -> Annotated[Tensor, "(n, K, T)"]:
        """Return the last of the refinements (n, K, T)."""
        for estimate in self.refinements(received):  # noqa: B007  (only the last is wanted)
            pass
        return estimate

    def iterates(
        self, x: Annotated[Tensor, "(n, N, C)"]
    ) -> Iterator[Annotated[Tensor, "(n, K, T)"]]:
        """Yield estimates (n, K, T) of x (n, N, C): before the first iteration, and after each."""
        parts = x.split(FRAMES_AT_ONCE)
        running = [self.refinements(self.received(part)) for part in parts]
        for found in zip(*running, strict=True):
            yield torch.cat([marked(part, one) for part, one in zip(parts, found, strict=True)])


def marked(
    x: Annotated[Tensor, "(n, N, C)"], estimate: Annotated[Tensor, "(n, K, T)"]
) -> Annotated[Tensor, "(n, K, T)"]:
    """Return estimates (n, K, T), NaN in rows whose observations are not finite.

    Args:
        x: observations (n, N, C).
        estimate: of each row (n, K, T).
    """
    bad = ~torch.isfinite(x).flatten(1).all(1)
    return estimate.masked_fill(bad.view(-1, *[1] * (estimate.ndim - 1)), torch.nan)
