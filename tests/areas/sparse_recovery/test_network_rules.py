"""Networks in AMP, beside the LASSO, and behind it: slopes, symmetries, and what they learn."""

import dataclasses
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from truths import EXAMPLE_5_6

from mbdl_repro.areas.sparse_recovery.methods.augmented_lasso import AugmentedLasso
from mbdl_repro.areas.sparse_recovery.methods.debiased_lasso import DebiasedLasso
from mbdl_repro.areas.sparse_recovery.methods.denoiser_amp import DenoiserAmp
from mbdl_repro.areas.sparse_recovery.methods.lasso import Lasso
from mbdl_repro.areas.sparse_recovery.methods.support_network import CUTS, SupportNetwork
from mbdl_repro.areas.sparse_recovery.methods.unfolded_amp_network import UnfoldedAmpNetwork
from mbdl_repro.areas.sparse_recovery.state_evolution import bayes_risk
from mbdl_repro.areas.sparse_recovery.updates.scalar_network import (
    network_gain,
    network_shrinkage,
    with_slope,
)
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.layers import Perceptron
from mbdl_repro.learning.recipe import Recipe

SMALL = dataclasses.replace(EXAMPLE_5_6, n_observations=15, n_signal=20, n_nonzeros=2)


def pairs(n, *stream, truth=EXAMPLE_5_6):
    return Split(*map(torch.from_numpy, truth.draw(n, *stream)))


def drawn(network):
    network.draw(torch_rng_for("test", "network"), gain=2, last_gain=2)
    for i, offset in enumerate(network.offsets):
        offset.data += 0.1 * (i + 1)
    return network


def disturbed(method):
    drawn(method.network)
    return method


def errors(method, split):
    return (method.estimate(split.x) - split.s).square().sum(1)


# --- shrinkage by networks ---


def derivative(function, z):
    z = z.clone().requires_grad_()
    value, slope = function(z)
    (expected,) = torch.autograd.grad(value.sum(), z)
    return slope, expected


# Off the threshold, where soft thresholding has no derivative.
ENTRIES = torch.linspace(-0.9, 0.87, 40, dtype=torch.float64).view(2, 20)
TAU = torch.tensor([[0.1], [0.3]], dtype=torch.float64)


def shrinkages():
    alpha = torch.tensor(1.3, dtype=torch.float64)
    one, two = drawn(Perceptron((1, 5, 1), "tanh")), drawn(Perceptron((2, 6, 4, 1), "tanh"))
    return {
        "shrinkage": partial(network_shrinkage, threshold_factor=alpha, network=one),
        "gain": partial(network_gain, level=TAU.log(), network=two),
    }


@pytest.mark.parametrize("kind", ["shrinkage", "gain"])
def test_slopes_are_derivatives(kind):
    function = shrinkages()[kind]
    slope, expected = derivative(lambda z: function(z, TAU), ENTRIES)
    torch.testing.assert_close(slope, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["shrinkage", "gain"])
def test_shrinkage_is_odd_and_scales_with_the_noise(kind):
    function = shrinkages()[kind]
    value, slope = function(ENTRIES, TAU)
    torch.testing.assert_close(function(-ENTRIES, TAU), (-value, slope))
    torch.testing.assert_close(function(3 * ENTRIES, 3 * TAU), (3 * value, slope))


