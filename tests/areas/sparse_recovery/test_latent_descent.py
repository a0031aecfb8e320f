"""Signals of random generators, and the descent that finds their latent variables."""

import numpy as np
import pytest
import torch

from mbdl_repro.areas.sparse_recovery.methods.latent_descent import LatentDescent
from mbdl_repro.areas.sparse_recovery.metrics import relative_error, share_missed
from mbdl_repro.areas.sparse_recovery.systems.random_generator import RandomGenerator

TRUTH = RandomGenerator(n_latent=3, expansion=6, observations_per_latent=6.0, noise_share=0.0)


def test_sizes_follow_from_the_latent_variables():
    assert TRUTH.n_signal == 3 * 36
    assert TRUTH.n_observations == 18
    assert [W.shape for W in TRUTH.layers] == [(18, 3), (108, 18)]
    assert TRUTH.H.shape == (18, 108)


def test_signals_are_about_as_long_as_their_latent_variables():
    wide = RandomGenerator(n_latent=20, expansion=10, observations_per_latent=2.0)
    s = wide.sample(2000, np.random.default_rng(0)).s
    # Of the wide layers' laws: the ratio is 1, up to a few per cent of these weights.
    assert np.square(s).sum(1).mean() == pytest.approx(20, rel=0.15)


def test_noise_is_a_share_of_what_is_observed():
    noisy = RandomGenerator(n_latent=20, expansion=10, observations_per_latent=5, noise_share=0.2)
    split = noisy.sample(2000, np.random.default_rng(0))
    w = split.x - split.s @ noisy.H.T
    share = np.sqrt(np.square(w).mean() / np.square(split.s @ noisy.H.T).mean())
    assert share == pytest.approx(0.2, rel=0.15)


def test_more_equations_begin_with_fewer():
    fewer = RandomGenerator(n_latent=3, expansion=6, observations_per_latent=2.0)
    np.testing.assert_allclose(fewer.H * np.sqrt(6), TRUTH.H[:6] * np.sqrt(18))


def test_its_generator_is_that_of_the_scenario():
    method = LatentDescent(TRUTH)
    z = np.random.default_rng(0).standard_normal((7, 3))
    np.testing.assert_allclose(method.generate(torch.tensor(z)).numpy(), TRUTH.generate(z))


def test_without_noise_the_signals_are_found():
    split = TRUTH.sample(60, np.random.default_rng(1))
    estimate = LatentDescent(TRUTH).estimate(split.x)
    errors = relative_error(estimate, split, TRUTH)
    assert (errors < 1e-3).mean() > 0.8
    assert share_missed(estimate, split, TRUTH).mean() == pytest.approx((errors >= 0.1).mean())


def test_a_turn_never_raises_the_misfit_and_leaves_the_second_stationary_point():
    """Near −ρ z there is a stationary point; the check leaves it, which plain descent does not."""
    split = TRUTH.sample(300, np.random.default_rng(2))
    missed = {
        every: share_missed(
            LatentDescent(TRUTH, check_every=every).estimate(split.x), split, TRUTH
        ).mean()
        for every in (20, None)
    }
    assert missed[20] < missed[None]
    method = LatentDescent(TRUTH)
    z, x = torch.randn(300, 3, dtype=torch.float64), torch.tensor(split.x)
    before = method.misfit(z, x)
    method._turn(z, x)
    assert (method.misfit(z, x) <= before).all()


def test_what_has_no_answer_is_missed():
    split = TRUTH.sample(2, np.random.default_rng(1))
    assert share_missed(np.full_like(split.s, np.nan), split, TRUTH).tolist() == [1, 1]


@pytest.mark.parametrize("width", [300, 3000])
def test_expected_gradient_at_zero_of_a_wide_layer(width):
    """∇ of E‖x − H G(z)‖²/2 for one wide layer, towards z → 0: −‖ẑ‖ (sin θ + (π − θ) cos θ)/π.

    Along a unit direction u at angle θ of the true z*, ⟨G(u), G(z*)⟩ tends to
    ‖z*‖ (sin θ + (π − θ) cos θ) / π (the arc-cosine kernel of order one, Cho and Saul, 2009).
    """
    scenario = RandomGenerator(
        n_latent=4, expansion=width // 4, n_layers=1, observations_per_latent=2.0
    )
    rng = np.random.default_rng(3)
    truth, u = rng.standard_normal((2, 4))
    u /= np.linalg.norm(u)
    length = np.linalg.norm(truth)
    theta = np.arccos(u @ truth / length)
    expected = length * (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / np.pi
    found = (scenario.generate(u[None]) * scenario.generate(truth[None])).sum()
    assert found == pytest.approx(expected, rel=8 / np.sqrt(width))
