"""Equations of Kalman filtering, as pure functions of tensors; any leading shape is a batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mbdl_repro.areas.tracking import riccati
from mbdl_repro.areas.tracking.riccati import (
    LinearModel,
    LinearRule,
    gains_and_covariances,
    kalman_gain,
    linear_arrays,
    predicted_covariance,
    steps,
    updated_covariance,
)
from mbdl_repro.areas.tracking.state_space import StateSpace

__all__ = [
    "Filtered",
    "LinearModel",
    "LinearRule",
    "Smoothed",
    "StoredModel",
    "check_observations",
    "constant_gains",
    "filter_with_missing",
    "kalman_filter",
    "kalman_gain",
    "kalman_gains",
    "kalman_smoother",
    "linear_filter",
    "linear_model",
    "negative_log_likelihood",
    "only_seen",
    "predicted_covariance",
    "steady_state",
    "steps",
    "updated_covariance",
    "variances",
]


class Filtered(NamedTuple):
    """What a filter knows after each step: s_t | x_1 … x_t ~ N(mean, covariance)."""

    means: Tensor  # (n_rows, T, m)
    covariances: Tensor  # (T, m, m), the same for all rows, or (n_rows, T, m, m)


def linear_model(
    belief: StateSpace, process_noise_scale: float = 1.0, observation_noise_scale: float = 1.0
) -> LinearModel[Tensor]:
    """Return the tensors of a belief in a linear system, V and W times these scales.

    Args:
        belief: the assumed model, a linear system.
        process_noise_scale: factor on V, a covariance.
        observation_noise_scale: factor on W, a covariance.

    Raises:
        ValueError: if the belief is of another kind, or withholds one of them.
    """
    model = LinearModel(*map(torch.tensor, linear_arrays(belief)))
    return model._replace(V=process_noise_scale * model.V, W=observation_noise_scale * model.W)


class StoredModel(nn.Module):
    """A linear model as buffers of a method: called, it gives them back.

    They go where the method goes, to another device or precision.
    """

    F: Tensor
    H: Tensor
    V: Tensor
    W: Tensor
    mean_0: Tensor
    cov_0: Tensor

    def __init__(self, model: LinearModel[Tensor]) -> None:
        super().__init__()
        for name, tensor in model._asdict().items():
            self.register_buffer(name, tensor)

    def forward(self) -> LinearModel[Tensor]:
        """Return the model."""
        return LinearModel(self.F, self.H, self.V, self.W, self.mean_0, self.cov_0)


def check_observations(x: Tensor, n: int) -> None:
    """Refuse observations that no filter of n entries a step can take.

    Args:
        x: the observations.
        n: entries of an observation that the filter takes.

    Raises:
        ValueError: unless x is (n_rows, T, n) with T ≥ 1.
    """
    if x.ndim != 3 or x.shape[1] < 1 or x.shape[2] != n:
        raise ValueError(
            f"observations have shape {tuple(x.shape)}: "
            f"allowed is (n_rows, T, {n}), with T of 1 or more"
        )


def kalman_gains(model: LinearModel[Tensor], T: int) -> tuple[Tensor, Tensor]:
    """Return all gains and covariances: no observation enters them.

    Gradients pass through, and several models may be stacked (``torch.func.vmap``).

    Args:
        model: the filter's assumed model.
        T: number of steps.

    Returns:
        K_t, (T, m, n), and P_t after the update, (T, m, m).
    """
    gains, covariances = gains_and_covariances(model, T, until_constant=False)
    return torch.stack(list(gains)), torch.stack(list(covariances))


def constant_gains(model: LinearModel[Tensor], T: int) -> tuple[Tensor, Tensor]:
    """Return what :func:`kalman_gains` does, faster, in double precision, as constants.

    Args:
        model: the filter's assumed model; no gradient reaches it.
        T: number of steps.

    Returns:
        K_t, (T, m, n), and P_t after the update, (T, m, m), in the model's precision.
    """
    arrays = LinearModel(*(tensor.detach().cpu().double().numpy() for tensor in model))
    results = gains_and_covariances(arrays, T, until_constant=True)
    gains, covariances = (_stacked(list(result), model.F) for result in results)
    return gains, covariances


def _stacked(arrays: list[object], reference: Tensor) -> Tensor:
    return torch.from_numpy(np.stack(arrays)).to(reference)  # type: ignore[arg-type]


def steady_state(model: LinearModel[Tensor]) -> tuple[Tensor, Tensor]:
    """Return gain (m, n) and covariance (m, m) in the limit of many steps, as constants.

    Raises:
        ValueError: if there is no limit.
    """
    arrays = LinearModel(*(tensor.detach().cpu().double().numpy() for tensor in model))
    K, P = (torch.from_numpy(array).to(model.F) for array in riccati.limit(arrays))
    return K, P


BLOCK = 40
"""Numbers of a row that a block of steps takes in; what is best for a processor's caches."""


