"""The particle filter against exact posteriors: a Kalman filter's, and one by quadrature."""

from functools import cache

import numpy as np
import pytest
import torch

from mbdl_repro.areas.tracking.bounds import near_mmse
from mbdl_repro.areas.tracking.methods.extended_kalman_filter import ExtendedKalmanFilter
from mbdl_repro.areas.tracking.methods.particle_filter import ParticleFilter
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.areas.tracking.systems.sinusoidal import Sinusoidal

PROPOSALS = ["prior", "linearized"]
LINEAR = LinearStateSpace(
    transition="canonical",
    observation="reversed_canonical",
    observation_noise=((1.0, 0.4), (0.4, 0.7)),
    process_noise_std=0.4,
    noise_std=0.5,
    n_steps=15,
    initial_std=0.3,
    missing_probability=0.2,
)
TWO_HUMPS = Sinusoidal(  # s² is seen, and s lies on either side of 0
    n_state=1,
    offset=-0.3,
    process_noise_std=0.3,
    noise_std=0.4,
    n_steps=12,
    missing_probability=0.15,
)
ONE_HUMP = TWO_HUMPS.believed(shift=2.5)


def data(truth, n, *stream):
    return tuple(torch.from_numpy(part) for part in truth.draw(n, *stream))


@pytest.mark.parametrize("proposal", PROPOSALS)
def test_with_more_particles_it_approaches_the_kalman_filter(proposal):
    """The Monte-Carlo error falls as 1/√N."""
    x, _ = data(LINEAR, 60, "test", 100)
    kalman = ExtendedKalmanFilter(LINEAR)
    exact, variance = kalman(x), kalman.claimed_variance(x)
    errors = []
    for n_particles in (100, 6400):
        method = ParticleFilter(LINEAR, n_particles=n_particles, proposal=proposal)
        errors.append(((method(x) - exact).square() / variance).mean().sqrt())
    assert 5 < errors[0] / errors[1] < 13  # 8, if it were for one row's fresh numbers
    assert errors[1] < 4 / 6400**0.5  # and the factor of √N is a small one
    claimed = method.claimed_variance(x[:10])
    assert (claimed / variance[:10]).mean() == pytest.approx(1, abs=0.02)


@cache
def posteriors(truth, n):
    """Return n trajectories, E[s_t | x_1 … x_t] and the variances, by quadrature on a grid."""
    x, _ = truth.draw(n, "test", 100)
    grid = np.linspace(-3, 3, 2001)

    def density(a, b, variance):
        return np.exp(-0.5 * (a - b) ** 2 / variance)

    V, W = truth.V[0, 0], truth.W[0, 0]
    move = density(grid[:, None], truth.f(grid[:, None])[:, 0], V)  # to, from
    p = np.tile(density(grid, truth.f(truth.mean_0)[0], V)[:, None], n)  # of each trajectory
    means, variances = [], []
    for t, x_t in enumerate(x[:, :, 0].T):
        if t:
            p = move @ p
        seen = density(x_t, truth.h(grid[:, None]), W)
        p = p * np.where(np.isnan(x_t), 1.0, seen)
        p = p / p.sum(0)
        means.append(grid @ p)
        variances.append(((grid[:, None] - means[-1]) ** 2 * p).sum(0))
    found = (np.stack(values, 1)[..., None] for values in (means, variances))
    return tuple(map(torch.from_numpy, (x, *found)))


@pytest.mark.parametrize(
    ("truth", "proposal"), [(TWO_HUMPS, "prior"), (ONE_HUMP, "prior"), (ONE_HUMP, "linearized")]
)
def test_of_a_nonlinear_system_it_has_the_posterior_that_integration_has(truth, proposal):
    x, means, variances = posteriors(truth, 30)
    errors = {}
    for N in (1000, 16000):
        method = ParticleFilter(truth, n_particles=N, proposal=proposal)
        errors[N] = ((method(x) - means).square().mean() / variances.mean()).sqrt()
    assert errors[16000] < 4 / 16000**0.5
    assert errors[16000] < errors[1000] / 2
    claimed = method.claimed_variance(x[:10])
    assert (claimed.mean() / variances[:10].mean()) == pytest.approx(1, abs=0.02)
    gaussian = ExtendedKalmanFilter(truth)(x)
    assert ((gaussian - means).square().mean() / variances.mean()).sqrt() > 2 * errors[1000]


def test_a_sharp_observation_calls_for_a_proposal_that_has_seen_it():
    """W far below V: of particles drawn blindly hardly one is near what was seen."""
    truth = LINEAR.believed(noise_std=0.004, missing_probability=0.0)
    x, s = data(truth, 50, "test", 100)
    errors = [
        (ParticleFilter(truth, n_particles=50, proposal=proposal)(x) - s).square().mean()
        for proposal in PROPOSALS
    ]
    exact = (ExtendedKalmanFilter(truth)(x) - s).square().mean()
    assert errors[1] < 1.1 * exact
    assert errors[0] > 100 * exact


@pytest.mark.parametrize("proposal", PROPOSALS)
def test_rows_are_filtered_alike_however_many_there_are(proposal, monkeypatch):
    """All meet the same random numbers, in whatever portions rows are worked off."""
    truth = Lorenz(observation="spherical", noise_std=0.3, noise_ratio_db=0.0, n_steps=10)
    x, _ = data(truth, 7, "test", 100)
    method = ParticleFilter(truth, n_particles=60, proposal=proposal)
    together = method(x)
    monkeypatch.setattr("mbdl_repro.areas.tracking.kalman.particles.PARTICLES_AT_ONCE", 120)
    torch.testing.assert_close(method(x), together, rtol=0, atol=1e-8)
    torch.testing.assert_close(method(x[4:5]), together[4:5], rtol=0, atol=1e-8)
    torch.testing.assert_close(method(x[:, :6]), together[:, :6], rtol=0, atol=1e-8)
    other = ParticleFilter(truth, n_particles=60, proposal=proposal, seed=1)
    assert not torch.allclose(other(x), together)


def test_nothing_seen_leaves_the_prediction():
    truth = LINEAR.believed(n_steps=4)
    x = torch.full((2, 4, 2), torch.nan, dtype=torch.float64)
    means = ParticleFilter(truth, n_particles=20000)(x)
    kalman = ExtendedKalmanFilter(truth)
    deviation = (means - kalman(x)) / kalman.claimed_variance(x).sqrt()
    assert deviation.abs().max() < 5 / 20000**0.5


def test_the_near_mmse_line_is_the_kalman_filters_error_where_that_is_the_least():
    truth = LINEAR.believed(missing_probability=0.0)
    test = truth.draw(110, "test", 100)
    line = near_mmse(truth, test)
    x, s = map(torch.from_numpy, test)
    exact = (ExtendedKalmanFilter(truth)(x) - s).square().mean((1, 2)).numpy()
    assert line.mean() == pytest.approx(exact.mean(), rel=0.01)
    assert np.abs(line - exact).max() > 0
