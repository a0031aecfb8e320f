"""The flow: inverse, determinant, density; and the search for the most probable image."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from mbdl_repro.areas.image_restoration import metrics
from mbdl_repro.areas.image_restoration.methods.flow_prior import FlowPrior
from mbdl_repro.areas.image_restoration.priors.flow import Flow, standard_normal_log_density
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.learning.training import gradient_descent

TRUTH = Digits(degradation="compressed_sensing", ratio=0.25, noise_std=0.05)
SIZES = {"layers": 3, "hidden_size": 5}


def drawn(*names):
    return torch_rng_for("test of the flow", *names)


@torch.no_grad()
def bent(flow):
    """Random weights, none of them small."""
    for network in flow.networks:
        network.draw(drawn("weights"), gain=2, last_gain=0.98)
    flow.mean.copy_(torch.rand(flow.size, generator=drawn("mean"), dtype=torch.float64))
    flow.log_gain.fill_(math.log(0.4))
    return flow


@pytest.mark.parametrize("size", [2, 5, 64])
def test_the_inverse_is_the_inverse_and_determinants_are_opposite(size):
    flow = bent(Flow(size, layers=4, hidden_size=6, dither=0.1))
    s = torch.rand(7, size, generator=drawn("images"), dtype=torch.float64)
    z, log_det = flow.latent(s)
    back, opposite = flow.generate(z)
    torch.testing.assert_close(back, s)
    torch.testing.assert_close(opposite, -log_det)


@pytest.mark.parametrize("size", [2, 5, 8])
def test_the_determinant_is_that_of_the_jacobian(size):
    flow = bent(Flow(size, layers=4, hidden_size=6, dither=0.1))
    s = torch.rand(4, size, generator=drawn("images"), dtype=torch.float64)
    jacobians = torch.func.vmap(torch.func.jacrev(lambda s: flow.latent(s[None])[0][0]))(s)
    torch.testing.assert_close(flow.latent(s)[1], torch.linalg.slogdet(jacobians).logabsdet)


def test_every_entry_is_moved_by_what_others_hold():
    flow = bent(Flow(9, layers=4, hidden_size=6, dither=0.1))
    s = torch.rand(1, 9, generator=drawn("images"), dtype=torch.float64)
    jacobian = torch.func.jacrev(lambda s: flow.latent(s)[0][0])(s)[:, 0]
    assert ((jacobian - jacobian.diagonal().diag()).abs().sum(1) > 1e-3).all()


def test_the_density_is_the_normal_one_where_nothing_is_moved():
    flow = Flow(3, layers=2, hidden_size=4, dither=0.1)
    s = torch.randn(5, 3, generator=drawn("images"), dtype=torch.float64)
    normal = torch.distributions.Normal(0, 1).log_prob(s).sum(1)
    torch.testing.assert_close(flow.log_density(s), normal)
    torch.testing.assert_close(standard_normal_log_density(s), normal)


def ring(n, *names):
    angle = 2 * math.pi * torch.rand(n, generator=drawn("angle", *names), dtype=torch.float64)
    radius = 1 + 0.15 * torch.randn(n, generator=drawn("radius", *names), dtype=torch.float64)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)[:, :, None]


@pytest.fixture(scope="module")
def fitted_to_a_ring():
    flow = Flow(2, layers=4, hidden_size=16, dither=1e-3)
    pairs = [Split(torch.zeros_like(s), s) for s in (ring(1000, "train"), ring(500, "validation"))]
    recipe = Recipe(steps=200, learning_rate=2e-2, batch_size=128)
    gradient_descent([flow], pairs[:1], pairs[1:], recipe, [drawn("fit")])
    return flow


@torch.no_grad()
def test_a_fitted_density_integrates_to_one_and_gains_on_a_gaussian(fitted_to_a_ring):
    line = torch.linspace(-3, 3, 301, dtype=torch.float64)
    grid = torch.cartesian_prod(line, line)
    density = fitted_to_a_ring.log_density(grid).exp()
    assert density.sum().item() * 0.02**2 == pytest.approx(1, abs=5e-3)
    s = ring(2000, "test")[:, :, 0]
    gaussian = torch.distributions.MultivariateNormal(s.mean(0), s.mT.cov())
    gain = fitted_to_a_ring.log_density(s) - gaussian.log_prob(s)
    assert gain.mean() > 0.3 + 4 * gain.std() / math.sqrt(2000)


@torch.no_grad()
def test_what_a_fitted_flow_generates_lies_near_the_ring(fitted_to_a_ring):
    """Of a Gaussian with the same covariance more than twice as much would be far from it."""
    s, _ = fitted_to_a_ring.generate(
        torch.randn(2000, 2, generator=drawn("z"), dtype=torch.float64)
    )
    far = ((s.norm(dim=1) - 1).abs() > 0.45).double().mean().item()
    variance = (1 + 0.15**2) / 2
    gaussian = 1 - (math.exp(-(0.55**2) / 2 / variance) - math.exp(-(1.45**2) / 2 / variance))
    assert far < gaussian / 2 - 4 * math.sqrt(far * (1 - far) / 2000)


def test_dither_is_uniform_and_within_its_width():
    prior = Flow(64, **SIZES, dither=0.5)
    s = torch.from_numpy(TRUTH.draw(5, "train").s)
    rows = prior.pairs(s, drawn("pairs"))
    assert torch.equal(rows.s[:5], rows.s[5:10])
    assert rows.x.abs().max() <= 0.25
    uniform = rows.x.flatten() / 0.5 + 0.5
    assert abs(uniform.mean() - 0.5) < 4 / math.sqrt(12 * len(uniform))
    assert abs(uniform.var() - 1 / 12) < 4 * math.sqrt(1 / 180 / len(uniform))


# --- the method ---


def linear(method):
    """A flow that shifts and scales alone: images N(a, g² I)."""
    with torch.no_grad():
        method.prior.mean.copy_(torch.rand(64, generator=drawn("mean"), dtype=torch.float64))
        method.prior.log_gain.fill_(math.log(0.3))
    return method.prior.mean.detach(), 0.3**2


@pytest.mark.parametrize("weight", [1.0, 4.0])
def test_under_a_gaussian_prior_the_answer_is_the_posterior_mean(weight):
    truth = dataclasses.replace(TRUTH, noise_std=0.2)  # well conditioned
    method = FlowPrior(truth, **SIZES, iterations=300, step=0.1, weight=weight)
    a, variance = linear(method)
    x = torch.from_numpy(truth.draw(4, "test").x)
    H = torch.from_numpy(truth.matrix.copy())
    noise = weight * truth.noise_std**2 * torch.eye(len(H), dtype=torch.float64)
    gain = variance * H.mT @ torch.linalg.inv(variance * H @ H.mT + noise)
    expected = a + (x.flatten(1) - H @ a) @ gain.mT
    torch.testing.assert_close(method(x).flatten(1), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("most_probable", ["latent", "image"])
def test_the_objective_is_the_negative_log_posterior(most_probable):
    method = FlowPrior(TRUTH, **SIZES, weight=2.0, most_probable=most_probable)
    bent(method.prior)
    x = torch.from_numpy(TRUTH.draw(4, "test").x)
    z = torch.randn(4, 64, generator=drawn("z"), dtype=torch.float64)
    s = method.prior.generate(z)[0].detach()
    likelihood = torch.distributions.Normal(
        s @ torch.from_numpy(TRUTH.matrix.copy()).mT, TRUTH.noise_std
    ).log_prob(x.flatten(1))
    prior = (
        method.prior.log_density(s)
        if most_probable == "image"
        else torch.distributions.Normal(0, 1).log_prob(z).sum(1)
    )
    difference = method.objective(z, x) + likelihood.sum(1) + 2 * prior
    torch.testing.assert_close(difference, difference[:1].expand(4))  # constants apart


def test_the_search_goes_down():
    x = torch.from_numpy(TRUTH.draw(10, "test").x)
    ends = []
    for iterations in (1, 10, 60):
        method = FlowPrior(TRUTH, **SIZES, iterations=iterations)
        bent(method.prior)
        ends.append(method.objective(method._search(x), x).detach())
    assert (ends[1] < ends[0]).all()
    assert (ends[2] < ends[1]).all()


def test_it_has_no_floor():
    method = FlowPrior(TRUTH, **SIZES)
    bent(method.prior)
    assert metrics.representation_error(method, TRUTH.draw(5, "test")).max() < 1e-20


def test_images_of_another_size_are_refused():
    method = FlowPrior(TRUTH, **SIZES)
    with pytest.raises(ValueError, match="16 pixels"):
        method(torch.zeros(2, 2, 2, len(TRUTH.matrix), dtype=torch.float64))
    with pytest.raises(ValueError, match="patch_side 36"):
        FlowPrior(Photographs(degradation="denoising", noise_std=np.float64(0.1)), **SIZES)