def test_the_slope_along_any_inputs_is_that_of_differences():
    network = drawn(Perceptron((3, 5, 4, 1), "tanh"))
    inputs = torch.linspace(-1, 1, 12, dtype=torch.float64).view(4, 3)
    along = torch.linspace(1, -2, 12, dtype=torch.float64).view(4, 3)
    value, slope = with_slope(network, inputs, along)
    torch.testing.assert_close(value, network(inputs)[:, 0])
    beside = [network(inputs + step * along)[:, 0] for step in (1e-6, -1e-6)]
    torch.testing.assert_close(slope, (beside[0] - beside[1]) / 2e-6, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", [UnfoldedAmpNetwork, DenoiserAmp])
def test_iterations_are_those_of_amp_with_the_networks_own_derivative(kind):
    """The memory of the residual by autograd, signal by signal."""
    method = disturbed(kind(SMALL, iterations=3))
    x, H = pairs(3, "test", truth=SMALL).x, torch.tensor(SMALL.H)
    for row, estimate in zip(x, method.estimate(x)):
        s, r, memory = torch.zeros(1, 20).double(), torch.zeros(15).double(), 0.0
        for denoise in method.denoisers():
            r = row - H @ s[0] + memory * r
            tau = r.norm().view(1, 1) / 15**0.5
            z = (s + r @ H).detach().requires_grad_()
            s = denoise(z, tau)[0]
            memory = torch.autograd.grad(s.sum(), z)[0].sum().item() / 15
            s, r = s.detach(), r.detach()
        torch.testing.assert_close(estimate, s[0], rtol=0, atol=1e-10)


def test_the_denoiser_never_sees_an_observation_and_gets_near_the_posterior_mean():
    """Its risk by quadrature, which no draw blurs, beside that of the posterior mean."""
    train, validation = pairs(30, "train"), pairs(200, "validation")
    recipe = Recipe(learning_rate=0.03, steps=250, batch_size=20, validate_every=125)
    fits = []
    for factor in (1, 0):  # the second sees no observations
        method = DenoiserAmp(EXAMPLE_5_6)
        blind = (Split(factor * split.x, split.s) for split in (train, validation))
        method.fit(*blind, recipe, torch_rng_for("fit"))
        fits.append(method)
    for a, b in zip(fits[0].parameters(), fits[1].parameters(), strict=True):
        assert torch.equal(a, b)
    p, v = EXAMPLE_5_6.sparsity, EXAMPLE_5_6.nonzero_std**2
    for tau in (0.011, 0.02, 0.05):
        w = np.sqrt(v + tau**2)
        r = np.unique(np.concatenate([np.linspace(0, 9 * tau, 4001), np.linspace(0, 8 * w, 8001)]))
        z = torch.from_numpy(r)[None]
        with torch.no_grad():
            f = method.denoise(z, torch.tensor([[tau]], dtype=torch.float64))[0][0].numpy()
        density = [np.exp(-0.5 * (r / std) ** 2) / std / np.sqrt(2 * np.pi) for std in (tau, w)]
        c = v / w**2
        nonzero = (f - c * r) ** 2 + c * tau**2
        risk = 2 * np.trapezoid((1 - p) * density[0] * f**2 + p * density[1] * nonzero, r)
        least = bayes_risk(tau, p, v)
        assert least * (1 - 1e-4) < risk < 1.35 * least


def test_noise_is_that_of_its_range_and_drawn_alike_each_time():
    method, split = DenoiserAmp(EXAMPLE_5_6), pairs(40, "train")
    noisy = method.prepare(split)
    assert torch.equal(noisy.x, method.prepare(split).x)
    assert torch.equal(noisy.s, split.s.repeat(25, 1))
    tau = noisy.x[:, -1]
    assert method.smallest <= tau.min() and tau.max() <= method.largest
    assert tau.log().std().item() == pytest.approx(
        np.log(method.largest / method.smallest) / 12**0.5, rel=0.1
    )
    scaled = (noisy.x[:, :-1] - noisy.s) / tau[:, None]
    assert abs(scaled.square().mean().item() - 1) < 4 * (2 / scaled.numel()) ** 0.5
    other = method.prepare(pairs(40, "validation"))
    assert not torch.equal(other.x[:, :-1] - other.s, noisy.x[:, :-1] - noisy.s)


# --- beside the LASSO, and behind it ---


def test_the_loss_of_the_support_network_is_the_cross_entropy():
    method, split = disturbed(SupportNetwork(SMALL, rho=0.02)), pairs(30, "test", truth=SMALL)
    features = method.prepare(split)
    with torch.no_grad():
        probability = method.logits(features.x).sigmoid().flatten().numpy()
        loss = method.loss(*features).item()
    expected = log_loss((split.s != 0).flatten().numpy(), probability, normalize=False)
    assert loss == pytest.approx(expected / 30, rel=1e-9)


@pytest.mark.parametrize(
    "build",
    [partial(SupportNetwork, rho=0.02), partial(AugmentedLasso, rho=0.02)],
    ids=["support", "augmented"],
)
def test_entries_have_no_names_and_signs_no_meaning(build):
    """Columns of H in another order are entries of ŝ in that order, and −x is answered by −ŝ."""
    x = pairs(10, "test", truth=SMALL).x
    order = np.roll(np.arange(20), 7)
    matrix = tuple(map(tuple, SMALL.H[:, order].tolist()))
    given = dataclasses.replace(SMALL, observation_matrix=tuple(map(tuple, SMALL.H.tolist())))
    shuffled = dataclasses.replace(SMALL, observation_matrix=matrix)
    one, other = disturbed(build(given)), disturbed(build(shuffled))
    torch.testing.assert_close(other.estimate(x), one.estimate(x)[:, order], rtol=0, atol=1e-8)
    torch.testing.assert_close(one.estimate(-x), -one.estimate(x), rtol=0, atol=1e-8)


RECIPE = Recipe(learning_rate=0.02, steps=100, batch_size=25, validate_every=50)


def test_the_support_network_chooses_its_cut_and_is_better_than_its_parent():
    train, validation, test = (
        pairs(n, name) for n, name in ((30, "train"), (300, "v"), (1000, "test"))
    )
    method = SupportNetwork(EXAMPLE_5_6, rho=0.03, gap_tolerance=1e-5)
    method.fit(train, validation, RECIPE, torch_rng_for("fit"))
    at_best, chosen = errors(method, validation).mean(), method.cut.item()
    assert CUTS[0] < chosen < CUTS[-1]
    for cut in (chosen - 1, chosen + 1):
        method.cut.fill_(cut)
        assert errors(method, validation).mean() >= at_best
    method.cut.fill_(chosen)
    parent = DebiasedLasso(EXAMPLE_5_6, rho=0.03, gap_tolerance=1e-5)
    assert errors(method, test).mean() < errors(parent, test).mean()


def test_the_correction_takes_most_of_the_lasso_s_error():
    train, validation, test = (
        pairs(n, name) for n, name in ((30, "train"), (300, "v"), (1000, "test"))
    )
    method = AugmentedLasso(EXAMPLE_5_6, rho=0.03, gap_tolerance=1e-5)
    method.fit(train, validation, RECIPE, torch_rng_for("fit"))
    lasso = errors(Lasso(EXAMPLE_5_6, rho=0.03, gap_tolerance=1e-5), test).mean()
    assert errors(method, test).mean() < 0.4 * lasso


def test_five_layers_learn_to_shrink_less_what_is_large():
    train, validation, test = (
        pairs(n, name) for n, name in ((300, "train"), (200, "v"), (1000, "test"))
    )
    method = UnfoldedAmpNetwork(EXAMPLE_5_6, iterations=5, threshold_factor=1.6)
    before = errors(method, test).mean()
    recipe = Recipe(learning_rate=0.1, steps=80, batch_size=20, clip_norm=0.3, validate_every=40)
    method.fit(train, validation, recipe, torch_rng_for("fit"))
    assert errors(method, test).mean() < 0.6 * before
