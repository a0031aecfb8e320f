"""Exact mean squared errors in linear systems: of any linear filter, right or wrong, and floors.

Nothing is simulated: first and second moments of state and error are carried along together.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.tracking.kalman.model import LinearModel, LinearRule, stacked, steps
from mbdl_repro.areas.tracking.kalman.riccati import gains_and_covariances, limit, looking_back


def matched_rule(model: LinearModel[np.ndarray], T: int) -> LinearRule[np.ndarray]:
    """Return the Kalman filter of a model, as the linear rule that it is over T steps.

    Args:
        model: the filter's assumed model.
        T: number of steps.
    """
    gains, _ = gains_and_covariances(model, T, until_repeated=True)
    return LinearRule(model.F, model.H, np.stack(gains), model.mean_0)


def steady_state_rule(model: LinearModel[np.ndarray], T: int) -> LinearRule[np.ndarray]:
    """Return the filter that has the limit of the Kalman gain from the first step on.

    Args:
        model: the filter's assumed model, which must not vary.
        T: number of steps.

    Raises:
        ValueError: if the gain has no limit.
    """
    K, _ = limit(model)
    return LinearRule(model.F, model.H, np.broadcast_to(K, (T, *K.shape)), model.mean_0)


def linear_filter_error(
    truth: LinearModel[np.ndarray], rule: LinearRule[np.ndarray]
) -> Annotated[np.ndarray, "(T, m)"]:
    """Return the mean squared error E (ŝ_t − s_t)² of a linear filter, step by entry, (T, m).

    With e = s − ŝ, and a hat on what the filter believes, which need not be what is true,

    s_t = F s_{t−1} + v_t
    e_t = (I − K Ĥ) F̂ e_{t−1} + ((F − F̂) − K (H F − Ĥ F̂)) s_{t−1} + (I − K H) v_t − K w_t

    whose mean and covariance follow step by step. The second term vanishes where the filter is
    right, so that the error of a matched filter loses no digits to a state that grows.

    Args:
        truth: the system that the data come from.
        rule: the filter, with its own F̂, Ĥ and ŝ_0, and its gains for T steps, K.

    Returns:
        The errors, (T, m), in units of s².

    Raises:
        ValueError: if the two differ in their numbers of entries, or a matrix that varies is
            given for fewer than T steps.
    """
    F_hat, H_hat, K_all, start = rule
    m = truth.mean_0.shape[0]
    if F_hat.shape[-1] != m or H_hat.shape[-2] != truth.H.shape[-2]:
        raise ValueError(
            f"the filter is of {F_hat.shape[-1]} entries of the state and {H_hat.shape[-2]} of an "
            f"observation, and the system of {m} and {truth.H.shape[-2]}"
        )
    T = len(K_all)
    eye = np.eye(m)
    mean = np.concatenate([truth.mean_0, truth.mean_0 - start])  # of (s, e)
    covariance = np.tile(truth.cov_0, (2, 2))  # ŝ_0 is a number, so that e_0 − s_0 is one
    errors = np.empty((T, m))
    matrices = zip(*(steps(matrix, T) for matrix in (*truth[:4], F_hat, H_hat)), strict=True)
    A = np.zeros((2 * m, 2 * m))
    for t, (F, H, V, W, F_b, H_b) in enumerate(matrices):
        K = K_all[t]
        A[:m, :m] = F
        A[m:, :m] = (F - F_b) - K @ (H @ F - H_b @ F_b)
        A[m:, m:] = (eye - K @ H_b) @ F_b
        B = np.concatenate([eye, eye - K @ H])
        mean = A @ mean
        covariance = A @ covariance @ A.T + B @ V @ B.T
        covariance[m:, m:] += K @ W @ K.T
        errors[t] = mean[m:] ** 2 + covariance.diagonal()[m:]
    return errors


def smoother_error(model: LinearModel[np.ndarray], T: int) -> Annotated[np.ndarray, "(T, m)"]:
    """Return the variance of s_t given all of x_1 … x_T, step by entry, (T, m): least of all.

    P_{t|T} = P_t − P_t Λ_t P_t, where Λ_t is what the observations after t say of s_t.

    Args:
        model: the system, which the smoother knows.
        T: number of steps.

    Source: Bierman, 1973, the modified Bryson–Frazier smoother.
    """
    _, covariances = gains_and_covariances(model, T, until_repeated=True)
    P = np.stack([model.cov_0, *covariances])
    _, _, information = looking_back(*stacked(model, T), P)
    variances: np.ndarray = (P - P @ information @ P).diagonal(0, -2, -1)[1:]
    return variances
