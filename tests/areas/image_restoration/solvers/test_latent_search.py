"""The search for latent variables: rows that are bad, units, and which of two ends answers."""

import math

import pytest
import torch

from mbdl_repro.areas.image_restoration.physics.blur import BlurAndDecimate
from mbdl_repro.areas.image_restoration.solvers.latent_search import latent_search, lower
from mbdl_repro.contract.seeding import torch_rng_for

IDENTITY = BlurAndDecimate(torch.ones(1, 1, dtype=torch.float64), 1)


def curved(scale=1.0):
    """A generator of images of 8 × 8 pixels from three numbers, with its derivatives."""
    A = torch.randn(3, 64, generator=torch_rng_for("A"), dtype=torch.float64)

    def generator(z):
        s, derivatives = torch.sinh(z @ A / 8), torch.cosh(z @ A / 8)[:, None] * A / 8
        return scale * s.view(-1, 8, 8), scale * derivatives.view(-1, 3, 8, 8)

    return generator


def drawn(n=5):
    return torch.randn(n, 3, generator=torch_rng_for("z"), dtype=torch.float64)


def search(x, generator, weight=0.0, iterations=30):
    start = torch.zeros(len(x), 3, dtype=torch.float64)
    return latent_search(start, x, IDENTITY, generator, lambda r: r, weight, iterations)


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e9])
def test_the_unit_of_images_is_of_no_consequence(scale):
    z = drawn()
    found, cost = search(curved(scale)(z)[0], curved(scale))
    torch.testing.assert_close(found, z, rtol=0, atol=1e-6)
    assert (cost < 1e-10 * scale**2).all()


@pytest.mark.parametrize("value", [math.inf, math.nan, 1e160, 0.0])
def test_a_bad_row_has_no_part_in_the_others(value):
    x = curved()(drawn())[0]
    spoilt = x.clone()
    spoilt[1] *= value
    for weight in (0.0, 0.1):
        found, whole = (search(images, curved(), weight)[0] for images in (spoilt, x))
        others = [0, 2, 3, 4]
        assert torch.equal(found[others], whole[others])
        if value:
            assert found[1].isnan().all()
        else:
            torch.testing.assert_close(found[1], torch.zeros(3, dtype=torch.float64))


def test_latent_variables_that_move_nothing_stay():
    """Without a weight the Hessian is zero, and has no inverse."""

    def flat(z):
        return z.new_ones(len(z), 8, 8), z.new_zeros(len(z), 3, 8, 8)

    found, cost = search(torch.zeros(2, 8, 8, dtype=torch.float64), flat)
    assert not found.any()
    assert (cost == 32).all()


def test_what_is_no_number_is_never_the_lower_one():
    ends = torch.arange(4.0)[:, None], torch.tensor([math.nan, 1.0, 1.0, math.nan])
    others = 10 + torch.arange(4.0)[:, None], torch.tensor([5.0, math.nan, 0.5, math.nan])
    for first, second in ((ends, others), (others, ends)):
        z, cost = lower(first, second)
        assert z[:3, 0].tolist() == [10.0, 1.0, 12.0]
        assert cost[:3].tolist() == [5.0, 1.0, 0.5] and cost[3].isnan()
