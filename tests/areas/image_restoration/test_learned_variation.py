"""Total variation with parts that are learned: its parents, its minimum, what it sees."""

import numpy as np
import pytest
import torch

from mbdl_repro.areas.image_restoration.methods.bilevel_filters import BilevelFilters
from mbdl_repro.areas.image_restoration.methods.corrected_total_variation import (
    CorrectedTotalVariation,
)
from mbdl_repro.areas.image_restoration.methods.total_variation import TotalVariation
from mbdl_repro.areas.image_restoration.methods.unfolded_filters import UnfoldedFilters
from mbdl_repro.areas.image_restoration.methods.unfolded_total_variation import (
    UnfoldedTotalVariation,
)
from mbdl_repro.areas.image_restoration.methods.weighted_total_variation import (
    WeightedTotalVariation,
)
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for

SIDES = {"side": 24, "patch_side": 12, "block_side": 12}
SENSED = Photographs(degradation="compressed_sensing", ratio=0.4, noise_std=0.05, **SIDES)
BLURRED = Photographs(degradation="deblurring", blur_std=0.9, noise_std=0.02, **SIDES)
COARSE = Photographs(degradation="super_resolution", factor=2, noise_std=0.02, **SIDES)
TINY = Digits(degradation="compressed_sensing", noise_std=0.05, ratio=0.5)
SETTINGS = {"neighbours": 4, "weight": 0.02, "penalty": 0.1, "coupling": 0.3}

every_truth = pytest.mark.parametrize(
    "truth", [SENSED, BLURRED, COARSE], ids=lambda t: t.degradation
)
every_method = pytest.mark.parametrize(
    "build",
    [
        UnfoldedTotalVariation,
        lambda belief, **own: UnfoldedFilters(belief, copies=2, **own),
        lambda belief, **own: BilevelFilters(belief, copies=3, **own),
        lambda belief, **own: WeightedTotalVariation(belief, channels=3, layers=3, **own),
        lambda belief, **own: CorrectedTotalVariation(belief, channels=3, layers=3, **own),
    ],
    ids=["numbers", "filters", "bilevel", "weights", "correction"],
)


def split(n, name, truth=SENSED):
    return Split(*map(torch.from_numpy, truth.draw(n, name, 100)))


def disturbed(method, scale=0.1):
    """The method with all weights off their start."""
    rng = torch_rng_for("test", "weights")
    with torch.no_grad():
        for weight in method.parameters():
            weight += scale * torch.randn(weight.shape, generator=rng, dtype=weight.dtype)
    return method


def assert_same_iterates(ours, theirs, x):
    pairs = list(zip(ours.iterates(x), theirs.iterates(x), strict=True))
    for mine, classical in pairs:
        torch.testing.assert_close(mine, classical, rtol=0, atol=1e-11)
    assert not torch.equal(pairs[0][0], pairs[-1][0])


# --- parents ---


@every_method
@every_truth
@pytest.mark.parametrize("iterations", [1, 15])
def test_unfitted_it_is_total_variation(build, truth, iterations):
    x = split(3, "test", truth).x
    parent = TotalVariation(truth, iterations=iterations, **SETTINGS)
    assert_same_iterates(build(truth, iterations=iterations, **SETTINGS), parent, x)


@pytest.mark.parametrize(
    "cls", [BilevelFilters, UnfoldedFilters, WeightedTotalVariation, CorrectedTotalVariation]
)
def test_a_fit_starts_at_total_variation(cls):
    x = split(3, "test").x
    method = cls(SENSED, iterations=3, **SETTINGS)
    method.initialize(split(3, "train"), torch_rng_for("weights"))
    assert_same_iterates(method, TotalVariation(SENSED, iterations=3, **SETTINGS), x)


# --- numbers of each iteration ---


def test_equal_numbers_in_all_iterations_are_total_variation_of_these_numbers():
    x = split(3, "test").x
    ours = UnfoldedTotalVariation(SENSED, iterations=4, neighbours=4)
    filters = UnfoldedFilters(SENSED, iterations=4, neighbours=4)
    with torch.no_grad():
        for method in (ours, filters):
            method.log_threshold.fill_(np.log(0.05))
            method.log_penalty.fill_(np.log(0.2))
            method.log_coupling.fill_(np.log(0.7))
    settings = {"weight": 0.05 * 0.7, "penalty": 0.2, "coupling": 0.7}
    parent = TotalVariation(SENSED, iterations=4, neighbours=4, **settings)
    assert_same_iterates(ours, parent, x)
    assert_same_iterates(filters, parent, x)


def test_what_an_iteration_learns_changes_it_and_what_follows_alone():
    x = split(3, "test").x
    for cls in (UnfoldedTotalVariation, UnfoldedFilters):
        method = cls(SENSED, iterations=3, **SETTINGS)
        before = [s.detach() for s in method.iterates(x)]
        with torch.no_grad():
            method.log_threshold[1] += 1.0
        after = [s.detach() for s in method.iterates(x)]
        changed = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
        assert changed == [False, False, True, True]


@pytest.mark.parametrize(("copies", "side"), [(1, 3), (2, 5)])
def test_number_of_weights(copies, side):
    def count(method):
        return sum(p.numel() for p in method.parameters())

    own = {"copies": copies, "filter_side": side, "neighbours": 4}
    F = 4 * copies
    assert count(UnfoldedTotalVariation(SENSED, iterations=8)) == 24
    assert count(UnfoldedFilters(SENSED, iterations=8, **own)) == 8 * (F * (side**2 + 2) + 1)
    assert count(BilevelFilters(SENSED, iterations=8, **own)) == F * (side**2 + 1)


