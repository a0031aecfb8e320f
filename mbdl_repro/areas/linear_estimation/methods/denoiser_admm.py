"""ADMM, in which a denoiser that was trained on signals alone stands for the prior."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn
from torch.nn import functional

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.updates import denoising_admm_iterates
from mbdl_repro.contract.method import Family, IterativeMethod
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_of
from mbdl_repro.learning.layers import Perceptron


class DenoiserAdmm(IterativeMethod):
    """Plug-and-play ADMM, whose denoiser is a network with a sliding window.

    s ← (HᵀH/σ² + I/τ²)⁻¹ (Hᵀx/σ² + (v − u)/τ²),  v ← D(s + u),  u ← u + s − v
    D(y)_i = aᵀy_(i) + N(y_(i)),  y_(i) = (y_(i−w), …, y_(i+w)), with zeros beyond the ends

    D is trained to find s in s + τ z, z ~ N(0, I): it never sees an observation, and nothing is
    believed of C_s. N is a perceptron with one hidden layer. The estimate is v, 0 before the fit.

    Args:
        belief: states ``observation_matrix`` and ``noise_std``, which training does not read.
        iterations: K, number of steps.
        denoiser_std: τ, in units of s.
        half_width: w, neighbours on each side that D sees.
        hidden_size: entries of the hidden layer of N.
        copies: noisy copies of each signal that D is trained on.

    Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: Section 5.4, DNN-aided priors; Venkatakrishnan, Bouman and Wohlberg, 2013.
    """

    name = "denoiser_admm"
    family = Family.DNN_AIDED_PRIOR

    H: Tensor

    def __init__(
        self,
        belief: LinearGaussian,
        *,
        iterations: Annotated[int, Ge(1)],
        denoiser_std: Annotated[float, Gt(0)] = 0.3,
        half_width: Annotated[int, Ge(0)] = 7,
        hidden_size: Annotated[int, Ge(1)] = 8,
        copies: Annotated[int, Ge(1)] = 8,
    ) -> None:
        super().__init__()
        self.register_buffer("H", torch.tensor(belief.matrix))
        self.noise_variance = belief.noise_variance
        self.iterations: int = iterations
        self.denoiser_std = denoiser_std
        self.half_width = half_width
        self.copies = copies
        width = 2 * half_width + 1
        self.taps = nn.Parameter(torch.zeros(width, dtype=torch.float64))
        self.network = Perceptron((width, hidden_size, 1), "tanh")

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of the hidden layer."""
        self.network.draw(rng, gain=1, last_gain=0)

    def prepare(self, split: Split) -> Split:
        """Return noisy copies (n, copies, n_signal) of the signals, and the signals."""
        rng = torch_rng_of(split.s, "denoiser")
        n, m = split.s.shape
        z = torch.randn((n, self.copies, m), generator=rng, dtype=torch.float64)
        return Split(split.s[:, None] + self.denoiser_std * z.to(split.s), split.s)

    def denoised(
        self, y: Annotated[Tensor, "(..., n_signal)"]
    ) -> Annotated[Tensor, "(..., n_signal)"]:
        """Return D(y) (..., n_signal) of noisy signals y (..., n_signal)."""
        w = self.half_width
        windows = functional.pad(y, (w, w)).unfold(-1, 2 * w + 1, 1)
        return windows @ self.taps + self.network(windows)[..., 0]

    def loss(
        self, x: Annotated[Tensor, "(n, copies, n_signal)"], s: Annotated[Tensor, "(n, n_signal)"]
    ) -> Tensor:
        """Return the mean squared error of the denoiser, summed over entries.

        Args:
            x: noisy copies (n, copies, n_signal), as :meth:`prepare` makes them.
            s: signals (n, n_signal).
        """
        return (self.denoised(x) - s[:, None]).square().sum(2).mean()

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, n_signal)"]]:
        """Yield v_0 = 0, v_1, …, v_K (n, n_signal)."""
        penalty = 1 / self.denoiser_std**2
        return denoising_admm_iterates(
            x, self.H, self.noise_variance, self.denoised, penalty, self.iterations
        )
