"""Equations of Kalman filtering, as pure functions of arrays or tensors; leading axes are a batch.

What an observation adds to what is known is found by elimination, entry by entry: an entry that
is certain before it is seen says nothing new, and counts as missing.
"""

from __future__ import annotations

import contextlib

import numpy as np

from mbdl_repro.areas.tracking.systems.arrays import Array, is_sure, like, namespace


def predicted_covariance(P: Array, F: Array, V: Array) -> Array:
    """Return F P Fᵀ + V, the covariance before the observation.

    Args:
        P: covariance of s_{t−1} after its update, (..., m, m).
        F: transition matrix, (..., m, m).
        V: covariance of the process noise, (..., m, m).

    Returns:
        The covariance of s_t, (..., m, m), in units of s², as P and V are.
    """
    return F @ P @ F.mT + V


def innovation(P: Array, H: Array, W: Array) -> tuple[Array, Array, Array]:
    """Return what is known of an innovation e = x − H s̄ before it is seen.

    Args:
        P: covariance of s_t before the observation, (..., m, m).
        H: observation matrix, (..., n, m).
        W: covariance of the observation noise, (..., n, n).

    Returns:
        H P (..., n, m), its covariances with the state; S = H P Hᵀ + W (..., n, n), its own; and
        how large a variance (..., n) may be that is only rounding: a few units in the last place
        of what the entry's variance would be if those of the state were independent.
    """
    HP = H @ P
    largest = (H * H * P.diagonal(0, -2, -1)[..., None, :]).sum(-1) + W.diagonal(0, -2, -1)
    places = 8 * P.shape[-1] * float(namespace(P).finfo(P.dtype).eps)
    return HP, HP @ H.mT + W, places * largest


def solved(S: Array, right: Array, rounding: Array) -> Array:
    """Return X (..., n, k) with S X = right, without entries that are certain (:func:`eliminated`).

    It is found by Cholesky's factors where no entry is certain, which is faster.

    Args:
        S: a covariance, which may be singular, (..., n, n).
        right: (..., n, k).
        rounding: variances that are none, (..., n).
    """
    if S.shape[-1] == 1:
        if is_sure((S[..., 0] > rounding).all()):
            return right / S
    elif isinstance(S, np.ndarray):
        with contextlib.suppress(np.linalg.LinAlgError):
            root = np.linalg.cholesky(S)
            if (root.diagonal(0, -2, -1) ** 2 > rounding).all():
                return np.linalg.solve(S, right)
    else:
        torch = namespace(S)
        root, failed = torch.linalg.cholesky_ex(S)
        variances = root.diagonal(0, -2, -1).square()
        if is_sure((variances > rounding).all() & ~failed.any()):
            return torch.cholesky_solve(right, root)
    return eliminated(S, right, rounding)[0]


def eliminated(S: Array, right: Array, rounding: Array) -> tuple[Array, Array]:
    """Return X with S X = right, by elimination, without entries that are certain.

    An entry is certain whose variance, given the entries before it, is none but for rounding. It
    counts as missing: its row of X is 0, and it has no part in the others.

    Args:
        S: a covariance, which may be singular, (..., n, n).
        right: (..., n, k).
        rounding: variances that are none, (..., n).

    Returns:
        X, (..., n, k), and the variance of each entry given those before it, (..., n), 0 of those
        that are certain. A row of numbers that are infinite, or none, has NaN.
    """
    xp = namespace(S)
    n = S.shape[-1]
    floor = xp.where(rounding < float("inf"), rounding, -1.0)
    if n == 1:
        certain = floor[..., None] >= S
        X = xp.where(certain, 0.0, right / xp.where(certain, 1.0, S))
        return X, xp.where(certain, 0.0, S)[..., 0]
    right = xp.broadcast_to(right, (*S.shape[:-1], right.shape[-1]))
    table = xp.concatenate((S, right), -1)
    is_row = like(np.eye(n), S) > 0
    variances = []
    for j in range(n):  # each takes a column off the table, until X is left
        variance = table[..., j : j + 1, :1]
        certain = floor[..., j, None, None] >= variance
        row = table[..., j : j + 1, 1:] / xp.where(certain, 1.0, variance)
        row = xp.where(certain, 0.0, row)
        table = xp.where(is_row[:, j, None], row, table[..., 1:] - table[..., :1] @ row)
        variances.append(variance[..., 0])
    found = xp.concatenate(variances, -1)
    return table, xp.where(floor >= found, 0.0, found)


def kalman_gain(P: Array, H: Array, W: Array) -> Array:
    """Return K = P Hᵀ (H P Hᵀ + W)⁻¹ (..., m, n); of P, which may be singular, no inverse.

    Of an entry that is certain before it is seen, as an exact sensor's of a state that is known,
    the column is 0.

    Args:
        P: covariance of s_t before the observation, (..., m, m).
        H: observation matrix, (..., n, m).
        W: covariance of the observation noise, (..., n, n).
    """
    HP, S, rounding = innovation(P, H, W)
    return solved(S, HP, rounding).mT


def updated_covariance(P: Array, K: Array, H: Array, W: Array) -> Array:
    """Return (I − K H) P (I − K H)ᵀ + K W Kᵀ: true of any K, and never indefinite (Joseph).

    Args:
        P: covariance of s_t before the observation, (..., m, m).
        K: gain, optimal or not, (..., m, n).
        H: observation matrix, (..., n, m).
        W: covariance of the observation noise, (..., n, n).

    Returns:
        The covariance of s_t after the observation, (..., m, m), symmetric.
    """
    A = like(np.eye(P.shape[-1]), P) - K @ H
    P = A @ P @ A.mT + K @ W @ K.mT
    return (P + P.mT) / 2


def only_seen(x: Array, H: Array, W: Array) -> tuple[Array, Array, Array]:
    """Return an observation, H and W, a row each, that say what the seen entries of x say.

    A missing entry (NaN) becomes one that was seen to be 0, that has nothing to do with the
    state, and whose noise, of variance one, has nothing to do with that of others.

    Args:
        x: (..., n), with NaN where missing.
        H: (n, m), or (..., n, m).
        W: (n, n), or (..., n, n).
    """
    xp = namespace(x)
    seen = ~xp.isnan(x)
    both = seen[..., :, None] & seen[..., None, :]
    return (
        xp.where(seen, x, 0.0),
        xp.where(seen[..., :, None], H, 0.0),
        xp.where(both, W, like(np.eye(W.shape[-1]), W)),
    )
