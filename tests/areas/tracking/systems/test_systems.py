"""The dynamic systems themselves: matrices, moments, and what a belief may say."""

import dataclasses

import numpy as np
import pytest
import torch
from areas.tracking.gaussian_oracle import Joint
from areas.tracking.linear_systems import CANONICAL, EXAMPLE_3_5, SYSTEMS, varying

from mbdl_repro.areas.tracking.kalman.model import linear_arrays
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.areas.tracking.systems.rotation import rotation
from mbdl_repro.areas.tracking.systems.sinusoidal import Sinusoidal
from mbdl_repro.contract.covariance import covariance_root

NOISE = {"noise_std": 1.0, "process_noise_std": 1.0, "n_steps": 5}
KINDS = {
    "linear": varying(T=5),
    "taylor": Lorenz(**NOISE, observation_rotation_rad=0.3),
    "few terms": Lorenz(**NOISE, taylor_order=2, substeps=3),
    "runge_kutta": Lorenz(**NOISE, integrator="runge_kutta", substeps=2),
    "spherical": Lorenz(**NOISE, observation="spherical", observation_rotation_rad=0.1),
    "sinusoidal": Sinusoidal(**NOISE, shift=0.4, slope=0.7, gain=1.3),
}
every_kind = pytest.mark.parametrize("truth", KINDS.values(), ids=list(KINDS))


def states(truth, n=6):
    return np.random.default_rng(0).standard_normal((n, truth.m)) + 2.0


@every_kind
@pytest.mark.parametrize("name", ["f", "h"])
def test_jacobians_are_those_of_finite_differences(truth, name):
    function, jacobian = getattr(truth, name), getattr(truth, f"{name}_jacobian")
    s, step = states(truth), 1e-6
    for i in range(truth.m):
        away = step * np.eye(truth.m)[i]
        slope = (function(s + away, 3) - function(s - away, 3)) / (2 * step)
        np.testing.assert_allclose(jacobian(s, 3)[..., i], slope, rtol=1e-7, atol=1e-8)


@every_kind
@pytest.mark.parametrize("name", ["f", "f_jacobian", "h", "h_jacobian"])
def test_numpy_and_torch_have_one_and_the_same_equations(truth, name):
    s = states(truth)
    ours = getattr(truth, name)(torch.from_numpy(s), 2)
    np.testing.assert_allclose(ours, getattr(truth, name)(s, 2), rtol=1e-14, atol=1e-14)
    single = getattr(truth, name)(torch.from_numpy(s).float(), 2)
    assert single.dtype == torch.float32
    batch = getattr(truth, name)(torch.from_numpy(s).reshape(2, 3, -1), 2)
    assert torch.equal(batch.flatten(0, 1), ours)


def test_the_constant_velocity_model_is_that_of_the_book():
    dt = 0.1
    np.testing.assert_allclose(EXAMPLE_3_5.F, [[1, dt], [0, 1]])
    V = 0.25 * np.array([[dt**4 / 4, dt**3 / 2], [dt**3 / 2, dt**2]])
    np.testing.assert_allclose(EXAMPLE_3_5.V, V)
    np.testing.assert_array_equal(EXAMPLE_3_5.H, [[1, 0]])
    np.testing.assert_array_equal(EXAMPLE_3_5.W, [[4]])
    np.testing.assert_array_equal(EXAMPLE_3_5.mean_0, [0, 1])
    assert not EXAMPLE_3_5.cov_0.any()


