"""AMP with posterior means: the posterior, what is fitted to it, and the theory of it."""

import dataclasses
import itertools
from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.linear_model import Ridge as RidgeOfSklearn
from truths import EXAMPLE_5_6

from mbdl_repro.areas.sparse_recovery.bounds import oracle_bayes, state_evolution_bayes
from mbdl_repro.areas.sparse_recovery.methods.bayes_amp import BayesAmp
from mbdl_repro.areas.sparse_recovery.methods.em_amp import EmAmp
from mbdl_repro.areas.sparse_recovery.methods.generative_amp import GenerativeAmp
from mbdl_repro.areas.sparse_recovery.methods.linear_mmse import LinearMMSE
from mbdl_repro.areas.sparse_recovery.methods.ridge import Ridge
from mbdl_repro.areas.sparse_recovery.updates.bernoulli_gaussian import (
    negative_log_likelihood,
    posterior,
    posterior_mean,
    updated_prior,
)
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for

WRONG = dataclasses.replace(EXAMPLE_5_6, matrix_perturbation=0.1)
SMALL = dataclasses.replace(EXAMPLE_5_6, n_observations=15, n_signal=20, n_nonzeros=2)


def number(value):
    return torch.tensor(value, dtype=torch.float64)


def pairs(n, *stream, truth=EXAMPLE_5_6):
    return Split(*map(torch.from_numpy, truth.draw(n, *stream)))


def errors(method, split):
    return (method.estimate(split.x) - split.s).square().sum(1)


# --- the posterior ---

Z = torch.linspace(-4, 4, 17, dtype=torch.float64)


@pytest.mark.parametrize(("p", "v", "tau"), [(0.02, 0.25, 0.1), (0.4, 2.0, 0.7), (0.9, 0.3, 2.0)])
def test_the_posterior_is_that_of_integration(p, v, tau):
    """Bayes' rule on a fine grid of S, with a point mass at 0."""
    s = np.linspace(-12 * np.sqrt(v), 12 * np.sqrt(v), 200_001)
    known = posterior(Z, number(tau), number(p).logit(), number(v))
    for i, z in enumerate(Z.numpy()):
        joint = p * stats.norm.pdf(s, 0, np.sqrt(v)) * stats.norm.pdf(z - s, 0, tau)
        nonzero = np.trapezoid(joint, s)
        evidence = nonzero + (1 - p) * stats.norm.pdf(z, 0, tau)
        mean = np.trapezoid(s * joint, s) / evidence
        square = np.trapezoid(s**2 * joint, s) / evidence
        assert known.probability[i].item() == pytest.approx(nonzero / evidence, rel=1e-8)
        assert known.mean[i].item() == pytest.approx(mean, rel=1e-8, abs=1e-12)
        assert known.variance[i].item() == pytest.approx(square - mean**2, rel=1e-7, abs=1e-12)
        loss = negative_log_likelihood(Z[i], number(tau), number(p).logit(), number(v)).item()
        assert loss == pytest.approx(-np.log(evidence) - 0.5 * np.log(2 * np.pi), rel=1e-8)


def test_its_slope_is_its_derivative():
    """Tweedie: the derivative of the posterior mean is the posterior variance over τ²."""
    prior = {"tau": number(0.3), "logit_p": number(-2.0), "v": number(0.8)}
    z = Z.clone().requires_grad_()
    mean, slope = posterior_mean(z, **prior)
    (derivative,) = torch.autograd.grad(mean.sum(), z)
    torch.testing.assert_close(slope, derivative, rtol=1e-10, atol=1e-12)


def test_em_never_lowers_the_likelihood_of_entries_and_finds_their_prior():
    rng, p, v, tau = rng_for("test", "em"), 0.2, 1.5, number(0.4)
    s = np.where(rng.random(20_000) < p, np.sqrt(v) * rng.standard_normal(20_000), 0.0)
    z = torch.from_numpy(s + 0.4 * rng.standard_normal(20_000))
    prior, losses = (number(0.5), number(0.3)), []
    for _ in range(60):
        logit = prior[0].logit()
        losses.append(negative_log_likelihood(z, tau, logit, prior[1]).sum().item())
        prior = updated_prior(posterior(z, tau, logit, prior[1]))
    assert all(after <= before + 1e-9 for before, after in itertools.pairwise(losses))
    assert prior[0].item() == pytest.approx(p, rel=0.1)
    assert prior[1].item() == pytest.approx(v, rel=0.1)


