"""Exact mean costs of linear controllers: of any of them, right or wrong, and the least.

Nothing is simulated: first and second moments of states and estimates are carried along.
"""

from __future__ import annotations

import numpy as np

from mbdl_repro.areas.tracking.control.model import LinearPolicy, Plant
from mbdl_repro.areas.tracking.control.regulator import regulator
from mbdl_repro.areas.tracking.kalman.model import LinearModel
from mbdl_repro.areas.tracking.kalman.riccati import gains_and_covariances


def linear_policy_cost(
    plant: Plant[np.ndarray], model: LinearModel[np.ndarray], policy: LinearPolicy[np.ndarray]
) -> float:
    """Return the mean cost a step of a linear controller, right or wrong, over T steps.

    With hats on what it believes, and A_t = I − K_t Ĥ,

    s_t = F s_{t−1} − B L_{t−1} ŝ_{t−1} + v_t
    ŝ_t = A_t (F̂ − B̂ L_{t−1}) ŝ_{t−1} + K_t (H s_t + w_t)

    whose mean and covariance follow step by step; L_0 = 0.

    Args:
        plant: that is controlled.
        model: the same plant as filters see it: its V, W and the law of s_0 are read.
        policy: the controller, with gains K for T steps.
    """
    m, T = plant.F.shape[0], len(policy.K)
    mean = np.concatenate([model.mean_0, policy.mean_0])  # of (s, ŝ)
    covariance = np.zeros((2 * m, 2 * m))
    covariance[:m, :m] = model.cov_0
    L, total = np.zeros((plant.B.shape[1], m)), 0.0
    for t, K in enumerate(policy.K):
        moves = np.hstack([plant.F, -plant.B @ L])
        believed = (np.eye(m) - K @ policy.H) @ (policy.F - policy.B @ L)
        KH = K @ plant.H
        A = np.vstack([moves, KH @ moves + np.hstack([np.zeros((m, m)), believed])])
        noise = np.vstack([np.eye(m), KH])
        mean = A @ mean
        covariance = A @ covariance @ A.T + noise @ model.V @ noise.T
        covariance[m:, m:] += K @ model.W @ K.T
        squares = covariance + np.outer(mean, mean)
        total += np.trace(plant.Q @ squares[:m, :m])
        if t + 1 < T:
            L = policy.L[t]
            total += np.trace(L.T @ plant.R @ L @ squares[m:, m:])
    return float(total / T)


def least_cost(plant: Plant[np.ndarray], model: LinearModel[np.ndarray], T: int) -> float:
    """Return the least mean cost a step over T steps, of all that measurements up to now allow.

    T J = tr P_1 E[s_1 s_1ᵀ] + Σ_{t=1}^{T−1} tr P_{t+1} V + tr L_tᵀ (R + Bᵀ P_{t+1} B) L_t Σ_t

    with L and P of the regulator, and Σ_t the covariance of s_t given x_1 … x_t.

    Args:
        plant: that is controlled.
        model: the same plant as filters see it, F and H among it.
        T: number of steps.

    Source: textbook; certainty equivalence.
    """
    L, P = regulator(plant, T)
    _, covariances = gains_and_covariances(model, T, until_repeated=True)
    mean = model.F @ model.mean_0
    first = model.F @ model.cov_0 @ model.F.T + model.V + np.outer(mean, mean)
    total = np.trace(P[0] @ first)
    for gain, after, known in zip(L, P[1:], covariances, strict=False):
        curved = plant.R + plant.B.T @ after @ plant.B
        total += np.trace(after @ model.V) + np.trace(gain.T @ curved @ gain @ known)
    return float(total / T)
