"""What is measured in DoA estimation: errors of angles, up to their order and half turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.periodic import assigned_errors, periodic
from mbdl_repro.areas.doa.systems.look import Look
from mbdl_repro.contract.capabilities import HasCovariance, HasSourceCount
from mbdl_repro.contract.measure import metric
from mbdl_repro.contract.scenario import Split

if TYPE_CHECKING:
    from mbdl_repro.contract.method import Method

GUESSED = np.pi**2 / 12
"""Mean squared error of an angle that is guessed, uniformly: what one counts that is not given."""


@metric(label="RMSPE (rad)", positive=True)
def rmspe(
    estimate: Annotated[np.ndarray, "(n, K)"], split: Split, truth: SensorArray
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the root mean square periodic error of each trial: √(mean over sources of its square).

    Estimates are assigned to sources so that the mean is least, and errors are taken modulo π,
    in [−π/2, π/2). An angle that is not given (NaN, or infinite), and each one too many, counts as
    one that is guessed, π/√12 rad, and the mean is over all of them.

    Args:
        estimate: angles (n, K) in rad, in any order; NaN: not given.
        split: of which only the true angles s (n, M), in rad, are read.
        truth: not read.

    Returns:
        (n,), in rad.

    Source: Shmuel et al., SubspaceNet, 2023; Routtenberg and Tabrikian, 2013, for periodic errors.
    """
    return np.sqrt(mspe(estimate, split, truth))


@metric(label="median RMSPE of a trial (rad)", summary="median", positive=True)
def median_rmspe(
    estimate: Annotated[np.ndarray, "(n, K)"], split: Split, truth: SensorArray
) -> np.ndarray:
    """Return :func:`rmspe` of each trial, whose median trials near end-fire do not move.

    Args:
        estimate: angles (n, K) in rad, in any order; NaN: not given.
        split: of which only the true angles s (n, M), in rad, are read.
        truth: not read.
    """
    return rmspe(estimate, split, truth)


@metric(label="RMSPE that one trial in ten exceeds (rad)", summary="percentile_90", positive=True)
def rmspe_90(
    estimate: Annotated[np.ndarray, "(n, K)"], split: Split, truth: SensorArray
) -> np.ndarray:
    """Return :func:`rmspe` of each trial, of which the 90th percentile is reported.

    Args:
        estimate: angles (n, K) in rad, in any order; NaN: not given.
        split: of which only the true angles s (n, M), in rad, are read.
        truth: not read.
    """
    return rmspe(estimate, split, truth)


