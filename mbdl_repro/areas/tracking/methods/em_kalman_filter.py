"""The Kalman filter whose noise covariances are learned by expectation maximization."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from mbdl_repro.areas.tracking.kalman.likelihood import negative_log_likelihood
from mbdl_repro.areas.tracking.kalman.linear_filter import (
    StoredModel,
    kalman_filter,
    kalman_rule,
)
from mbdl_repro.areas.tracking.kalman.method import PosteriorMethod
from mbdl_repro.areas.tracking.kalman.model import LinearModel, LinearRule, linear_arrays, stacked
from mbdl_repro.areas.tracking.kalman.smoother import kalman_smoother
from mbdl_repro.areas.tracking.kalman.updates import eliminated, only_seen
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family, FitInputs
from mbdl_repro.learning.training import History, TrainingDivergedError

FURTHEST = 64.0
"""How many times as far as an iteration leads the point ahead of it may lie, at most twice."""


class EmKalmanFilter(PosteriorMethod):
    """A Kalman filter with maximum-likelihood V, W, or both, fitted to observations alone.

    V ← mean over t of E[(s_t − F s_{t−1})(s_t − F s_{t−1})ᵀ | x_1 … x_T]
    W ← mean over t of E[(x_t − H s_t)(x_t − H s_t)ᵀ | x_1 … x_T]

    where the expectations are those of the Kalman smoother with the V and W before; an iteration
    is two such steps, and one ahead of them where that is more likely still (SQUAREM). The
    likelihood never falls. No state is shown to it: its loss is −log p(x), and of all iterations
    that one is kept which has the least on the validation data.

    Args:
        belief: knows F, H, the law of the first state, and whichever of V and W is not learned;
            what is learned is not read.
        learn: ``process``, V; ``observation``, W; or ``both``.
        iterations: how many.
        initial_process_variance: V to begin with is this times I, if it is learned.
        initial_observation_variance: W to begin with is this times I, if it is learned.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Section 5.1, generative learning; Shumway and Stoffer, 1982.
    """

    name = "em_kalman_filter"
    family = Family.GENERATIVE_LEARNING
    needs_targets = False

    def __init__(
        self,
        belief: StateSpace,
        *,
        learn: Literal["process", "observation", "both"] = "process",
        iterations: Annotated[int, Ge(1)] = 20,
        initial_process_variance: Annotated[float, Gt(0)] = 1.0,
        initial_observation_variance: Annotated[float, Gt(0)] = 1.0,
    ) -> None:
        super().__init__()
        self.learns = {"process": "V", "observation": "W", "both": "VW"}[learn]
        self.iterations = iterations
        known = linear_arrays(belief, without=self.learns)
        model = LinearModel(*map(torch.tensor, known))
        roots = {}
        for name, size, variance in (
            ("V", belief.m, initial_process_variance),
            ("W", belief.n, initial_observation_variance),
        ):
            if name in self.learns:
                # V = L Lᵀ, and so never indefinite.
                roots[name] = nn.Parameter(
                    math.sqrt(variance) * torch.eye(size, dtype=model.F.dtype)
                )
        self.model = StoredModel(model)
        self.roots = nn.ParameterDict(roots)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and variances of the states, given the observations up to each."""
        return kalman_filter(x, self.current_model()).moments()

    def loss(
        self, x: Annotated[Tensor, "(n_rows, T, n)"], s: Annotated[Tensor, "(n_rows, T, m)"]
    ) -> Tensor:
        """Return the mean over rows of −log p(x); the states are not looked at."""
        return negative_log_likelihood(x, self.current_model()).mean()

    def current_model(self) -> LinearModel[Tensor]:
        """Return the model with what has been learned of it."""
        learned = {name: root @ root.mT for name, root in self.roots.items()}
        return self.model()._replace(**learned)

    @torch.no_grad()
    def _fit(self, inputs: FitInputs) -> History:
        """Fit to the observations; recipe, generator and states are not used."""
        train, validation, report = inputs.train, inputs.validation, inputs.report
        history: History = []
        best, kept = math.inf, {}
        covariances = {name: root @ root.mT for name, root in self.roots.items()}
        for step in range(self.iterations + 1):
            if step:
                covariances = self._cycle(train.x, covariances)
            for name, root in self.roots.items():
                root.copy_(_root(covariances[name]))
            losses = {
                "train_loss": self.loss_on(train),
                "validation_loss": self.loss_on(validation),
            }
            history.append({"step": step, **losses})
            if losses["validation_loss"] < best:
                best = losses["validation_loss"]
                kept = {name: root.clone() for name, root in self.roots.items()}
            report(step / self.iterations, f"iteration {step}/{self.iterations}, loss {best:.4g}")
        for name, root in kept.items():
            self.roots[name].copy_(root)
        return history

    def _cycle(self, x: Tensor, start: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what two iterations lead to, or a point ahead of it, if it is more likely.

        Of iterations that creep, that point is where their steps, if they go on to shrink as the
        second from the first, would end; it is sought in symmetric square roots of V and W.

        Source: Varadhan and Roland, 2008, SQUAREM.
        """
        model = self.model()
        once = self._improved(x, model._replace(**start))
        twice = self._improved(x, model._replace(**once))
        units = {k: _unit(P) for k, P in start.items()}
        a, b, c = (
            {k: _root(P, units[k]) for k, P in point.items()} for point in (start, once, twice)
        )
        first = math.sqrt(sum((b[k] - a[k]).square().sum().item() for k in a))
        bend = math.sqrt(sum((c[k] - 2 * b[k] + a[k]).square().sum().item() for k in a))
        least = negative_log_likelihood(x, model._replace(**twice)).mean()
        far = min(first / bend, FURTHEST) if bend > 0 else FURTHEST
        while far > 1:  # at 1 it is where two iterations lead
            roots = (a[k] + 2 * far * (b[k] - a[k]) + far**2 * (c[k] - 2 * b[k] + a[k]) for k in a)
            ahead = {k: root @ root.mT for k, root in zip(a, roots, strict=True)}
            if negative_log_likelihood(x, model._replace(**ahead)).mean() < least:
                return ahead
            far /= 4
        return twice

    def _improved(self, x: Tensor, model: LinearModel[Tensor]) -> dict[str, Tensor]:
        """Return what V and W become by one iteration."""
        means, covariances, lagged = kalman_smoother(x, model)
        n_rows, T, n = x.shape
        F, H, _, W = stacked(model, T)
        after, before = covariances[..., 1:, :, :], covariances[..., :-1, :, :]
        improved = {}
        if "V" in self.learns:
            moved = (means[:, :-1, None] @ F.mT)[:, :, 0]
            crossed = F @ lagged.mT
            spread = after - crossed - crossed.mT + F @ before @ F.mT
            improved["V"] = _mean_outer(means[:, 1:] - moved, spread)
        if "W" in self.learns:
            residual = x - (means[:, 1:, None] @ H.mT)[:, :, 0]
            spread = H @ after @ H.mT
            if residual.isnan().any():
                # Of a missing entry's noise, what that of the seen ones says of it: G times it.
                full = spread.expand(n_rows, T, n, n).reshape(-1, n, n)
                W_all = W.expand(n_rows, T, n, n).reshape(-1, n, n)
                eye = torch.eye(n, dtype=x.dtype, device=x.device)
                z, selected, W_seen = only_seen(residual.reshape(-1, n), eye, W_all)
                rounding = torch.finfo(x.dtype).eps * n * W_seen.diagonal(0, -2, -1)
                G = eliminated(W_seen, selected @ W_all, rounding)[0].mT @ selected
                spread = G @ full @ G.mT + W_all - G @ W_all @ G.mT
                spread = spread.reshape(n_rows, T, n, n)
                residual = (z[:, None] @ G.mT)[:, 0].reshape(n_rows, T, n)
            improved["W"] = _mean_outer(residual, spread)
        if not all(covariance.isfinite().all() for covariance in improved.values()):
            raise TrainingDivergedError(
                f"{' and '.join(improved)} became infinite, or no number: is an observation so?"
            )
        return improved

    def linear_rule(self, T: int) -> LinearRule[Tensor]:
        """Return what the filter does over T steps where nothing is missing."""
        return kalman_rule(self.current_model(), T)


def _root(covariance: Tensor, unit: Tensor | None = None) -> Tensor:
    """Return L with L Lᵀ = the covariance, which may be singular: a symmetric L, in its units.

    Args:
        covariance: (k, k).
        unit: of each entry, (k,); None: its standard deviation.
    """
    if unit is None:
        unit = _unit(covariance)
    values, vectors = torch.linalg.eigh(covariance / unit[:, None] / unit)
    return unit[:, None] * (vectors * values.clamp_min(0).sqrt()) @ vectors.mT


def _unit(covariance: Tensor) -> Tensor:
    std = covariance.diagonal().clamp_min(0).sqrt()
    return torch.where(std > 0, std, 1.0)


def _mean_outer(residual: Tensor, spread: Tensor) -> Tensor:
    """Return the mean over rows and steps of r rᵀ + its covariance, symmetric."""
    flat = residual.flatten(0, 1)
    total = flat.mT @ flat / len(flat) + spread.flatten(0, -3).mean(0)
    return (total + total.mT) / 2
