"""The Lorenz attractor: its two integrators against a third, its angles, its Jacobians."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.areas.tracking.systems.sinusoidal import Sinusoidal
from mbdl_repro.contract.seeding import rng_for

TRUTH = Lorenz(noise_std=0.1, process_noise_std=0.1, n_steps=5)


def states(n=20):
    """States about the attractor."""
    return rng_for("lorenz").normal((0.0, 0.0, 25.0), (8.0, 9.0, 8.0), (n, 3))


def flow(s, seconds):
    def slope(_, s):
        return [10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]]

    return np.array(
        [
            solve_ivp(slope, (0, seconds), row, "DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
            for row in s
        ]
    )


@pytest.mark.parametrize(
    ("integrator", "order", "substeps"),
    [("taylor", 1, (100, 200)), ("taylor", 5, (100, 200)), ("runge_kutta", 4, (4, 8))],
)
def test_each_integrator_approaches_the_flow_at_its_order(integrator, order, substeps):
    """The Taylor series, whose A is frozen, is of first order however many terms it has."""
    s = states()
    exact = flow(s, 0.02)
    errors = []
    for k in substeps:
        kind = TRUTH.believed(integrator=integrator, taylor_order=min(order, 5), substeps=k)
        errors.append(np.abs(kind.f(s) - exact).mean())
    expected = 2 ** (4 if integrator == "runge_kutta" else 1)
    assert errors[0] / errors[1] == pytest.approx(expected, rel=0.2)
    assert errors[1] < 1e-3


def test_a_taylor_step_is_a_sum_of_powers_of_a_matrix():
    for s in states(5):
        A = np.array([[-10, 10, 0], [28 - s[2], -1, 0], [s[1], 0, -8 / 3]]) * 0.02
        expected = (np.eye(3) + A + A @ A / 2) @ s
        np.testing.assert_allclose(TRUTH.believed(taylor_order=2).f(s), expected, rtol=1e-12)


BELIEFS = [
    TRUTH,
    TRUTH.believed(taylor_order=2, substeps=3, observation_rotation_rad=0.3),
    TRUTH.believed(integrator="runge_kutta", substeps=2, observation="spherical"),
    TRUTH.believed(observation="spherical", observation_rotation_rad=0.3),
    Sinusoidal(noise_std=0.1, process_noise_std=0.1, n_steps=5, gain=0.7, slope=1.2, shift=0.1),
]


@pytest.mark.parametrize("belief", BELIEFS, ids=range(len(BELIEFS)))
def test_jacobians_are_those_of_automatic_differentiation(belief):
    s = torch.from_numpy(states()[:, : belief.m])
    for function, jacobian in ((belief.f, belief.f_jacobian), (belief.h, belief.h_jacobian)):
        expected = torch.vmap(torch.func.jacfwd(function))(s)
        torch.testing.assert_close(jacobian(s), expected, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(torch.from_numpy(jacobian(s.numpy())), expected)


def test_angles_are_subtracted_as_angles():
    """Two points close to each other on either side of the cut lie close as seen, too."""
    truth = TRUTH.believed(observation="spherical")
    behind, before = np.array([-20.0, -0.1, 3.0]), np.array([-20.0, 0.1, 3.0])
    seen = truth.residual(truth.h(before), truth.h(behind))
    assert np.abs(truth.h(before) - truth.h(behind)).max() > 6
    np.testing.assert_allclose(seen, [0, 0, -2 * np.arctan(0.1 / 20)], atol=1e-12)
    turned = truth.residual(np.array([1.0, 7.0, -9.0]), np.zeros(3))
    np.testing.assert_allclose(turned, [1.0, 7.0 - 2 * np.pi, 2 * np.pi - 9.0])


def test_a_rotated_sensor_sees_rotated_points():
    """By a degree about each axis: the matrices of the three, in the order R_z R_y R_x."""
    angle = np.deg2rad(1)
    c, s = np.cos(angle), np.sin(angle)
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    seen = TRUTH.believed(observation_rotation_rad=float(angle)).h(states())
    np.testing.assert_allclose(seen, states() @ (about_z @ about_y @ about_x).T, rtol=1e-12)


def test_orbits_of_different_rows_are_independent():
    """What decimated orbits are for: test orbits that training never saw."""
    truth = Lorenz(
        integrator="runge_kutta",
        substeps=20,
        process_noise_std=0.0,
        noise_std=1.0,
        n_steps=400,
        initial_std=1.0,
    )
    s = truth.sample(200, rng_for("orbits")).s[:, -1, :2]
    correlation = np.corrcoef(s[::2].T, s[1::2].T)[:2, 2:]
    assert np.abs(correlation).max() < 5 / np.sqrt(100)
    assert (s.std(0) > 5).all()  # they fill the attractor
