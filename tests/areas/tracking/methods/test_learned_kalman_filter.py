"""The learned V and W: where they start, what they can become, and what learning them is worth."""

import dataclasses

import numpy as np
import pytest
import torch
from areas.tracking.linear_systems import CANONICAL, EXAMPLE_3_5, SYSTEMS

from mbdl_repro.areas.tracking.kalman.exact_error import linear_filter_error
from mbdl_repro.areas.tracking.kalman.linear_filter import gains_at_once, kalman_gains, linear_model
from mbdl_repro.areas.tracking.kalman.model import LinearRule, linear_arrays
from mbdl_repro.areas.tracking.methods.kalman_filter import KalmanFilter
from mbdl_repro.areas.tracking.methods.learned_kalman_filter import LearnedKalmanFilter
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

RECIPE = Recipe(learning_rate=0.1, steps=40, batch_size=1000, validate_every=10)


def pairs(truth, n, *stream):
    return Split(*(torch.from_numpy(part) for part in truth.draw(n, *stream)))


def fitted(truth, belief, n_train=20, recipe=RECIPE, **settings):
    method = LearnedKalmanFilter(belief, **settings)
    train, validation = pairs(truth, n_train, "train", 100), pairs(truth, 20, "validation", 100)
    method.fit(train, validation, recipe, torch_rng_for("fit"))
    return method


def exact_errors(method, truth):
    """The exact expectation of the squared error (T, m)."""
    rule = method.linear_rule(truth.n_steps)
    rule = LinearRule(*(part.numpy() for part in rule))
    return linear_filter_error(linear_arrays(truth), rule)


# --- the gains of all steps at once ---


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("T", [1, 2, 5, 7])
def test_gains_at_once_are_those_of_one_step_after_another(name, T):
    model = linear_model(SYSTEMS[name])
    for ours, theirs in zip(gains_at_once(model, T), kalman_gains(model, T), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-12)


def test_gains_at_once_of_many_steps():
    model = linear_model(EXAMPLE_3_5)
    for ours, theirs in zip(gains_at_once(model, 1000), kalman_gains(model, 1000), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-13)


def test_gradients_through_the_gains_at_once_are_those_of_one_step_after_another():
    model = linear_model(SYSTEMS["random start"])
    weights = torch.randn(7, 2, 2, generator=torch_rng_for("weights"), dtype=torch.float64)
    results = []
    for gains in (gains_at_once, kalman_gains):
        noises = [matrix.clone().requires_grad_() for matrix in (model.V, model.W)]
        (gains(model._replace(V=noises[0], W=noises[1]), 7)[0] * weights).sum().backward()
        results.append([matrix.grad + matrix.grad.mT for matrix in noises])  # V is symmetric
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-12)


# --- where it starts ---


@pytest.mark.parametrize("name", ["rank one", "random start", "one entry"])
@pytest.mark.parametrize("learn", ["process", "observation", "both"])
def test_unfitted_it_is_the_kalman_filter_with_missing_data_too(name, learn):
    truth = dataclasses.replace(SYSTEMS[name], missing_probability=0.3)
    x = torch.from_numpy(truth.draw(20, "test").x)
    ours, classical = LearnedKalmanFilter(truth, learn=learn), KalmanFilter(truth)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), classical(x), rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(
            ours.claimed_variance(x), classical.claimed_variance(x), rtol=1e-10, atol=1e-12
        )
        torch.testing.assert_close(ours.V.numpy(), truth.V, rtol=1e-13, atol=1e-16)
        torch.testing.assert_close(ours.W.numpy(), truth.W, rtol=1e-13, atol=1e-16)


def test_a_start_that_is_given_needs_no_belief():
    belief = CANONICAL.believed(process_noise_std=None, noise_ratio_db=None, noise_std=None)
    method = LearnedKalmanFilter(
        belief, learn="both", initial_process_variance=0.3, initial_observation_variance=0.2
    )
    torch.testing.assert_close(method.V.detach(), 0.3 * torch.eye(2, dtype=torch.float64))
    torch.testing.assert_close(method.W.detach(), 0.2 * torch.eye(2, dtype=torch.float64))
    with pytest.raises(ValueError, match="noise_std"):
        LearnedKalmanFilter(belief, learn="both", initial_process_variance=0.3)


