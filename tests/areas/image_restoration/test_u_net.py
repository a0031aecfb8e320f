"""U-Net: where it starts, what it is made of, and images of other sizes."""

import pytest
import torch

from mbdl_repro.areas.image_restoration.methods.u_net import UNet
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.scenario import Photographs
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for

SIDES = {"side": 24, "patch_side": 12, "block_side": 12}
TRUTHS = {
    "compressed_sensing": Photographs(
        degradation="compressed_sensing", ratio=0.4, noise_std=0.05, **SIDES
    ),
    "deblurring": Photographs(degradation="deblurring", blur_std=0.9, noise_std=0.02, **SIDES),
    "super_resolution": Photographs(
        degradation="super_resolution", factor=2, noise_std=0.02, **SIDES
    ),
    "denoising": Photographs(degradation="denoising", noise_std=0.1, **SIDES),
}
every_truth = pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)


def split(n, name, truth):
    return Split(*map(torch.from_numpy, truth.draw(n, name, 100)))


def drawn(truth, **settings):
    """With weights in the last layer too."""
    method = UNet(truth, **{"channels": 3, **settings})
    method.initialize(split(2, "train", truth), torch_rng_for("weights"))
    method.last.draw(torch_rng_for("last"), last_scale=1.0)
    return method


@every_truth
def test_a_fit_starts_at_the_first_image(truth):
    x = split(3, "test", truth).x
    method = UNet(truth, channels=3)
    for _ in range(2):
        torch.testing.assert_close(method(x), operator_of(truth).start(x), rtol=0, atol=0)
        method.initialize(split(2, "train", truth), torch_rng_for("weights"))


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("channels", [3, 4])
def test_number_of_weights(levels, channels):
    def layer(before, after):
        return 9 * before * after + after

    widths = [channels * 2**i for i in range(levels)]
    expected = layer(channels, 1)
    for i, width in enumerate(widths):
        expected += layer(widths[i - 1] if i else 1, width) + layer(width, width)
    for i in range(levels - 1):  # the coarser scale's, and this scale's own, come in
        expected += layer(widths[i + 1] + widths[i], widths[i]) + layer(widths[i], widths[i])
    method = UNet(TRUTHS["denoising"], channels=channels, levels=levels)
    assert sum(p.numel() for p in method.parameters()) == expected


def test_two_levels_written_out():
    """The same layers in torch's own words, with circular padding by its convolution module."""
    truth = TRUTHS["deblurring"]
    method = drawn(truth, levels=2)
    s = split(2, "train", truth).s
    x = operator_of(truth)(s)

    def convolution(block, i, z):
        weight, offset = block.weights[i], block.offsets[i]
        layer = torch.nn.Conv2d(
            *weight.shape[1::-1], 3, padding=1, padding_mode="circular", dtype=torch.float64
        )
        layer.load_state_dict({"weight": weight.detach(), "bias": offset.detach()})
        return layer(z)

    def twice(block, z):
        return convolution(block, 1, convolution(block, 0, z).relu()).relu()

    first = operator_of(truth).start(x)
    train = split(2, "train", truth)  # which a fit standardizes by
    seen = operator_of(truth).start(train.x)
    lacking = (train.s - seen).square().mean().sqrt()
    contrast = (seen - 0.5).square().mean().sqrt()
    fine = twice(method.down[0], (first[:, None] - 0.5) / contrast)
    means = fine.view(2, 3, 6, 2, 6, 2).mean((3, 5))
    coarse = twice(method.down[1], means)
    repeated = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)
    up = twice(method.up[0], torch.cat([repeated, fine], 1))
    expected = first + lacking * convolution(method.last, 0, up)[:, 0]
    torch.testing.assert_close(method(x), expected, rtol=0, atol=1e-12)
    assert (expected - first).abs().max() > 0.01


@every_truth
def test_gradients_reach_every_weight(truth):
    method = drawn(truth, channels=4)
    method.loss(*split(4, "train", truth)).backward()
    for name, weight in method.named_parameters():
        assert (weight.grad != 0).any(), name


@every_truth
def test_a_repeated_image_is_answered_by_the_repeated_answer(truth):
    method = drawn(truth)
    x = split(2, "train", truth).x
    repeated = x.repeat(1, 2, 2, 1) if x.ndim == 4 else x.repeat(1, 2, 2)
    answer = method(x).detach().repeat(1, 2, 2)
    torch.testing.assert_close(method(repeated).detach(), answer, rtol=0, atol=1e-11)
    assert method(split(2, "test", truth).x).shape == (2, 24, 24)


def test_without_gradients_it_is_the_same_in_single_precision():
    truth = TRUTHS["deblurring"]
    method, x = drawn(truth), split(3, "test", truth).x
    exact = method(x).detach()
    with torch.no_grad():
        quick = method(x)
    assert quick.dtype == torch.float64
    assert not torch.equal(quick, exact)
    torch.testing.assert_close(quick, exact, rtol=0, atol=1e-5)


def test_sides_that_cannot_be_halved_often_enough_are_refused():
    truth = TRUTHS["deblurring"]
    with pytest.raises(ValueError, match=r"10 pixels a side: with levels 3 .* multiple of 4"):
        UNet(truth)(torch.zeros(1, 10, 10, dtype=torch.float64))
    assert UNet(truth, levels=2)(torch.zeros(1, 10, 10, dtype=torch.float64)).shape == (1, 10, 10)
    with pytest.raises(ValueError, match="square"):
        UNet(truth)(torch.zeros(1, 12, 10, dtype=torch.float64))


def test_images_without_contrast_are_divided_by_nothing():
    truth = TRUTHS["deblurring"]
    H, grey = operator_of(truth), torch.full((2, 12, 12), 0.5, dtype=torch.float64)
    x = H(grey) * (1 + H.lipschitz_constant(12) / 100)  # so that the first image is grey, too
    method = UNet(truth, channels=3)
    method.initialize(Split(x, H.start(x)), torch_rng_for("weights"))
    method.last.draw(torch_rng_for("last"), last_scale=1.0)
    assert method(x).isfinite().all()
