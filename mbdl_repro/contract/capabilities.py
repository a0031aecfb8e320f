"""What only some methods can do, one protocol each: asked for by ``isinstance``, found by no name.

A method that has the member has the capability; it derives from no class here. Loading this
module loads no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from mbdl_repro.learning.trainable import HasIterates

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "HasClaimedVariance",
    "HasCovariance",
    "HasEncoding",
    "HasFixedPointMap",
    "HasIllustrations",
    "HasIterates",
    "HasLinearRule",
    "HasOracleStart",
    "HasProjection",
    "HasSourceCount",
]


@runtime_checkable
class HasIllustrations(Protocol):
    """A method that can show more of a few signals than its estimates: spectra, roots, kernels."""

    def illustrations(self, x: Tensor) -> dict[str, Tensor]:
        """Return arrays (n, ...) by name, a row for each observation in x (n, ...)."""


@runtime_checkable
class HasLinearRule(Protocol):
    """A filter that may be linear, and then says which linear rule it follows."""

    def linear_rule(self, T: int) -> tuple[Any, Any, Any, Any] | None:
        """Return (F, H, K, ŝ_0) of ŝ_t = F ŝ_{t−1} + K_t (x_t − H F ŝ_{t−1}) over T steps.

        F (m, m) and H (n, m), or (T, m, m) and (T, n, m) where they vary; K (T, m, n); ŝ_0 (m,).
        None: this instance is not linear.
        """


@runtime_checkable
class HasClaimedVariance(Protocol):
    """A filter that says how far off it expects to be."""

    def claimed_variance(self, x: Tensor) -> Tensor:
        """Return the error variance (n, T, m) it claims, in the square of the state's units.

        NaN where it claims none. Observations x are (n, T, ·).
        """


@runtime_checkable
class HasCovariance(Protocol):
    """A DoA method that decomposes one covariance of each trial."""

    def covariance(self, x: Tensor) -> Tensor:
        """Return it, Hermitian (n, L, L), of snapshots x (n, N, T): L of N sensors."""


@runtime_checkable
class HasEncoding(Protocol):
    """A method that first encodes observations, and then decodes what it answers.

    Its answer is ``decoded(encoding(x))``. Settings that no fit depends on change decoding alone,
    so that all decoders of one fit share an encoding.
    """

    def encoding(self, x: Tensor) -> Tensor:
        """Return what is decoded (n, ...) of observations x (n, ...); NaN: no answer."""

    def decoded(self, encoding: Tensor) -> Tensor:
        """Return the estimates (n, ...) that an encoding (n, ...) holds."""


@runtime_checkable
class HasSourceCount(Protocol):
    """A DoA method that says how many sources there are."""

    def count_sources(self, x: Tensor) -> Tensor:
        """Return their number (n,), whole, for snapshots x (n, N, T)."""


@runtime_checkable
class HasProjection(Protocol):
    """A method whose prior draws some images, of which it finds the nearest to a given one."""

    def project(self, s: Tensor) -> Tensor:
        """Return the nearest images that can be drawn to s, both (n, side, side) in grey levels."""


@runtime_checkable
class HasOracleStart(Protocol):
    """A method that searches, and can do so from the best start too, which only an oracle knows."""

    def answer_from_oracle_start(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the estimates (n, side, side) if one more search starts where the truth lies.

        Args:
            x: observations (n, ...).
            s: the true images (n, side, side), in grey levels from 0 to 1.
        """


@runtime_checkable
class HasFixedPointMap(Protocol):
    """A method whose last iteration, s ← T(s), can be made once more from anywhere."""

    def once_more(self, s: Tensor, x: Tensor) -> Tensor:
        """Return T(s), of the shape of s.

        Args:
            s: images (n, side, side), in grey levels from 0 to 1.
            x: their observations (n, ...).
        """
