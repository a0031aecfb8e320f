"""Models fitted to labelled trajectories, beside NumPy's least squares and exact errors."""

import dataclasses

import numpy as np
import pytest
import torch
from areas.tracking.linear_systems import CANONICAL, varying

from mbdl_repro.areas.tracking.kalman.exact_error import linear_filter_error, matched_rule
from mbdl_repro.areas.tracking.kalman.extended import extended_kalman
from mbdl_repro.areas.tracking.kalman.model import LinearRule, linear_arrays
from mbdl_repro.areas.tracking.methods.kalman_filter import KalmanFilter
from mbdl_repro.areas.tracking.methods.least_squares_model import LeastSquaresModel
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.contract.method import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

TRUTH = dataclasses.replace(
    CANONICAL, initial_std=0.5, observation="reversed_canonical", n_observations=2
)


def drawn(truth, n, missing=0.0):
    x, s = truth.draw(n, "train")
    x[np.random.default_rng(5).random(x.shape) < missing] = np.nan
    return Split(torch.from_numpy(x), torch.from_numpy(s))


def fitted(belief, train, **settings):
    method = LeastSquaresModel(belief, **settings)
    method.fit(train, train, Recipe(), torch_rng_for("fit"))
    return method


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_the_matrices_are_those_of_least_squares(missing):
    train = drawn(TRUTH, 8, missing)
    method = fitted(TRUTH.believed(transition=None, observation=None), train, noise=True)
    model = method.current_model()
    x, s = (part.numpy() for part in train)
    before, after = s[:, :-1].reshape(-1, 2), s[:, 1:].reshape(-1, 2)
    F = np.linalg.lstsq(before, after, rcond=None)[0].T
    np.testing.assert_allclose(model.F.detach(), F, rtol=1e-9)
    e = after - before @ F.T
    np.testing.assert_allclose(model.V.detach(), e.T @ e / len(e), rtol=1e-9)
    x, s = x.reshape(-1, 2), s.reshape(-1, 2)
    H = np.empty((2, 2))
    for i in range(2):
        seen = ~np.isnan(x[:, i])
        H[i] = np.linalg.solve(s[seen].T @ s[seen], s[seen].T @ x[seen, i])
    np.testing.assert_allclose(model.H.detach(), H, rtol=1e-8)
    e = (x - s @ H.T)[~np.isnan(x).any(1)]
    np.testing.assert_allclose(model.W.detach(), e.T @ e / len(e), rtol=1e-9)


def test_a_known_first_state_is_learned_from_too():
    """From one step of each trajectory, F is seen only by where it takes s̄_0."""
    truth = dataclasses.replace(CANONICAL, n_steps=1, initial_state=(3.0, -2.0))
    method = fitted(truth, drawn(truth, 50), estimate="transition")
    F, mean = method.current_model().F.detach().numpy(), np.array([3.0, -2.0])
    np.testing.assert_allclose(F @ mean, drawn(truth, 50).s[:, 0].mean(0), rtol=1e-9)
    np.testing.assert_allclose(F @ [2.0, 3.0], 0, atol=1e-12)  # of what is never met, nothing


def test_without_noise_it_is_the_kalman_filter_of_the_truth():
    quiet = dataclasses.replace(
        TRUTH, noise_ratio_db=None, process_noise_std=0.0, noise_std=1e-13, initial_std=1.0
    )
    train = drawn(quiet, 20)
    for estimate in ("transition", "observation", "both"):
        method = fitted(TRUTH, train, estimate=estimate)
        x = drawn(TRUTH, 5, 0.2).x
        torch.testing.assert_close(method(x), KalmanFilter(TRUTH)(x), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(
            method.claimed_variance(x), KalmanFilter(TRUTH).claimed_variance(x)
        )


def test_of_a_rotated_sensor_it_recovers_almost_all():
    """Revach et al.'s H rotated by 10°: from +1.35 dB to within 0.2 dB of −7.32 dB."""
    truth = dataclasses.replace(
        CANONICAL, noise_ratio_db=-20.0, noise_std=1.0, n_steps=100,
        observation_rotation_rad=np.pi / 18,
    )  # fmt: skip
    believed = truth.believed(observation_rotation_rad=0.0)
    method = fitted(believed, drawn(truth, 20), estimate="observation")
    rule = LinearRule(*(part.detach().numpy() for part in method.linear_rule(100)))
    model = linear_arrays(truth)
    best = linear_filter_error(model, matched_rule(model, 100)).mean()
    error = linear_filter_error(model, rule).mean()
    assert best < error < best * 10**0.02


def test_of_a_lorenz_attractor_only_the_sensor_is_estimated():
    truth = Lorenz(
        noise_std=0.1, noise_ratio_db=-20.0, n_steps=100, observation_rotation_rad=np.pi / 180
    )
    belief = truth.believed(observation=None)
    train, (x, s) = drawn(truth, 10), drawn(dataclasses.replace(truth, n_steps=200), 20)
    method = fitted(belief, train, estimate="observation")
    R = truth.h_jacobian(np.zeros(3))
    np.testing.assert_allclose(method.fitted["H"].detach(), R, atol=2e-3)
    with torch.no_grad():
        ours, told, wrong = (
            (means - s).square().mean().item()
            for means in (
                method(x),
                extended_kalman(x, truth).means,
                extended_kalman(x, truth.believed(observation_rotation_rad=0.0)).means,
            )
        )
    assert ours < 1.05 * told
    assert wrong > 2 * told
    assert method.linear_rule(5) is None
    for estimate in ("transition", "both"):
        with pytest.raises(ValueError, match="Lorenz, which is not linear, only the observation"):
            LeastSquaresModel(truth, estimate=estimate)
    with pytest.raises(ValueError, match="integrator"):
        LeastSquaresModel(truth.believed(integrator=None), estimate="observation")


def test_an_entry_that_is_never_seen_is_refused():
    x, s = drawn(TRUTH, 5)
    x[..., 1] = torch.nan
    with pytest.raises(ValueError, match="missing from all training data"):
        fitted(TRUTH, Split(x, s))


def test_noise_is_not_estimated_where_no_step_is_seen_whole():
    train = drawn(TRUTH, 6)
    train.x[::2, :, 0] = train.x[1::2, :, 1] = np.nan
    assert fitted(TRUTH, train, estimate="observation").fitted["H"].isfinite().all()
    with pytest.raises(ValueError, match="set noise: false"):
        fitted(TRUTH, train, estimate="observation", noise=True)


def test_what_is_not_estimated_may_vary():
    truth = varying(T=30)
    method = fitted(truth, drawn(truth, 40), estimate="observation")
    np.testing.assert_array_equal(method.current_model().F, truth.F)
    assert method(drawn(truth, 3).x).shape == (3, 30, 3)
