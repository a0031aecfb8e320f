"""Closed forms with a learned part, denoisers in ADMM, and noise levels of their own."""

import dataclasses

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch
from linear_rules import exact_risk, pairs

from mbdl_repro.areas.linear_estimation.bounds import (
    best_linear_rule,
    minimum_mean_squared_error,
    posterior_mean_error,
    sample_estimator_risk,
)
from mbdl_repro.areas.linear_estimation.methods.augmented_mmse import AugmentedMmse
from mbdl_repro.areas.linear_estimation.methods.denoiser_admm import DenoiserAdmm
from mbdl_repro.areas.linear_estimation.methods.learned_mmse import LearnedMmse
from mbdl_repro.areas.linear_estimation.methods.linear_mmse import LinearMMSE
from mbdl_repro.areas.linear_estimation.methods.noise_network import NoiseNetwork
from mbdl_repro.areas.linear_estimation.metrics import squared_error
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.spectrum import prior_precision
from mbdl_repro.areas.linear_estimation.updates import denoising_admm_iterates, whitener_of
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

TRUTH = LinearGaussian()
WRONG_PRIOR = TRUTH.believed(signal_covariance="identity")
WRONG_MATRIX = TRUTH.believed(matrix_perturbation=0.1)
WIDE = LinearGaussian(n_signal=7, n_observations=4, observation_matrix="gaussian")
LEVELS = LinearGaussian(noise_spread=4.0)
beliefs = pytest.mark.parametrize("belief", [TRUTH, WRONG_PRIOR, WRONG_MATRIX, WIDE])


# --- learned models ---


@beliefs
@pytest.mark.parametrize("learn", ["scales", "covariances", "all"])
def test_an_unfitted_model_is_the_believed_one(belief: LinearGaussian, learn: str) -> None:
    x = pairs(belief, 10, "test").x
    method = LearnedMmse(belief, learn=learn)
    torch.testing.assert_close(method(x), LinearMMSE(belief)(x), rtol=0, atol=1e-9)
    n_learned = sum(p.numel() for p in method.parameters() if p.requires_grad)
    m, n = belief.n_signal, belief.n_observations
    covariances = m * (m + 1) // 2 + n
    assert n_learned == {"scales": 3, "covariances": covariances, "all": covariances + m * n}[learn]


def test_three_numbers_mend_a_wrong_prior_and_end_near_the_truth() -> None:
    method = LearnedMmse(WRONG_PRIOR, learn="scales")
    train, validation = pairs(TRUTH, 3000, "train"), pairs(TRUTH, 1000, "validation")
    recipe = Recipe(learning_rate=0.05, steps=120, batch_size=200, validate_every=20)
    method.fit(train, validation, recipe, torch_rng_for("fit"))
    floor = minimum_mean_squared_error(TRUTH)
    assert floor < exact_risk(method, TRUTH) < 1.005 * floor
    assert exact_risk(LinearMMSE(WRONG_PRIOR), TRUTH) > 1.5 * floor
    C = method.learned_covariance().detach().numpy()
    ratio = C / C[0, 0] * 0.2
    assert abs(ratio - TRUTH.covariance).max() < 0.02  # up to scale, which the noise shares


def test_scales_are_those_of_a_geometric_covariance() -> None:
    C = TRUTH.covariance.copy()
    C[0, 0] *= 2
    other = TRUTH.believed(signal_covariance=C)
    with pytest.raises(ValueError, match="signal_covariance has other entries"):
        LearnedMmse(other, learn="scales")
    LearnedMmse(other, learn="covariances")
    singular = WIDE.believed(signal_covariance=np.ones((7, 7)))
    for build in (LearnedMmse, prior_precision):
        with pytest.raises(ValueError, match="signal_covariance is singular"):
            build(singular)


def test_a_noise_scale_is_another_noise_variance() -> None:
    x = pairs(TRUTH, 5, "test").x
    louder = dataclasses.replace(TRUTH, noise_std=0.6)
    torch.testing.assert_close(LinearMMSE(TRUTH, noise_scale=4.0)(x), LinearMMSE(louder)(x))


# --- networks beside the closed form ---


def test_the_whitener_makes_white() -> None:
    H, C_s = torch.tensor(WIDE.matrix), torch.tensor(WIDE.covariance)
    W = whitener_of(H, C_s, WIDE.noise_variance)
    C_xx = H @ C_s @ H.mT + WIDE.noise_variance * torch.eye(4, dtype=torch.float64)
    torch.testing.assert_close(W @ C_xx @ W, torch.eye(4, dtype=torch.float64))
    torch.testing.assert_close(W, W.mT)


def test_an_augmented_estimate_is_the_formula_in_its_docstring() -> None:
    method, x = AugmentedMmse(WIDE, hidden_size=5), pairs(WIDE, 6, "test").x
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.normal_(generator=torch_rng_for("formula"))
    W_1, W_2, b_1, b_2 = method.parameters()
    z = 0.1 * x @ method.whitener
    expected = LinearMMSE(WIDE)(x) + torch.tanh(z @ W_1.mT + b_1) @ W_2.mT + b_2
    torch.testing.assert_close(method(x), expected)


