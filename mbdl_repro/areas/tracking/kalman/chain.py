"""Messages along the chain s_1 … s_T that a linear model believes in, and their fixed point."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mbdl_repro.areas.tracking.kalman.model import LinearModel
from mbdl_repro.areas.tracking.kalman.updates import only_seen, predicted_covariance
from mbdl_repro.contract.covariance import is_singular


class Chain(NamedTuple):
    """A model and its observations as a graph: node t is s_t, between s_{t−1}, s_{t+1} and x_t.

    Time is the first axis. Matrices (T, ·, ·) are those of all rows, or (T, n_rows, ·, ·) where
    an observation is missing, since it then differs from row to row what is seen.
    """

    x: Tensor  # (T, n_rows, n), 0 where missing
    H: Tensor  # 0 where missing
    F: Tensor
    start: Tensor  # the mean of s_0, (1, n_rows, m)
    past: Tensor  # D_t⁻¹ V_t⁻¹
    future: Tensor  # D_t⁻¹ F_{t+1}ᵀ V_{t+1}⁻¹, of all t but the last
    seen: Tensor  # D_t⁻¹ H_tᵀ W_t⁻¹

    @classmethod
    def of(cls, x: Annotated[Tensor, "(n_rows, T, n)"], model: LinearModel[Tensor]) -> Chain:
        """Return the chain of observations x (n_rows, T, n), NaN where missing.

        The covariance of s_0 is made part of the first V, which none may be singular.

        Args:
            x: observations, (n_rows, T, n), NaN where missing.
            model: the assumed model; W must not be singular either. A matrix that varies is
                given for T steps or more.
        """
        n_rows, T, _ = x.shape
        F, H, V, W = (
            matrix[:T] if matrix.ndim == 3 else matrix.expand(T, *matrix.shape)
            for matrix in model[:4]
        )
        x = x.transpose(0, 1)
        Q = torch.linalg.inv(torch.cat((predicted_covariance(model.cov_0, F[:1], V[:1]), V[1:])))
        FQ = F[1:].mT @ Q[1:]
        D = Q + torch.cat((FQ @ F[1:], 0 * Q[:1]))
        if x.isnan().any():
            H, W = (
                matrix[:, None].expand(T, n_rows, *matrix.shape[1:]).flatten(0, 1)
                for matrix in (H, W)
            )
            x, H, W = (part.unflatten(0, (T, n_rows)) for part in only_seen(x.flatten(0, 1), H, W))
            D, Q, FQ = D[:, None], Q[:, None], FQ[:, None]
        weighted = torch.linalg.solve(W, H).mT
        D = D + weighted @ H
        inverse = torch.linalg.inv(D)
        start = model.mean_0.expand(1, n_rows, -1)
        return cls(x, H, F, start, inverse @ Q, inverse[:-1] @ FQ, inverse @ weighted)

    def messages(self, s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what past, future and observation say of where s (T, n_rows, m) should move.

        D_t⁻¹ times −V_t⁻¹(s_t − F_t s_{t−1}), F_{t+1}ᵀV_{t+1}⁻¹(s_{t+1} − F_{t+1} s_t), and
        H_tᵀW_t⁻¹(x_t − H_t s_t), with D_t = V_t⁻¹ + F_{t+1}ᵀV_{t+1}⁻¹F_{t+1} + H_tᵀW_t⁻¹H_t. A move
        by their sum is one to the mean of s_t given its neighbours and its observation. They
        add up to 0, at all t, where the log joint density has its maximum: at the smoother's
        estimate. With steps γ < 1 the moves lead there: the matrix of all curvatures, whose
        blocks on the diagonal are D_t and which has none but their neighbours, is less than
        twice these blocks.
        """
        moved = s - _apply(self.F, torch.cat((self.start, s[:-1])))
        future = torch.cat((_apply(self.future, moved[1:]), 0 * s[:1]))
        return -_apply(self.past, moved), future, _apply(self.seen, self.x - _apply(self.H, s))


def _apply(matrix: Tensor, vectors: Tensor) -> Tensor:
    """Return the product (T, n_rows, k) of matrices and vectors (T, n_rows, l)."""
    if matrix.ndim == 3:
        return vectors @ matrix.mT
    return (matrix @ vectors[..., None])[..., 0]


def check_not_singular(model: LinearModel[np.ndarray]) -> None:
    """Refuse a model by whose V⁻¹ and W⁻¹ no message can be weighted.

    Raises:
        ValueError: if V or W is singular.
    """
    for name, noise in (("V", "process_noise"), ("W", "observation_noise")):
        if is_singular(getattr(model, name)):
            raise ValueError(
                f"{name} is singular, and messages are weighted by its inverse: "
                f"give {noise} a variance in every direction"
            )
