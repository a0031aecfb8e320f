"""Convolutional networks against SciPy's convolutions, in both precisions."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from mbdl_repro.areas.image_restoration.networks.convolutional import (
    ConvolutionalNetwork,
    surrounded,
)


def network(channels=3, layers=3, last_scale=1.0, **ends):
    made = ConvolutionalNetwork(channels, layers, **ends)
    made.draw(torch.Generator().manual_seed(0), last_scale)
    with torch.no_grad():
        for i, offset in enumerate(made.offsets):
            offset.copy_(0.1 * torch.arange(1.0 + i, len(offset) + 1 + i, dtype=torch.float64))
    return made


def drawn(*shape):
    return torch.from_numpy(np.random.default_rng(0).standard_normal(shape))


def by_scipy(made, image):
    """One image (inputs, height, width) through the layers, by periodic correlations."""
    z = image.numpy()
    for i, (weight, offset) in enumerate(zip(made.weights, made.offsets, strict=True)):
        z = np.maximum(z, 0) if i else z
        weight, offset = weight.detach().numpy(), offset.detach().numpy()
        z = np.stack(
            [
                offset[b]
                + sum(
                    ndimage.correlate(z[a], weight[b, a], mode="wrap")
                    for a in range(weight.shape[1])
                )
                for b in range(len(weight))
            ]
        )
    return torch.from_numpy(z)


@pytest.mark.parametrize(("inputs", "outputs", "layers"), [(1, 1, 3), (2, 3, 2), (4, 2, 1)])
def test_layers_are_periodic_correlations_with_rectifiers_between(inputs, outputs, layers):
    made = network(layers=layers, inputs=inputs, outputs=outputs)
    z = drawn(2, inputs, 8, 10)
    expected = torch.stack([by_scipy(made, image) for image in z])
    torch.testing.assert_close(made(z).detach(), expected, rtol=0, atol=1e-12)


def test_single_precision_is_off_by_a_millionth():
    made = network(channels=16, layers=6)
    z = torch.from_numpy(np.random.default_rng(0).random((4, 1, 36, 36)))
    exact = made(z).detach()
    with torch.no_grad():
        fast = made(z)
    assert exact.dtype == fast.dtype == torch.float64
    assert not torch.equal(fast, exact)
    error = (fast - exact).abs().max() / exact.abs().max()
    assert error < 2e-6


def test_single_precision_weights_stay_so():
    made = network().float()
    assert made(drawn(1, 1, 8, 8).float()).dtype == torch.float32
    for parameter in made.parameters():
        assert parameter.dtype == torch.float32


def test_a_shifted_image_has_a_shifted_answer():
    made, z = network(), drawn(2, 1, 9, 9)
    shifted = made(z.roll((4, 7), (2, 3)))
    torch.testing.assert_close(shifted, made(z).roll((4, 7), (2, 3)), rtol=0, atol=1e-12)


def test_the_last_layer_is_drawn_as_small_as_asked():
    zero, some, all_ = (network(layers=4, last_scale=scale) for scale in (0.0, 0.1, 1.0))
    assert not zero.weights[-1].any()
    torch.testing.assert_close(some.weights[-1], 0.1 * all_.weights[-1])
    for one, other in zip(zero.weights[:-1], all_.weights[:-1], strict=True):
        assert torch.equal(one, other)


def test_weights_are_drawn_for_the_number_of_inputs():
    made = ConvolutionalNetwork(64, 3)
    made.draw(torch.Generator().manual_seed(1))
    for weight in made.weights[:-1]:
        fan_in = weight[0].numel()
        share = weight.square().mean().item() * fan_in / 2
        assert abs(share - 1) < 4 * (2 / weight.numel()) ** 0.5
    assert all(not offset.any() for offset in made.offsets)


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("sides", [(5, 4), (2, 2), (1, 3)])
def test_surroundings_and_their_gradient_are_those_of_torch(rectified, sides):
    z = drawn(2, 3, *sides).requires_grad_()

    def plainly(z):
        z = z.relu() if rectified else z
        return torch.nn.functional.pad(z, (1, 1, 1, 1), mode="circular")

    ours, torchs = surrounded(z, rectified=rectified), plainly(z)
    assert torch.equal(ours, torchs)
    weights = drawn(*torchs.shape)
    for kind in (torch.contiguous_format, torch.channels_last):
        g = weights.to(memory_format=kind)
        (ours_g,), (torchs_g,) = (
            torch.autograd.grad(made, z, g, retain_graph=True) for made in (ours, torchs)
        )
        torch.testing.assert_close(ours_g, torchs_g, rtol=0, atol=1e-14)
        assert torch.equal(g, weights)  # which others may be given, too


@pytest.mark.parametrize("rectified", [False, True])
def test_surroundings_can_be_stacked(rectified):
    z = drawn(3, 2, 1, 3, 4).requires_grad_()
    weights = drawn(2, 1, 5, 6)

    def loss(one):
        return (surrounded(one, rectified=rectified) * weights).sum()

    each = torch.autograd.grad(sum(loss(one) for one in z), z)[0]
    together = torch.func.vmap(torch.func.grad(loss))(z)
    torch.testing.assert_close(together, each, rtol=0, atol=1e-14)


def test_the_gradient_of_a_network_holds():
    made = network(channels=2)
    torch.autograd.gradcheck(made, drawn(2, 1, 3, 4).requires_grad_())