def test_a_network_for_the_noise_changes_the_closed_form_in_that_alone() -> None:
    method, x = NoiseNetwork(WIDE, hidden_size=5), pairs(WIDE, 6, "test").x
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.normal_(generator=torch_rng_for("formula"))
        z = x @ method.rotation
        scales = method.network((z**2 / (method.powers + WIDE.noise_variance) + 0.01).log()).exp()
    assert scales.std() > 0.1
    rows = [LinearMMSE(WIDE, noise_scale=c.item())(row[None]) for c, row in zip(scales, x)]
    torch.testing.assert_close(method(x), torch.cat(rows))


def test_where_noise_levels_differ_a_network_passes_every_linear_rule() -> None:
    method = NoiseNetwork(LEVELS)
    train, validation = pairs(LEVELS, 3000, "train"), pairs(LEVELS, 500, "validation")
    recipe = Recipe(learning_rate=0.01, steps=300, batch_size=100, validate_every=30)
    method.fit(train, validation, recipe, torch_rng_for("fit"))
    x, s = pairs(LEVELS, 4000, "test")
    with torch.no_grad():
        errors = (method(x) - s).square().sum(1)
    se = (errors.std() / len(errors) ** 0.5).item()
    assert errors.mean() < best_linear_rule(LEVELS) - 2 * se
    least = posterior_mean_error(LEVELS, LEVELS.draw(4000, "test"))
    assert (errors.numpy() - least).mean() > 0


# --- denoisers ---


@beliefs
def test_admm_with_the_posterior_mean_for_a_denoiser_is_the_closed_form(belief) -> None:
    """And half-quadratic splitting, which has no dual, is not."""
    x = pairs(belief, 5, "test").x
    C_s, tau = torch.tensor(belief.covariance), 0.3
    D = torch.linalg.solve(C_s + tau**2 * torch.eye(len(C_s), dtype=torch.float64), C_s)
    H, variance = torch.tensor(belief.matrix), belief.noise_variance
    for v in denoising_admm_iterates(x, H, variance, lambda y: y @ D, tau**-2, 2000):  # noqa: B007
        pass
    torch.testing.assert_close(v, LinearMMSE(belief)(x), rtol=0, atol=1e-10)
    inverse = torch.linalg.inv(
        H.mT @ H / variance + torch.eye(len(C_s), dtype=torch.float64) / tau**2
    )
    split = torch.zeros_like(v)
    for _ in range(2000):
        split = (x @ H / variance + split / tau**2) @ inverse @ D
    assert (split - LinearMMSE(belief)(x)).abs().max() > 0.01


def test_a_denoiser_is_a_filter_and_a_network_that_slides() -> None:
    method = DenoiserAdmm(TRUTH, iterations=3, half_width=2, hidden_size=4)
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.normal_(generator=torch_rng_for("denoiser"))
    y = pairs(TRUTH, 3, "test").s
    taps = method.taps.detach().numpy()
    linear = np.array([np.correlate(row, taps, mode="same") for row in y.numpy()])
    padded = np.pad(y.numpy(), ((0, 0), (2, 2)))
    W_1, W_2, b_1, b_2 = (p.detach().numpy() for p in method.network.parameters())
    for i in (0, 1, 17, 29):
        N = np.tanh(padded[:, i : i + 5] @ W_1.T + b_1) @ W_2.T + b_2
        ours = method.denoised(y)[:, i].detach().numpy()
        np.testing.assert_allclose(ours, linear[:, i] + N[:, 0], atol=1e-10)


def test_a_denoiser_never_sees_an_observation() -> None:
    recipe = Recipe(learning_rate=0.03, steps=20, batch_size=50, validate_every=10)
    train, validation = pairs(TRUTH, 100, "train"), pairs(TRUTH, 50, "validation")
    blind = [part._replace(x=torch.full_like(part.x, torch.nan)) for part in (train, validation)]
    one, other = (DenoiserAdmm(TRUTH, iterations=2, half_width=3) for _ in range(2))
    histories = one.fit(train, validation, recipe), other.fit(*blind, recipe)
    assert histories[0] == histories[1]
    noisy, s = one.prepare(train)
    assert noisy.shape == (100, 8, 30)
    noise = (noisy - s[:, None]) / 0.3
    assert abs(noise.square().mean() - 1) < 5 * (2 / noise.numel()) ** 0.5
    assert torch.equal(one.prepare(train).x, noisy)
    assert not torch.equal(noisy[0, 0], noisy[0, 1])