@metric(label="mean squared periodic error (rad²)", positive=True)
def mspe(
    estimate: Annotated[np.ndarray, "(n, K)"], split: Split, truth: SensorArray
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the square of :func:`rmspe` of each trial (n,), in rad².

    Args:
        estimate: angles (n, K) in rad, in any order; NaN: not given.
        split: of which only the true angles s (n, M), in rad, are read.
        truth: not read.
    """
    errors = squared_errors(estimate, split.s)
    too_many = np.maximum(np.isfinite(estimate).sum(1) - errors.shape[1], 0)
    return (errors.sum(1) + GUESSED * too_many) / (errors.shape[1] + too_many)


@metric(label="mean squared periodic error (dB)", decibels=True)
def mspe_db(
    estimate: Annotated[np.ndarray, "(n, K)"], split: Split, truth: SensorArray
) -> Annotated[np.ndarray, "(n,)"]:
    """Return :func:`mspe` of each trial; what is reported is their mean, in dB of rad².

    Args:
        estimate: angles (n, K) in rad, in any order; NaN: not given.
        split: of which only the true angles s (n, M), in rad, are read.
        truth: not read.

    Returns:
        (n,), in rad²: decibels are taken of the mean.
    """
    return mspe(estimate, split, truth)


@metric(label="share of trials not resolved")
def not_resolved(
    estimate: Annotated[np.ndarray, "(n, K)"], split: Split, truth: SensorArray
) -> np.ndarray:
    """Return 1 for a trial in which a source is missed, 0 for others.

    A source is missed if its angle is not given, or is off by more than half of the way to the
    nearest other source (with one source alone: more than 0.1 rad).

    Args:
        estimate: angles (n, K) in rad, in any order; NaN: not given.
        split: of which only the true angles s (n, M), in rad, are read.
        truth: not read.
    """
    gaps = np.full_like(split.s, 0.2)
    if split.s.shape[1] > 1:
        apart = np.abs(periodic(split.s[:, :, None] - split.s[:, None, :]))
        gaps = (apart + np.pi * np.eye(split.s.shape[1])).min(2)
    missed = squared_errors(estimate, split.s) >= (gaps / 2) ** 2
    return missed.any(1).astype(float)


@metric(label="share of trials with a wrong number of sources", targets=False)
def wrong_count(method: Method, split: Split) -> Annotated[np.ndarray, "(n,)"] | None:
    """Return 1 for a trial of which a method that counts the sources gives a wrong number.

    Args:
        method: asked for its ``count_sources``.
        split: snapshots x (n, N, T), complex, and angles s (n, M), which are M in number.

    Returns:
        (n,), 0 or 1; ``None`` where the method counts no sources.
    """
    if not isinstance(method, HasSourceCount):
        return None
    import torch

    with torch.no_grad():
        counted = method.count_sources(torch.as_tensor(split.x, device=_device(method)))
    return (counted.cpu().numpy() != split.s.shape[1]).astype(float)


@metric(
    label="median, next eigenvalue over that of the last source",
    summary="median",
    positive=True,
    targets=False,
)
def eigenvalue_ratio(method: Method, split: Split) -> Annotated[np.ndarray, "(n,)"] | None:
    """Return λ_{M+1}/λ_M of the covariance that a method decomposes, in each trial.

    It is far below 1 where that covariance has M dominant eigenvalues, no more.

    Args:
        method: asked for its ``covariance`` (n, L, L).
        split: snapshots x (n, N, T), complex, and angles s (n, M), which are M in number.

    Returns:
        (n,); ``None`` where the method decomposes no covariance.
    """
    eigenvalues = _eigenvalues(method, split)
    M = split.s.shape[1]
    return None if eigenvalues is None else eigenvalues[:, M] / eigenvalues[:, M - 1]


@metric(
    label="median, largest eigenvalue over that of the last source",
    summary="median",
    positive=True,
    targets=False,
)
def eigenvalue_spread(method: Method, split: Split) -> Annotated[np.ndarray, "(n,)"] | None:
    """Return λ_1/λ_M of the covariance that a method decomposes, in each trial.

    It is large where that covariance has fewer than M dominant eigenvalues.

    Args:
        method: asked for its ``covariance`` (n, L, L).
        split: snapshots x (n, N, T), complex, and angles s (n, M), which are M in number.

    Returns:
        (n,); ``None`` where the method decomposes no covariance.
    """
    eigenvalues = _eigenvalues(method, split)
    M = split.s.shape[1]
    return None if eigenvalues is None else eigenvalues[:, 0] / eigenvalues[:, M - 1]


def _eigenvalues(method: Method, split: Split) -> np.ndarray | None:
    """Return the eigenvalues (n, L), in descending order, where there is a covariance.

    What rounding leaves of zeros is no less than it may be, so that no ratio is the better for it;
    a row that is zero, or not finite, has none: NaN. Behind them NaN stands, up to λ_{M+1}.
    """
    if not isinstance(method, HasCovariance):
        return None
    import torch

    from mbdl_repro.areas.doa.signal.subspace import eigenvalues

    with torch.no_grad():
        R = method.covariance(torch.as_tensor(split.x, device=_device(method)))
        values = eigenvalues(R).flip(-1).cpu().numpy()
    largest = np.where(values[:, :1] > 0, values[:, :1], np.nan)
    values = np.maximum(values, values.shape[1] * np.finfo(float).eps * largest)
    lacking = max(split.s.shape[1] + 1 - values.shape[1], 0)
    return np.pad(values, ((0, 0), (0, lacking)), constant_values=np.nan)


def _device(method: Method) -> Any:
    return next((p.device for p in (*method.parameters(), *method.buffers())), None)


@metric(label="MSE of the target", positive=True)
def look_error(
    estimate: Annotated[np.ndarray, "(n, T)"], split: Split, truth: Look
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the squared error of a look's snapshots: mean over t of |ŝ_t − s_t|².

    Args:
        estimate: ŝ (n, T), complex.
        split: the pairs (x, s) that it belongs to.
        truth: not read.

    Returns:
        One value a row, (n,).

    Source: textbook.
    """
    errors: np.ndarray = np.abs(estimate - split.s) ** 2
    return errors.mean(1)


@metric(label="error of the level (dB)")
def level_error(
    estimate: Annotated[np.ndarray, "(n, T)"], split: Split, truth: Look
) -> Annotated[np.ndarray, "(n,)"]:
    """Return how far a look's brightness is off, as an image of levels in dB shows it.

    mean over t of |20 log₁₀ |ŝ_t| / |s_t||

    Args:
        estimate: ŝ (n, T), complex.
        split: the pairs (x, s) that it belongs to.
        truth: not read.

    Returns:
        One value a row, (n,), in dB.

    Source: textbook.
    """
    tiny = np.finfo(float).tiny
    ratio = np.maximum(np.abs(estimate), tiny) / np.maximum(np.abs(split.s), tiny)
    return np.abs(20 * np.log10(ratio)).mean(1)


def squared_errors(
    estimate: Annotated[np.ndarray, "(n, K)"], s: Annotated[np.ndarray, "(n, M)"]
) -> Annotated[np.ndarray, "(n, M)"]:
    """Return the squared periodic error of each source (n, M), estimates assigned to suit best.

    Args:
        estimate: (n, K) in rad, in any order; NaN, or infinite: not given.
        s: angles (n, M) in rad; where they are not known, neither is the error: NaN.
    """
    n, M = s.shape
    errors = np.empty((n, M))
    given = np.isfinite(estimate)
    whole = given.all(1) if estimate.shape[1] == M else np.zeros(n, dtype=bool)
    if whole.any():
        errors[whole] = assigned_errors(estimate[whole], s[whole]) ** 2
    known = np.isfinite(s).all(1)
    errors[~known] = np.nan
    for i in np.flatnonzero(known & ~whole):
        angles = estimate[i][given[i]]
        cost = np.full((M, max(M, len(angles))), GUESSED)
        cost[:, : len(angles)] = periodic(s[i][:, None] - angles) ** 2
        errors[i] = cost[linear_sum_assignment(cost)]
    return errors
