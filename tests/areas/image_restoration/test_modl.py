"""MoDL: its equation, and Tikhonov where the network says nothing."""

import pytest
import torch

from mbdl_repro.areas.image_restoration.methods.modl import Modl
from mbdl_repro.areas.image_restoration.methods.tikhonov import Tikhonov
from mbdl_repro.areas.image_restoration.scenario import Photographs
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for, torch_rng_for

SIDES = {"side": 24, "patch_side": 12, "block_side": 12}
SENSED = Photographs(degradation="compressed_sensing", ratio=0.4, noise_std=0.05, **SIDES)
TRUTHS = {
    "orthonormal": SENSED,
    "gaussian": Photographs(
        degradation="compressed_sensing",
        ratio=0.4,
        noise_std=0.05,
        measurement_matrix="gaussian",
        **SIDES,
    ),
    "deblurring": Photographs(degradation="deblurring", blur_std=0.9, noise_std=0.02, **SIDES),
    "super_resolution": Photographs(
        degradation="super_resolution", factor=2, noise_std=0.02, **SIDES
    ),
}
every_truth = pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)


def split(n, name, truth=SENSED):
    return Split(*map(torch.from_numpy, truth.draw(n, name, 100)))


def images(n, *name, side=12):
    return torch.from_numpy(rng_for("test", *name).standard_normal((n, side, side)))


# --- MoDL ---


@every_truth
@pytest.mark.parametrize("weight", [0.01, 0.3])
@pytest.mark.parametrize("iterations", [1, 3])
@torch.no_grad()
def test_unfitted_it_is_tikhonov(truth, weight, iterations):
    x = split(3, "test", truth).x
    sizes = {"iterations": iterations, "weight": weight, "channels": 3}
    method = Modl(truth, **sizes, inner_iterations=120)
    expected = Tikhonov(truth, weight=weight)(x)
    torch.testing.assert_close(method(x), expected, rtol=0, atol=1e-9)
    if truth is SENSED:
        few = Modl(truth, **sizes, inner_iterations=2)(x)
        torch.testing.assert_close(few, expected, rtol=0, atol=1e-11)


@every_truth
def test_each_iterate_solves_its_equation(truth):
    """(HᵀH + λ I) s_{k+1} = Hᵀx + λ D(s_k), with weights of no special kind."""
    x = split(2, "train", truth).x
    method = Modl(truth, iterations=3, channels=4, weight=0.1, inner_iterations=150)
    method.network.draw(torch_rng_for("weights"), last_scale=0.3)
    with torch.no_grad():
        method.gate.fill_(0.7)
    H, previous = method.H, None
    for s in method.iterates(x):
        if previous is not None:
            seen = 4.0 * (previous[:, None] - 0.5)
            denoised = 0.7 * previous + 0.1 * method.network(seen)[:, 0]
            left = H.adjoint(H(s)) + 0.1 * s
            torch.testing.assert_close(left, H.adjoint(x) + 0.1 * denoised, rtol=0, atol=1e-9)
        previous = s
    assert method.network(4.0 * (previous[:, None] - 0.5)).abs().max() > 0.05


def test_iterations_share_their_weights():
    for iterations in (1, 5):
        method = Modl(SENSED, iterations=iterations, channels=4, layers=3)
        assert sum(p.numel() for p in method.parameters()) == 40 + 148 + 37 + 2


@every_truth
def test_gradients_reach_every_weight(truth):
    method = Modl(truth, iterations=2, channels=4)
    method.initialize(split(4, "train", truth), torch_rng_for("weights"))
    method.network.draw(torch_rng_for("weights"), last_scale=0.3)
    method.loss(*split(4, "train", truth)).backward()
    for name, weight in method.named_parameters():
        assert torch.isfinite(weight.grad).all() and (weight.grad != 0).any(), name


@every_truth
def test_a_repeated_image_is_answered_by_the_repeated_answer(truth):
    method = Modl(truth, iterations=3, channels=4, inner_iterations=3)
    method.initialize(split(4, "train", truth), torch_rng_for("weights"))
    method.network.draw(torch_rng_for("weights"), last_scale=0.3)
    x = split(2, "train", truth).x
    repeated = x.repeat(1, 2, 2, 1) if x.ndim == 4 else x.repeat(1, 2, 2)
    answer = method(x).detach().repeat(1, 2, 2)
    torch.testing.assert_close(method(repeated).detach(), answer, rtol=0, atol=1e-10)
    assert method(split(2, "test", truth).x).shape == (2, 24, 24)


def test_observations_of_no_square_image_are_refused():
    with pytest.raises(ValueError, match="square"):
        Modl(TRUTHS["deblurring"])(torch.zeros(2, 12, 10, dtype=torch.float64))
