"""Restoration by the most probable image under a normalizing flow."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.priors.flow import Flow
from mbdl_repro.areas.image_restoration.solvers.adam import Adam
from mbdl_repro.areas.image_restoration.solvers.latent_search import LatentRestoration
from mbdl_repro.contract.method import Family


class FlowPrior(LatentRestoration):
    """The image G(ẑ) of the most probable z, G the inverse of a normalizing flow.

    ẑ = argmin ‖x − H G(z)‖²/(2σ²) + w ‖z‖²/2

    With ``most_probable: image`` it is the most probable image instead, argmin ‖x − H s‖²/(2σ²)
    − w log p(s), where log p(G(z)) = log N(z; 0, I) − log|det ∂G/∂z|: what few observations
    leave open then goes to where the density is steepest, which no digit need be.

    It is sought over z by Adam from z = 0. G is invertible: every image can be drawn, and no
    floor stops the error.

    Args:
        layers: couplings of the flow.
        hidden_size: units in each hidden layer of a coupling's network.
        dither: width of the uniform dither of training images: a grey level, of 17 in digits.
        iterations: K, steps of Adam.
        step: the first step of each latent variable; later ones shrink as a cosine does.
        most_probable: what is maximized in probability, given x.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Asim, Daniels, Leong, Ahmed and Hand, 2020, for flows as priors; Dinh, Sohl-Dickstein
    and Bengio, 2017.
    """

    name = "flow_prior"
    family = Family.DNN_AIDED_PRIOR

    prior: Flow

    def __init__(
        self,
        belief: DegradedImages,
        *,
        layers: Annotated[int, Ge(2)],
        hidden_size: Annotated[int, Ge(1)],
        dither: Annotated[float, Gt(0)] = 0.0625,
        iterations: Annotated[int, Ge(1)] = 300,
        step: Annotated[float, Gt(0)] = 0.05,
        most_probable: Literal["latent", "image"] = "latent",
        **settings: Any,
    ) -> None:
        super().__init__(belief, iterations=iterations, **settings)
        self.prior = Flow(self.side**2, layers, hidden_size, dither)
        self.step = step
        self.most_probable = most_probable

    def forward(self, x: Annotated[Tensor, "(n, …)"]) -> Annotated[Tensor, "(n, side, side)"]:
        """Return the restored images (n, side, side)."""
        self.check(x)
        return self._images(self._search(x))[0]

    def project(self, s: Tensor) -> Tensor:
        """Return the nearest image that can be drawn: s itself, through z and back."""
        return self._images(self.prior.latent(s.flatten(1))[0])[0]

    def objective(
        self, z: Annotated[Tensor, "(n, side²)"], x: Annotated[Tensor, "(n, …)"]
    ) -> Annotated[Tensor, "(n,)"]:
        """Return what is descended of each row (n,), but for constants.

        Args:
            z: latent variables (n, side²).
            x: observations (n, …), as H makes them.
        """
        s, log_det = self._images(z)
        misfit = (x - self.H(s)).square().flatten(1).sum(1) / (2 * self.noise_std**2)
        surprise = 0.5 * z.square().sum(1)
        if self.most_probable == "image":
            surprise = surprise + log_det
        return misfit + self.weight * surprise

    def _images(self, z: Tensor) -> tuple[Tensor, Tensor]:
        s, log_det = self.prior.generate(z)
        return s.unflatten(1, (self.side, self.side)), log_det

    def _search(self, x: Tensor) -> Tensor:
        """Return z (n, side²) after K steps: each entry's own, so that rows do not meet."""
        search = Adam([x.new_zeros(len(x), self.side**2)])
        for k in range(self.iterations):
            rate = self.step * 0.5 * (1 + math.cos(math.pi * k / self.iterations))
            search.descend(lambda z: self.objective(z[0], x).sum(), rate)
        return search.reached[0]
