"""The Kalman filter of a linear Gaussian model, and its gains, for tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mbdl_repro.areas.tracking.kalman import riccati
from mbdl_repro.areas.tracking.kalman.model import (
    LinearModel,
    LinearRule,
    linear_arrays,
    stacked,
    steps,
)
from mbdl_repro.areas.tracking.kalman.riccati import (
    Stretch,
    gains_and_covariances,
    joined,
    one_step,
)
from mbdl_repro.areas.tracking.kalman.updates import (
    kalman_gain,
    only_seen,
    predicted_covariance,
    updated_covariance,
)
from mbdl_repro.areas.tracking.systems.state_space import StateSpace


class Filtered(NamedTuple):
    """What a filter knows after each step: s_t | x_1 … x_t ~ N(mean, covariance)."""

    means: Tensor  # (n_rows, T, m)
    covariances: Tensor  # (T, m, m), the same for all rows, or (n_rows, T, m, m)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Return means and variances, (n_rows, T, m) each."""
        return self.means, self.covariances.diagonal(0, -2, -1).expand_as(self.means)


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
    """A linear model stored as buffers of a method; a call returns the model.

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
    gains, covariances = gains_and_covariances(model, T, until_repeated=False)
    return torch.stack(gains), torch.stack(covariances)


def gains_at_once(model: LinearModel[Tensor], T: int) -> tuple[Tensor, Tensor]:
    """Return what ``kalman_gains`` does, in log₂ T rounds instead of T steps.

    In each round every stretch of steps is joined to the one before it: all at once, in few large
    operations, through which gradients are cheap. Where numbers are too unlike for that, it is
    one step after another.

    Args:
        model: the filter's assumed model.
        T: number of steps.

    Returns:
        K_t, (T, m, n), and P_t after the update, (T, m, m).

    Source: Särkkä and García-Fernández, 2021.
    """
    F, H, V, W = stacked(model, T)
    # The first stretch begins with what is known of s_0, so that nothing before it matters.
    first = predicted_covariance(model.cov_0, F[:1], V[:1])
    stretch = one_step(torch.cat((0 * F[:1], F[1:])), H, torch.cat((first, V[1:])), W)
    if stretch is None:
        return kalman_gains(model, T)
    try:
        stretch = _from_the_first(stretch, T)
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        return kalman_gains(model, T)
    before = predicted_covariance(torch.cat((model.cov_0[None], stretch.C[:-1])), F, V)
    K = kalman_gain(before, H, W)
    return K, updated_covariance(before, K, H, W)


def _from_the_first(stretch: Stretch[Tensor], T: int) -> Stretch[Tensor]:
    """Return, of T stretches of a step each, those from the first step to each of them."""
    d = 1
    while d < T:
        shifts = slice(None, -d), slice(d, None)
        earlier, later = (Stretch(*(part[shift] for part in stretch)) for shift in shifts)
        longer = joined(earlier, later)
        stretch = Stretch(*(torch.cat((a[:d], b)) for a, b in zip(stretch, longer, strict=True)))
        d *= 2
    return stretch


def constant_gains(model: LinearModel[Tensor], T: int) -> tuple[Tensor, Tensor]:
    """Return what :func:`kalman_gains` does, faster, in double precision, as constants.

    Args:
        model: the filter's assumed model; no gradient reaches it.
        T: number of steps.

    Returns:
        K_t, (T, m, n), and P_t after the update, (T, m, m), in the model's precision.
    """
    arrays = LinearModel(*(tensor.detach().cpu().double().numpy() for tensor in model))
    results = gains_and_covariances(arrays, T, until_repeated=True)
    gains, covariances = (torch.from_numpy(np.stack(part)).to(model.F) for part in results)
    return gains, covariances


def kalman_rule(
    model: LinearModel[Tensor],
    T: int,
    gains: Callable[[LinearModel[Tensor], int], tuple[Tensor, Tensor]] = constant_gains,
) -> LinearRule[Tensor]:
    """Return what the Kalman filter does over T steps where nothing is missing.

    Args:
        model: the filter's assumed model.
        T: number of steps.
        gains: computes gains and covariances.
    """
    F, H, _, _, mean_0, _ = (tensor.detach() for tensor in model)
    return LinearRule(F, H, gains(model, T)[0].detach(), mean_0)


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


def linear_filter(
    x: Annotated[Tensor, "(n_rows, T, n)"],
    gains: Annotated[Tensor, "(T, m, n)"],
    model: LinearModel[Tensor],
) -> Annotated[Tensor, "(n_rows, T, m)"]:
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
    F, H = stacked(model, T)[:2]
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
    # Where no gradient is to pass, each block is written where it belongs.
    answer = None if torch.is_grad_enabled() else x.new_empty(n_rows, T * m)
    observed, s = x.flatten(1), model.mean_0.expand(n_rows, m)
    estimates = []
    for i, whole in enumerate(maps.unbind()):
        seen = observed[:, i * size * n : (i + 1) * size * n]
        width = seen.shape[1] // n * m  # of the last block, which may be shorter
        from_state, from_seen = whole[:m, :width], whole[m : m + seen.shape[1], :width]
        place = None if answer is None else answer[:, i * size * m : i * size * m + width]
        states = torch.addmm(s @ from_state, seen, from_seen, out=place)
        s = states[:, -m:]
        estimates.append(states)
    if answer is None:
        answer = torch.cat(estimates, 1)
    return answer.reshape(n_rows, T, m)


def kalman_filter(
    x: Annotated[Tensor, "(n_rows, T, n)"],
    model: LinearModel[Tensor],
    gains: Callable[[LinearModel[Tensor], int], tuple[Tensor, Tensor]] | None = None,
) -> Filtered:
    """Return the mean and covariance of each state, given the observations up to its time.

    Where nothing is missing the covariances, and so the gains, are the same for all rows, and
    are computed once; otherwise, row by row.

    Args:
        x: (n_rows, T, n), NaN where missing.
        model: what the filter believes.
        gains: computes gains and covariances where nothing is missing; ``None``:
            :func:`kalman_gains` where a gradient is to reach the model, or else
            :func:`constant_gains`.
    """
    check_observations(x, model.H.shape[-2])
    if x.dtype != model.F.dtype:
        raise ValueError(f"observations are {x.dtype}, and the filter is {model.F.dtype}")
    if not x.sum().isnan():  # a tenth of the time of looking at each entry
        if gains is None:
            is_learned = torch.is_grad_enabled() and any(part.requires_grad for part in model)
            gains = kalman_gains if is_learned else constant_gains
        K, P = gains(model, x.shape[1])
        return Filtered(linear_filter(x, K, model), P)
    return filter_with_missing(x, model)


def filter_with_missing(
    x: Annotated[Tensor, "(n_rows, T, n)"],
    model: LinearModel[Tensor],
    predicted: Annotated[Tensor, "(m, m)"] | None = None,
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