# --- the iteration ---


def test_steps_compute_the_stated_equations_signal_by_signal():
    """With the posterior written as a ratio of densities, and its derivative by differences."""
    x = SMALL.draw(3, "test").x
    p, v, H = SMALL.sparsity, 0.25, SMALL.H

    def mean(z, tau):
        nonzero = p * stats.norm.pdf(z, 0, np.sqrt(v + tau**2))
        zero = (1 - p) * stats.norm.pdf(z, 0, tau)
        return nonzero / (nonzero + zero) * v / (v + tau**2) * z

    estimates = BayesAmp(SMALL, iterations=3).estimate(x)
    for row, estimate in zip(x, estimates):
        s, r, memory = np.zeros(20), np.zeros(15), 0.0
        for _ in range(3):
            r = row - H @ s + memory * r
            z, tau = s + H.T @ r, np.sqrt(np.mean(r**2))
            s = mean(z, tau)
            memory = ((mean(z + 1e-6, tau) - mean(z - 1e-6, tau)) / 2e-6).sum() / 15
        np.testing.assert_allclose(estimate, s, rtol=0, atol=1e-7)


def test_its_error_follows_the_state_evolution_and_stays_at_its_limit():
    """150 × 200 is not infinite: to a fifth on the way, to a twentieth in the limit."""
    test = pairs(4000, "test")
    iterates = list(BayesAmp(EXAMPLE_5_6, iterations=30).iterates(test.x))
    found = [(s - test.s).square().sum(1) for s in iterates]
    for k in (1, 2, 3):
        assert found[k].mean().item() == pytest.approx(
            state_evolution_bayes(EXAMPLE_5_6, k), rel=0.25
        )
    limit = state_evolution_bayes(EXAMPLE_5_6, None)
    for k in (10, 30):
        standard_error = found[k].std().item() / len(test.x) ** 0.5
        assert abs(found[k].mean().item() - limit) < 0.02 * limit + 4 * standard_error
        assert found[k].max() < 0.02, "a signal diverges"
    assert limit > 1.25 * oracle_bayes(EXAMPLE_5_6)


def test_silence_stays_silence_and_other_matrices_are_refused():
    assert not BayesAmp(SMALL)(torch.zeros(2, 15, dtype=torch.float64)).any()
    for name in ("orthonormal_rows", None):
        belief = dataclasses.replace(SMALL, observation_matrix=name)
        with pytest.raises(ValueError, match="observation_matrix"):
            BayesAmp(belief)


# --- what is fitted ---


def test_at_the_true_prior_it_is_bayes_amp():
    x = pairs(20, "test").x
    p, std = EXAMPLE_5_6.sparsity, EXAMPLE_5_6.nonzero_std
    expected = BayesAmp(EXAMPLE_5_6)(x)
    for kind in (GenerativeAmp, partial(GenerativeAmp, matrix_penalty=1.0), EmAmp):
        method = kind(EXAMPLE_5_6, sparsity=p, nonzero_std=std)
        torch.testing.assert_close(method(x), expected, rtol=0, atol=1e-12)


def test_the_prior_is_the_most_likely_one():
    """No p and v near it are more likely: Bernoulli for places, Gaussian for values."""
    train = pairs(30, "train")
    method = GenerativeAmp(EXAMPLE_5_6)
    method.fit(train, pairs(5, "validation"))
    nonzero = train.s[train.s != 0].numpy()
    n, size = len(nonzero), train.s.numel()

    def likelihood(p, v):
        places = stats.binom.logpmf(n, size, p)
        return places + stats.norm.logpdf(nonzero, 0, np.sqrt(v)).sum()

    p, v = method.logit_sparsity.sigmoid().item(), method.log_variance.exp().item()
    assert p == pytest.approx(n / size)
    best = likelihood(p, v)
    for a, b in ((1.01, 1), (0.99, 1), (1, 1.01), (1, 0.99)):
        assert likelihood(a * p, b * v) < best


