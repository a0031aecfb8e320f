"""The autoencoder, its Jacobian, and the search among what it draws."""

import dataclasses

import numpy as np
import pytest
import scipy.optimize
import torch

from mbdl_repro.areas.image_restoration import metrics
from mbdl_repro.areas.image_restoration.methods.generative_prior import GenerativePrior
from mbdl_repro.areas.image_restoration.networks.perceptron import SmoothPerceptron
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.priors.autoencoder import (
    VariationalAutoencoder,
    kl_to_standard_normal,
)
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for

TRUTH = Digits(
    degradation="compressed_sensing", ratio=0.25, noise_std=0.05, measurement_matrix="gaussian"
)
DOUBLE = torch.float64


def drawn(*names):
    return torch_rng_for("test of the autoencoder", *names)


def pairs(n, *stream):
    return Split(*(torch.from_numpy(part) for part in TRUTH.draw(n, *stream)))


@torch.no_grad()
def with_random_weights(prior, scale=0.5):
    prior.encoder.draw(drawn("encoder"), gain=2, last_gain=2)
    prior.decoder.draw(drawn("decoder"), gain=2, last_gain=2 * scale**2)
    prior.log_variance.fill_(-4.0)
    return prior


def with_linear_decoder(method):
    """G(z) = A z + a: a perceptron without a hidden layer."""
    side, d = method.prior.side, method.prior.latent_size
    method.prior.decoder = SmoothPerceptron([d, side**2])
    method.prior.decoder.draw(drawn("linear"), gain=2, last_gain=0.18)
    with torch.no_grad():
        method.prior.decoder.offsets[0].copy_(
            0.2 * torch.randn(side**2, generator=drawn("mean"), dtype=torch.float64)
        )
        method.prior.log_variance.fill_(-5.0)
    A = method.prior.decoder.weights[0].detach()
    return A, method.prior.decoder.offsets[0].detach()


# --- the bound ---


def test_the_divergence_is_that_of_torch():
    mean, logs = torch.randn(2, 7, 5, generator=drawn("kl"), dtype=torch.float64)
    ours = kl_to_standard_normal(mean, logs)
    posterior = torch.distributions.Normal(mean, (logs / 2).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0, 1))
    torch.testing.assert_close(ours, expected.sum(1))


def test_the_loss_bounds_the_evidence_and_meets_it_where_the_posterior_is_exact():
    """With a decoder s = A z + a the evidence is Gaussian, and so is the posterior of z."""
    prior = VariationalAutoencoder(side=8, latent_size=3, hidden_size=4)
    holder = GenerativePrior(TRUTH, latent_size=3, hidden_size=4)
    holder.prior = prior
    A, a = with_linear_decoder(holder)
    # Orthogonal columns: the posterior's covariance is diagonal, as the encoder's is.
    with torch.no_grad():
        prior.decoder.weights[0].copy_(
            torch.linalg.qr(A).Q * torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
        )
    A, variance = prior.decoder.weights[0].detach(), prior.log_variance.exp().item()
    s = pairs(4, "train").s
    evidence = torch.distributions.MultivariateNormal(
        a, A @ A.mT + variance * torch.eye(64, dtype=torch.float64)
    ).log_prob(s.flatten(1))
    precision = A.mT @ A / variance + torch.eye(3, dtype=torch.float64)
    mean = (s.flatten(1) - a) @ A / variance @ precision.inverse()
    logs = -precision.diagonal().log()

    def bound(shift):
        posterior = (mean[:1] + shift).expand_as(noise), logs.expand_as(noise)
        prior.encode = lambda s: posterior
        return prior.loss(noise, s[:1].expand(len(noise), -1, -1)).item()

    one = torch.randn(2000, 3, generator=drawn("noise"), dtype=torch.float64)
    noise = torch.cat([one, -one])
    exact = -evidence[0].item()
    # Antithetic draws cancel what is odd; what is left has this spread.
    spread = 4 * np.sqrt(3 / 2 / 2000)
    assert bound(0.0) == pytest.approx(exact, abs=spread)
    assert bound(1.0) > exact + spread


def test_rows_of_an_image_have_noise_of_their_own():
    prior = VariationalAutoencoder(8, 3, 4)
    rows = prior.pairs(pairs(5, "train").s, drawn("pairs"))
    assert torch.equal(rows.s[:5], rows.s[5:10])
    assert not torch.equal(rows.x[:5], rows.x[5:10])
    assert abs(rows.x.std().item() - 1) < 4 / np.sqrt(2 * rows.x.numel())


