"""What is measured in tracking: of estimates, and of what a filter says and costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import numpy as np

from mbdl_repro.areas.tracking.control.exact_cost import linear_policy_cost
from mbdl_repro.areas.tracking.control.model import (
    LinearPolicy,
    Plant,
    filter_arrays,
    plant_arrays,
)
from mbdl_repro.areas.tracking.kalman.exact_error import linear_filter_error
from mbdl_repro.areas.tracking.kalman.model import LinearRule, linear_arrays
from mbdl_repro.areas.tracking.systems.controlled import UNLIMITED_N, Controlled
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.capabilities import HasClaimedVariance, HasLinearRule
from mbdl_repro.contract.measure import metric
from mbdl_repro.contract.scenario import Split

if TYPE_CHECKING:
    from mbdl_repro.contract.method import Method


@metric(label="MSE of an entry of the state", positive=True)
def mse(
    estimate: Annotated[np.ndarray, "(n, T, m)"], split: Split, truth: StateSpace
) -> Annotated[np.ndarray, "(n,)"]:
    """Return (ŝ − s)² of each trajectory, averaged over its steps and the entries of the state.

    Args:
        estimate: ŝ, (n, T, m).
        split: the pairs (x, s), of which s, (n, T, m), is read.
        truth: the scenario that drew them (not needed).

    Returns:
        One value a trajectory, (n,), in units of s².

    Source: Revach et al., 2022, which sums over entries in the text, and averages in the tables.
    """
    return np.square(estimate - split.s).mean((1, 2))


@metric(label="MSE (dB)", decibels=True)
def mse_db(
    estimate: Annotated[np.ndarray, "(n, T, m)"], split: Split, truth: StateSpace
) -> Annotated[np.ndarray, "(n,)"]:
    """Return :func:`mse` of each trajectory; what is reported is their mean, in dB.

    Args:
        estimate: ŝ, (n, T, m).
        split: the pairs (x, s), of which s, (n, T, m), is read.
        truth: the scenario that drew them (not needed).

    Returns:
        One value a trajectory, (n,), in units of s², not dB.
    """
    return mse(estimate, split, truth)


@metric(label="median MSE of a trajectory (dB)", summary="median", decibels=True)
def median_mse_db(
    estimate: Annotated[np.ndarray, "(n, T, m)"], split: Split, truth: StateSpace
) -> Annotated[np.ndarray, "(n,)"]:
    """Return :func:`mse` of each trajectory, whose median no few lost tracks can move.

    Args:
        estimate: ŝ, (n, T, m).
        split: the pairs (x, s), of which s, (n, T, m), is read.
        truth: the scenario that drew them (not needed).

    Returns:
        One value a trajectory, (n,), in units of s², not dB.
    """
    return mse(estimate, split, truth)


@metric(label="MSE of the position", positive=True)
def position_mse(
    estimate: Annotated[np.ndarray, "(n, T, m)"], split: Split, truth: StateSpace
) -> Annotated[np.ndarray, "(n,)"]:
    """Return (ŝ − s)² of the first entry of the state, averaged over the steps of a trajectory.

    Args:
        estimate: ŝ, (n, T, m).
        split: the pairs (x, s), of which s, (n, T, m), is read.
        truth: the scenario that drew them (not needed).

    Returns:
        One value a trajectory, (n,), in units of the position's square.

    Source: Examples 3.5 and 5.2.
    """
    return np.square(estimate[..., 0] - split.s[..., 0]).mean(1)


@metric(label="MSE, exact expectation", positive=True, targets=False)
def expected_mse(method: Method, truth: StateSpace) -> float | None:
    """Return the exact expectation of :func:`mse`, of a method that is a linear filter.

    Args:
        method: the filter.
        truth: the scenario that the data come from.

    Returns:
        The expectation, in units of s²; ``None`` if filter or scenario is not linear, or
        observations may be missing.
    """
    errors = _expected_errors(method, truth)
    return None if errors is None else float(errors.mean())


@metric(label="MSE, exact expectation (dB)", decibels=True, targets=False)
def expected_mse_db(method: Method, truth: StateSpace) -> float | None:
    """Return :func:`expected_mse`; what is reported is in dB.

    Args:
        method: the filter.
        truth: the scenario that the data come from.

    Returns:
        The expectation, in units of s², not dB; ``None`` if filter or scenario is not linear, or
        observations may be missing.
    """
    return expected_mse(method, truth)


@metric(label="MSE of the position, exact expectation", positive=True, targets=False)
def expected_position_mse(method: Method, truth: StateSpace) -> float | None:
    """Return the exact expectation of :func:`position_mse`, of a method that is a linear filter.

    Args:
        method: the filter.
        truth: the scenario that the data come from.

    Returns:
        The expectation, in units of the position's square; ``None`` if filter or
        scenario is not linear, or observations may be missing.
    """
    errors = _expected_errors(method, truth)
    return None if errors is None else float(errors[:, 0].mean())


def _expected_errors(method: Method, truth: StateSpace) -> np.ndarray | None:
    """Return E(ŝ − s)² (T, m), if method and truth are linear."""
    if truth.missing_probability or not isinstance(truth, LinearStateSpace):
        return None
    rule = method.linear_rule(truth.n_steps) if isinstance(method, HasLinearRule) else None
    if rule is None:
        return None
    arrays = LinearRule(*(part.detach().cpu().numpy() for part in rule))
    return linear_filter_error(linear_arrays(truth), arrays)


@metric(label="variance that the filter claims", positive=True, targets=False)
def claimed_mse(method: Method, split: Split) -> Annotated[np.ndarray, "(n,)"] | None:
    """Return the variance that a filter claims for its error, averaged as in :func:`mse`.

    Steps at which it claims none, NaN, are left out.

    Args:
        method: the filter.
        split: the pairs (x, s), of which x, (n, T, n_observations), is read.

    Returns:
        One value a trajectory, (n,), in units of s²; ``None`` if the method claims no variance.

    Source: Klein, Revach, Shlezinger, Mehr, van Sloun and Eldar, 2022, for KalmanNet.
    """
    if not isinstance(method, HasClaimedVariance):
        return None
    import torch

    device = next((p.device for p in (*method.parameters(), *method.buffers())), None)
    with torch.no_grad():
        variances = method.claimed_variance(torch.as_tensor(split.x, device=device))
    return variances.nanmean((1, 2)).cpu().numpy()


@metric(label="cost a step", positive=True)
def quadratic_cost(
    method: Method, split: Split, truth: StateSpace
) -> Annotated[np.ndarray, "(n,)"] | None:
    """Return the mean over steps of sᵀ Q s + uᵀ R u where a controller acts in the true plant.

    It acts in place of each recorded experiment, on the same disturbances and noises, which the
    truth makes out exactly.

    Args:
        method: the controller.
        split: recorded experiments, x (n, T, n_observations) and s (n, T, m).
        truth: the controlled system that they are of.

    Returns:
        One value a row, (n,), in units of the cost; ``None`` if the method controls nothing.
    """
    from mbdl_repro.areas.tracking.control.policy import Policy

    if not (isinstance(method, Policy) and isinstance(truth, Controlled)):
        return None
    import torch

    from mbdl_repro.areas.tracking.control.policy import closed_loop, loop_cost

    device = next((p.device for p in (*method.parameters(), *method.buffers())), None)
    plant = Plant(*(torch.tensor(part, device=device) for part in plant_arrays(truth)))
    records = Split(*(torch.as_tensor(part, device=device) for part in split))
    with torch.no_grad():
        loop = closed_loop(method, plant, records, torch.tensor(truth.probe, device=device))
        return loop_cost(loop, plant).cpu().numpy()


@metric(label="cost a step, exact expectation", positive=True, targets=False)
def expected_cost(method: Method, truth: StateSpace) -> float | None:
    """Return the exact expectation of :func:`quadratic_cost`, of a controller that is linear.

    Args:
        method: the controller.
        truth: the controlled system.

    Returns:
        The expectation, in units of the cost; ``None`` if the method is not linear or controls
        nothing, or inputs are limited, by which what is applied is not linear.
    """
    from mbdl_repro.areas.tracking.control.policy import HasLinearPolicy

    if not (isinstance(method, HasLinearPolicy) and isinstance(truth, Controlled)):
        return None
    if truth.force_limit_n < UNLIMITED_N:
        return None
    policy = method.linear_policy(truth.n_steps)
    arrays = LinearPolicy(*(part.detach().cpu().numpy() for part in policy))
    return linear_policy_cost(plant_arrays(truth), filter_arrays(truth), arrays)


@metric(label="floating-point operations a step", targets=False)
def flops_per_step(method: Method, split: Split) -> float:
    """Return what one more trajectory costs a step, in multiplications and additions.

    Counted in products of matrices and solutions of linear systems, as the method runs; what is
    computed once for all trajectories, such as the gains of a Kalman filter, is not counted.

    Args:
        method: the filter.
        split: the pairs (x, s); the first two rows of x, (n, T, n_observations), are filtered.

    Returns:
        Operations a step and trajectory, the mean over the T steps.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    aten = torch.ops.aten
    solves = {
        aten._linalg_solve_ex: _solve_flops,
        aten.linalg_cholesky_ex: _cholesky_flops,
        aten.cholesky_solve: _substitution_flops,
        aten._linalg_eigh: _eigh_flops,
    }
    counts = []
    device = next((p.device for p in (*method.parameters(), *method.buffers())), None)
    x = torch.as_tensor(split.x[:2], device=device)
    for n in (1, 2):
        counter = FlopCounterMode(display=False, custom_mapping=solves)
        with torch.no_grad(), counter:
            method(x[:n])
        counts.append(counter.get_total_flops())
    return (counts[1] - counts[0]) / x.shape[1]


def _solve_flops(A: tuple[int, ...], B: tuple[int, ...], *_: object, **__: object) -> int:
    """Return 2k³/3 for the factors of each A (k, k), and 2k² for each column of B."""
    k = A[-1]
    return round(math.prod(A[:-2]) * (2 * k**3 / 3 + 2 * k**2 * B[-1]))


def _cholesky_flops(A: tuple[int, ...], *_: object, **__: object) -> int:
    """Return k³/3 for each A (k, k)."""
    return round(math.prod(A) * A[-1] / 3)


def _substitution_flops(B: tuple[int, ...], A: tuple[int, ...], *_: object, **__: object) -> int:
    """Return 2k² for each column of B, whose factors A (k, k) are known."""
    return round(math.prod(A) * 2 * B[-1])


def _eigh_flops(A: tuple[int, ...], *_: object, **__: object) -> int:
    """Return 9k³, of the usual algorithm, for each A (k, k)."""
    return 9 * math.prod(A) * A[-1]
