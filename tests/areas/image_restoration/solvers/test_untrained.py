"""The untrained generator and its fit, beside torch's own layers and optimizer."""

import pytest
import torch
from torch.nn import functional

from mbdl_repro.areas.image_restoration.methods.deep_image_prior import DeepImagePrior
from mbdl_repro.areas.image_restoration.methods.deep_red import DeepRed
from mbdl_repro.areas.image_restoration.scenario import Photographs
from mbdl_repro.areas.image_restoration.solvers import untrained

TRUTH = Photographs(
    degradation="deblurring", blur_std=0.8, noise_std=0.02, side=20, patch_side=20, block_side=20
)
GENERATOR = {"channels": 6, "layers": 3}


def observed(n=3):
    split = TRUTH.draw(n, "validation", 100)
    return torch.from_numpy(split.x), torch.from_numpy(split.s)


def by_torch(latent, weights, side):
    """One image, by 1 × 1 convolutions, torch's enlargement and its instance normalization."""
    z = latent[None]
    for i, weight in enumerate(weights[:-1]):
        z = functional.conv2d(z, weight[:, :-1, None, None], weight[:, -1])
        size = -(-side // 2 ** (len(weights) - 2 - i))
        z = functional.interpolate(z, size=(size, size), mode="bilinear", align_corners=False)
        z = functional.instance_norm(functional.relu(z), eps=1e-5)
    last = weights[-1]
    return functional.conv2d(z, last[:, :-1, None, None], last[:, -1]).sigmoid()[0, 0]


@pytest.mark.parametrize("side", [8, 20, 21])
@pytest.mark.parametrize("layers", [2, 4])
def test_it_makes_what_layers_of_torch_make(side, layers):
    generators = untrained.Generators(torch.zeros(3, side, side, dtype=torch.float64), 5, layers)
    weights = [weight + torch.rand_like(weight) for weight in generators.adam.variables]
    made = generators.generated(weights)
    assert made.shape == (3, side, side)
    for i in range(3):
        alone = by_torch(generators.latent, [weight[i] for weight in weights], side)
        torch.testing.assert_close(made[i], alone)


def test_it_is_fitted_as_by_adam():
    x, _ = observed()
    method = DeepImagePrior(TRUTH, iterations=20, step=0.02, **GENERATOR)
    start = untrained.Generators(x, 6, 3)
    for i, answer in enumerate(method(x)):
        weights = [weight[i].clone().requires_grad_() for weight in start.adam.variables]
        adam = torch.optim.Adam(weights, lr=0.02, eps=untrained.EPSILON)
        for _ in range(20):
            adam.zero_grad()
            made = by_torch(start.latent, weights, 20)
            (0.5 * (method.H(made[None])[0] - x[i]).square().sum()).backward()
            adam.step()
        expected = by_torch(start.latent, weights, 20).detach()
        torch.testing.assert_close(answer, expected, rtol=0, atol=1e-9)


def test_more_steps_agree_better_with_the_observation():
    x, s = observed()
    misfits, errors = [], []
    with torch.no_grad():
        for iterations in (1, 10, 100):
            method = DeepImagePrior(TRUTH, iterations=iterations, **GENERATOR)
            answer = method(x)
            misfits.append((method.H(answer) - x).square().mean((1, 2)))
            errors.append((answer - s).square().mean())
    assert (misfits[1] < misfits[0]).all()
    assert (misfits[2] < misfits[1]).all()
    assert errors[2] < errors[1] < errors[0]


def test_many_images_are_fitted_in_parts_and_alike(monkeypatch):
    x, _ = observed(5)
    method = DeepImagePrior(TRUTH, iterations=4, **GENERATOR)
    together = method(x)
    monkeypatch.setattr(untrained, "ROWS", 2)
    torch.testing.assert_close(method(x), together, rtol=0, atol=1e-10)


def test_without_gradients_it_fits_in_single_precision_and_answers_in_double():
    x, _ = observed()
    method = DeepImagePrior(TRUTH, iterations=5, **GENERATOR)
    with torch.no_grad():
        quick = method(x)
        assert not torch.is_grad_enabled()
    assert quick.dtype == torch.float64
    assert not quick.requires_grad
    torch.testing.assert_close(quick, method(x), rtol=0, atol=1e-3)


class Identity(torch.nn.Module):
    def prepared(self):
        return self

    def forward(self, z, std):
        return z


def red(**settings):
    method = DeepRed(
        TRUTH,
        channels=2,
        layers=2,
        generator_channels=6,
        generator_layers=3,
        step=0.02,
        **settings,
    )
    method.prior = Identity()
    return method


def test_deep_red_that_weighs_nothing_fits_the_deep_image_prior():
    """θ is then free of s. Eleven steps: six alone, then three, and the two that are left."""
    x, _ = observed()
    after = {k: DeepImagePrior(TRUTH, iterations=k, step=0.02, **GENERATOR)(x) for k in (6, 9, 11)}
    # With D = I and w = b, s is the mean of itself and of the image with the dual.
    s, u = after[6], torch.zeros_like(x)
    for k in (9, 11):
        s = 0.5 * (s + after[k] + u)
        u = u + after[k] - s
    method = red(iterations=11, inner_iterations=3, penalty=1e-9)
    torch.testing.assert_close(method(x), s, rtol=0, atol=1e-6)


def test_deep_red_is_drawn_to_what_the_denoiser_makes():
    class Black(Identity):
        def forward(self, z, std):
            return torch.zeros_like(z)

    x, _ = observed()
    method = red(iterations=300, inner_iterations=5, penalty=100.0)
    free = method(x)
    method.prior = Black()
    assert method(x).abs().mean() < 0.5 * free.abs().mean()
