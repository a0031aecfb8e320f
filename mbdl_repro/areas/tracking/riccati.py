"""How uncertain a Kalman filter is, and its gains: functions of the model alone, of no observation.

They take NumPy arrays and torch tensors alike, so that a bound can be computed without torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, NamedTuple

import numpy as np
from scipy.linalg import solve_discrete_are

from mbdl_repro.areas.tracking.scenario import LinearStateSpace
from mbdl_repro.areas.tracking.state_space import Array, StateSpace, like, namespace

if TYPE_CHECKING:
    from collections.abc import Sequence


class LinearModel(NamedTuple, Generic[Array]):
    """A linear Gaussian model; F, H, V and W may vary: one matrix a step, (T, ·, ·)."""

    F: Array  # (m, m)
    H: Array  # (n, m)
    V: Array  # (m, m)
    W: Array  # (n, n)
    mean_0: Array  # (m,)
    cov_0: Array  # (m, m)

    @property
    def varies(self) -> bool:
        """Whether one of its matrices does."""
        return any(matrix.ndim == 3 for matrix in self[:4])


class LinearRule(NamedTuple, Generic[Array]):
    """A linear filter, ŝ_t = F ŝ_{t−1} + K_t (x_t − H F ŝ_{t−1}); F and H may vary, (T, ·, ·)."""

    F: Array  # (m, m)
    H: Array  # (n, m)
    K: Array  # (T, m, n)
    mean_0: Array  # (m,), ŝ_0


def linear_arrays(truth: StateSpace, without: str = "") -> LinearModel[np.ndarray]:
    """Return the matrices of a linear system.

    Args:
        truth: the system, or what is believed of it.
        without: letters of those of F, H, V and W that are not read, and are 0 in the answer.

    Raises:
        ValueError: if it is of another kind, or withholds one of them.
    """
    if not isinstance(truth, LinearStateSpace):
        raise ValueError(
            f"the scenario is {type(truth).__name__}, which is not linear: "
            "use extended_kalman_filter, or another nonlinear filter"
        )
    m, n = truth.m, truth.n
    shapes = {"F": (m, m), "H": (n, m), "V": (m, m), "W": (n, n)}
    F, H, V, W = (
        np.zeros(shape) if name in without else getattr(truth, name)
        for name, shape in shapes.items()
    )
    return LinearModel(F, H, V, W, truth.mean_0.astype(float), truth.cov_0)


def steps(matrix: Array, T: int) -> Iterator[Array]:
    """Yield the matrix (k, l) of each of T steps.

    Args:
        matrix: (k, l), the same at all steps, or (≥ T, k, l), that of step t = 1 first.
        T: number of steps.

    Raises:
        ValueError: if it varies, and is given for fewer steps.
    """
    if matrix.ndim == 2:
        return iter([matrix] * T)
    if len(matrix) < T:
        raise ValueError(
            f"a matrix that varies is given for {len(matrix)} steps, and {T} are asked for"
        )
    return iter(list(matrix[:T]))


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


def kalman_gain(P: Array, H: Array, W: Array) -> Array:
    """Return K = P Hᵀ (H P Hᵀ + W)⁻¹ (..., m, n); of P, which may be singular, no inverse.

    Args:
        P: covariance of s_t before the observation, (..., m, m).
        H: observation matrix, (..., n, m).
        W: covariance of the observation noise, (..., n, n).

    Raises:
        ValueError: if H P Hᵀ + W is singular, as where W is and nothing is uncertain.
    """
    HP = H @ P
    S = HP @ H.mT + W
    if S.shape[-1] == 1:
        return HP.mT / S
    linalg = namespace(P).linalg
    try:
        K: Array = linalg.solve(S, HP).mT
    except linalg.LinAlgError:
        raise ValueError(
            "the covariance H P Hᵀ + W of an innovation is singular: W must be positive definite "
            "in what nothing else is uncertain of"
        ) from None
    return K


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


def gains_and_covariances(
    model: LinearModel[Array], T: int, *, until_constant: bool
) -> tuple[Sequence[Array], Sequence[Array]]:
    """Return the gain (m, n) and the covariance after the update (m, m) of each of T steps.

    Args:
        model: the filter's.
        T: how many steps.
        until_constant: stop where the covariance of a model that does not vary has stopped
            changing, up to rounding, and repeat the last ones.
    """
    gains: list[Array] = []
    covariances: list[Array] = []
    P = model.cov_0
    until_constant = until_constant and not model.varies
    matrices = zip(*(steps(matrix, T) for matrix in model[:4]), strict=True)
    for t, (F, H, V, W) in enumerate(matrices):
        before = P
        P = predicted_covariance(P, F, V)
        K = kalman_gain(P, H, W)
        P = updated_covariance(P, K, H, W)
        gains.append(K)
        covariances.append(P)
        if until_constant and t % 8 == 7 and _is_constant(P, before):
            gains += [K] * (T - t - 1)
            covariances += [P] * (T - t - 1)
            break
    return gains, covariances


def _is_constant(P: Array, before: Array) -> bool:
    eps = float(namespace(P).finfo(P.dtype).eps)
    return float(abs(P - before).max()) <= 2 * eps * float(abs(P).max())


def limit(model: LinearModel[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return gain (m, n) and covariance after the update (m, m) in the limit of many steps.

    The covariance before the update solves the algebraic Riccati equation

    P = F P Fᵀ − F P Hᵀ (H P Hᵀ + W)⁻¹ H P Fᵀ + V.

    Where its solver gives up (a part of the state that is not driven by noise, on the border of
    stability), the recursion is run for as long as it takes.

    Raises:
        ValueError: if the model varies, or the covariance has no limit, or none within 10⁵ steps.
    """
    if model.varies:
        raise ValueError(
            "there is no steady state: a matrix of the model varies; use kalman_filter"
        )
    F, H, V, W = model[:4]
    try:
        P = solve_discrete_are(F.T, H.T, V, W)
        K = kalman_gain(P, H, W)
        after = updated_covariance(P, K, H, W)
        again = predicted_covariance(after, F, V)
        stable = np.abs(np.linalg.eigvals(F - K @ H @ F)).max() < 1
        if stable and np.allclose(again, P, rtol=1e-9, atol=1e-12 * np.abs(P).max()):
            return K, after
    except np.linalg.LinAlgError:
        pass
    P = model.cov_0 + V
    for _ in range(100_000):
        predicted = predicted_covariance(P, F, V)
        K, before = kalman_gain(predicted, H, W), P
        P = updated_covariance(predicted, K, H, W)
        if np.abs(P).max() > 1e100:
            break
        if _is_constant(P, before):
            return K, P
    raise ValueError(
        "there is no steady state: the covariance has no limit, or is slow to reach it "
        "(is each part of the state seen, and driven by noise?); use kalman_filter"
    )
