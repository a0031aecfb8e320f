"""Filters of nonlinear systems, as pure functions of a belief: extended, unscented, and sampled."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mbdl_repro.areas.tracking.state_space import StateSpace, like
from mbdl_repro.areas.tracking.updates import (
    Filtered,
    check_observations,
    kalman_gain,
    only_seen,
    predicted_covariance,
    steps,
    updated_covariance,
)


class Noise(NamedTuple):
    """What a filter assumes of noise, and of the state before the first step."""

    V: Tensor  # (m, m), or (T, m, m) where it varies
    W: Tensor  # (n, n), or (T, n, n)
    mean_0: Tensor  # (m,)
    cov_0: Tensor  # (m, m)


def believed_noise(
    belief: StateSpace, x: Tensor, process_noise_scale: float, observation_noise_scale: float
) -> Noise:
    """Return the belief's V and W, scaled, and what it says of s_0, in the precision of x.

    Args:
        belief: the assumed model, with V, W, and the mean and covariance of s_0.
        x: a tensor whose precision and device are taken, of any shape.
        process_noise_scale: factor on V, a covariance.
        observation_noise_scale: factor on W, a covariance.
    """
    return Noise(
        process_noise_scale * like(belief.V, x),
        observation_noise_scale * like(belief.W, x),
        like(belief.mean_0, x),
        like(belief.cov_0, x),
    )


def observation_covariances(belief: StateSpace, W: Tensor, T: int) -> list[Tensor]:
    """Return W (n, n) of each step, 0 of the first if what is seen there is without noise.

    Args:
        belief: says whether the first observation is without noise.
        W: (n, n), or (T, n, n) where it varies.
        T: number of steps.
    """
    each = list(steps(W, T))
    if belief.start_seen:
        each[0] = torch.zeros_like(each[0])
    return each


def check_belief(belief: StateSpace, *, needs_h: bool = True) -> None:
    """Ask a belief for all that a filter will need, so that what is withheld is named at once.

    Args:
        belief: the assumed model.
        needs_h: whether the filter needs h.

    Raises:
        ValueError: if a field is needed and withheld.
    """
    s = belief.mean_0
    belief.f(s)
    if needs_h:
        belief.h(s)
    for _ in (belief.V, belief.W, belief.cov_0):
        pass


def extended_kalman(
    x: Tensor,
    belief: StateSpace,
    *,
    process_noise_scale: float = 1.0,
    observation_noise_scale: float = 1.0,
    H: Tensor | None = None,
) -> Filtered:
    """Return the means and covariances of a Kalman filter of the model linearized at each step.

    s̄ = f(s_{t−1}),  P̄ = F P_{t−1} Fᵀ + V,  s_t = s̄ + K (x_t − h(s̄)),  P_t by Joseph's form

    with F = ∂f/∂s at s_{t−1}, H = ∂h/∂s at s̄, and K = P̄ Hᵀ (H P̄ Hᵀ + W)⁻¹. For a linear
    belief it is the Kalman filter. Angles among observations are subtracted as angles.

    Args:
        x: (n_rows, T, n), NaN where missing.
        belief: f, h, V, W, and the mean and covariance of s_0.
        process_noise_scale: what V is multiplied by.
        observation_noise_scale: what W is multiplied by.
        H: (n, m), a linear observation in place of the belief's h, whatever that is.
    """
    check_observations(x, belief.n)
    T = x.shape[1]
    noise = believed_noise(belief, x, process_noise_scale, observation_noise_scale)
    complete = not x.isnan().any()
    seen_with = observation_covariances(belief, noise.W, T)
    s = noise.mean_0.expand(len(x), -1)
    P = noise.cov_0.expand(len(x), -1, -1)
    means, covariances = [], []
    for t, (x_t, V, W) in enumerate(zip(x.unbind(1), steps(noise.V, T), seen_with, strict=True), 1):
        F = belief.f_jacobian(s, t)
        s = belief.f(s, t)
        P = predicted_covariance(P, F, V)
        if H is None:
            H_t = belief.h_jacobian(s, t)
            residual = belief.residual(x_t, belief.h(s, t))
        else:
            H_t = H
            residual = x_t - s @ H.mT
        if not complete:
            residual, H_t, W = only_seen(residual, H_t, W)
        K = kalman_gain(P, H_t, W)
        s = s + (K @ residual[:, :, None])[:, :, 0]
        P = updated_covariance(P, K, H_t, W)
        means.append(s)
        covariances.append(P)
    return Filtered(torch.stack(means, 1), torch.stack(covariances, 1))


def unscented_kalman(
    x: Tensor,
    belief: StateSpace,
    *,
    alpha: float = 1.0,
    beta: float = 0.0,
    kappa: float = 0.0,
    process_noise_scale: float = 1.0,
    observation_noise_scale: float = 1.0,
) -> Filtered:
    """Return the means and covariances of a Kalman filter that sends points through f and h.

    χ_0 = s,  χ_±i = s ± √(m + λ) Lᵢ,  L Lᵀ = P,  λ = α² (m + κ) − m

    Mean and covariance of s_t before the observation are those of f(χ), plus V; from them new
    points are taken, and of h(χ) come mean, covariance, plus W, and covariance with s_t. Angles
    are averaged as differences from that of χ_0. For a linear belief it is the Kalman filter.

    Args:
        x: (n_rows, T, n), NaN where missing.
        belief: f, h, V, W, and the mean and covariance of s_0.
        alpha: α, how far points lie from the mean.
        beta: β, added with 1 − α² to the weight of χ_0 in covariances; 2 for Gaussian states.
        kappa: κ > −m.
        process_noise_scale: what V is multiplied by.
        observation_noise_scale: what W is multiplied by.
    """
    check_observations(x, belief.n)
    T, m = x.shape[1], belief.m
    noise = believed_noise(belief, x, process_noise_scale, observation_noise_scale)
    complete = not x.isnan().any()
    spread = alpha**2 * (m + kappa)
    for_mean = x.new_full((2 * m + 1,), 1 / (2 * spread))
    for_mean[0] = 1 - m / spread
    for_covariance = for_mean.clone()
    for_covariance[0] += 1 - alpha**2 + beta
    seen_with = observation_covariances(belief, noise.W, T)
    s = noise.mean_0.expand(len(x), -1)
    P = noise.cov_0.expand(len(x), -1, -1)
    means, covariances = [], []
    for t, (x_t, V, W) in enumerate(zip(x.unbind(1), steps(noise.V, T), seen_with, strict=True), 1):
        moved = belief.f(_points(s, P, spread), t)  # (n_rows, 2m + 1, m)
        s = for_mean @ moved
        D = moved - s[:, None]
        P = _second_moment(D, for_covariance) + V
        points = _points(s, P, spread)
        seen = belief.h(points, t)
        E = belief.residual(seen, seen[:, :1])
        mean = for_mean @ E  # of what is seen, from that of χ_0
        E = E - mean[:, None]
        residual = belief.residual(x_t, seen[:, 0] + mean)
        if not complete:
            residual, E_seen, W = only_seen(residual, E.mT, W)
            E = E_seen.mT
        D = points - s[:, None]
        weighted = (for_covariance[:, None] * E).mT  # (n_rows, n, 2m + 1)
        K = torch.linalg.solve(weighted @ E + W, weighted @ D).mT
        s = s + (K @ residual[:, :, None])[:, :, 0]
        P = _second_moment(D - E @ K.mT, for_covariance) + K @ W @ K.mT
        P = (P + P.mT) / 2
        means.append(s)
        covariances.append(P)
    return Filtered(torch.stack(means, 1), torch.stack(covariances, 1))


def square_root(P: Tensor) -> Tensor:
    """Return L (..., k, k) with L Lᵀ = P, which may be singular: Cholesky's where there is one."""
    L, failed = torch.linalg.cholesky_ex(P)
    if not failed.any():
        return L
    values, vectors = torch.linalg.eigh(torch.nan_to_num(P))
    root = vectors * values.clamp_min(0).sqrt()[..., None, :]
    return torch.where((failed > 0)[..., None, None], root, L)


def _points(s: Tensor, P: Tensor, spread: float) -> Tensor:
    """Return s, and s ± √spread Lᵢ (n_rows, 2m + 1, m)."""
    away = spread**0.5 * square_root(P).mT
    s = s[:, None]
    return torch.cat((s, s + away, s - away), 1)


def _second_moment(D: Tensor, weights: Tensor) -> Tensor:
    """Return Σ w d dᵀ (n_rows, m, m) of the deviations (n_rows, points, m)."""
    return (weights[:, None] * D).mT @ D


PARTICLES_AT_ONCE = 30_000
"""Particles, over all rows, that are moved together: as many as stay in a processor's cache."""


def particle_filter(
    x: Tensor,
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
    if belief.start_seen or np.linalg.matrix_rank(belief.W).min() < belief.n:
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
    root = torch.linalg.cholesky(precision)
    mean = torch.cholesky_solve((residual @ WG).mT, root)  # (n_rows, m, N)
    away = torch.linalg.solve_triangular(root.mT, white.mT.expand_as(mean), upper=True)
    u = (mean + away).mT
    return u, 0.5 * (white.square().sum(-1) - u.square().sum(-1))
