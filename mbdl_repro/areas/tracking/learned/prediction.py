"""What the designer knows: one step ahead, and what it is seen as."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.state_space import StateSpace


class Prediction(nn.Module):
    """The prediction one step ahead by the belief's f and h; its noise is not used.

    Where both are linear and constant it is one product, s [Fᵀ, Fᵀ Hᵀ].
    """

    def __init__(self, belief: StateSpace) -> None:
        super().__init__()
        self.belief, self.m, self.n = belief, belief.m, belief.n
        self.mean_0: Tensor
        self.ahead: Tensor
        self.H: Tensor
        self.inverse: Tensor
        mean_0 = torch.tensor(belief.mean_0, dtype=torch.float64)
        self.register_buffer("mean_0", mean_0)
        self.register_buffer("H", belief.h_jacobian(mean_0).clone())
        self.register_buffer("inverse", pseudo_inverse(self.H))  # H⁺ (m, n)
        F = belief.f_jacobian(mean_0)  # what is withheld is missed here, and not during a fit
        self.is_constant = (
            isinstance(belief, LinearStateSpace) and belief.F.ndim == 2 and belief.H.ndim == 2
        )
        if self.is_constant:
            self.register_buffer("ahead", torch.cat((F.T, F.T @ self.H.T), 1))

    def forward(self, s: Annotated[Tensor, "(rows, m)"], t: int) -> tuple[Tensor, Tensor]:
        """Return ŝ_{t|t−1} = f(s) (rows, m), and h of it (rows, n).

        Args:
            s: ŝ_{t−1}, (rows, m).
            t: the step, 1 … T.
        """
        if self.is_constant:
            predicted, expected = (s @ self.ahead).split((self.m, self.n), -1)
            return predicted, expected
        predicted = self.belief.f(s, t)
        return predicted, self.belief.h(predicted, t)

    def observation_matrix(
        self, predicted: Annotated[Tensor, "(rows, m)"], t: int
    ) -> Annotated[Tensor, "(n, m)"]:
        """Return H (n, m), or the Jacobian of h at each prediction (rows, n, m).

        Args:
            predicted: ŝ_{t|t−1}, (rows, m).
            t: the step, 1 … T.
        """
        return self.H if self.is_constant else self.belief.h_jacobian(predicted, t)

    @property
    def is_stacked(self) -> bool:
        """Whether its tensors are those of several fits, stacked along a first axis."""
        return self.mean_0.ndim == 2

    def innovation(
        self,
        x: Annotated[Tensor, "(rows, n)"],
        seen: Annotated[Tensor, "(rows, n)"] | None,
        expected: Annotated[Tensor, "(rows, n)"],
    ) -> Annotated[Tensor, "(rows, n)"]:
        """Return x_t − h(ŝ_{t|t−1}) (rows, n), 0 where nothing was seen.

        Args:
            x: x_t, (rows, n), 0 where missing.
            seen: 1 where x_t is seen and 0 where it is missing, (rows, n); None: all of it is.
            expected: h(ŝ_{t|t−1}), (rows, n).
        """
        if seen is None:
            return self.belief.residual(x, expected)
        if self.is_constant:
            return torch.addcmul(x, seen, expected, value=-1)
        return torch.where(seen > 0, self.belief.residual(x, expected), 0.0)


def rank(H: Annotated[Tensor, "(..., n, m)"]) -> Annotated[Tensor, "(...)"]:
    """Return the rank (...) of matrices H (..., n, m), whatever the units of rows and columns."""
    for dim in (-1, -2):
        largest = H.abs().amax(dim, keepdim=True)
        H = H / torch.where(largest > 0, largest, 1.0)
    return torch.linalg.matrix_rank(H)


def pseudo_inverse(H: Annotated[Tensor, "(..., n, m)"]) -> Annotated[Tensor, "(..., m, n)"]:
    """Return H⁺ (..., m, n) of H (..., n, m), from which no unit is too small to be seen."""
    has_full_rank = (rank(H) == min(H.shape[-2:]))[..., None, None]
    return torch.where(has_full_rank, torch.linalg.pinv(H, rtol=0.0), torch.linalg.pinv(H))
