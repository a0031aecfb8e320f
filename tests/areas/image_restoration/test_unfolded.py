"""Unfolded networks: their parents, their series, what is shared, and images of other sizes."""

import copy

import numpy as np
import pytest
import torch
from scipy.interpolate import interp1d

from mbdl_repro.areas.image_restoration.methods.admm_csnet import AdmmCsnet, between_knots
from mbdl_repro.areas.image_restoration.methods.gradient_descent import GradientDescent
from mbdl_repro.areas.image_restoration.methods.neumann_network import NeumannNetwork
from mbdl_repro.areas.image_restoration.methods.total_variation import TotalVariation
from mbdl_repro.areas.image_restoration.methods.unfolded_proximal_gradient import (
    UnfoldedProximalGradient,
)
from mbdl_repro.areas.image_restoration.scenario import Photographs
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for, torch_rng_for
from mbdl_repro.learning.recipe import Recipe

SIDES = {"side": 24, "patch_side": 12, "block_side": 12}
SENSED = Photographs(degradation="compressed_sensing", ratio=0.4, noise_std=0.05, **SIDES)
GAUSSIAN = Photographs(
    degradation="compressed_sensing",
    ratio=0.4,
    noise_std=0.05,
    measurement_matrix="gaussian",
    **SIDES,
)
BLURRED = Photographs(degradation="deblurring", blur_std=0.9, noise_std=0.02, **SIDES)
COARSE = Photographs(degradation="super_resolution", factor=2, noise_std=0.02, **SIDES)
NOISY = Photographs(degradation="denoising", noise_std=0.1, **SIDES)
TRUTHS = {truth.degradation: truth for truth in (SENSED, BLURRED, COARSE, NOISY)} | {
    "gaussian": GAUSSIAN
}

every_truth = pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)
every_network = pytest.mark.parametrize(
    "build",
    [
        lambda belief: UnfoldedProximalGradient(belief, iterations=3, channels=4),
        lambda belief: UnfoldedProximalGradient(belief, iterations=3, channels=4, tied=True),
        lambda belief: UnfoldedProximalGradient(belief, iterations=3, channels=4, memory=2),
        lambda belief: UnfoldedProximalGradient(
            belief, iterations=3, channels=4, memory=2, tied=True
        ),
        lambda belief: NeumannNetwork(belief, iterations=4, channels=4),
        lambda belief: NeumannNetwork(belief, iterations=4, channels=4, start="linear"),
        lambda belief: AdmmCsnet(belief, iterations=3, copies=2),
        lambda belief: AdmmCsnet(belief, iterations=3, copies=2, tied=True),
    ],
    ids=[
        "untied",
        "tied",
        "memory",
        "memory_tied",
        "neumann",
        "neumann_linear",
        "admm",
        "admm_tied",
    ],
)


def split(n, name, truth=SENSED):
    return Split(*map(torch.from_numpy, truth.draw(n, name, 100)))


def disturbed(method, scale=0.1):
    """The method with weights off their start, all of them."""
    rng = rng_for("test", "weights")
    with torch.no_grad():
        for weight in method.parameters():
            weight += scale * torch.from_numpy(np.asarray(rng.standard_normal(weight.shape)))
    return method


def dense(linear, side):
    """The matrix of a linear map of square images, column by column."""
    units = torch.eye(side**2, dtype=torch.float64).view(-1, side, side)
    return linear(units).flatten(1).mT


def assert_same_iterates(ours, theirs, x):
    pairs = list(zip(ours.iterates(x), theirs.iterates(x), strict=True))
    for mine, classical in pairs:
        torch.testing.assert_close(mine, classical, rtol=0, atol=1e-11)
    assert not torch.equal(pairs[0][0], pairs[-1][0])


# --- parents ---


