"""How uncertain a Kalman filter is, and its gains: functions of the model alone, of no observation.

They take NumPy arrays and torch tensors alike, so that a bound can be computed without torch.
"""

from __future__ import annotations

from typing import Generic, NamedTuple

import numpy as np

from mbdl_repro.areas.tracking.kalman.model import LinearModel, steps
from mbdl_repro.areas.tracking.kalman.updates import (
    eliminated,
    innovation,
    kalman_gain,
    predicted_covariance,
    solved,
    updated_covariance,
)
from mbdl_repro.areas.tracking.systems.arrays import Array, like, namespace


def gains_and_covariances(
    model: LinearModel[Array], T: int, *, until_repeated: bool
) -> tuple[list[Array], list[Array]]:
    """Return the gain (m, n) and the covariance after the update (m, m) of each of T steps.

    Args:
        model: the filter's.
        T: how many steps.
        until_repeated: stop where the covariance of a model that does not vary is, to the last
            digit, what it was before, and repeat the steps from there to here, as they would
            repeat themselves.
    """
    gains: list[Array] = []
    covariances: list[Array] = []
    P = before = model.cov_0
    since = 0  # how many steps were made to ``before``, which is a power of two (Brent, 1980)
    until_repeated = until_repeated and not model.varies
    matrices = zip(*(steps(matrix, T) for matrix in model[:4]), strict=True)
    for t, (F, H, V, W) in enumerate(matrices, 1):
        P = predicted_covariance(P, F, V)
        K = kalman_gain(P, H, W)
        P = updated_covariance(P, K, H, W)
        gains.append(K)
        covariances.append(P)
        if until_repeated and bool((before == P).all()):
            for steps_made in (gains, covariances):
                again = steps_made[since:]
                steps_made += (again * ((T - t) // len(again) + 1))[: T - t]
            break
        if t & (t - 1) == 0:
            before, since = P, t
    return gains, covariances


def looking_back(F: Array, H: Array, V: Array, W: Array, P: Array) -> tuple[Array, Array, Array]:
    """Return what the observations after each step say of its state, and how they come to it.

    Λ_T = 0,  Λ_{t−1} = Fᵀ (Hᵀ S_t⁻¹ H + (I − K_t H)ᵀ Λ_t (I − K_t H)) F

    No covariance is inverted but that of an innovation, S_t, so that those of the state may be
    singular.

    Args:
        F: transition matrices of T steps, (..., T, m, m).
        H: observation matrices, (..., T, n, m).
        V: covariances of the process noise, (..., T, m, m).
        W: covariances of the observation noise, (..., T, n, n).
        P: covariances of s_0 … s_T after the update, (..., T + 1, m, m).

    Returns:
        S_t⁻¹ H (..., T, n, m), I − K_t H (..., T, m, m), and Λ_0 … Λ_T (..., T + 1, m, m).

    Source: Bierman, 1973, the modified Bryson–Frazier smoother.
    """
    xp = namespace(P)
    before = predicted_covariance(P[..., :-1, :, :], F, V)
    _, S, rounding = innovation(before, H, W)
    weighted = solved(S, H, rounding)
    seen = H.mT @ weighted
    A = like(np.eye(P.shape[-1]), P) - before @ seen
    onward, told = A @ F, F.mT @ seen @ F
    information = [xp.zeros_like(told[..., 0, :, :])]
    for t in reversed(range(told.shape[-3])):
        step = onward[..., t, :, :]
        information.append(told[..., t, :, :] + step.mT @ information[-1] @ step)
    Lambda = xp.stack(information[::-1], -3)
    return weighted, A, (Lambda + Lambda.mT) / 2


# --- many steps as one ---


class Stretch(NamedTuple, Generic[Array]):
    """The map of a covariance P over several steps: C + A P (I + J P)⁻¹ Aᵀ.

    Source: Särkkä and García-Fernández, 2021.
    """

    A: Array  # (..., m, m)
    C: Array
    J: Array


def after(stretch: Stretch[Array], P: Array) -> Array:
    """Return the covariance (..., m, m) after a stretch, of that before it.

    Args:
        stretch: of steps.
        P: covariance before it, (..., m, m).
    """
    solve = namespace(P).linalg.solve
    A, C, J = stretch
    P = C + A @ P @ solve(like(np.eye(P.shape[-1]), P) + J @ P, A.mT)
    return (P + P.mT) / 2


def joined(earlier: Stretch[Array], later: Stretch[Array]) -> Stretch[Array]:
    """Return two stretches, i and the one j after it, as one.

    A = A_j (I + C_i J_j)⁻¹ A_i
    C = A_j (I + C_i J_j)⁻¹ C_i A_jᵀ + C_j
    J = A_iᵀ J_j (I + C_i J_j)⁻¹ A_i + J_i

    Args:
        earlier: i.
        later: j.
    """
    (A_i, C_i, J_i), (A_j, C_j, J_j) = earlier, later
    xp, m = namespace(A_i), A_i.shape[-1]
    both = xp.concatenate((A_i, C_i), -1)
    solved_both = xp.linalg.solve(like(np.eye(m), A_i) + C_i @ J_j, both)
    Y, Z = solved_both[..., :m], solved_both[..., m:]
    return Stretch(A_j @ Y, A_j @ Z @ A_j.mT + C_j, A_i.mT @ J_j @ Y + J_i)


def one_step(F: Array, H: Array, V: Array, W: Array) -> Stretch[Array] | None:
    """Return a step, or a batch of them, as a stretch; None if what it says has no bound.

    That is so where a sensor without noise sees what no noise moves.

    Args:
        F: transition matrix, (..., m, m).
        H: observation matrix, (..., n, m).
        V: covariance of the process noise, (..., m, m).
        W: covariance of the observation noise, (..., n, n).
    """
    HV, S, rounding = innovation(V, H, W)
    seen = H @ F
    solved, variances = eliminated(S, namespace(S).concatenate((HV, seen), -1), rounding)
    if not bool((variances > 0).all()):
        return None
    K = solved[..., : HV.shape[-1]].mT
    J = seen.mT @ solved[..., HV.shape[-1] :]
    return Stretch(F - K @ seen, updated_covariance(V, K, H, W), J)


# --- without end ---

DOUBLINGS = 60
"""After as many a stretch is of 10¹⁸ steps: what tends to a limit has reached it."""

STEPS = 20_000
"""One after another, where a stretch has numbers that are too large."""


def limit(model: LinearModel[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return gain (m, n) and covariance after the update (m, m) in the limit of many steps.

    They are those that the recursion of the covariance tends to from the model's own start: a
    part of the state that is known, and that no noise moves, stays known.

    Raises:
        ValueError: if the model varies, or the covariance has no limit, or none that is reached.
    """
    if model.varies:
        raise ValueError(
            "there is no steady state: a matrix of the model varies; use kalman_filter"
        )
    with np.errstate(all="ignore"):  # what overflows is no limit
        found = _settled(model, *_by_doubling(model))
    if found is None:
        raise ValueError(
            "there is no steady state: the covariance has no limit, or is slow to reach it "
            "(is each part of the state seen, and driven by noise?); use kalman_filter"
        )
    return found


def _by_doubling(model: LinearModel[np.ndarray]) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the covariances after 2ⁿ steps and half as many, and how much they may differ.

    As a share of each entry's own scale. Where a stretch overflows, as one does that grows and is
    known to be at rest, steps are made one by one, and must repeat themselves up to rounding.
    """
    stretch = one_step(*model[:4])
    try:
        half = P = model.cov_0
        for _ in range(DOUBLINGS):
            if stretch is None or not all(np.isfinite(part).all() for part in stretch):
                break
            half, P = P, after(stretch, model.cov_0)
            stretch = joined(stretch, stretch)
        else:
            return P, half, 1e-9
    except np.linalg.LinAlgError:
        pass
    _, covariances = gains_and_covariances(model, STEPS, until_repeated=True)
    return covariances[-1], covariances[STEPS // 2], 1e-13


def _settled(
    model: LinearModel[np.ndarray], P: np.ndarray, before: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the gain and the covariance of one more step, if P is as before, and stays so."""
    F, H, V, W = model[:4]
    predicted = predicted_covariance(P, F, V)
    K = kalman_gain(predicted, H, W)
    once_more = updated_covariance(predicted, K, H, W)
    std = np.sqrt(P.diagonal().clip(0))
    largest = share * np.outer(std, std)
    if (np.abs(P - before) <= largest).all() and (np.abs(once_more - P) <= largest).all():
        return K, once_more
    return None