def test_the_posterior_cannot_overflow():
    prior = with_random_weights(VariationalAutoencoder(8, 3, 4))
    with torch.no_grad():
        prior.encoder.weights[-1].mul_(1e6)
    rows = prior.pairs(pairs(5, "train").s, drawn("pairs"))
    assert torch.isfinite(prior.loss(*rows))


# --- the Jacobian ---


def test_the_jacobian_is_that_of_automatic_differentiation():
    prior = with_random_weights(VariationalAutoencoder(8, 4, 6))
    z = torch.randn(3, 4, generator=drawn("z"), dtype=torch.float64)
    s, ours = prior.generate_with_jacobian(z)
    torch.testing.assert_close(s, prior.generate(z))
    theirs = torch.func.vmap(torch.func.jacrev(lambda z: prior.generate(z[None])[0]))(z)
    torch.testing.assert_close(ours, theirs.permute(0, 3, 1, 2))


# --- the search ---


@pytest.mark.parametrize("decoder_std", [None, 0.0])
@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_with_a_linear_decoder_the_answer_is_ridge_regression(weight, decoder_std):
    method = GenerativePrior(
        TRUTH,
        latent_size=3,
        hidden_size=4,
        iterations=40,
        restarts=2,
        weight=weight,
        decoder_std=decoder_std,
    )
    A, a = with_linear_decoder(method)
    x = pairs(6, "test").x
    H = torch.from_numpy(TRUTH.matrix.copy())
    variance = method.prior.log_variance.exp().item() if decoder_std is None else 0.0
    C = variance * H @ H.mT + TRUTH.noise_std**2 * torch.eye(len(H), dtype=torch.float64)
    HA = H @ A
    normal = HA.mT @ torch.linalg.solve(C, HA) + weight * torch.eye(3, dtype=torch.float64)
    right = torch.linalg.solve(C, x.flatten(1).mT - (H @ a)[:, None])
    z = torch.linalg.solve(normal, HA.mT @ right)
    expected = (A @ z).mT + a
    torch.testing.assert_close(method(x).flatten(1), expected, rtol=0, atol=1e-8)


def test_the_projection_onto_a_linear_decoder_is_least_squares():
    method = GenerativePrior(TRUTH, latent_size=3, hidden_size=4, iterations=40, restarts=1)
    A, a = with_linear_decoder(method)
    s = pairs(6, "test").s
    z = torch.linalg.lstsq(A, (s.flatten(1) - a).mT).solution
    torch.testing.assert_close(method.project(s).flatten(1), (A @ z).mT + a, rtol=0, atol=1e-8)


def test_a_corrected_answer_is_the_mean_of_the_gaussian_posterior():
    method = GenerativePrior(TRUTH, latent_size=3, hidden_size=4, iterations=40, leave_range=True)
    A, a = with_linear_decoder(method)
    x = pairs(6, "test").x
    H = torch.from_numpy(TRUTH.matrix.copy())
    # s ~ N(a, A Aᵀ + τ² I): with the most probable z, the posterior's mean of s.
    S = A @ A.mT + method.prior.log_variance.exp() * torch.eye(64, dtype=torch.float64)
    noise = TRUTH.noise_std**2 * torch.eye(len(H), dtype=torch.float64)
    gain = S @ H.mT @ torch.linalg.inv(H @ S @ H.mT + noise)
    expected = a + (x.flatten(1) - H @ a) @ gain.mT
    torch.testing.assert_close(method(x).flatten(1), expected, rtol=0, atol=1e-8)


@torch.no_grad()
def drawn_and_measured(method, n):
    """Noisy observations of what the decoder draws."""
    z = torch.randn(n, method.prior.latent_size, generator=drawn("truths"), dtype=torch.float64)
    clean = method.H(method.prior.generate(z))
    return clean + TRUTH.noise_std * torch.randn(
        clean.shape, generator=drawn("noise"), dtype=torch.float64
    )


def objective(method, z, x):
    """Of one image, written out."""
    H = torch.from_numpy(TRUTH.matrix.copy())
    variance = method.prior.log_variance.exp().item()
    C = variance * H @ H.mT + TRUTH.noise_std**2 * torch.eye(len(H), dtype=torch.float64)
    r = x.flatten() - H @ method.prior.generate(z[None]).flatten()
    return 0.5 * r @ torch.linalg.solve(C, r) + 0.5 * z @ z


