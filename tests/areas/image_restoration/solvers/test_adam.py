"""Adam beside torch's, and rows that have no part in each other."""

import math

import pytest
import torch

from mbdl_repro.areas.image_restoration.solvers.adam import Adam
from mbdl_repro.contract.seeding import torch_rng_for


def variables():
    rng = torch_rng_for("test of Adam")
    return [torch.randn(shape, generator=rng, dtype=torch.float64) for shape in ((4, 3), (4, 2))]


def loss(z):
    """A sum over rows, of what each of them descends alone."""
    a, b = z
    return (a.square().sum(1) * (1 + b.square().sum(1))).sum() + (a[:, 0] - b[:, 1]).cos().sum()


@pytest.mark.parametrize("epsilon", [1e-8, 1e-3])
def test_steps_are_those_of_torch(epsilon):
    ours = Adam(variables(), epsilon)
    leaves = [z.requires_grad_() for z in variables()]
    theirs = torch.optim.Adam(leaves, lr=1.0, eps=epsilon)
    for step in (0.1, 0.05, 0.2, 0.01):
        ours.descend(loss, step)
        theirs.param_groups[0]["lr"] = step
        theirs.zero_grad()
        loss(leaves).backward()
        theirs.step()
        for z, leaf in zip(ours.reached, leaves, strict=True):
            torch.testing.assert_close(z, leaf.detach(), rtol=0, atol=1e-13)


@pytest.mark.parametrize("value", [math.inf, math.nan, 1e160])
def test_a_row_without_gradients_has_no_answer_and_no_part_in_the_others(value):
    def spoilt(z):
        return loss(z) + value * z[0][1].sum()

    ours, whole = Adam(variables()), Adam(variables())
    for _ in range(3):
        ours.descend(spoilt, 0.1)
        whole.descend(loss, 0.1)
    for z, expected in zip(ours.reached, whole.reached, strict=True):
        assert torch.equal(z[[0, 2, 3]], expected[[0, 2, 3]])
    assert ours.reached[0][1].isnan().all()
