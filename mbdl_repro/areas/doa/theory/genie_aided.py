"""The genie-aided least error of a source's angle: all about the other sources is known.

It is a floor for everyone. Let a genie-aided estimator of θ_m know the other angles, what the
other sources send, the phase with which source m arrives, the errors of the array, and for each
source a window, of length h in sin θ, that lies about its angle at random. What is left of the
snapshots is one source, x_t = b(θ_m) (μ_t + e_t) + w_t, with μ_t what the others' waveforms tell
of this one, and e_t ~ CN(0, v). On a grid the posterior of θ_m, and its variance, are exact.

That the metric lets estimates be exchanged among sources, and counts modulo π, changes nothing
where windows are short. Let windows have centres c_m and lengths L_m, in rad. On a circle the best
assignment keeps the cyclic order (or a turn of it): source m gets estimate m + k, for some k. As
k goes up by one, the sum of all errors goes up by π. So for all k but one, k*, which windows and
estimates determine, |Σ_m (θ̂_{m+k} − c_m)| ≥ π/2, thus |Σ_m e_m| ≥ π/2 − Σ L_m/2, and
Σ e_m² ≥ (π − Σ L_m)²/(4M). Where that is no less than Σ L_m², exchanging is worse than to keep to
k* with each estimate moved into its window; nor does it pay then to withhold angles if also
π²/12 ≥ Σ L_m². Rows with longer windows count as if they had no error at all.

So E[Σ e_m²/M] is at least the mean of the posterior variances, and, since √(Σ e_m²) ≥ Σ w_m |e_m|
for weights with Σ w_m² = 1, here w_m ∝ L_m, E[√(Σ e_m²/M)] at least the mean of
Σ w_m MAD_m / √M, where MAD is the mean absolute deviation from the posterior's median.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from mbdl_repro.areas.doa.array import complex_normal
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.contract.seeding import rng_for


class LeastErrors(NamedTuple):
    """Means over what is drawn of the least errors of one source, with standard errors."""

    square: float
    root: float
    square_error: float
    root_error: float


def least_errors(truth: Narrowband, stream: int = 0) -> LeastErrors:
    """Return floors on the mean squared periodic error (rad²) and on the RMSPE (rad).

    Args:
        truth: whose angles are random.
        stream: which random numbers to use.

    Raises:
        ValueError: if the angles are fixed, and so known.
    """
    if truth.angles_deg is not None:
        raise ValueError(
            "angles_deg is given, and who knows the angles makes no error: for fixed angles "
            "there are Cramér–Rao bounds"
        )
    M = truth.required("n_sources")
    rng = rng_for("told_the_rest", stream)
    s = truth.angles(N_TRIALS, rng)
    u = np.sin(s)
    own = own_variance(truth)
    std = 1 / np.sqrt(_information(truth, own))

    window = min(WINDOW_STDS * std, WINDOW_SUM / M)
    centre = u + window * (rng.random(s.shape) - 0.5)
    limit = np.deg2rad(truth.max_angle_deg)
    low, high = (
        np.arcsin(np.clip(centre + side * window / 2, -np.sin(limit), np.sin(limit)))
        for side in (-1, 1)
    )
    length = high - low
    total, squares = length.sum(1), np.square(length).sum(1)
    fixed = np.maximum(np.pi - total, 0) ** 2 / (4 * M)
    counts = squares <= np.minimum(fixed, np.pi**2 / 12)
    if not counts.any():
        return LeastErrors(0.0, 0.0, 0.0, 0.0)
    weight = length / np.sqrt(squares)[:, None]

    # Few sources, near end-fire, have most of the error, so that these are drawn more often.
    large = np.cos(s) ** 2 + 2 * std
    chance = np.broadcast_to(counts[:, None], s.shape) * (1 + 1 / (large * np.mean(1 / large)))
    chance = (chance / chance.sum()).ravel()
    drawn = rng.choice(s.size, N_POSTERIORS, p=chance)
    least, most = _neighbours_leave(truth, s)
    low, high = np.maximum(low, least).ravel()[drawn], np.minimum(high, most).ravel()[drawn]
    parts = [
        _posterior(truth, s.ravel()[part], low[at], high[at], std, own, rng)
        for at in np.split(np.arange(N_POSTERIORS), N_POSTERIORS // CHUNK)
        for part in [drawn[at]]
    ]
    variance, deviation = (np.concatenate(values) for values in zip(*parts, strict=True))
    share = 1 / (chance[drawn] * s.size)
    square = share * variance
    root = share * np.sqrt(M) * weight.ravel()[drawn] * deviation
    error = [values.std() / np.sqrt(N_POSTERIORS) for values in (square, root)]
    return LeastErrors(float(square.mean()), float(root.mean()), float(error[0]), float(error[1]))


N_TRIALS = 20_000
"""Trials among which are chosen …"""

N_POSTERIORS = 4000
"""… so many sources, whose posteriors are computed."""

CHUNK = 500
"""Posteriors computed at a time."""

N_GRID = 256
"""Points on which a posterior is computed: over 24 standard deviations, if it is as narrow."""

WINDOW_STDS = 40.0
"""Length in sin θ of the windows that are given, in standard deviations: it costs a few percent."""

WINDOW_SUM = 0.3
"""Most that the windows of M sources are long, so that few rows do not count."""


def own_variance(truth: Narrowband) -> float:
    """Return the variance v of a source's waveform, given those of all others."""
    M, rho = truth.required("n_sources"), truth.correlation
    if M == 1:
        return 1.0
    return float(max(0.0, 1 - (M - 1) * rho**2 / (1 + (M - 2) * rho)))