def linear_filter(x: Tensor, gains: Tensor, model: LinearModel[Tensor]) -> Tensor:
    """Return the estimates (n_rows, T, m) of a filter whose gains are given, (T, m, n) or (m, n).

    s_t = F s_{t−1} + K_t (x_t − H F s_{t−1}) = A_t s_{t−1} + K_t x_t,  A_t = (I − K_t H) F

    Several steps are taken as one: their states are a matrix times the state before them, plus
    another times their observations.

    Args:
        x: observations, (n_rows, T, n), none missing.
        gains: K_t, (T, m, n), or (m, n), the same at all steps.
        model: the filter's F, H and ŝ_0; the rest is not read.
    """
    n_rows, T, n = x.shape
    m = model.F.shape[-1]
    F, H = (torch.stack(list(steps(matrix, T))) for matrix in (model.F, model.H))
    K = gains.expand(T, m, n)
    A = F - K @ (H @ F)
    size = min(T, max(1, BLOCK // max(m, n)))
    n_blocks = -(-T // size)
    A, K = (
        nn.functional.pad(part, (0, 0, 0, 0, 0, n_blocks * size - T)).reshape(
            n_blocks, size, m, part.shape[-1]
        )
        for part in (A, K)
    )
    # How each state of a block follows from (state before it, observations of the block).
    response = nn.functional.pad(torch.eye(m, dtype=A.dtype, device=A.device), (0, size * n))
    responses = []
    for j in range(size):
        driven = nn.functional.pad(K[:, j], (m + j * n, (size - 1 - j) * n))
        response = A[:, j] @ response + driven
        responses.append(response)
    maps = torch.cat(responses, -2).mT  # (n_blocks, m + size n, size m)
    s = model.mean_0.expand(n_rows, m)
    estimates = []
    for i, whole in enumerate(maps.unbind()):
        seen = x[:, i * size : (i + 1) * size].flatten(1)
        width = seen.shape[1] // n * m  # of the last block, which may be shorter
        from_state, from_seen = whole[:m, :width], whole[m : m + seen.shape[1], :width]
        states = torch.addmm(s @ from_state, seen, from_seen)
        s = states[:, -m:]
        estimates.append(states)
    return torch.cat(estimates, 1).reshape(n_rows, T, m)


def only_seen(x: Tensor, H: Tensor, W: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return an observation, H and W, a row each, that say what the seen entries of x say.

    A missing entry (NaN) becomes one that was seen to be 0, that has nothing to do with the
    state, and whose noise, of variance one, has nothing to do with that of others.

    Args:
        x: (n_rows, n), with NaN where missing.
        H: (n, m), or (n_rows, n, m).
        W: (n, n), or (n_rows, n, n).
    """
    seen = ~x.isnan()
    both = seen[:, :, None] & seen[:, None, :]
    return (
        torch.where(seen, x, 0.0),
        torch.where(seen[:, :, None], H, 0.0),
        torch.where(both, W, torch.eye(W.shape[-1], dtype=W.dtype, device=W.device)),
    )


def kalman_filter(
    x: Tensor,
    model: LinearModel[Tensor],
    gains: Callable[[LinearModel[Tensor], int], tuple[Tensor, Tensor]] = constant_gains,
) -> Filtered:
    """Return the mean and covariance of each state, given the observations up to its time.

    Where nothing is missing the covariances, and so the gains, are the same for all rows, and
    are computed once; otherwise, row by row.

    Args:
        x: (n_rows, T, n), NaN where missing.
        model: what the filter believes.
        gains: computes gains and covariances where nothing is missing.
    """
    check_observations(x, model.H.shape[-2])
    if x.dtype != model.F.dtype:
        raise ValueError(f"observations are {x.dtype}, and the filter is {model.F.dtype}")
    if not x.sum().isnan():  # a tenth of the time of looking at each entry
        K, P = gains(model, x.shape[1])
        return Filtered(linear_filter(x, K, model), P)
    return filter_with_missing(x, model)


def filter_with_missing(
    x: Tensor, model: LinearModel[Tensor], predicted: Tensor | None = None
) -> Filtered:
    """Return what :func:`kalman_filter` does, with covariances of each row (n_rows, T, m, m).

    Args:
        x: (n_rows, T, n), NaN where missing.
        model: what the filter believes.
        predicted: a covariance (m, m) before each observation, in place of the one that follows
            from the last.
    """
    n_rows, T, _ = x.shape
    s = model.mean_0.expand(n_rows, -1)
    P = model.cov_0.expand(n_rows, -1, -1)
    means, covariances = [], []
    matrices = zip(*(steps(matrix, T) for matrix in model[:4]), strict=True)
    for x_t, (F, H, V, W) in zip(x.unbind(1), matrices, strict=True):
        z, H_seen, W_seen = only_seen(x_t, H, W)
        s = s @ F.mT
        P = predicted_covariance(P, F, V) if predicted is None else predicted
        K = kalman_gain(P, H_seen, W_seen)
        innovation = z - (H_seen @ s[..., None])[..., 0]
        s = s + (K @ innovation[..., None])[..., 0]
        P = updated_covariance(P, K, H_seen, W_seen)
        means.append(s)
        covariances.append(P)
    return Filtered(torch.stack(means, 1), torch.stack(covariances, 1))


class Smoothed(NamedTuple):
    """What is known of each state in the end: s_t | x_1 … x_T ~ N(mean, covariance), t = 0 … T.

    Covariances, the same for all rows, have no axis of rows.
    """

    means: Tensor  # (n_rows, T + 1, m), that of s_0 first
    covariances: Tensor  # (n_rows, T + 1, m, m) or (T + 1, m, m)
    lagged: Tensor  # Cov(s_t, s_{t−1}), (n_rows, T, m, m) or (T, m, m)


def kalman_smoother(x: Tensor, model: LinearModel[Tensor]) -> Smoothed:
    """Return the mean and covariance of each state, given all observations.

    After the Kalman filter, from t = T down, with λ_T = 0 and Λ_T = 0,

    ŝ_{t|T} = ŝ_t − P_t λ_t,  P_{t|T} = P_t − P_t Λ_t P_t
    λ_{t−1} = Fᵀ ((I − K_t H)ᵀ λ_t − Hᵀ S_t⁻¹ (x_t − H F ŝ_{t−1}))
    Λ_{t−1} = Fᵀ ((I − K_t H)ᵀ Λ_t (I − K_t H) + Hᵀ S_t⁻¹ H) F

    which is the smoother of Rauch, Tung and Striebel without its inverse of P_{t|t−1}, which
    may be singular.

    Args:
        x: observations, (n_rows, T, n), NaN where missing.
        model: the smoother's assumed model.

    Source: Bierman, 1973, the modified Bryson–Frazier smoother.
    """
    means, covariances = kalman_filter(x, model)
    n_rows, T, _ = x.shape
    complete = covariances.ndim == 3
    # Each list from t = 0 on, as matrices (m, m), or (n_rows, m, m) where rows differ.
    P = [model.cov_0, *covariances.unbind(-3)]
    s = [model.mean_0.expand(n_rows, -1)[:, None], *means[:, :, None].unbind(1)]
    matrices = list(zip(*(steps(matrix, T) for matrix in model[:4]), strict=True))
    eye = torch.eye(len(model.mean_0), dtype=x.dtype, device=x.device)
    gradient, information = torch.zeros_like(s[0]), torch.zeros_like(eye)
    smoothed, smoothed_covariances, lagged = [s[T]], [P[T]], []
    for t in range(T, 0, -1):
        F, H, V, W = matrices[t - 1]
        z = x[:, t - 1]
        if not complete:
            z, H, W = only_seen(z, H, W)
        before = predicted_covariance(P[t - 1], F, V)
        weighted = torch.linalg.solve(H @ before @ H.mT + W, H)  # S⁻¹ H
        A = eye - before @ H.mT @ weighted
        innovation = z[:, None] - s[t - 1] @ F.mT @ H.mT
        gradient = gradient @ A - innovation @ weighted
        information = A.mT @ information @ A + H.mT @ weighted
        lagged.append((eye - before @ information) @ F @ P[t - 1])
        gradient, information = gradient @ F, F.mT @ information @ F
        smoothed.append(s[t - 1] - gradient @ P[t - 1])
        C = P[t - 1] - P[t - 1] @ information @ P[t - 1]
        smoothed_covariances.append((C + C.mT) / 2)
    if not complete:  # that of s_T, and of s_0 where nothing was seen, may lack the axis
        smoothed_covariances = [C.expand(n_rows, *eye.shape) for C in smoothed_covariances]
    return Smoothed(
        torch.cat(smoothed[::-1], 1),
        torch.stack(smoothed_covariances[::-1], -3),
        torch.stack(lagged[::-1], -3),
    )


def negative_log_likelihood(x: Tensor, model: LinearModel[Tensor]) -> Tensor:
    """Return −log p(x_1 … x_T) of each row (n_rows,), of its seen entries, in nats.

    Σ_t ½ (eᵀ S⁻¹ e + log det 2πS),  e = x_t − H F ŝ_{t−1},  S = H P_{t|t−1} Hᵀ + W

    Args:
        x: observations, (n_rows, T, n), NaN where missing.
        model: the assumed model.
    """
    n_rows, T, n = x.shape
    gains = kalman_gains if torch.is_grad_enabled() else constant_gains
    means, covariances = kalman_filter(x, model, gains)
    F, H, V, W = (torch.stack(list(steps(matrix, T))) for matrix in model[:4])
    m = F.shape[-1]
    start = model.mean_0.expand(n_rows, 1, m)
    predicted = torch.cat((start, means[:, :-1]), 1)[..., None, :] @ F.mT @ H.mT
    P_0 = model.cov_0.expand(*covariances.shape[:-3], 1, m, m)
    P = predicted_covariance(torch.cat((P_0, covariances[..., :-1, :, :]), -3), F, V)
    e = (x - predicted[..., 0, :]).reshape(-1, n)
    seen = ~e.isnan()
    if covariances.ndim == 4:
        shape = (n_rows, T, n, n)
        flat_H = H.expand(n_rows, T, n, m).reshape(-1, n, m)
        e, flat_H, flat_W = only_seen(e, flat_H, W.expand(shape).reshape(-1, n, n))
        S = flat_H @ P.reshape(-1, m, m) @ flat_H.mT + flat_W
    else:
        S = (H @ P @ H.mT + W).expand(n_rows, T, n, n).reshape(-1, n, n)
    root = torch.linalg.cholesky(S)
    white = torch.linalg.solve_triangular(root, e[..., None], upper=False)[..., 0]
    log_det = root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    count = seen.sum(-1).to(x.dtype) * math.log(2 * math.pi)
    return (0.5 * (white.square().sum(-1) + count) + log_det).reshape(n_rows, T).sum(1)


def variances(covariances: Tensor, n_rows: int) -> Tensor:
    """Return the diagonals (n_rows, T, m) of covariances.

    Args:
        covariances: (T, m, m), the same for all rows, or (n_rows, T, m, m).
        n_rows: number of rows.
    """
    diagonal = covariances.diagonal(dim1=-2, dim2=-1)
    return diagonal.expand(n_rows, *diagonal.shape[-2:])