@every_truth
@pytest.mark.parametrize("iterations", [1, 2, 5])
@pytest.mark.parametrize("start", ["zero", "linear"])
def test_unfitted_it_is_gradient_descent(truth, iterations, start):
    x = split(3, "test", truth).x
    settings = {"iterations": iterations, "start": start}
    ours = UnfoldedProximalGradient(truth, channels=3, **settings)
    assert_same_iterates(ours, GradientDescent(truth, **settings), x)
    ours.initialize(split(3, "train", truth), torch_rng_for("weights"))  # and so a fit starts
    assert_same_iterates(ours, GradientDescent(truth, **settings), x)
    with_memory = UnfoldedProximalGradient(truth, channels=3, memory=2, **settings)
    with_memory.initialize(split(3, "train", truth), torch_rng_for("weights"))
    assert_same_iterates(with_memory, GradientDescent(truth, **settings), x)
    own = UnfoldedProximalGradient(truth, channels=3, step=0.3, **settings)
    assert_same_iterates(own, GradientDescent(truth, step=0.3, **settings), x)


@every_truth
@pytest.mark.parametrize("iterations", [2, 5])
@pytest.mark.parametrize("start", ["zero", "linear"])
def test_an_unfitted_neumann_series_is_gradient_descent(truth, iterations, start):
    x = split(3, "test", truth).x
    ours = NeumannNetwork(truth, iterations=iterations, channels=3, start=start)
    ours.initialize(split(3, "train", truth), torch_rng_for("weights"))
    parent = GradientDescent(truth, iterations=iterations, start=start)
    assert_same_iterates(ours, parent, x)


@every_truth
@pytest.mark.parametrize(
    "settings",
    [
        {"iterations": 1, "weight": 0.003},
        {"iterations": 4, "neighbours": 4, "weight": 0.02, "penalty": 0.03, "coupling": 0.1},
        {"iterations": 3, "penalty": 0.5, "coupling": 0.3},
    ],
)
def test_unfitted_admm_csnet_is_total_variation(truth, settings):
    x = split(3, "test", truth).x
    parent = TotalVariation(truth, **settings)
    for own in ({}, {"copies": 1, "filter_side": 3}, {"copies": 3, "knots": 2, "tied": True}):
        assert_same_iterates(AdmmCsnet(truth, **own, **settings), parent, x)


# --- the Neumann series ---


@pytest.mark.parametrize("truth", [GAUSSIAN, BLURRED, COARSE], ids=lambda t: t.degradation)
def test_the_series_is_the_explicit_sum_with_a_linear_network(truth):
    """With one convolution for R, all is matrices: Σ_j (I − η(HᵀH + R))ʲ η Hᵀx."""
    x = split(2, "train", truth).x
    side, terms = truth.patch_side, 7
    method = NeumannNetwork(truth, iterations=terms, layers=2, channels=2, step=0.2)
    rng = torch_rng_for("test", "kernel")
    with torch.no_grad():
        # Rectifiers of z and −z: their difference is z, and so the network is linear.
        first, last = method.network.weights
        first[0, 0, 1, 1], first[1, 0, 1, 1] = 1.0, -1.0
        last[0, 0] = 0.1 * torch.randn(3, 3, generator=rng, dtype=last.dtype)
        last[0, 1] = -last[0, 0]
    H = dense(lambda s: method.H(s), side)
    R = dense(lambda s: method.network(s[:, None])[:, 0].detach(), side)
    A, b = H.mT @ H + R, H.mT @ x.flatten(1).mT
    step = torch.eye(side**2, dtype=torch.float64) - 0.2 * A
    expected = sum(torch.linalg.matrix_power(step, j) @ (0.2 * b) for j in range(terms))
    assert (R.abs().sum(1) > 0.05).all()
    answer = method(x).detach().flatten(1).mT
    torch.testing.assert_close(answer, expected, rtol=0, atol=1e-11)
    for sums, estimate in zip(range(terms + 1), method.iterates(x), strict=True):
        partly = sum(
            (torch.linalg.matrix_power(step, j) @ (0.2 * b) for j in range(sums)),
            torch.zeros_like(b),
        )
        torch.testing.assert_close(estimate.detach().flatten(1).mT, partly, rtol=0, atol=1e-11)


