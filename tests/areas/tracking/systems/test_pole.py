"""Spherical observations on the vertical axis, where the azimuth has no derivative."""

import numpy as np
import pytest
import torch

from mbdl_repro.areas.tracking.kalman.extended import extended_kalman
from mbdl_repro.areas.tracking.kalman.particles import particle_filter
from mbdl_repro.areas.tracking.kalman.unscented import unscented_kalman
from mbdl_repro.areas.tracking.methods.kalmannet import Kalmannet
from mbdl_repro.areas.tracking.methods.split_kalmannet import SplitKalmannet
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.recipe import Recipe

ON_AXIS = Lorenz(
    n_steps=20,
    noise_std=0.1,
    process_noise_std=0.1,
    observation="spherical",
    initial_state=(0.0, 0.0, 5.0),
)
AT_ORIGIN = ON_AXIS.believed(initial_state=(0.0, 0.0, 0.0))
FILTERS = {
    "extended": lambda x, truth: extended_kalman(x, truth).means,
    "unscented": lambda x, truth: unscented_kalman(x, truth).means,
    "particles": lambda x, truth: particle_filter(x, truth, n_particles=1000)[0],
    "linearized": lambda x, truth: particle_filter(
        x, truth, n_particles=1000, proposal="linearized"
    )[0],
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("truth", [ON_AXIS, AT_ORIGIN], ids=["axis", "origin"])
def test_filters_that_start_there_find_their_way(truth, name):
    x, s = map(torch.from_numpy, truth.draw(3, "test"))
    error = (FILTERS[name](x, truth) - s).square().mean().item()
    assert error < 1.0 < s.square().mean().item()


def test_derivatives_there_are_those_along_azimuth_0_and_none_of_the_azimuth():
    J = ON_AXIS.h_jacobian(np.array([[0.0, 0.0, 5.0], [0.0, 0.0, -2.0], [0.0, 0.0, 0.0]]))
    np.testing.assert_array_equal(J[0], [[0, 0, 1], [0.2, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(J[1], [[0, 0, -1], [-0.5, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(J[2], [[0, 0, 1], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(ON_AXIS.h_jacobian(np.array([0.0, 0.0, 5.0])), J[0])
    np.testing.assert_array_equal(ON_AXIS.h(np.array([0.0, 0.0, -2.0])), [2, np.pi, 0])
    # Those of the limit along azimuth 0, up to what the azimuth itself tells.
    near = ON_AXIS.h_jacobian(np.array([1e-9, 0.0, 5.0]))
    np.testing.assert_allclose(near[:2], J[0, :2], rtol=0, atol=1e-9)


@pytest.mark.parametrize("size", [1e-150, 1.0, 1e150])
def test_derivatives_do_not_depend_on_the_unit(size):
    s = np.array([[3.0, -4.0, 12.0], [0.0, 0.0, 5.0], [1.0, 0.0, 0.0]])
    unit = np.array([1.0, size, size])[:, None]
    np.testing.assert_allclose(
        ON_AXIS.h_jacobian(size * s) * unit, ON_AXIS.h_jacobian(s), rtol=1e-12, atol=1e-15
    )


def test_rounding_by_a_rotation_makes_no_azimuth():
    turned = ON_AXIS.believed(observation_rotation_rad=0.3)
    R = turned.believed(observation="identity").h_jacobian(np.ones(3))
    on_axis = 5 * R[2]  # what the sensor has above itself, up to rounding
    J = turned.h_jacobian(on_axis) @ R.T
    np.testing.assert_allclose(J, ON_AXIS.h_jacobian(np.array([0.0, 0.0, 5.0])), atol=1e-12)


@pytest.mark.parametrize("truth", [ON_AXIS, ON_AXIS.believed(observation_rotation_rad=0.3)])
def test_automatic_differentiation_finds_the_same(truth):
    s = torch.tensor([[0.0, 0.0, 5.0], [0.0, 0.0, -2.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    s = s.double()
    if truth.observation_rotation_rad:
        s = s[2:]  # the others are off the axis by rounding, where the azimuth has a derivative
    found = torch.vmap(torch.func.jacrev(truth.h))(s)
    torch.testing.assert_close(found, truth.h_jacobian(s))


@pytest.mark.parametrize("kind", [Kalmannet, SplitKalmannet])
def test_learned_filters_start_and_learn_there(kind):
    method = kind(ON_AXIS, input_multiplier=2)
    x, s = map(torch.from_numpy, ON_AXIS.draw(20, "train"))
    x[:, 0] = torch.nan  # so that the first states stay on the axis
    recipe = Recipe(steps=2, batch_size=10, learning_rate=1e-3, clip_norm=1.0)
    history = method.fit(Split(x, s), Split(x, s), recipe, torch.Generator().manual_seed(0))
    assert all(np.isfinite(row["validation_loss"]) for row in history)
    with torch.no_grad():
        assert method(x).isfinite().all()