# --- filters ---


@pytest.mark.parametrize("cls", [UnfoldedFilters, BilevelFilters])
def test_copies_differ_once_a_fit_has_begun_and_no_filter_sees_what_is_flat(cls):
    method = cls(SENSED, iterations=2, copies=2)
    first, second = method.filters[0].detach().chunk(2)
    assert torch.equal(first, second)
    method.initialize(split(2, "train"), torch_rng_for("weights"))
    first, second = method.filters[0].detach().chunk(2)
    assert (first - second).abs().amax((1, 2)).min() > 0.01
    disturbed(method)
    assert method.kernels().sum((2, 3)).abs().max() < 1e-12
    with pytest.raises(ValueError, match="filter_side is 4: should be odd"):
        cls(SENSED, iterations=2, filter_side=4)


def test_with_learned_filters_it_is_the_minimum_that_a_convex_solver_finds():
    import cvxpy  # not by each process that collects: it takes two seconds

    x, H = split(1, "validation", TINY).x, operator_of(TINY)
    method = BilevelFilters(TINY, iterations=1500, neighbours=2, weight=0.03)
    disturbed(method, 0.2)
    pixels = torch.eye(64, dtype=torch.float64).view(-1, 8, 8)
    dense_H = H(pixels).flatten(1).mT.numpy()
    s = cvxpy.Variable(64)
    penalties = 0
    for c, weight in zip(method.kernels()[0].detach(), method.log_weight.exp(), strict=True):
        # Convolution by hand: every entry of the kernel moves the image by its distance.
        moved = sum(
            c[i, j] * pixels.roll((i - 2, j - 2), (1, 2)) for i in range(5) for j in range(5)
        )
        C = moved.flatten(1).mT.numpy()
        penalties = penalties + weight.item() * cvxpy.norm1(C @ s)
    misfit = cvxpy.sum_squares(dense_H @ s - x.flatten().numpy())
    problem = cvxpy.Problem(cvxpy.Minimize(0.5 * misfit + penalties))
    problem.solve(solver=cvxpy.CLARABEL)
    with torch.no_grad():
        answer = method(x).flatten().numpy()
    np.testing.assert_allclose(answer, s.value, atol=2e-3)


# --- weights by a network ---


def test_a_network_that_says_the_same_everywhere_is_another_weight():
    x = split(3, "test").x
    method = WeightedTotalVariation(SENSED, iterations=10, **SETTINGS)
    with torch.no_grad():
        method.network.offsets[-1].fill_(np.log(3.0))
    heavier = TotalVariation(SENSED, iterations=10, **{**SETTINGS, "weight": 0.06})
    assert_same_iterates(method, heavier, x)
    with torch.no_grad():
        method.network.offsets[-1].fill_(100.0)
    assert method.weights(x).max().item() == pytest.approx(np.exp(4.0))


def test_each_direction_and_pixel_has_a_weight_of_its_own():
    """Where the weight is large, differences in that direction are small, and elsewhere not."""
    x = split(2, "test", BLURRED).x
    method = WeightedTotalVariation(BLURRED, iterations=60, weight=0.002, neighbours=2)
    weights = torch.full((2, 2, 24, 24), 1e-3, dtype=torch.float64)
    weights[:, 0, :, :12] = 100.0  # to the right, in the left half
    method.weights = lambda x: weights
    answer = method(x).detach()
    right = (answer.roll(-1, 2) - answer).abs().mean((0, 1))
    down = (answer.roll(-1, 1) - answer).abs().mean((0, 1))
    assert right[:12].max() < 0.1 * right[13:].mean()
    assert down[:12].mean() > 0.1 * down[12:].mean()


# --- correction ---


def test_the_loss_of_what_was_prepared_is_that_of_the_answer():
    pair = split(5, "validation")
    method = disturbed(CorrectedTotalVariation(SENSED, iterations=4, **SETTINGS))
    prepared = method.prepare(pair)
    assert prepared.x.shape == (5, 2, 24, 24)
    expected = (method(pair.x) - pair.s).square().sum((1, 2)).mean()
    torch.testing.assert_close(method.loss(*prepared), expected)


def test_the_network_sees_the_answer_and_what_was_taken_off_the_first_image():
    x = split(2, "test").x
    method = CorrectedTotalVariation(SENSED, iterations=4, layers=2, channels=2, **SETTINGS)
    with torch.no_grad():  # rectifiers of the second channel and of its negative: it itself
        first, last = method.network.weights
        first[0, 1, 1, 1], first[1, 1, 1, 1] = 1.0, -1.0
        last[0, 0, 1, 1], last[0, 1, 1, 1] = 1.0, -1.0
    first_image = operator_of(SENSED).start(x)
    torch.testing.assert_close(method(x).detach(), first_image, rtol=0, atol=1e-12)


# --- images of other sizes ---


@every_method
@every_truth
def test_what_was_fitted_on_patches_answers_for_images(build, truth):
    """A periodic repetition is answered by the repetition of the answer."""
    method = disturbed(build(truth, iterations=3, **SETTINGS), 0.03)
    x = split(2, "train", truth).x
    repeated = x.repeat(1, 2, 2, 1) if x.ndim == 4 else x.repeat(1, 2, 2)
    answer = method(x).detach()
    torch.testing.assert_close(
        method(repeated).detach(), answer.repeat(1, 2, 2), rtol=0, atol=1e-10
    )
