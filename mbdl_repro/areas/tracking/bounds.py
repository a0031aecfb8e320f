"""What filters and smoothers reach in tracking: exactly, where the system is linear."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.tracking.control.exact_cost import least_cost
from mbdl_repro.areas.tracking.control.model import controlled, filter_arrays, plant_arrays
from mbdl_repro.areas.tracking.kalman.exact_error import (
    linear_filter_error,
    matched_rule,
    smoother_error,
)
from mbdl_repro.areas.tracking.kalman.model import LinearModel, linear_arrays
from mbdl_repro.areas.tracking.kalman.riccati import limit
from mbdl_repro.areas.tracking.metrics import mse
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.measure import bound
from mbdl_repro.contract.scenario import Split


@bound(metrics=("mse", "mse_db"), kind="floor", label="smoother, exact")
def smoother_mse(truth: StateSpace) -> float:
    """Return the mean variance of an entry of a state, given all observations of a trajectory.

    No estimator of any kind has less mean squared error, whatever it may wait for. (Where
    entries are missing it is that of someone who has seen them too.)

    Args:
        truth: the scenario.

    Returns:
        The mean over steps and entries, in units of s².

    Raises:
        ValueError: if the scenario is not linear.
    """
    return float(smoother_error(_linear(truth), truth.n_steps).mean())


@bound(metrics=("mse", "mse_db"), kind="theory", label="Kalman filter, exact")
def kalman_mse(truth: StateSpace) -> float:
    """Return the expected error of the oracle Kalman filter, which knows the truth, over T steps.

    No filter, which is to answer at once, has less.

    Args:
        truth: the scenario.

    Returns:
        The mean over steps and entries, in units of s².

    Raises:
        ValueError: if the scenario is not linear, or entries of its observations are missing.
    """
    return float(_kalman_error(truth).mean())


@bound(metrics=("position_mse",), kind="theory", label="Kalman filter, exact")
def kalman_position_mse(truth: StateSpace) -> float:
    """Return the expected error of the Kalman filter in the first entry of the state.

    Args:
        truth: the scenario.

    Returns:
        The mean over steps, in units of the position's square.

    Raises:
        ValueError: if the scenario is not linear, or entries of its observations are missing.

    Source: Examples 3.5 and 5.2.
    """
    return float(_kalman_error(truth)[:, 0].mean())


@bound(metrics=("mse", "mse_db"), kind="theory", label="Kalman filter, limit of long trajectories")
def kalman_steady_state_mse(truth: StateSpace) -> float:
    """Return the mean variance of an entry of the state in the limit of many steps.

    Args:
        truth: the scenario.

    Returns:
        The mean over entries, in units of s².

    Raises:
        ValueError: if the scenario is not linear, entries of its observations are missing, or
            there is no limit.
    """
    _, P = limit(_complete(truth))
    return float(P.diagonal().mean())


@bound(metrics=("quadratic_cost", "expected_cost"), kind="theory", label="optimal control, exact")
def lqg_cost(truth: StateSpace) -> float:
    """Return the least expected cost of who knows the truth, and what is measured up to now.

    No controller of any kind costs less: LQG control with the true model reaches it, where inputs
    have no limit.

    Args:
        truth: the scenario.

    Returns:
        The mean over steps, in units of the cost.

    Raises:
        ValueError: if the scenario has no input.

    Source: textbook, by two Riccati recursions.
    """
    system = controlled(truth)
    return least_cost(plant_arrays(system), filter_arrays(system), truth.n_steps)


def _kalman_error(truth: StateSpace) -> np.ndarray:
    model = _complete(truth)
    return linear_filter_error(model, matched_rule(model, truth.n_steps))


def _complete(truth: StateSpace) -> LinearModel[np.ndarray]:
    """Return the model of a linear scenario whose observations are never missing."""
    model = _linear(truth)
    if truth.missing_probability:
        raise ValueError(
            f"missing_probability is {truth.missing_probability:g}, and what is exact is so only "
            "where nothing is missing: leave out this bound"
        )
    return model


def _linear(truth: StateSpace) -> LinearModel[np.ndarray]:
    try:
        return linear_arrays(truth)
    except ValueError:
        raise ValueError(
            f"it is exact for linear systems, and the scenario is {type(truth).__name__}: "
            "leave it out"
        ) from None


N_PARTICLES = 3000
"""Of the filter that stands for the conditional mean; it costs well under 0.1 dB there."""


@bound(metrics=("mse", "mse_db"), kind="reference", label="particle filter that knows the truth")
def near_mmse(truth: StateSpace, test: Split) -> Annotated[np.ndarray, "(n,)"]:
    """Return the squared error of a particle filter that knows the truth, row by row (n,).

    ŝ_t ≈ E[s_t | x_1 … x_t], the estimator of least mean squared error, which has no closed form
    in a nonlinear system. A reference and not a floor: it is found by random numbers, with
    3000 particles.

    Args:
        truth: the scenario.
        test: the test pairs, x (n, T, n_observations) and s (n, T, m).

    Returns:
        One value a trajectory, (n,), the mean over steps and entries, in units of s².
    """
    import torch  # here, since other bounds do without it

    from mbdl_repro.areas.tracking.kalman.particles import particle_filter

    with torch.no_grad():
        x = torch.tensor(test.x, dtype=torch.float32)
        estimate, _ = particle_filter(x, truth, n_particles=N_PARTICLES)
    return mse(estimate.double().numpy(), test, truth)