def test_signals_of_zeros_say_nothing_and_full_ones_are_no_certainty():
    x, s = pairs(4, "train", truth=SMALL)
    with pytest.raises(ValueError, match="no entry"):
        GenerativeAmp(SMALL).fit(Split(x, 0 * s), Split(x, s))
    method = GenerativeAmp(SMALL)
    method.fit(Split(x, s + 1), Split(x, s))
    assert torch.isfinite(method.logit_sparsity)
    assert torch.isfinite(method(x)).all()


def test_the_matrix_is_that_of_ridge_regression_towards_the_belief():
    train = pairs(60, "train", truth=WRONG)
    method = GenerativeAmp(EXAMPLE_5_6, matrix_penalty=1.5)
    method.fit(train, pairs(5, "validation", truth=WRONG))
    solver = RidgeOfSklearn(alpha=1.5, fit_intercept=False)
    solver.fit(train.s.numpy(), train.x.numpy() - train.s.numpy() @ EXAMPLE_5_6.H.T)
    found = method.observation_matrix.detach().numpy()
    np.testing.assert_allclose(found, EXAMPLE_5_6.H + solver.coef_, rtol=0, atol=1e-10)


def test_with_many_pairs_the_matrix_is_the_true_one():
    train = pairs(20_000, "train", truth=WRONG)
    method = GenerativeAmp(EXAMPLE_5_6, matrix_penalty=1.5)
    method.fit(train, pairs(5, "validation", truth=WRONG))
    # Entries of Ĥ scatter by σ / √(n p v); the belief is off by 0.1 / √150.
    scatter = 0.01 / np.sqrt(20_000 * 0.02 * 0.25)
    rms = np.sqrt(np.mean((method.observation_matrix.detach().numpy() - WRONG.H) ** 2))
    assert rms == pytest.approx(scatter, rel=0.05)
    test = pairs(1000, "test", truth=WRONG)
    assert errors(method, test).mean() < 0.8 * errors(BayesAmp(EXAMPLE_5_6), test).mean()


def test_em_learns_the_prior_from_one_observation_and_looks_at_no_signal():
    train, test = pairs(1, "train"), pairs(1000, "test")
    method, blind = EmAmp(EXAMPLE_5_6), EmAmp(EXAMPLE_5_6)
    method.fit(train, test)
    blind.fit(Split(train.x, 0 * train.s), Split(test.x, 0 * test.s))
    assert torch.equal(method.logit_sparsity, blind.logit_sparsity)
    assert torch.equal(method.log_variance, blind.log_variance)
    known = errors(BayesAmp(EXAMPLE_5_6), test).mean()
    assert errors(method, test).mean() < 1.1 * known
    many = EmAmp(EXAMPLE_5_6)
    many.fit(pairs(100, "train"), test)
    assert many.logit_sparsity.sigmoid().item() == pytest.approx(0.02, rel=0.1)
    assert many.log_variance.exp().item() == pytest.approx(0.25, rel=0.2)
    assert errors(many, test).mean() < 1.02 * known


# --- the linear rule ---


def test_ridge_is_that_of_another_library_and_tends_to_the_linear_mmse():
    train = pairs(40, "train", truth=SMALL)
    method = Ridge(SMALL, penalty=0.3)
    method.fit(train, train)
    solver = RidgeOfSklearn(alpha=0.3, fit_intercept=False).fit(train.x.numpy(), train.s.numpy())
    x = pairs(10, "test", truth=SMALL).x
    expected = torch.from_numpy(solver.predict(x.numpy()))
    torch.testing.assert_close(method(x), expected, rtol=0, atol=1e-10)
    noisy = dataclasses.replace(SMALL, noise_std=0.2)
    many, test = pairs(100_000, "train", truth=noisy), pairs(4000, "test", truth=noisy)
    method.fit(many, test)
    ratio = errors(method, test).mean() / errors(LinearMMSE(noisy), test).mean()
    assert ratio.item() == pytest.approx(1, abs=0.01)
