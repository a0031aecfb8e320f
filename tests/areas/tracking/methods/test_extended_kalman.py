"""The extended Kalman filter: where it is exact, and what a false Jacobian costs."""

import numpy as np
import pytest
import torch

from mbdl_repro.areas.tracking.kalman.extended import extended_kalman
from mbdl_repro.areas.tracking.methods.extended_kalman_filter import ExtendedKalmanFilter
from mbdl_repro.areas.tracking.methods.rk4_extended_kalman_filter import Rk4ExtendedKalmanFilter
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.areas.tracking.systems.sinusoidal import Sinusoidal

LINEAR = LinearStateSpace(
    transition=((0.9, 0.3, 0.0), (-0.2, 0.8, 0.1), (0.0, 0.1, 1.0)),
    observation=((1.0, 0.5, 0.0), (0.0, 1.0, -1.0)),
    n_state=3,
    n_observations=2,
    process_noise=((1.0, 0.2, 0.0), (0.2, 0.5, 0.1), (0.0, 0.1, 0.3)),
    observation_noise=((1.0, 0.3), (0.3, 0.6)),
    process_noise_std=0.7,
    noise_std=0.4,
    n_steps=12,
    initial_std=0.5,
    initial_state=(1.0, -1.0, 0.5),
    missing_probability=0.3,
)
LORENZ = Lorenz(noise_std=10**-0.5, noise_ratio_db=-20.0, n_steps=300)


def data(truth, n, *stream):
    return tuple(torch.from_numpy(part) for part in truth.draw(n, *stream))


def conditioned(truth, x):
    """Return E[s_t | x_1 … x_t] and its variances, from the joint Gaussian of one trajectory.

    Every s_t and x_t is a matrix times one white vector (s_0, v, w).
    """
    T, m, n = *x.shape[:1], truth.m, truth.n
    size = m + T * (m + n)
    white = np.zeros((m, size))
    white[:, :m] = np.linalg.cholesky(truth.cov_0)
    mean, of_s, of_x, means_s, means_x = truth.mean_0, [], [], [], []
    for t in range(T):
        at = m + t * (m + n)
        mean, white = truth.F @ mean, truth.F @ white
        white[:, at : at + m] += np.linalg.cholesky(truth.V)
        seen = truth.H @ white
        seen[:, at + m : at + m + n] += np.linalg.cholesky(truth.W)
        of_s.append(white)
        of_x.append(seen)
        means_s.append(mean)
        means_x.append(truth.H @ mean)
    estimates, variances = [], []
    for t in range(T):
        A, seen = np.concatenate(of_x[: t + 1]), ~np.isnan(x[: t + 1]).ravel()
        A = A[seen]
        residual = (x[: t + 1] - np.array(means_x[: t + 1])).ravel()[seen]
        gain = np.linalg.solve(A @ A.T, A @ of_s[t].T).T
        estimates.append(means_s[t] + gain @ residual)
        variances.append(np.diag((of_s[t] - gain @ A) @ of_s[t].T))
    return np.array(estimates), np.array(variances)


def test_of_a_linear_system_it_is_the_conditional_mean():
    x, _ = data(LINEAR, 6, "test", 100)
    x[2] = torch.nan
    x[3, 4:7] = torch.nan
    ekf = ExtendedKalmanFilter(LINEAR)
    assert x.isnan().any() and not x.isnan().all()
    for row, s, variance in zip(x, ekf(x), ekf.claimed_variance(x), strict=True):
        mean, exact = conditioned(LINEAR, row.numpy())
        np.testing.assert_allclose(s.numpy(), mean, atol=1e-10)
        np.testing.assert_allclose(variance.numpy(), exact, atol=1e-10)


def test_what_is_not_missing_is_filtered_as_if_nothing_were():
    """Rows without missing entries take the same path beside rows that have them."""
    truth = LORENZ.believed(observation="spherical", n_steps=20)
    x, _ = data(truth, 4, "test", 100)
    holes = x.clone()
    holes[0, 3:9, 1] = torch.nan
    ekf = ExtendedKalmanFilter(truth)
    torch.testing.assert_close(ekf(holes)[1:], ekf(x)[1:], rtol=0, atol=1e-10)
    assert not torch.allclose(ekf(holes)[0], ekf(x)[0])


def test_noise_scales_multiply_variances():
    x, _ = data(LORENZ, 3, "test", 100)
    scaled = ExtendedKalmanFilter(LORENZ, process_noise_scale=4.0, observation_noise_scale=9.0)
    told = LORENZ.believed(
        noise_ratio_db=None, process_noise_std=2 * LORENZ.q, noise_std=3 * LORENZ.r
    )
    torch.testing.assert_close(scaled(x), ExtendedKalmanFilter(told)(x))