def test_each_search_ends_where_scipy_ends():
    method = GenerativePrior(TRUTH, latent_size=3, hidden_size=8, iterations=60, restarts=1)
    with_random_weights(method.prior)
    x = drawn_and_measured(method, 5)
    precision = method._precision()
    z, cost = method._search(x, method.H, precision, method.weight)
    for i in range(len(x)):

        def cost_and_slope(flat, x=x[i]):
            z = torch.tensor(flat, requires_grad=True)
            value = objective(method, z, x)
            return value.item(), torch.autograd.grad(value, z)[0].numpy()

        assert cost_and_slope(z[i].numpy())[0] == pytest.approx(cost[i].item())
        assert np.abs(cost_and_slope(z[i].numpy())[1]).max() < 1e-5 * cost[i].item()
        end = scipy.optimize.minimize(cost_and_slope, z[i].numpy() + 0.01, jac=True, method="BFGS")
        assert end.fun == pytest.approx(cost[i].item(), rel=1e-6)


def test_the_lowest_of_all_searches_answers():
    """Of a decoder so curved that some searches are stuck where others are not."""
    method = GenerativePrior(TRUTH, latent_size=4, hidden_size=8, iterations=30, restarts=6)
    with_random_weights(method.prior)
    with torch.no_grad():
        method.prior.decoder.weights[0].mul_(3)
    x = drawn_and_measured(method, 40)
    precision = method._precision()
    z, cost = method._search(x, method.H, precision, 1.0)
    each = [method._search(x, method.H, precision, 1.0, [z.expand(40, -1)]) for z in method.starts]
    costs = torch.stack([own for _, own in each])
    assert (costs[1:].min(0).values < 0.9 * costs[0]).any(), "one is enough: nothing is tested"
    torch.testing.assert_close(cost, costs.min(0).values, rtol=0, atol=0)
    for i, best in enumerate(costs.argmin(0)):
        assert torch.equal(z[i], each[best][0][i])


def test_it_recovers_what_its_decoder_drew():
    truth = dataclasses.replace(TRUTH, noise_std=0.0)
    method = GenerativePrior(
        truth, latent_size=4, hidden_size=16, iterations=40, restarts=8, weight=0.0
    )
    with_random_weights(method.prior, 1.0)
    z = torch.randn(8, 4, generator=drawn("truths"), dtype=torch.float64)
    s = method.prior.generate(z).detach()
    x = operator_of(truth)(s)
    assert (method(x) - s).abs().max() < 1e-4
    assert (method.project(s) - s).abs().max() < 1e-4
    torch.testing.assert_close(method.answer_from_oracle_start(x, s), s, rtol=0, atol=1e-4)


def test_a_search_that_knows_the_truth_ends_no_higher():
    method = GenerativePrior(TRUTH, latent_size=4, hidden_size=8, iterations=10, restarts=1)
    with_random_weights(method.prior, 2.0)
    test = pairs(30, "test")
    _, ours = method._search(test.x, method.H, method._precision(), 1.0)
    start = [method._nearest(test.s)]
    _, theirs = method._search(test.x, method.H, method._precision(), 1.0, start)
    answer = method.answer_from_oracle_start(test.x, test.s)
    stays = ours <= theirs
    torch.testing.assert_close(answer[stays], method(test.x)[stays])
    assert not torch.equal(answer[~stays], method(test.x)[~stays])


def test_the_floor_is_measured():
    method = GenerativePrior(TRUTH, latent_size=3, hidden_size=4, restarts=2)
    with_linear_decoder(method)
    test = TRUTH.draw(7, "test")
    floor = metrics.representation_error(method, test)
    expected = (method.project(torch.from_numpy(test.s)).detach().numpy() - test.s) ** 2
    np.testing.assert_allclose(floor, expected.mean((1, 2)))


def test_images_of_another_size_are_refused():
    method = GenerativePrior(TRUTH, latent_size=3, hidden_size=4)
    with pytest.raises(ValueError, match="16 pixels"):
        method(torch.zeros(2, 2, 2, len(TRUTH.matrix), dtype=torch.float64))
    with pytest.raises(ValueError, match="patch_side 36"):
        GenerativePrior(
            Photographs(degradation="denoising", noise_std=0.1), latent_size=3, hidden_size=4
        )
