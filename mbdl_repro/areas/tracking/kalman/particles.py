"""The particle filter."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor

from mbdl_repro.areas.tracking.kalman.linear_filter import check_observations
from mbdl_repro.areas.tracking.kalman.model import steps
from mbdl_repro.areas.tracking.kalman.nonlinear_filter import Noise, believed_noise
from mbdl_repro.areas.tracking.kalman.unscented import square_root
from mbdl_repro.areas.tracking.kalman.updates import only_seen
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.covariance import is_singular

PARTICLES_AT_ONCE = 30_000
"""Particles, over all rows, that are moved together: as many as stay in a processor's cache."""


def particle_filter(
    x: Annotated[Tensor, "(n_rows, T, n)"],
    belief: StateSpace,
    *,
    n_particles: int,
    proposal: Literal["prior", "linearized"] = "prior",
    resample_below: float = 0.5,
    seed: int = 0,
    process_noise_scale: float = 1.0,
    observation_noise_scale: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Return the means and variances, (n_rows, T, m) each, of weighted samples of the posterior.

    sⁱ_t = f(sⁱ_{t−1}) + L uⁱ,  L Lᵀ = V,  wⁱ_t ∝ wⁱ_{t−1} p(x_t | sⁱ_t) p(uⁱ) / π(uⁱ)

    The proposal π is the prior N(0, I); or the posterior of u with h linearized about where the
    particles of a row are on average, which is the locally optimal one for a linear h, and a bad
    one where h has another slope at other particles. Resampling is systematic. All rows meet the
    same random numbers, whatever rows there are.

    Args:
        x: (n_rows, T, n), NaN where missing.
        belief: f, h, V, W, and the mean and covariance of s_0; W positive definite.
        n_particles: N.
        proposal: π.
        resample_below: resample a row once 1 / Σ w² falls below this times N.
        seed: of the random numbers.
        process_noise_scale: what V is multiplied by.
        observation_noise_scale: what W is multiplied by.

    Source: Gordon, Salmond and Smith, 1993; Doucet, Godsill and Andrieu, 2000.
    """
    check_observations(x, belief.n)
    share = 10 * belief.n * torch.finfo(x.dtype).eps  # of which Cholesky's factors are sure
    if belief.start_seen or is_singular(belief.W, share):
        raise ValueError(
            "no particle is where an observation without noise says: W must be positive definite, "
            "and start_seen false"
        )
    noise = believed_noise(belief, x, process_noise_scale, observation_noise_scale)
    at_once = max(1, PARTICLES_AT_ONCE // n_particles)
    parts = [
        _particles(rows, belief, noise, n_particles, proposal, resample_below, seed)
        for rows in x.split(at_once)
    ]
    means, variances = zip(*parts, strict=True)
    return torch.cat(means), torch.cat(variances)


def _particles(
    x: Tensor,
    belief: StateSpace,
    noise: Noise,
    N: int,
    proposal: str,
    resample_below: float,
    seed: int,
) -> tuple[Tensor, Tensor]:
    """Return means and variances of :func:`particle_filter`, for as many rows as fit at once."""
    rng = torch.Generator().manual_seed(seed)
    B, T, _ = x.shape
    m = belief.m
    s = (noise.mean_0 + _normal(rng, N, m, x) @ square_root(noise.cov_0).mT).expand(B, N, m)
    log_w = x.new_zeros(B, N)
    rungs = torch.arange(N, dtype=x.dtype, device=x.device)
    means, variances = [], []
    for t, (x_t, V, W) in enumerate(
        zip(x.unbind(1), steps(noise.V, T), steps(noise.W, T), strict=True), 1
    ):
        u, L = _normal(rng, N, m, x), square_root(V)
        offset = torch.rand((), generator=rng, dtype=torch.float64).to(x)
        moved = belief.f(s, t)
        if proposal == "prior":
            s = moved + u @ L.mT
        else:
            w = log_w.softmax(1)
            center = (w[:, None] @ moved)[:, 0]
            u, log_ratio = _proposed(x_t, belief, t, moved, center, u, L, W)
            log_w = log_w + log_ratio
            s = moved + u @ L.mT
        log_w = log_w + _log_likelihood(x_t, belief, t, s, W)
        w = log_w.softmax(1)
        mean = (w[:, None] @ s)[:, 0]
        means.append(mean)
        variances.append((w[:, None] @ (s - mean[:, None]).square())[:, 0])
        poor = (w.square().sum(1) * (resample_below * N) > 1).nonzero()[:, 0]
        if len(poor):
            cumulated = w[poor].cumsum(1)
            marks = ((rungs + offset) / N * cumulated[:, -1:]).contiguous()
            kept = torch.searchsorted(cumulated, marks).clamp_max(N - 1)
            s = s.index_copy(0, poor, s[poor].gather(1, kept[:, :, None].expand(-1, -1, m)))
            log_w = log_w.index_fill(0, poor, 0.0)
    return torch.stack(means, 1), torch.stack(variances, 1)


def _normal(rng: torch.Generator, N: int, m: int, x: Tensor) -> Tensor:
    """Return N(0, I) numbers (N, m), drawn alike whatever the precision and device of x."""
    return torch.randn(N, m, generator=rng, dtype=torch.float64).to(x)


def _log_likelihood(x_t: Tensor, belief: StateSpace, t: int, s: Tensor, W: Tensor) -> Tensor:
    """Return log p(x_t | s) (n_rows, N) of the seen entries, up to a constant of the row."""
    residual = belief.residual(x_t[:, None], belief.h(s, t))
    if x_t.isnan().any():
        missing = x_t.isnan()
        W = only_seen(x_t, torch.zeros_like(W[:, :1]), W)[2]
        residual = residual.masked_fill(missing[:, None], 0.0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(W), residual.mT, upper=False)
    return -0.5 * white.square().sum(-2)


def _proposed(
    x_t: Tensor,
    belief: StateSpace,
    t: int,
    moved: Tensor,
    center: Tensor,
    white: Tensor,
    L: Tensor,
    W: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return u ~ N(μ, Σ) (n_rows, N, m), from white noise, and log N(u; 0, I) − log N(u; μ, Σ).

    With G = H L, H = ∂h/∂s at the row's center: Σ = (I + GᵀW⁻¹G)⁻¹, μ = Σ GᵀW⁻¹ (x − h(f(s))).
    """
    residual = belief.residual(x_t[:, None], belief.h(moved, t))
    _, G, W = only_seen(x_t, belief.h_jacobian(center, t) @ L, W)
    residual = residual.masked_fill(x_t.isnan()[:, None], 0.0)
    WG = torch.linalg.solve(W, G)  # (n_rows, n, m)
    precision = torch.eye(L.shape[-1], dtype=L.dtype, device=L.device) + G.mT @ WG
    root, failed = torch.linalg.cholesky_ex(precision)
    root = torch.where((failed > 0)[..., None, None], torch.nan, root)
    mean = torch.cholesky_solve((residual @ WG).mT, root)  # (n_rows, m, N)
    away = torch.linalg.solve_triangular(root.mT, white.mT.expand_as(mean), upper=True)
    u = (mean + away).mT
    return u, 0.5 * (white.square().sum(-1) - u.square().sum(-1))
