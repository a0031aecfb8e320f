"""Filters whose network gives the gain."""

from __future__ import annotations

from abc import ABC
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor, nn

from mbdl_repro.areas.tracking.learned.filter import LearnedFilter
from mbdl_repro.areas.tracking.learned.prediction import pseudo_inverse, rank
from mbdl_repro.areas.tracking.systems.state_space import StateSpace


class LearnedGain(LearnedFilter, ABC):
    """A filter whose network maps normalized differences to the gain K_t.

    The differences are x_t − x_{t−1}, x_t − h(ŝ_{t|t−1}), ŝ_{t−1} − ŝ_{t−2} and
    ŝ_{t−1} − ŝ_{t−1|t−2}, each divided by its length. A gain that sees directions alone is the
    same for signals of any scale; ``magnitudes`` shows it the logarithms of the lengths as well.
    Unfitted, the filter is an observer of the fixed gain κ H⁺.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Args:
        belief: gives f, h and s̄_0; nothing else is read.
        initial_gain: κ before a fit: the gain is κ H⁺, H the Jacobian of h at s̄_0. A fit starts
            from the κ that does best on its training data.
        magnitudes: show the network the logarithms of the differences' lengths as well.
    """

    def __init__(
        self,
        belief: StateSpace,
        *,
        initial_gain: Annotated[float, Gt(0)] = 0.5,
        magnitudes: bool = False,
    ) -> None:
        super().__init__(belief)
        m, n = belief.m, belief.n
        self.initial_gain, self.magnitudes = initial_gain, magnitudes
        self.observed = Directions((n,), magnitudes)
        self.inner = Directions((m, m, n), magnitudes)

    def features(self, differences: Tensor) -> Annotated[Tensor, "(rows, ·)"]:
        """Return their directions (rows, ·)."""
        return self.inner(differences)

    def features_of_changes(self, changes: Tensor) -> Annotated[Tensor, "(T, rows, ·)"]:
        """Return their directions (T, rows, ·)."""
        return self.observed(changes)

    def set_units(self, changes: Tensor, differences: Tensor) -> None:
        """Set how long the differences are on training data."""
        self.observed.measure(changes)
        self.inner.measure(differences)

    def fixed_gain(self, gain: float) -> Annotated[Tensor, "(m, n)"]:
        """Return κ H⁺ (m, n).

        Args:
            gain: κ, without unit.
        """
        return gain * self.model.inverse

    def gain(
        self,
        output: Annotated[Tensor, "(rows, m n)"],
        predicted: Annotated[Tensor, "(rows, m)"],
        t: int,
    ) -> Annotated[Tensor, "(rows, m, n)"]:
        """Return K_t (rows, m, n).

        Args:
            output: what the network gives at this step, (rows, m n): K_t, row by row.
            predicted: ŝ_{t|t−1}, (rows, m).
            t: the step, 1 … T.
        """
        return output.unflatten(-1, (self.model.m, self.model.n))

    def correction(
        self, output: Tensor, innovation: Tensor, predicted: Tensor, t: int
    ) -> Annotated[Tensor, "(rows, m)"]:
        """Return K_t (x_t − h(ŝ_{t|t−1})) (rows, m)."""
        return (self.gain(output, predicted, t) * innovation.unsqueeze(-2)).sum(-1)

    def implied_variances(self, x: Tensor) -> Tensor:
        """Return :func:`implied_variances` of the gains, NaN where an entry of x is missing."""
        belief, T = self.model.belief, x.shape[1]
        W = torch.tensor(belief.W).to(x)
        track = self.track(x)
        claimed = []
        for t in range(T):
            predicted, output = track.predictions[:, t], track.outputs[:, t]
            gain = self.gain(output, predicted, t + 1)
            H = self.model.observation_matrix(predicted, t + 1)
            claimed.append(implied_variances(gain, H, W if W.ndim == 2 else W[t]))
        missing = x.isnan().any(-1, keepdim=True)
        return torch.where(missing, torch.nan, torch.stack(claimed, 1))


SMALLEST = 1e-12
"""Added to a squared length, in units of its own, so that the direction of 0 is 0, and has a
derivative."""


class Directions(nn.Module):
    """Groups of entries, each divided by its norm; and the norms' logarithms, if asked for.

    Args:
        widths: entries of each group.
        magnitudes: whether to append log ‖·‖ of each group.
    """

    def __init__(self, widths: tuple[int, ...], magnitudes: bool) -> None:
        super().__init__()
        self.magnitudes = magnitudes
        self.firsts = [sum(widths[:i]) for i in range(len(widths))]
        self.groups: Tensor
        self.unit: Tensor
        columns = [torch.ones(k, 1, dtype=torch.float64) for k in widths]
        self.register_buffer("groups", torch.block_diag(*columns))
        self.register_buffer("unit", torch.ones(sum(widths), dtype=torch.float64))

    def measure(self, sizes: Annotated[Tensor, "(width,)"]) -> None:
        """Set how long each group is: the unit in which a length is close to 0.

        Args:
            sizes: root mean square of each entry, (width,).
        """
        self.unit.copy_((sizes.square() @ self.groups).sqrt() @ self.groups.mT)

    def forward(
        self, differences: Annotated[Tensor, "(..., rows, width)"]
    ) -> Annotated[Tensor, "(..., rows, ·)"]:
        """Return what the network sees of them (..., rows, ·).

        Args:
            differences: (..., rows, width); of a stack of fits, (members, rows, width).
        """
        unit = self.unit.unsqueeze(-2)
        relative = differences / unit
        squares = relative.square() @ self.groups + SMALLEST
        directions = relative * (squares.rsqrt() @ self.groups.mT)
        if not self.magnitudes:
            return directions
        lengths = 0.5 * squares.log() + unit[..., self.firsts].log()
        return torch.cat((directions, lengths), -1)


def implied_variances(
    gain: Annotated[Tensor, "(..., m, n)"],
    H: Annotated[Tensor, "(..., n, m)"],
    W: Annotated[Tensor, "(n, n)"],
) -> Annotated[Tensor, "(..., m)"]:
    """Return the error variances (..., m) that a gain K (..., m, n) implies if it is optimal.

    An optimal gain is K = Σ Hᵀ W⁻¹, Σ the covariance after the update: so Σ Hᵀ = K W, and where
    H has full column rank Σ = K W (H⁺)ᵀ. What is returned is its diagonal, which its symmetric
    part shares. A gain that is not optimal may imply a negative variance; that is returned as 0.

    Args:
        gain: K.
        H: (..., n, m).
        W: (n, n).

    Returns:
        The variances; NaN where one of many H is of a rank less than m.

    Raises:
        ValueError: if H is one for all, or less than m entries are seen, and so is its rank.

    Source: Klein et al., 2022, who pass by way of the covariance before the update.
    """
    n, m = H.shape[-2:]
    is_finite = H.isfinite().flatten(-2).all(-1)[..., None, None]
    H = torch.where(is_finite, H, 0.0)
    determines = rank(H) == m
    if n < m or (H.ndim == 2 and not determines):
        raise ValueError(
            f"a gain implies no covariance: H ({n}, {m}) has not {m} independent columns"
        )
    variances = (gain @ W * pseudo_inverse(H)).sum(-1).clamp_min(0.0)
    return torch.where(determines[..., None], variances, torch.nan)
