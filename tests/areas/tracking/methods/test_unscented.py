"""The unscented Kalman filter: exact where systems are linear, sensible where they are not."""

import dataclasses

import numpy as np
import pytest
import torch

from mbdl_repro.areas.tracking.kalman.unscented import square_root
from mbdl_repro.areas.tracking.methods.extended_kalman_filter import ExtendedKalmanFilter
from mbdl_repro.areas.tracking.methods.unscented_kalman_filter import UnscentedKalmanFilter
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.areas.tracking.systems.sinusoidal import Sinusoidal


def data(truth, n, *stream):
    return tuple(torch.from_numpy(part) for part in truth.draw(n, *stream))


LINEAR = LinearStateSpace(
    transition="constant_velocity",
    observation="identity",
    n_observations=1,
    time_step_s=0.1,
    process_noise="acceleration",  # of rank one, and s_0 is known: covariances are singular
    process_noise_std=0.5,
    noise_std=2.0,
    n_steps=40,
    missing_probability=0.2,
)


@pytest.mark.parametrize(
    "settings", [{}, {"kappa": 1.0}, {"alpha": 0.5, "beta": 2.0}, {"alpha": 1.5, "kappa": -1.0}]
)
def test_of_a_linear_system_it_is_the_kalman_filter_whatever_its_points(settings):
    """The extended filter is it, which test_extended_kalman.py shows."""
    x, _ = data(LINEAR, 5, "test", 100)
    x[1] = torch.nan
    x[2, 5:9] = torch.nan
    ours, exact = UnscentedKalmanFilter(LINEAR, **settings), ExtendedKalmanFilter(LINEAR)
    torch.testing.assert_close(ours(x), exact(x), rtol=0, atol=1e-10)
    torch.testing.assert_close(ours.claimed_variance(x), exact.claimed_variance(x))


def test_a_square_is_averaged_exactly():
    """h(s) = s²: two points ±√3 and one between have a Gaussian's moments up to the fifth.

    E h = μ² + P,  var h = 4 μ² P + 2 P²,  cov(s, h) = 2 μ P
    """
    truth = Sinusoidal(
        n_state=1,
        amplitude=0.0,
        offset=0.7,
        process_noise_std=0.6,
        noise_std=0.5,
        n_steps=1,
    )
    x = torch.tensor([[[0.2]], [[1.5]]], dtype=torch.float64)
    method = UnscentedKalmanFilter(truth, kappa=2.0)
    mu, P = 0.7, 0.36
    gain = 2 * mu * P / (4 * mu**2 * P + 2 * P**2 + 0.25)
    expected = mu + gain * (x - mu**2 - P)
    torch.testing.assert_close(method(x), expected)
    variance = P - gain * 2 * mu * P
    torch.testing.assert_close(method.claimed_variance(x), torch.full_like(x, variance))


def test_roots_of_singular_covariances_are_roots():
    rng = np.random.default_rng(0)
    a = torch.from_numpy(rng.standard_normal((6, 4, 2)))
    P = torch.stack((*(a @ a.mT), 0 * a[0] @ a[0].mT, torch.eye(4, dtype=a.dtype)))
    L = square_root(P)
    torch.testing.assert_close(L @ L.mT, P, rtol=0, atol=1e-12)


def test_points_on_both_sides_of_the_cut_are_averaged_as_angles():
    """What is seen at an azimuth of ±π is filtered as the same scene, turned, is elsewhere."""
    behind = Lorenz(
        observation="spherical",
        noise_std=0.05,
        process_noise_std=0.3,
        n_steps=1,
        initial_state=(-8.0, -8.0, 27.0),
        initial_std=1.0,
    )
    x, s = data(behind, 200, "test", 100)
    azimuth = behind.h(behind.f(behind.mean_0))[2]
    # Turn azimuths so that the cut runs right through the predicted one.
    estimates = []
    for turn in (0.0, np.pi - azimuth):

        class Turned(Lorenz):
            shift = turn

            def h(self, s, t=1):
                seen = super().h(s, t)
                angle = seen[..., 2:] + self.shift
                wrapped = (angle + np.pi) % (2 * np.pi) - np.pi
                return torch.cat((seen[..., :2], wrapped), -1) if torch.is_tensor(s) else seen

        fields = {field.name: getattr(behind, field.name) for field in dataclasses.fields(behind)}
        seen = x + turn * torch.tensor([0.0, 0.0, 1.0], dtype=x.dtype)
        estimates.append(UnscentedKalmanFilter(Turned(**fields))(seen))
    torch.testing.assert_close(estimates[1], estimates[0], rtol=0, atol=1e-9)
    assert (estimates[0] - s).square().mean() < 0.5 * (s - s.mean(0)).square().mean()


def test_on_the_lorenz_attractor_it_does_as_well_as_the_extended_filter():
    truth = Lorenz(noise_std=10**-0.5, noise_ratio_db=-20.0, n_steps=150)
    x, s = data(truth, 40, "test", 100)
    errors = [
        (method(truth)(x) - s).square().mean((1, 2))
        for method in (UnscentedKalmanFilter, ExtendedKalmanFilter)
    ]
    assert errors[0].mean() < 1.05 * errors[1].mean()


def test_where_its_points_come_together_it_is_the_extended_filter():
    """Both noises believed smaller by one factor: a gain stays, as P becomes small.

    f and h are linear over a spread √P, of which errors are P: so 100 times less of both is 100
    times closer.
    """
    truth = Sinusoidal(noise_std=0.5, noise_ratio_db=-20.0, n_steps=8)
    x, _ = data(truth, 20, "test", 100)
    extended = ExtendedKalmanFilter(truth)(x)
    away = []
    for scale in (1e-4, 1e-6):
        noise = {"process_noise_scale": scale, "observation_noise_scale": scale}
        torch.testing.assert_close(ExtendedKalmanFilter(truth, **noise)(x), extended)
        away.append((UnscentedKalmanFilter(truth, **noise)(x) - extended).square().mean().sqrt())
    assert 80 < away[0] / away[1] < 125


def test_points_need_a_spread():
    truth = Lorenz(noise_std=0.1, process_noise_std=0.1, n_steps=5)
    with pytest.raises(ValueError, match="kappa is -3"):
        UnscentedKalmanFilter(truth, kappa=-3.0)
