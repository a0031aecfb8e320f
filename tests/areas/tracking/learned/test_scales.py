"""What learned filters make of signals and sensors in whatever units."""

import numpy as np
import pytest
import torch

from mbdl_repro.areas.tracking.learned.gain import Directions, implied_variances
from mbdl_repro.areas.tracking.learned.prediction import pseudo_inverse, rank
from mbdl_repro.areas.tracking.methods.kalmannet import Kalmannet
from mbdl_repro.areas.tracking.methods.learned_kalman_filter import LearnedKalmanFilter
from mbdl_repro.areas.tracking.methods.neural_augmented_kalman import NeuralAugmentedKalman
from mbdl_repro.areas.tracking.methods.particle_filter import ParticleFilter
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

TRUTH = LinearStateSpace(
    transition="canonical", process_noise_std=0.3, noise_std=0.3, n_steps=8, initial_std=0.3
)
RECIPE = Recipe(steps=6, batch_size=50, learning_rate=2e-2, clip_norm=1.0, validate_every=3)


def pairs(truth, n, *stream, unit=1.0):
    return Split(*(unit * torch.from_numpy(part) for part in truth.draw(n, *stream)))


@pytest.mark.parametrize("magnitudes", [False, True])
def test_a_fit_in_another_unit_is_the_same_fit(magnitudes):
    """A direction is one, and 0 has none, however small the unit makes the numbers."""
    answers = []
    for unit in (1.0, 1e-9):
        method = Kalmannet(TRUTH, input_multiplier=2, output_multiplier=2, magnitudes=magnitudes)
        train, validation = (pairs(TRUTH, 50, k, unit=unit) for k in ("train", "validation"))
        method.initialize(train, torch_rng_for("scale"))
        rng = torch.Generator().manual_seed(1)
        with torch.no_grad():
            assert method.loss(*validation).item() > 0
            for p in method.parameters():
                p += 0.05 * torch.randn(p.shape, generator=rng, dtype=p.dtype)
            if not magnitudes:  # log lengths are those of the signals as they are
                answers.append(method(pairs(TRUTH, 20, "test", unit=unit).x) / unit)
            else:
                assert method(pairs(TRUTH, 20, "test", unit=unit).x).isfinite().all()
    if answers:
        torch.testing.assert_close(answers[0], answers[1], rtol=1e-7, atol=1e-7)


def test_directions_and_lengths_and_what_0_has_of_them():
    layer = Directions((2, 1), magnitudes=True).double()
    small = 1e-8 * torch.tensor([[3.0, 4.0, -2.0]], dtype=torch.float64)
    layer.measure(small[0].abs())
    seen = layer(small)
    expected = torch.tensor([[0.6, 0.8, -1.0, np.log(5e-8), np.log(2e-8)]])
    torch.testing.assert_close(seen, expected.double(), rtol=1e-9, atol=0)
    nothing = torch.zeros_like(small, requires_grad=True)
    layer(nothing).sum().backward()
    assert not layer(nothing)[:, :3].any()
    assert nothing.grad.isfinite().all()
    single = layer.float()(1e-30 * torch.tensor([[3.0, 4.0, -2.0]]))
    assert single.isfinite().all()


def test_a_sensor_in_a_small_unit_counts_in_the_pseudo_inverse():
    H = torch.tensor([[1.0, 0.0], [0.0, 1e-18], [0.0, 2e-18]], dtype=torch.float64)
    assert rank(H) == 2
    expected = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.2e18, 0.4e18]], dtype=torch.float64)
    torch.testing.assert_close(pseudo_inverse(H), expected)
    flat = torch.ones(2, 2, dtype=torch.float64)
    assert rank(flat) == 1
    torch.testing.assert_close(pseudo_inverse(flat), flat / 4)
    both = torch.stack((H[:2], flat))
    assert rank(both).tolist() == [2, 1]
    torch.testing.assert_close(pseudo_inverse(both)[1], flat / 4)


def test_one_row_without_rank_claims_nothing_and_leaves_the_others_alone():
    eye = torch.eye(2, dtype=torch.float64)
    H = torch.stack((eye, torch.ones_like(eye), eye * torch.nan, 2 * eye))
    gain = torch.stack((0.3 * eye, eye, eye, 0.2 * eye))
    claimed = implied_variances(gain, H, eye)
    assert claimed[1:3].isnan().all()
    torch.testing.assert_close(claimed[[0, 3]], torch.tensor([[0.3] * 2, [0.1] * 2]).double())


UNLIKE = np.diag([1e6, 1e-8]) @ np.array([[1.0, 0.5], [0.5, 1.0]]) @ np.diag([1e6, 1e-8])


def test_covariances_in_unlike_units_are_where_learning_starts():
    truth = LinearStateSpace(
        transition=np.eye(2), process_noise=UNLIKE, process_noise_std=1.0,
        observation_noise=UNLIKE, noise_std=1.0, n_steps=4,
    )  # fmt: skip
    method = LearnedKalmanFilter(truth, learn="both")
    unit = np.sqrt(UNLIKE.diagonal())
    for ours in (method.V, method.W):
        error = np.abs(ours.detach().numpy() - UNLIKE) / np.outer(unit, unit)
        assert error.max() < 1e-12
    x = torch.from_numpy(truth.draw(3, "test").x)
    for kind in (NeuralAugmentedKalman, ParticleFilter):  # which need what is not singular
        with torch.no_grad():
            assert kind(truth)(x).isfinite().all()
    exact = truth.believed(observation_noise=np.diag([1.0, 0.0]))
    with pytest.raises(ValueError, match="W is singular"):
        NeuralAugmentedKalman(exact)