def test_a_linear_observation_takes_the_place_of_the_beliefs():
    truth = LORENZ.believed(observation_rotation_rad=0.1, n_steps=50)
    x, _ = data(truth, 3, "test", 100)
    H = truth.h_jacobian(torch.zeros(3, dtype=x.dtype))
    told = extended_kalman(x, truth.believed(observation=None), H=H)
    torch.testing.assert_close(told.means, extended_kalman(x, truth).means)


def test_angles_that_turn_by_a_full_circle_change_nothing():
    truth = LORENZ.believed(observation="spherical", n_steps=40)
    x, _ = data(truth, 3, "test", 100)
    turned = x + 2 * torch.pi * torch.tensor([0.0, 1.0, -1.0])
    for method in (ExtendedKalmanFilter, Rk4ExtendedKalmanFilter):
        torch.testing.assert_close(method(truth)(turned), method(truth)(x), rtol=1e-7, atol=1e-7)


def test_the_error_on_the_lorenz_attractor_is_what_it_claims():
    """Nearly linear between samples: the filter is nearly optimal, and its P_t nearly true."""
    x, s = data(LORENZ, 40, "test", 100)
    ekf = ExtendedKalmanFilter(LORENZ)
    error, claimed = (ekf(x) - s).square().mean((1, 2)), ekf.claimed_variance(x).mean((1, 2))
    gap = error - claimed
    assert abs(gap.mean()) < 4 * gap.std() / 40**0.5
    assert claimed.std() < 0.2 * error.std()
    assert 10 * error.mean().log10() == pytest.approx(-20.4, abs=0.25)


def test_a_matrix_that_is_not_the_jacobian_costs_a_few_tenths_of_a_decibel():
    """f(s) = A(s) s: with A(s) for ∂f/∂s, as published code has it, the filter is worse."""

    class Mistaken(Lorenz):
        def f_jacobian(self, s, t=1):
            A = torch.tensor([[-10, 10, 0], [28, -1, 0], [0, 0, -8 / 3]], dtype=s.dtype)
            A = A.repeat(len(s), 1, 1)
            A[:, 1, 0] -= s[:, 2]
            A[:, 2, 0] = s[:, 1]
            return torch.linalg.matrix_exp(self.time_step_s * A)  # its Taylor series, all of it

    x, s = data(LORENZ, 40, "test", 100)
    mistaken = Mistaken(noise_std=LORENZ.noise_std, noise_ratio_db=-20.0, n_steps=300)
    errors = [
        (ExtendedKalmanFilter(belief)(x) - s).square().mean((1, 2)) for belief in (LORENZ, mistaken)
    ]
    loss = 10 * (errors[1].mean() / errors[0].mean()).log10()
    assert 0.25 < loss < 0.65
    gap = errors[1] - errors[0]
    assert gap.mean() > 4 * gap.std() / 40**0.5


def test_better_integrated_a_crude_model_is_a_good_one():
    """On orbits of the continuous flow no tuning of V makes up for what a Runge–Kutta step does."""
    truth = Lorenz(
        integrator="runge_kutta",
        substeps=20,
        process_noise_std=0.0,
        noise_std=1.0,
        n_steps=300,
        initial_std=1.0,
    )
    x, s = data(truth, 30, "test", 100)
    belief = truth.believed(integrator="taylor", taylor_order=2, substeps=1, process_noise_std=1.0)

    def decibels(method):
        return 10 * float((method(x) - s).square().mean().log10())

    tuned = min(
        decibels(ExtendedKalmanFilter(belief, process_noise_scale=q)) for q in (0.05, 0.15, 0.5)
    )
    assert tuned == pytest.approx(-6.3, abs=0.4)
    assert decibels(Rk4ExtendedKalmanFilter(belief, process_noise_scale=1e-5)) < tuned - 9


def test_a_runge_kutta_step_needs_a_flow():
    truth = Sinusoidal(noise_std=0.1, process_noise_std=0.1, n_steps=5)
    with pytest.raises(ValueError, match="Sinusoidal, which has no flow"):
        Rk4ExtendedKalmanFilter(truth)


@pytest.mark.parametrize("shape", [(4, 3), (4, 0, 3), (4, 5, 2)])
def test_observations_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="observations have shape"):
        ExtendedKalmanFilter(LORENZ)(torch.zeros(shape, dtype=torch.float64))