@pytest.mark.parametrize("truth", [GAUSSIAN, BLURRED, COARSE], ids=lambda t: t.degradation)
def test_from_a_linear_start_the_series_comes_to_the_same_inverse(truth):
    """With a linear R, both starts end at (HᵀH + R)⁻¹Hᵀx, and a linear one is the nearer."""
    x = split(2, "train", truth).x
    methods = [NeumannNetwork(truth, iterations=4000, start=start) for start in ("zero", "linear")]
    for method in methods:
        method.network = Multiple(0.05)
    H = dense(lambda s: methods[0].H(s), truth.patch_side)
    eye = torch.eye(truth.patch_side**2, dtype=torch.float64)
    expected = torch.linalg.solve(H.mT @ H + 0.05 * eye, H.mT @ x.flatten(1).mT)
    for method in methods:
        answer = method(x).detach().flatten(1).mT
        torch.testing.assert_close(answer, expected, rtol=0, atol=1e-8)


class Multiple(torch.nn.Module):
    """R of the identity, times a number."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def forward(self, z):
        return self.number * z


# --- memory ---


def test_what_is_handed_on_beside_the_image_reaches_the_answer():
    x = split(3, "test").x
    for tied in (False, True):
        method = disturbed(UnfoldedProximalGradient(SENSED, iterations=2, memory=2, tied=tied))
        before = method(x).detach()
        with torch.no_grad():  # what the first network answers with beside the image
            method.networks[0].offsets[-1][1:] += 1.0
        assert (method(x).detach() - before).abs().max() > 1e-3


# --- weights ---


def test_tied_is_untied_with_equal_weights():
    x = split(3, "test").x
    for build in (UnfoldedProximalGradient, AdmmCsnet):
        tied = disturbed(build(SENSED, iterations=3, tied=True))
        untied = build(SENSED, iterations=3)
        state = tied.state_dict()
        for name, tensor in untied.state_dict().items():
            if name.startswith("networks."):
                tensor.copy_(state["networks.0" + name[len("networks.0") :]])
            else:
                tensor.copy_(state[name].expand_as(tensor))
        torch.testing.assert_close(untied(x), tied(x), rtol=0, atol=1e-12)
        assert sum(p.numel() for p in untied.parameters()) == 3 * sum(
            p.numel() for p in tied.parameters()
        )


@pytest.mark.parametrize("iterations", [1, 4])
@pytest.mark.parametrize(("channels", "layers"), [(5, 2), (4, 3), (3, 5)])
def test_number_of_weights(iterations, channels, layers):
    c = channels
    a_network = 9 * c + c + (layers - 2) * (9 * c * c + c) + 9 * c + 1
    settings = {"iterations": iterations, "channels": channels, "layers": layers}

    def count(method):
        return sum(p.numel() for p in method.parameters())

    assert count(UnfoldedProximalGradient(SENSED, **settings)) == iterations * (a_network + 1)
    assert count(UnfoldedProximalGradient(SENSED, tied=True, **settings)) == a_network + 1
    memory, more = 4, 9 * 4 * c  # more: of the kernels that see, or answer with, what is handed on
    shared = UnfoldedProximalGradient(SENSED, tied=True, memory=memory, **settings)
    assert count(shared) == a_network + 1 + 2 * more + memory
    own = UnfoldedProximalGradient(SENSED, memory=memory, **settings)
    expected = iterations * (a_network + 1) + (iterations - 1) * (2 * more + memory)
    assert count(own) == expected
    if iterations > 1:
        assert count(NeumannNetwork(SENSED, **settings)) == a_network + 1


@every_network
@pytest.mark.parametrize("truth", [SENSED, BLURRED, COARSE], ids=lambda t: t.degradation)
def test_gradients_reach_every_weight(build, truth):
    method = build(truth)
    method.initialize(split(4, "train", truth), torch_rng_for("weights"))
    disturbed(method, 0.03).loss(*split(4, "train", truth)).backward()
    for name, weight in method.named_parameters():
        stages = weight.grad[None] if "network" in name or not weight.ndim else weight.grad
        assert all((stage != 0).any() for stage in stages), name


@every_network
def test_each_iterate_can_be_supervised(build):
    method = build(SENSED)
    recipe = Recipe(
        learning_rate=1e-3, steps=60, batch_size=4, validate_every=20, supervise="every_iterate"
    )
    history = method.fit(
        split(20, "train"), split(2, "validation"), recipe, torch_rng_for("supervised")
    )
    assert min(row["validation_loss"] for row in history[1:]) < history[0]["validation_loss"]


# --- images of other sizes ---


@every_network
@every_truth
def test_what_was_fitted_on_patches_answers_for_images(build, truth):
    """A periodic repetition is answered by the repetition of the answer."""
    method = build(truth)
    method.initialize(split(4, "train", truth), torch_rng_for("weights"))
    disturbed(method, 0.03)
    x = split(2, "train", truth).x
    repeated = x.repeat(1, 2, 2, 1) if x.ndim == 4 else x.repeat(1, 2, 2)
    answer = method(x).detach()
    torch.testing.assert_close(
        method(repeated).detach(), answer.repeat(1, 2, 2), rtol=0, atol=1e-10
    )
    assert method(split(2, "test", truth).x).shape == (2, 24, 24)


# --- shrinkage between knots ---


def test_shrinkage_is_linear_between_knots_and_goes_on_beyond():
    rng = rng_for("test", "knots")
    values = rng.standard_normal((3, 9))
    seen = 2 * rng.standard_normal((2, 3, 5, 4))
    answer = between_knots(torch.from_numpy(values), 0.3, torch.from_numpy(seen)).numpy()
    at = 0.3 * np.arange(-4, 5)
    for f in range(3):
        line = interp1d(at, values[f], fill_value="extrapolate")
        np.testing.assert_allclose(answer[:, f], line(seen[:, f]), rtol=0, atol=1e-12)
    assert (np.abs(seen) > 1.2).any() and (np.abs(seen) < 1.2).any()


def test_copies_of_a_filter_differ_once_a_fit_has_begun_and_still_see_no_flat_image():
    method = AdmmCsnet(SENSED, iterations=2, copies=2)
    first, second = method.filters[0].detach().chunk(2)
    assert torch.equal(first, second)
    method.initialize(split(2, "train"), torch_rng_for("weights"))
    first, second = method.filters[0].detach().chunk(2)
    assert (first - second).abs().amax((1, 2)).min() > 0.01
    assert method.filters.detach().sum((2, 3)).abs().max() < 1e-12


# --- bad input ---


@pytest.mark.parametrize("build", [UnfoldedProximalGradient, NeumannNetwork, AdmmCsnet])
def test_observations_of_no_square_image_are_refused(build):
    with pytest.raises(ValueError, match="square"):
        build(BLURRED)(torch.zeros(2, 12, 10, dtype=torch.float64))


def test_an_even_filter_is_refused():
    with pytest.raises(ValueError, match="filter_side is 4: should be odd"):
        AdmmCsnet(SENSED, filter_side=4)


def test_what_is_fitted_in_single_precision_answers_in_double():
    method = UnfoldedProximalGradient(SENSED, iterations=2, channels=3)
    recipe = Recipe(learning_rate=5e-3, steps=5, batch_size=4, validate_every=5, precision="single")
    method.fit(split(20, "train"), split(2, "validation"), recipe, torch_rng_for("single"))
    x = split(2, "test").x
    exact = copy.deepcopy(method)(x).detach()
    with torch.no_grad():
        quick = method(x)
    assert quick.dtype == exact.dtype == torch.float64
    torch.testing.assert_close(quick, exact, rtol=0, atol=1e-5)
