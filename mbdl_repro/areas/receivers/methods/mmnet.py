"""MMNet: message passing whose linear filters, and noise levels, are learned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn

from mbdl_repro.areas.receivers.linear.constellation import is_complex
from mbdl_repro.areas.receivers.linear.detector import IterativeDetector, Received
from mbdl_repro.areas.receivers.linear.message_passing import error_variance
from mbdl_repro.areas.receivers.linear.posterior import LEAST_VARIANCE, posterior_mean
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.contract.method import Family


class Mmnet(IterativeDetector):
    """Iterations with a learned filter, and a learned share of the noise for each stream.

    r = ŝ + W (y − H ŝ),  τ_k² = (v² ‖I − W H‖² + σ² ‖W‖²) / (K a_k),
    ŝ⁺ = E[s | s_k + N(0, τ_k²) = r_k],  v² = (‖y − H ŝ‖² − N σ²) / tr HᵀH

    Args:
        belief: gives σ too.
        iterations: number of layers, each with its W and a.
        filters: ``scalar``: W = θ² Hᵀ, one number a layer, for channels of independent entries;
            ``full``: all entries of W, for one channel that holds. They start at that of linear
            MMSE estimation, scaled so that tr W H = K; published ones start at random.

    Maps x (n, N, T), or (n, N, K + T) with H before what is received, to ŝ (n, K, T), means. The
    loss is the squared error of all iterations.

    Source: Khani, Alizadeh, Hoydis and Fleming, 2020, "MMNet"; of ``scalar`` the published code
    leaves θ² out of τ².
    """

    name = "mmnet"
    family = Family.UNFOLDED_OBJECTIVE

    def __init__(
        self,
        belief: LinearMimo,
        *,
        iterations: Annotated[int, Ge(1)] = 10,
        filters: Literal["scalar", "full"] = "scalar",
    ) -> None:
        super().__init__(belief)
        self.iterations: int = iterations
        self.noise_variance = belief.noise_std**2
        self.log_share = nn.Parameter(torch.zeros(iterations, self.n_streams, dtype=torch.float64))
        self.is_full = filters == "full"
        if not self.is_full:
            self.root = nn.Parameter(torch.ones(iterations, dtype=torch.float64))
            return
        if self.told:
            raise ValueError("filters is full: it takes a channel that holds, and each row has one")
        parts = 2 if is_complex(belief.constellation) else 1
        W = _mmse_filter(torch.as_tensor(belief.H), self.noise_variance / belief.energy)
        blocks = W[: belief.n_users].unflatten(1, (parts, -1)).transpose(0, 1)
        self.blocks = nn.Parameter(blocks.repeat(iterations, 1, 1, 1))

    def filters(
        self, H: Annotated[Tensor, "(n or 1, N, K)"]
    ) -> Iterator[Annotated[Tensor, "(n or 1, K, N)"]]:
        """Yield W of each layer (n or 1, K, N).

        Args:
            H: channels (n or 1, N, K).
        """
        if not self.is_full:
            yield from (theta.square() * H.mT for theta in self.root)
            return
        for blocks in self.blocks:
            if len(blocks) == 1:
                yield blocks
            else:  # of a complex filter
                a, b = blocks  # its real part, and minus its imaginary one
                yield torch.cat([torch.cat([a, b], 1), torch.cat([-b, a], 1)])[None]

    def refinements(self, received: Received) -> Iterator[Annotated[Tensor, "(n, K, T)"]]:
        """Yield estimates (n, K, T): before the first iteration, and after each."""
        H, y = received
        energy = H.square().sum((1, 2))[:, None]
        eye = torch.eye(self.n_streams, dtype=H.dtype, device=H.device)
        mean = y.new_zeros(len(y), self.n_streams, y.shape[2])
        yield mean
        for W, share in zip(self.filters(H), self.log_share.exp(), strict=True):
            residual = y - H @ mean
            v2 = error_variance(residual, energy, self.noise_variance).clamp_min(LEAST_VARIANCE)
            left = (eye - W @ H).square().sum((1, 2))[:, None]
            noise = self.noise_variance * W.square().sum((1, 2))[:, None]
            tau2 = (v2 * left + noise)[:, None] / (self.n_streams * share[:, None])
            mean, _ = posterior_mean(mean + W @ residual, tau2, self.levels)
            yield mean

    def loss(self, x: Annotated[Tensor, "(n, N, C)"], s: Annotated[Tensor, "(n, K, T)"]) -> Tensor:
        """Return the squared error of an amplitude, a mean over all, summed over iterations.

        Args:
            x: observations (n, N, C), C = T, or K + T with H before.
            s: amplitudes (n, K, T).
        """
        _, *after = self.iterates(x)
        return torch.stack([(one - s).square().mean() for one in after]).sum()


def _mmse_filter(H: Tensor, noise_ratio: float) -> Tensor:
    """Return c (HᵀH + λ I)⁻¹ Hᵀ (K, N), with c such that tr W H = K."""
    gram = H.mT @ H
    W = torch.linalg.solve(gram + noise_ratio * torch.eye(len(gram), dtype=H.dtype), H.mT)
    return W * len(gram) / (W * H.mT).sum()
