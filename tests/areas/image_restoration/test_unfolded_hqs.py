"""Unfolded HQS: plug-and-play where it starts, and its equations with weights of any kind."""

import pytest
import torch

from mbdl_repro.areas.image_restoration.methods.plug_and_play_hqs import PlugAndPlayHqs
from mbdl_repro.areas.image_restoration.methods.unfolded_hqs import UnfoldedHqs
from mbdl_repro.areas.image_restoration.scenario import Photographs
from mbdl_repro.areas.image_restoration.solvers.denoiser_first import DENOISING
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

SIDES = {"side": 24, "patch_side": 12, "block_side": 12}
TRUTHS = {
    "deblurring": Photographs(degradation="deblurring", blur_std=0.9, noise_std=0.02, **SIDES),
    "sensing": Photographs(degradation="compressed_sensing", ratio=0.4, noise_std=0.05, **SIDES),
}
every_truth = pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)
SIZES = {"iterations": 3, "channels": 4, "layers": 3}
CHOICES = {"strength": 2.0, "penalty": 0.5, "first_std": 0.1}


def split(n, name, truth):
    return Split(*map(torch.from_numpy, truth.draw(n, name, 100)))


def drawn(truth):
    """Weights of no special kind, levels and penalties that differ."""
    method, rng = UnfoldedHqs(truth, **SIZES), torch_rng_for("weights")
    method.prior.network.draw(rng, last_scale=0.3)
    with torch.no_grad():
        for p in (method.log_level, method.log_rho):
            p += 0.3 * torch.randn(p.shape, generator=rng, dtype=p.dtype)
    return method


@every_truth
@torch.no_grad()
def test_unfitted_it_is_plug_and_play(truth):
    x = split(3, "test", truth).x
    ours, theirs = (kind(truth, **SIZES, **CHOICES) for kind in (UnfoldedHqs, PlugAndPlayHqs))
    for v, expected in zip(ours.iterates(x), theirs.iterates(x), strict=True):
        torch.testing.assert_close(v, expected, rtol=0, atol=1e-12)


@every_truth
def test_a_fit_starts_at_plug_and_play_with_its_denoiser(truth):
    train, validation = split(40, "train", truth), split(8, "validation", truth)
    ours = UnfoldedHqs(truth, **SIZES, **CHOICES, denoiser_steps=20)
    theirs = PlugAndPlayHqs(truth, **SIZES, **CHOICES)
    theirs.fit(train, validation, Recipe(**DENOISING, steps=20))
    still = Recipe(steps=1, learning_rate=1e-12)
    history = ours.fit(train, validation, still, torch_rng_for("f"))
    for name, p in theirs.prior.named_parameters():
        torch.testing.assert_close(ours.prior.get_parameter(name), p, rtol=0, atol=1e-9)
    assert history[0]["validation_loss"] == pytest.approx(theirs.loss_on(validation), rel=1e-5)
    assert any(p.any() for p in theirs.prior.network.parameters())


@every_truth
@torch.no_grad()
def test_each_step_solves_its_equations(truth):
    """(HᵀH + ρ_k I) s = Hᵀx + ρ_k v, and the next v is what the denoiser makes of that s."""
    method, x = drawn(truth), split(2, "train", truth).x
    *before, _ = iterates = list(method.iterates(x))
    for k, (v, after) in enumerate(zip(before, iterates[1:], strict=True)):
        rho, level = method.log_rho[k].exp(), method.log_level[k].exp()
        s = method.H.proximal(v, x, rho)
        left = method.H.adjoint(method.H(s)) + rho * s
        torch.testing.assert_close(left, method.H.adjoint(x) + rho * v, rtol=0, atol=1e-9)
        torch.testing.assert_close(after, method.prior(s, level), rtol=0, atol=1e-6)
        assert (after - s).abs().max() > 1e-4


@every_truth
def test_gradients_reach_every_weight(truth):
    method = drawn(truth)
    method.loss(*split(4, "train", truth)).backward()
    for name, weight in method.named_parameters():
        assert torch.isfinite(weight.grad).all() and (weight.grad != 0).any(), name
    assert (method.log_level.grad != 0).all() and (method.log_rho.grad != 0).all()


def test_steps_share_their_denoiser_and_have_two_numbers_each():
    sizes = [
        sum(
            p.numel()
            for p in UnfoldedHqs(TRUTHS["deblurring"], **(SIZES | {"iterations": k})).parameters()
        )
        for k in (1, 4)
    ]
    assert sizes[1] - sizes[0] == 2 * 3


def test_a_random_start_trains_no_denoiser():
    truth = TRUTHS["deblurring"]
    train, validation = split(20, "train", truth), split(8, "validation", truth)

    def refused(*_):
        raise AssertionError("a fit was asked for")

    method = UnfoldedHqs(truth, **SIZES, warm_start=False)
    method.fit(train, validation, Recipe(steps=2), torch_rng_for("f"), shared=refused)
    assert any(p.any() for p in method.prior.network.parameters())