def test_a_trained_denoiser_nearly_reaches_the_minimum_with_the_prior_withheld() -> None:
    method = DenoiserAdmm(TRUTH.believed(signal_covariance=None), iterations=60, half_width=4)
    recipe = Recipe(learning_rate=0.03, steps=150, batch_size=50, validate_every=30)
    method.fit(pairs(TRUTH, 300, "train"), pairs(TRUTH, 100, "validation"), recipe)
    x, s = pairs(TRUTH, 2000, "test")
    with torch.no_grad():
        excess = ((method(x) - s).square() - (LinearMMSE(TRUTH)(x) - s).square()).sum(1)
    floor = minimum_mean_squared_error(TRUTH)
    assert 0 < excess.mean() < 0.05 * floor


# --- noise levels, and a perturbed matrix ---


def test_levels_have_the_stated_law_and_leave_signals_as_they_were() -> None:
    test, plain = LEVELS.draw(4000, "levels"), TRUTH.sample(50, np.random.default_rng(1))
    again = LEVELS.sample(50, np.random.default_rng(1))
    np.testing.assert_array_equal(again.s, plain.s)
    w = test.x - test.s @ LEVELS.matrix.T
    # χ² of 30 degrees moves log σ by −1/60 and spreads it by 0.13, beside log 4 · u with u uniform
    # on [−1, 1]; five standard errors.
    u = np.log(np.sqrt((w**2).mean(1)) / 0.3) / np.log(4)
    assert abs(u.mean() + 1 / 60 / np.log(4)) < 5 * u.std() / np.sqrt(4000)
    assert u.var() == pytest.approx(1 / 3 + (0.13 / np.log(4)) ** 2, rel=0.06)
    assert scipy.stats.kstest(u, "uniform", (-1, 2)).statistic < 0.06
    ratio = ((again.x - again.s @ LEVELS.matrix.T) / (plain.x - plain.s @ TRUTH.matrix.T)).std(1)
    assert ratio.max() < 1e-6


def test_bounds_of_noise_levels_are_means_over_them() -> None:
    def at(u: float) -> float:
        return minimum_mean_squared_error(dataclasses.replace(TRUTH, noise_std=0.3 * 4.0**u))

    mean, _ = scipy.integrate.quad(at, -1, 1, epsabs=1e-10)
    assert minimum_mean_squared_error(LEVELS) == pytest.approx(mean / 2, rel=1e-8)
    power = 0.09 * (4.0**2 - 4.0**-2) / (4 * np.log(4.0))
    loud = dataclasses.replace(TRUTH, noise_std=power**0.5)
    assert best_linear_rule(LEVELS) == pytest.approx(minimum_mean_squared_error(loud), rel=1e-8)
    assert best_linear_rule(TRUTH) == minimum_mean_squared_error(TRUTH)
    with pytest.raises(ValueError, match="noise_spread is above 1"):
        sample_estimator_risk(LEVELS, 300)


def test_the_posterior_mean_sums_over_levels() -> None:
    test = LEVELS.draw(4, "test")
    grid = np.linspace(-1, 1, 401)
    weights = np.ones(401)
    weights[[0, -1]] = 0.5
    log_density, means = [], []
    for u in grid:
        C_xx = TRUTH.matrix @ TRUTH.covariance @ TRUTH.matrix.T + 0.09 * 16.0**u * np.eye(30)
        solved = np.linalg.solve(C_xx, test.x.T)
        quadratic = (test.x.T * solved).sum(0)
        log_density.append(-0.5 * (np.linalg.slogdet(C_xx)[1] + quadratic))
        means.append((TRUTH.covariance @ TRUTH.matrix.T @ solved).T)
    density = np.array(log_density)
    w = weights[:, None] * np.exp(density - density.max(0))
    estimate = np.einsum("un,unm->nm", w / w.sum(0), np.array(means))
    expected = ((estimate - test.s) ** 2).sum(1)
    np.testing.assert_allclose(posterior_mean_error(LEVELS, test), expected, rtol=1e-5)
    plain = TRUTH.draw(20, "test")
    estimate = LinearMMSE(TRUTH).estimate(plain.x)
    np.testing.assert_allclose(
        posterior_mean_error(TRUTH, plain), squared_error(estimate, plain, TRUTH), rtol=1e-9
    )


def test_a_perturbed_matrix_is_off_by_what_it_says() -> None:
    for truth in (TRUTH, LinearGaussian(observation_matrix="gaussian")):
        H, off = truth.matrix, truth.believed(matrix_perturbation=0.1).matrix
        E = (off * np.sqrt(1.01) - H) / 0.1
        # 900 entries N(0, 1): their mean square is within five standard errors of 1.
        assert abs((E**2).mean() - 1) < 5 * np.sqrt(2 / 900)
        assert abs((E * H).mean()) < 5 / 30
        again = truth.believed(matrix_perturbation=0.2).matrix
        np.testing.assert_allclose((again * np.sqrt(1.04) - H) / 0.2, E)
    with pytest.raises(ValueError, match="leave matrix_perturbation out"):
        LinearGaussian(observation_matrix=np.eye(30), matrix_perturbation=0.1)
