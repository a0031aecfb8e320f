"""The Kalman filter of a model that is fitted to labelled trajectories by least squares."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn

from mbdl_repro.areas.tracking.kalman.extended import extended_kalman
from mbdl_repro.areas.tracking.kalman.linear_filter import (
    StoredModel,
    kalman_filter,
    kalman_rule,
)
from mbdl_repro.areas.tracking.kalman.method import PosteriorMethod
from mbdl_repro.areas.tracking.kalman.model import LinearModel, LinearRule, linear_arrays
from mbdl_repro.areas.tracking.kalman.nonlinear_filter import check_belief
from mbdl_repro.areas.tracking.kalman.regression import regression
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.covariance import covariance_root
from mbdl_repro.contract.method import ClosedFormMethod, Family, Split


class LeastSquaresModel(PosteriorMethod, ClosedFormMethod):
    """A Kalman filter with F, H, or both, fitted to labelled trajectories in closed form.

    F̂ = arg min Σ ‖s_t − F s_{t−1}‖²,  Ĥ = arg min Σ ‖x_t − H s_t‖²

    and, if ``noise`` says so, V̂ and Ŵ, the means of the squared residuals of these fits. Before it
    is fitted F̂ = 0 and Ĥ = 0. Where the belief's f is not linear, Ĥ stands for its h, and the
    filter is the extended one, with V and W as the belief has them.

    Args:
        belief: knows the law of the first state, and what is not estimated; what is estimated is
            not read.
        estimate: ``transition``, F; ``observation``, H; or ``both``.
        noise: whether to estimate also V, with F, and W, with H.
        process_noise_scale: factor on V, a variance.
        observation_noise_scale: factor on W.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Section 5.1, generative learning; Revach et al., 2022, section IV-D, Ĥ from data.
    """

    name = "least_squares_model"
    family = Family.GENERATIVE_LEARNING

    def __init__(
        self,
        belief: StateSpace,
        *,
        estimate: Literal["transition", "observation", "both"] = "both",
        noise: bool = False,
        process_noise_scale: Annotated[float, Gt(0)] = 1.0,
        observation_noise_scale: Annotated[float, Gt(0)] = 1.0,
    ) -> None:
        super().__init__()
        self.scales = {"V": process_noise_scale, "W": observation_noise_scale}
        self.estimates = {
            "transition": "FV" if noise else "F",
            "observation": "HW" if noise else "H",
            "both": "FHVW" if noise else "FH",
        }[estimate]
        m, n = belief.m, belief.n
        self.nonlinear = None if isinstance(belief, LinearStateSpace) else belief
        if self.nonlinear is None:
            known = linear_arrays(belief, without=self.estimates)
            self.model = StoredModel(LinearModel(*map(torch.tensor, known)))
        else:
            _check_nonlinear(belief, self.estimates)
        # V and W are fitted as roots, V = L Lᵀ, and so never indefinite.
        start = {
            "F": torch.zeros(m, m, dtype=torch.float64),
            "H": torch.zeros(n, m, dtype=torch.float64),
            "V": torch.eye(m, dtype=torch.float64),
            "W": torch.eye(n, dtype=torch.float64),
        }
        self.fitted = nn.ParameterDict({k: nn.Parameter(start[k]) for k in self.estimates})

    def current_model(self) -> LinearModel[Tensor]:
        """Return the linear model with what has been fitted of it, V and W times their scales."""
        fitted = {k: p @ p.mT if k in "VW" else p for k, p in self.fitted.items()}
        model = self.model()._replace(**fitted)
        return model._replace(V=self.scales["V"] * model.V, W=self.scales["W"] * model.W)

    def solve(self, train: Split) -> None:
        """Fit F, H, or both by least squares, and what their residuals say of the noise."""
        x, s = train
        if "F" in self.estimates:
            model = self.model()
            if not model.cov_0.any():  # s_0 is known
                s = torch.cat((model.mean_0.expand(len(s), 1, -1), s), 1)
            self._regress("F", "V", s[:, :-1], s[:, 1:])
        if "H" in self.estimates:
            self._regress("H", "W", train.s, x)

    def _regress(self, name: str, noise: str, given: Tensor, target: Tensor) -> None:
        """Fit a matrix that maps given vectors (n_rows, T, ·) to targets, NaN where missing."""
        given, target = given.flatten(0, 1), target.flatten(0, 1)
        matrix = regression(given, target)
        self.fitted[name].copy_(matrix)
        if noise in self.estimates:
            residual = target - given @ matrix.mT
            residual = residual[~residual.isnan().any(1)]
            if not len(residual):
                raise ValueError(
                    f"no step of the training data is seen whole, and {noise} cannot be estimated "
                    "from parts of steps: set noise: false"
                )
            covariance = residual.mT @ residual / len(residual)
            self.fitted[noise].copy_(torch.from_numpy(covariance_root(covariance.cpu().numpy())))

    def linear_rule(self, T: int) -> LinearRule[Tensor] | None:
        """Return what the filter does over T steps where nothing is missing, if it is linear."""
        return None if self.nonlinear is not None else kalman_rule(self.current_model(), T)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and variances of the states, given the observations up to each."""
        if self.nonlinear is None:
            return kalman_filter(x, self.current_model()).moments()
        return extended_kalman(
            x,
            self.nonlinear,
            process_noise_scale=self.scales["V"],
            observation_noise_scale=self.scales["W"],
            H=self.fitted["H"],
        ).moments()


def _check_nonlinear(belief: StateSpace, estimates: str) -> None:
    """Refuse a nonlinear belief of which no linear part can be fitted.

    Raises:
        ValueError: if anything but H is to be estimated, or what the filter needs is withheld.
    """
    if estimates != "H":
        raise ValueError(
            f"of {type(belief).__name__}, which is not linear, only the observation can be "
            "estimated: allowed is estimate: observation, noise: false"
        )
    check_belief(belief, needs_h=False)