def test_canonical_matrices_are_those_of_revach_and_others():
    truth = CANONICAL.believed(n_state=3, n_observations=3, observation="reversed_canonical")
    np.testing.assert_array_equal(truth.F, [[1, 1, 1], [0, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(truth.H, [[1, 1, 1], [0, 1, 0], [1, 0, 0]])


def test_rotations_turn_by_their_angle():
    turned = CANONICAL.believed(transition_rotation_rad=0.3, observation_rotation_rad=-0.2)
    for angle, matrix, plain in ((0.3, turned.F, CANONICAL.F), (-0.2, turned.H, CANONICAL.H)):
        c, s = np.cos(angle), np.sin(angle)
        np.testing.assert_allclose(matrix, np.array([[c, -s], [s, c]]) @ plain)
    for size in (2, 3, 5):
        R = rotation(0.4, size)
        np.testing.assert_allclose(R @ R.T, np.eye(size), atol=1e-15)
        assert np.linalg.det(R) == pytest.approx(1)
    with pytest.raises(ValueError, match="cannot be rotated"):
        EXAMPLE_3_5.believed(observation_rotation_rad=0.1)


@pytest.mark.parametrize("truth", SYSTEMS.values(), ids=list(SYSTEMS))
def test_trajectories_have_the_moments_of_the_joint_gaussian(truth):
    N = 20_000
    x, s = truth.draw(N, "moments")
    joint = Joint(linear_arrays(truth), 7)
    mean = np.concatenate([joint.mean[truth.m :], joint.x_mean])
    states, crossed = joint.covariance[truth.m :, truth.m :], joint.crossed[truth.m :]
    covariance = np.block([[states, crossed], [crossed.T, joint.x_covariance]])
    z = np.concatenate([s.reshape(N, -1), x.reshape(N, -1)], 1)
    variance = covariance.diagonal()
    assert (np.abs(z.mean(0) - mean) <= 5 * np.sqrt(variance / N) + 1e-12).all()
    sampled = (z - mean).T @ (z - mean) / N
    # Of Gaussian numbers a product's variance is C_ii C_jj + C_ij².
    spread = np.sqrt((np.outer(variance, variance) + covariance**2) / N)
    assert (np.abs(sampled - covariance) <= 6 * spread + 1e-12).all()


def test_entries_are_missing_as_often_as_they_should():
    truth = CANONICAL.believed(missing_probability=0.3)
    missing = np.isnan(truth.draw(2000, "test").x)
    assert abs(missing.mean() - 0.3) < 4 * np.sqrt(0.21 / missing.size)
    assert not np.isnan(truth.draw(2000, "test").s).any()


def test_the_ratio_of_noises_implies_the_process_noise():
    assert CANONICAL.believed(noise_ratio_db=-20.0).q == pytest.approx(0.1 * CANONICAL.r)
    with pytest.raises(ValueError, match="each implies the other"):
        CANONICAL.believed(process_noise_std=1.0)
    for field, name in (("noise_ratio_db", "V"), ("noise_std", "W"), ("transition", "F"),
                        ("observation", "H")):  # fmt: skip
        with pytest.raises(ValueError, match=rf"{field}.*withheld"):
            getattr(CANONICAL.believed(**{field: None}), name)


def test_matrices_cannot_be_written_into():
    with pytest.raises(ValueError, match="read-only"):
        EXAMPLE_3_5.F[0, 0] = 2.0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"transition": "constant_velocity", "n_state": 3}, "n_state is 3"),
        ({"process_noise": "acceleration", "n_state": 3}, "n_state is 3"),
        ({"n_observations": 3}, r"n_observations is 3 > 2"),
        ({"transition": ((1.0, 0.0),)}, r"transition has shape \(1, 2\)"),
        ({"observation": ((1.0, 0.0), (1.0,))}, "different lengths"),
        ({"initial_state": (1.0,)}, "initial_state has 1 entries"),
        ({"process_noise": ((1.0, 2.0), (2.0, 1.0))}, "not positive semidefinite"),
        ({"observation_noise": ((1.0, 1.0), (0.0, 1.0))}, "not symmetric"),
    ],
)
def test_what_does_not_fit_is_refused(changes, why):
    with pytest.raises(ValueError, match=why):
        LinearStateSpace(**{"transition": "canonical", **NOISE, **changes})


def test_a_singular_covariance_has_a_root():
    V = EXAMPLE_3_5.V
    L = covariance_root(V)
    np.testing.assert_allclose(L @ L.T, V, atol=1e-18)
    assert dataclasses.replace(EXAMPLE_3_5, process_noise_std=0.0).draw(2, "test").s is not None


def test_angles_are_subtracted_as_angles():
    truth = KINDS["spherical"]
    x, predicted = np.array([3.0, 3.0, 3.1]), np.array([1.0, 0.1, -3.1])
    np.testing.assert_allclose(truth.residual(x, predicted), [2.0, 2.9, 6.2 - 2 * np.pi])
    np.testing.assert_allclose(KINDS["taylor"].residual(x, predicted), x - predicted)