def _information(truth: Narrowband, v: float) -> float:
    """Return the Fisher information on sin θ of one source of which all but e_t is known."""
    p, power, sigma2 = truth.positions, np.square(np.abs(truth.gains)), truth.noise_std**2
    total, moment = power.sum(), (power * p).sum()
    across = (power * np.square(p - moment / total)).sum()
    known = (power * np.square(p)).sum() - v * moment**2 / (sigma2 + v * total)
    unknown = v**2 * total / (sigma2 + v * total) * across
    return float(2 * truth.n_snapshots / sigma2 * (2 * np.pi) ** 2 * ((1 - v) * known + unknown))


def _neighbours_leave(truth: Narrowband, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the greatest angle (n, M) that others leave to each source."""
    limit = np.deg2rad(truth.max_angle_deg)
    gap = np.deg2rad(truth.min_gap_deg)
    below = np.pad(s[:, :-1], ((0, 0), (1, 0)), constant_values=np.nan)
    above = np.pad(s[:, 1:], ((0, 0), (0, 1)), constant_values=np.nan)
    # Neighbours also differ by less than π minus the gap; NaN: there is none.
    least = np.fmax(np.fmax(below + gap, above - np.pi + gap), -limit)
    most = np.fmin(np.fmin(above - gap, below + np.pi - gap), limit)
    return least, most


def _posterior(
    truth: Narrowband,
    theta: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    std: float,
    v: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw snapshots of single sources; return variance and mean deviation of the posteriors (n,).

    Args:
        truth: the array and the noise.
        theta: the angles (n,).
        low: from where the angle is uniform (n,).
        high: up to where it is (n,).
        std: of sin θ, about.
        v: variance of e_t.
        rng: from which to draw.
    """
    n, T, sigma2 = len(theta), truth.n_snapshots, truth.noise_std**2
    if std < 0.01:
        # The beam is far wider, so that what is beyond has no probability to speak of.
        u = np.sin(theta)
        low = np.maximum(low, np.arcsin(np.maximum(u - 12 * std, -1)))
        high = np.minimum(high, np.arcsin(np.minimum(u + 12 * std, 1)))
    step = (high - low) / N_GRID
    grid = low[:, None] + step[:, None] * (np.arange(N_GRID) + 0.5)
    # One array with its errors, at the true angle and at all others.
    one = truth
    if truth.errors_shared_by == "nobody":
        one = dataclasses.replace(truth, errors_shared_by="sources")
    b = one.actual_steering(np.column_stack([theta, grid]), rng)
    true, b = b[:, :, :1], b[:, :, 1:]

    # In time, axes are turned so that μ lies along the first, and y in the first two.
    known = np.sqrt((1 - v) * rng.gamma(T, size=n))
    y = np.zeros((n, 1, min(T, 2)), dtype=complex)
    y[:, 0, 0] = known + np.sqrt(v) * complex_normal(rng, n)
    if T > 1:
        y[:, 0, 1] = np.sqrt(v * rng.gamma(T - 1, size=n))
    x = true @ y
    x += truth.noise_std * complex_normal(rng, *x.shape)
    if T > 2 and v > 0:
        x = np.concatenate([x, truth.noise_std * _noise(n, truth.n_sensors, T - 2, rng)], axis=2)

    seen = b.conj().swapaxes(1, 2) @ x  # (n, G, columns)
    power = np.square(np.abs(b)).sum(1)
    spread = sigma2 + v * power
    likelihood = (
        -T * np.log(spread)
        + v / (sigma2 * spread) * np.square(np.abs(seen)).sum(2)
        + (2 * known[:, None] * seen[..., 0].real - np.square(known)[:, None] * power) / spread
    )
    p = np.exp(likelihood - likelihood.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    mean = (p * grid).sum(1, keepdims=True)
    median = np.take_along_axis(grid, (p.cumsum(1) >= 0.5).argmax(1)[:, None], 1)
    return (p * np.square(grid - mean)).sum(1), (p * np.abs(grid - median)).sum(1)


def _noise(n: int, N: int, K: int, rng: np.random.Generator) -> np.ndarray:
    """Draw W (n, N, min(N, K)) of which W Wᴴ is that of K columns CN(0, I): Wishart."""
    if K <= N:
        return complex_normal(rng, n, N, K)
    W = np.tril(complex_normal(rng, n, N, N), -1)
    diagonal = np.arange(N)
    W[:, diagonal, diagonal] = np.sqrt(rng.gamma(K - diagonal, size=(n, N)))
    return W