def test_what_cannot_be_learned_is_refused():
    with pytest.raises(ValueError, match=r"V is zero.*initial_process_variance"):
        LearnedKalmanFilter(CANONICAL.believed(process_noise_std=0.0, noise_ratio_db=None))
    with pytest.raises(ValueError, match="W varies"):
        LearnedKalmanFilter(SYSTEMS["varying"], learn="observation")
    with pytest.raises(ValueError, match="not linear"):
        LearnedKalmanFilter(
            Lorenz(n_steps=5, noise_std=1.0, process_noise_std=1.0), initial_process_variance=1.0
        )


# --- what it learns ---


def test_whatever_the_weights_the_covariances_are_covariances():
    method = LearnedKalmanFilter(SYSTEMS["random start"], learn="both")
    for seed in range(20):
        for parameter in method.parameters():
            drawn = torch.randn(parameter.shape, generator=torch_rng_for("w", seed))
            parameter.data.copy_(2 * drawn)
        V, W = method.V.detach(), method.W.detach()
        assert torch.linalg.eigvalsh(V).min() >= -1e-12 * V.abs().max()
        assert torch.linalg.eigvalsh(W).min() > 0


def test_only_the_ratio_of_v_to_w_matters():
    x = torch.from_numpy(CANONICAL.draw(5, "test").x)
    bigger = CANONICAL.believed(noise_std=10 * CANONICAL.r)  # the ratio is the same
    with torch.no_grad():
        answers = [LearnedKalmanFilter(belief, learn="both")(x) for belief in (CANONICAL, bigger)]
    torch.testing.assert_close(*answers, rtol=1e-10, atol=1e-12)


def test_a_singular_start_does_not_stay_singular():
    truth = dataclasses.replace(EXAMPLE_3_5, n_steps=20)
    other_axis = truth.believed(process_noise=((1.0, 0.0), (0.0, 0.0)))
    method = fitted(truth, other_axis, recipe=RECIPE.model_copy(update={"steps": 20}))
    assert torch.linalg.matrix_rank(method.V.detach(), rtol=1e-6) == 2


def test_example_5_2_twenty_trajectories_recover_the_error_of_full_knowledge():
    truth = EXAMPLE_3_5
    belief = truth.believed(process_noise="isotropic", process_noise_std=1.0)
    assert exact_errors(LearnedKalmanFilter(belief), truth)[:, 0].mean() > 1.2
    error = exact_errors(fitted(truth, belief), truth)[:, 0].mean()
    assert 0.2339 * 0.9999 < error < 0.2339 * 1.05


def test_with_h_rotated_it_is_better_than_any_scale_of_the_believed_v():
    truth = CANONICAL.believed(
        noise_ratio_db=-20.0, noise_std=1.0, n_steps=100, observation_rotation_rad=np.deg2rad(10)
    )
    belief = truth.believed(observation_rotation_rad=0.0)
    tuned = min(
        exact_errors(KalmanFilter(belief, process_noise_scale=10.0**k), truth).mean()
        for k in np.arange(-3, 3, 0.5)
    )
    recipe = RECIPE.model_copy(update={"steps": 100})
    process = exact_errors(fitted(truth, belief, recipe=recipe), truth).mean()
    both = exact_errors(fitted(truth, belief, recipe=recipe, learn="both"), truth).mean()
    best = exact_errors(KalmanFilter(truth), truth).mean()
    assert best < both < process < 0.6 * tuned


def test_it_learns_from_what_is_not_missing():
    truth = dataclasses.replace(CANONICAL, missing_probability=0.3)
    belief = truth.believed(noise_ratio_db=20.0)
    method = fitted(truth, belief)
    test = pairs(truth, 1000, "test", 100)
    with torch.no_grad():
        ours, untuned, best = (
            (m(test.x) - test.s).square().mean()
            for m in (method, KalmanFilter(belief), KalmanFilter(truth))
        )
    assert best < ours < best + 0.2 * (untuned - best)
