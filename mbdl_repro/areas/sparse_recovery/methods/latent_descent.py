"""Descent in the latent variables of a generator, with a check of signs."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.systems.random_generator import RandomGenerator
from mbdl_repro.contract.method import Family, Method
from mbdl_repro.contract.seeding import rng_for


class LatentDescent(Method):
    """The signal of a generator that explains the observation best, sought by descent.

    ŝ = G(z),    z ← z − step of Adam down ‖x − H G(z)‖²,    z ← −z where that is lower

    All rows start from one vector z, drawn once. The step falls to 1 % of its first size.

    Args:
        belief: the generator's layers and H.
        iterations: steps of descent.
        step: the first step of Adam.
        check_every: after so many steps −z is tried in place of z; ``None``: never.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Hand and Voroninski, 2019, for the check; Bora et al., 2017, for the descent.
    """

    name = "latent_descent"
    family = Family.DNN_AIDED_PRIOR
    untrained = True

    def __init__(
        self,
        belief: RandomGenerator,
        *,
        iterations: Annotated[int, Ge(1)] = 1000,
        step: Annotated[float, Gt(0)] = 0.1,
        check_every: Annotated[int, Ge(1)] | None = 20,
    ) -> None:
        super().__init__()
        self.iterations = iterations
        self.step = step
        self.check_every = check_every
        self.n_layers = len(belief.layers)
        for k, W in enumerate(belief.layers):
            self.register_buffer(f"W_{k}", torch.tensor(W))
        self.register_buffer("HT", torch.tensor(belief.H.T.copy()))
        start = rng_for("start", self.name, belief.n_latent).standard_normal(belief.n_latent)
        self.register_buffer("start", torch.tensor(start))
        self.HT: Tensor
        self.start: Tensor

    def generate(self, z: Annotated[Tensor, "(n, k)"]) -> Annotated[Tensor, "(n, m)"]:
        """Return G(z) (n, m) of latent variables z (n, k)."""
        for k in range(self.n_layers):
            z = (z @ getattr(self, f"W_{k}").mT).relu()
        return z

    def misfit(
        self, z: Annotated[Tensor, "(n, k)"], x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Annotated[Tensor, "(n,)"]:
        """Return ‖x − H G(z)‖² (n,).

        Args:
            z: latent variables (n, k).
            x: observations (n, n_observations).
        """
        return (x - self.generate(z) @ self.HT).square().sum(1)

    def forward(self, x: Annotated[Tensor, "(n, n_observations)"]) -> Annotated[Tensor, "(n, m)"]:
        """Return the signals (n, m)."""
        z = self.start.expand(len(x), -1).clone()
        with torch.enable_grad():
            z.requires_grad_()
            adam = torch.optim.Adam([z], self.step)
            slower = torch.optim.lr_scheduler.CosineAnnealingLR(
                adam, self.iterations, self.step / 100
            )
            for k in range(self.iterations):
                if self.check_every is not None and k % self.check_every == 0:
                    self._turn(z, x)
                adam.zero_grad()
                self.misfit(z, x).sum().backward()
                adam.step()
                slower.step()
        return self.generate(z.detach())

    @torch.no_grad()
    def _turn(self, z: Tensor, x: Tensor) -> None:
        """Turn the rows z (n, k) over whose opposite explains x better."""
        better = self.misfit(-z, x) < self.misfit(z, x)
        z[better] *= -1
